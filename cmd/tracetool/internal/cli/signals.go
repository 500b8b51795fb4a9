package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// echo is how soon after a signal the same one is no second one: timeout(1) sends
// its own, of whichever kind, to the process and then to the group that it is in.
// Nobody who sees that the process goes on is as quick.
var echo = 50 * time.Millisecond

// Signals returns a context that SIGINT, SIGTERM or SIGHUP cancels, for [App.Main]
// to end with 130, 143 or 129. A second SIGINT or SIGTERM ends the process at once,
// after what [AtOnce] says, unless it is the first one's echo within 50 ms; a second
// SIGHUP does not, for a terminal that is closed sends several. From here on a write to a pipe without reader is an error rather
// than the process's end, so that temporary files are removed. The function returned
// undoes the first two.
func Signals(parent context.Context) (context.Context, func()) {
	catchBrokenPipes()
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	done := make(chan struct{})
	go func() {
		var caught os.Signal
		var at time.Time
		for {
			select {
			case sig := <-signals:
				if sig == caught && time.Since(at) < echo {
					continue
				}
				caught, at = sig, time.Now()
				if ctx.Err() != nil && sig != syscall.SIGHUP {
					endAtOnce((&signalError{sig}).code())
				}
				cancel(&signalError{sig})
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// last is what is to be done before the process ends at once, nil for nothing.
var last struct {
	sync.Mutex
	do func()
}

// AtOnce says what is to be done before a second signal ends the process: what
// nobody else could undo. The function returned takes it back.
func AtOnce(do func()) (undo func()) {
	set := func(do func()) {
		last.Lock()
		defer last.Unlock()
		last.do = do
	}
	set(do)
	return func() { set(nil) }
}

func endAtOnce(code int) {
	last.Lock() // for ever: it is not taken back meanwhile
	if last.do != nil {
		last.do()
	}
	os.Exit(code)
}
