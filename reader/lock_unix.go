//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package reader

import (
	"golang.org/x/sys/unix"
)

// sidecarLocked reports whether a recorder holds the lock of a sidecar, by
// taking a shared one for an instant.
func sidecarLocked(path string) bool {
	f, err := OpenFile(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
}
