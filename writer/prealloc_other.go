//go:build !linux

package writer

import "os"

// preallocate reserves n bytes at an offset, so that a full disk is an error
// here and not a signal when a mapped page is written.
func preallocate(f *os.File, offset, n int64) error { return writeZeros(f, offset, n) }
