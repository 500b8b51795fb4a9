//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// maxResident returns the largest resident set of a process in bytes.
func maxResident(p *os.ProcessState) int64 {
	n := p.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS != "darwin" { // elsewhere it is in KiB
		n *= 1024
	}
	return int64(n)
}
