package host

import (
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

func TestErrnoOfWindows(t *testing.T) {
	for sys, want := range map[syscall.Errno]Errno{
		windows.ERROR_SHARING_VIOLATION:     EACCES,
		windows.ERROR_CANT_RESOLVE_FILENAME: ELOOP,
		windows.ERROR_NOT_A_REPARSE_POINT:   EINVAL,
		windows.ERROR_FILENAME_EXCED_RANGE:  ENAMETOOLONG,
		windows.ERROR_HANDLE_DISK_FULL:      ENOSPC,
		windows.ERROR_NOT_SUPPORTED:         ENOTSUP,
		syscall.EWINDOWS:                    ENOTSUP,
		windows.WSAENOTCONN:                 ENOTCONN,
		windows.WSAESHUTDOWN:                EPIPE,
		windows.WSAEACCES:                   EACCES,
	} {
		if got := ErrnoOf(&os.PathError{Op: "x", Path: "x", Err: sys}); got != want {
			t.Errorf("error %d is %v, want %v", sys, got, want)
		}
	}
}

// TestAbsoluteSymlinks: a link to another volume or its root is refused as one
// that begins with a slash is.
func TestAbsoluteSymlinks(t *testing.T) {
	d, _, _ := newSandbox(t, false)
	for _, target := range []string{`C:\x`, `C:x`, `\x`, `\\server\share\x`} {
		if err := d.Symlink(target, "x"); err != EPERM {
			t.Errorf("link to %s: %v, want %v", target, err, EPERM)
		}
	}
}
