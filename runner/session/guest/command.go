package guest

import (
	"context"
	"iter"
	"time"

	"github.com/tetratelabs/wazero/sys"

	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/wasi"
)

// never is the deadline of a program that waits for input alone.
const never = time.Duration(-1)

// command drives a command of WASI preview1. It runs as a coroutine, which rests
// wherever the command waits.
type command struct {
	m        *Model
	terminal *terminal

	resume   func() (struct{}, bool) // runs the command until it waits; false: it has ended
	stop     func()
	yield    func(struct{}) bool
	err      error         // why it ended
	deadline time.Duration // that it waits for
	restless bool          // it was made to wait: whatever comes next wakes it
}

func newCommand(m *Model, size session.Size) *command {
	c := &command{m: m, deadline: never}
	c.terminal = newTerminal(c, size)
	return c
}

func (c *command) config(w *wasi.Config) { w.Terminal, w.Wait = c.terminal, c.wait }

func (c *command) start(session.Size, uint64) error {
	c.resume, c.stop = iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		c.err = c.life()
	})
	return c.run()
}

// life is all that the command does. Its error is never nil.
func (c *command) life() error {
	if err := c.m.instantiate(); err != nil {
		return err
	}
	if _, err := c.m.instance.ExportedFunction("_start").Call(c.m.ctx); err != nil {
		return err
	}
	return sys.NewExitError(0)
}

// run lets the command go on until it waits again or ends.
func (c *command) run() error {
	if _, waits := c.resume(); waits {
		return nil
	}
	return c.err
}

// pause rests until the session goes on. It fails with ECANCELED when the command
// must end.
func (c *command) pause(ctx context.Context, deadline time.Duration) error {
	c.deadline = deadline
	ok := c.yield(struct{}{})
	c.deadline, c.m.idle = never, 0
	if !ok || ctx.Err() != nil {
		return host.ECANCELED
	}
	return nil
}

// ask counts a question whether there is anything to do. A command that asks
// nothing else waits for whatever comes next.
func (c *command) ask(ctx context.Context) {
	if c.m.idle++; c.m.idle > MaxIdle {
		c.restless = true
		_ = c.pause(ctx, never) // the next call finds that it must end
		c.restless = false
	}
}

// wait is wasi.Config.Wait.
func (c *command) wait(ctx context.Context, timeout time.Duration, ready func() bool) error {
	if ready() {
		return nil
	}
	if timeout == 0 {
		c.ask(ctx)
		return nil
	}
	deadline := never
	if timeout > 0 && c.m.now+timeout > 0 { // not beyond the year 2292
		deadline = c.m.now + timeout
	}
	for {
		if err := c.pause(ctx, deadline); err != nil {
			return err
		}
		if ready() || deadline != never && c.m.now >= deadline {
			return nil
		}
	}
}

func (c *command) handle(ev session.Event) error {
	c.terminal.feed(c.terminal.screen.Input(ev))
	return c.run()
}

// resize is what the command reads, if it has asked for reports in band.
func (c *command) resize(size session.Size) error {
	c.terminal.screen.Resize(size.Columns, size.Rows)
	c.terminal.feed(c.terminal.screen.TakeReplies())
	return c.run()
}

// advance stops at every moment that the command waits for.
func (c *command) advance(now time.Duration) error {
	for wakes := 0; c.deadline != never && c.deadline <= now; wakes++ {
		if wakes == MaxWakes {
			return &StuckError{Wakes: wakes}
		}
		c.m.now = c.deadline
		if err := c.run(); err != nil {
			return err
		}
	}
	c.m.now = now
	if c.restless {
		return c.run()
	}
	return nil
}

func (c *command) draw(f *session.Frame) error {
	c.terminal.screen.Draw(f)
	return nil
}

// close ends the command where it waits. Its context is done.
func (c *command) close() {
	if c.stop != nil {
		c.stop()
	}
}
