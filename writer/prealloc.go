package writer

import "os"

// writeZeros reserves space by writing it.
func writeZeros(f *os.File, offset, n int64) error {
	zeros := make([]byte, min(n, 1<<20))
	for end := offset + n; offset < end; offset += int64(len(zeros)) {
		zeros = zeros[:min(int64(len(zeros)), end-offset)]
		if _, err := f.WriteAt(zeros, offset); err != nil {
			return err
		}
	}
	return nil
}
