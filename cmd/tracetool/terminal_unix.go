//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// openTTY opens the terminal of the process for writing.
func openTTY() (*os.File, error) { return os.OpenFile("/dev/tty", os.O_WRONLY, 0) }

// notifyResized has a channel told when the terminal has another size.
func notifyResized(c chan<- os.Signal) { signal.Notify(c, syscall.SIGWINCH) }
