//go:build !windows

package ui

import (
	"errors"
	"io"
	"os"
	"syscall"
)

func isPipeClosed(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

// enableANSI reports true: every terminal but TERM=dumb obeys escapes.
func enableANSI(*os.File) bool { return true }
