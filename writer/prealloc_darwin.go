package writer

import (
	"os"

	"golang.org/x/sys/unix"
)

// preallocate reserves n bytes at an offset, at or behind the file's end, so
// that a full disk is an error here and not a signal when a mapped page is
// written. The system reserves from the file's end on, and a gap with it.
func preallocate(f *os.File, offset, n int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	reserve := unix.Fstore_t{Flags: unix.F_ALLOCATEALL, Posmode: unix.F_PEOFPOSMODE, Length: offset + n - info.Size()}
	if err := unix.FcntlFstore(f.Fd(), unix.F_PREALLOCATE, &reserve); err != nil {
		return writeZeros(f, offset, n)
	}
	return f.Truncate(offset + n)
}

// populate would bring reserved space into the page cache; that it gains
// anything is known of Linux only.
func populate(*os.File, int64, int64) error { return nil }
