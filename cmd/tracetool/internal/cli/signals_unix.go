//go:build !windows

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// catchBrokenPipes makes a broken stdout an EPIPE. A channel nobody reads does
// it: unlike an ignored signal it is not inherited by child processes.
func catchBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
