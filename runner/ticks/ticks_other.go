//go:build !amd64

package ticks

func count() uint64  { return 0 }
func reliable() bool { return false }
