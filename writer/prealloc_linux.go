package writer

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// preallocate reserves n bytes at an offset, so that a full disk is an error
// here and not a signal when a mapped page is written.
func preallocate(f *os.File, offset, n int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, offset, n)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return writeZeros(f, offset, n)
		default:
			return err
		}
	}
}

// populate brings reserved space into the page cache, in large pages where the
// file system has them. Touched page by page it costs three to seven times as
// much.
func populate(f *os.File, offset, n int64) error {
	const largest = 2 << 20 // of the pages there may be: a write makes no larger ones than itself
	zeros := make([]byte, 64<<10)
	vectors := slices.Repeat([][]byte{zeros}, largest/len(zeros))
	for n > 0 {
		if n < largest {
			vectors = append(vectors[:n/int64(len(zeros))], zeros[:n%int64(len(zeros))])
		}
		written, err := unix.Pwritev(int(f.Fd()), vectors, offset)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("%s: reserve %d bytes: %w", f.Name(), n, err)
		}
		offset, n = offset+int64(max(written, 0)), n-int64(max(written, 0))
	}
	return nil
}
