//go:build !linux && !darwin

package writer

import "os"

// preallocate reserves n bytes at an offset, so that a full disk is an error
// here and not a signal when a mapped page is written. Where nothing is mapped
// the length alone is needed.
func preallocate(f *os.File, offset, n int64) error {
	if !mapped {
		return f.Truncate(offset + n)
	}
	return writeZeros(f, offset, n)
}

// populate would bring reserved space into the page cache; that it gains
// anything is known of Linux only.
func populate(*os.File, int64, int64) error { return nil }
