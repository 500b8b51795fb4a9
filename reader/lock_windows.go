package reader

import (
	"golang.org/x/sys/windows"
)

// sidecarLocked reports whether a recorder holds the lock of a sidecar, by
// taking a shared one for an instant.
func sidecarLocked(path string) bool {
	f, err := OpenFile(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, lockedRegion()) == windows.ERROR_LOCK_VIOLATION
}

// lockedRegion is one byte far behind the sidecar's end: Windows would deny
// readers bytes that are locked.
func lockedRegion() *windows.Overlapped {
	return &windows.Overlapped{OffsetHigh: 1 << 30}
}
