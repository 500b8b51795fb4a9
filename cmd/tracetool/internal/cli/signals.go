package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Signals returns a context that SIGINT or SIGTERM cancels, for [App.Main] to
// end with 130 or 143. A second signal ends the process at once. From here on a
// write to a pipe without reader is an error rather than the process's end, so
// that temporary files are removed. The function returned undoes the first two.
func Signals(parent context.Context) (context.Context, func()) {
	catchBrokenPipes()
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case sig := <-signals:
			cancel(&signalError{sig})
		case <-done:
			return
		}
		select {
		case sig := <-signals:
			os.Exit((&signalError{sig}).code())
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}
