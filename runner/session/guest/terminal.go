package guest

import (
	"context"

	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/screen"
)

// maxTyped bounds what a program has not read yet, in bytes. What is typed
// beyond it is lost, as in the buffer of a terminal.
const maxTyped = 1 << 20

// terminal is standard input, output and error of a program.
type terminal struct {
	command  *command
	screen   *screen.Terminal
	typed    []byte // not read yet
	nonblock bool
}

func newTerminal(c *command, size session.Size) *terminal {
	s := screen.New(size.Columns, size.Rows)
	s.OutputNewline = true
	return &terminal{command: c, screen: s}
}

// feed adds to what the program can read.
func (t *terminal) feed(b []byte) {
	t.typed = append(t.typed, b[:min(len(b), max(maxTyped-len(t.typed), 0))]...)
}

// Type is what makes a program take it for a terminal.
func (t *terminal) Type() host.FileType { return host.CharDevice }

// Stat tells the type only.
func (t *terminal) Stat() (host.Stat, error) { return host.Stat{Type: host.CharDevice, Links: 1}, nil }

// Close leaves the terminal open: three descriptors are one.
func (t *terminal) Close() error { return nil }

// Read returns what was typed, and waits where there is nothing.
func (t *terminal) Read(ctx context.Context, p []byte) (int, error) {
	for len(t.typed) == 0 && len(p) > 0 {
		if t.nonblock {
			t.command.ask(ctx)
			if len(t.typed) == 0 {
				return 0, host.EAGAIN
			}
			break
		}
		if err := t.command.pause(ctx, never); err != nil {
			return 0, err
		}
	}
	t.command.m.idle = 0
	n := copy(p, t.typed)
	t.typed = t.typed[n:]
	return n, nil
}

// Write draws. What the terminal answers can be read at once.
func (t *terminal) Write(_ context.Context, p []byte) (int, error) {
	t.command.m.idle = 0
	_, _ = t.screen.Write(p) // never fails
	t.feed(t.screen.TakeReplies())
	return len(p), nil
}

// Readable tells whether something was typed.
func (t *terminal) Readable() (n uint64, hangup, ok bool) {
	return uint64(len(t.typed)), false, len(t.typed) > 0
}

// Writable is always true.
func (t *terminal) Writable() bool { return true }

// SetNonblock makes Read fail with EAGAIN instead of waiting.
func (t *terminal) SetNonblock(on bool) { t.nonblock = on }
