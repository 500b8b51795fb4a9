//go:build unix

package writer

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// mapped says that rows reach the file through the page cache as they are
// appended, without flush.
const mapped = true

// renamesOpen: a file can be renamed and removed while it is open.
const renamesOpen = true

// flushed is empty: nothing has to be flushed.
type flushed struct{}

func lock(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

func mapFile(f *os.File, offset, n int64) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), offset, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// unmap cannot fail on memory that mapFile returned.
func unmap(m []byte) { _ = unix.Munmap(m) }

func (s *sidecar) flush() error       { return nil }
func (s *sidecar) flushHeader() error { return nil }

// removeOpen removes the file before its lock is released, so that nobody
// takes it for that of a dead recorder.
func removeOpen(f *os.File) error {
	return errors.Join(os.Remove(f.Name()), f.Close())
}
