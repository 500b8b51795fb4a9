package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/term"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/screen"
)

// console is the terminal that somebody sits at, in raw mode.
type console struct {
	in, out *os.File
	old     *term.State
	typed   chan []byte // closed at its end
	asked   string      // sequences that undo what was asked of the terminal
	pending []byte      // typed, not decoded yet
	undo    func()      // of cli.AtOnce
	painter screen.Painter
	size    session.Size // that was painted for; none: nothing is as it was
	resized chan os.Signal
}

// openConsole takes the terminal over. Close must be called on every way out.
func openConsole(streams *cli.IO) (*console, error) {
	in, isFile := streams.Stdin.(*os.File)
	if !isFile || !streams.StdinTerminal {
		return nil, errNoTerminal
	}
	out, err := screenOf(streams)
	if err != nil {
		return nil, err
	}
	old, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	c := &console{in: in, out: out, old: old, typed: make(chan []byte), resized: make(chan os.Signal, 1)}
	notifyResized(c.resized)
	c.undo = cli.AtOnce(c.restore)
	if err := c.write([]byte("\x1b[?1049h\x1b[H\x1b[2J")); err != nil {
		c.close()
		return nil, err
	}
	go c.read()
	return c, nil
}

// errNoTerminal is returned where nobody can type.
var errNoTerminal = errors.New("stdin is no terminal")

// screenOf is what is drawn on: stdout, or where that goes elsewhere the terminal
// of the process.
func screenOf(streams *cli.IO) (*os.File, error) {
	if out, isFile := streams.Stdout.Underlying().(*os.File); isFile && streams.Stdout.Terminal() {
		return out, nil
	}
	return openTTY()
}

// read hands over what is typed. It ends with the terminal.
func (c *console) read() {
	defer close(c.typed)
	for {
		buf := make([]byte, 4096)
		n, err := c.in.Read(buf)
		if n > 0 {
			c.typed <- buf[:n]
		}
		if err != nil {
			return
		}
	}
}

func (c *console) write(b []byte) error {
	_, err := c.out.Write(b)
	return err
}

// paint makes the text that shows a frame, as far as the terminal has room for it.
func (c *console) paint(f *session.Frame) []byte {
	if size := c.room(); size != c.size {
		c.size, c.painter = size, screen.Painter{}
	}
	return c.painter.Paint(nil, fit(f, c.size))
}

// room is the size of the terminal.
func (c *console) room() session.Size {
	size, _ := terminalSize() // without one it is a guess
	return size
}

// fit is a frame as far as it fits into a size.
func fit(f *session.Frame, size session.Size) *session.Frame {
	if b, isBytes := f.Bytes(); isBytes {
		t := screen.New(size.Columns, size.Rows)
		t.OutputNewline = true
		_, _ = t.Write(fmt.Appendf(nil, "%q", b)) // never fails
		f = session.NewFrame(size)
		t.Draw(f)
	}
	have := f.Size()
	if have.Columns <= size.Columns && have.Rows <= size.Rows {
		return f
	}
	cut := session.NewFrame(session.Size{Columns: min(have.Columns, size.Columns), Rows: min(have.Rows, size.Rows)})
	for y := range cut.Size().Rows {
		copy(cut.Row(y), f.Row(y)[:cut.Size().Columns])
	}
	if c := f.Cursor(); c.Column < cut.Size().Columns && c.Row < cut.Size().Rows {
		cut.SetCursor(c)
	}
	return cut
}

// close gives the terminal back as it was.
func (c *console) close() {
	signal.Stop(c.resized)
	c.undo()
	c.restore()
}

func (c *console) restore() {
	_ = c.write([]byte(c.asked + "\x1b[m\x1b[0 q\x1b[?25h\x1b[?1049l"))
	_ = term.Restore(int(c.in.Fd()), c.old)
}

// The sequences that ask a terminal to tell of the mouse, of pastes and of the
// focus, and those that take it back.
const (
	askMouse, dropMouse = "\x1b[?1003h\x1b[?1006h", "\x1b[?1006l\x1b[?1003l"
	askPaste, dropPaste = "\x1b[?2004h", "\x1b[?2004l"
	askFocus, dropFocus = "\x1b[?1004h", "\x1b[?1004l"
)

// ask asks the terminal for what the program wants.
func (c *console) ask(mouse, paste, focus bool) error {
	var do, undo string
	for _, w := range []struct {
		want      bool
		ask, drop string
	}{{mouse, askMouse, dropMouse}, {paste, askPaste, dropPaste}, {focus, askFocus, dropFocus}} {
		if w.want {
			do, undo = do+w.ask, undo+w.drop
		}
	}
	if undo == c.asked {
		return nil
	}
	do, c.asked = c.asked+do, undo
	return c.write([]byte(do))
}

// escapeTime is how long a lone Escape may be the start of a sequence.
const escapeTime = 25 * time.Millisecond

// next waits for something typed, or another size of the terminal, until the time is
// over, which is never where it is negative. io.EOF says that nothing more will come.
func (c *console) next(ctx context.Context, wait time.Duration) ([]session.Event, error) {
	var over <-chan time.Time
	if len(c.pending) > 0 && (wait < 0 || wait > escapeTime) {
		wait = escapeTime
	}
	if wait >= 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-over:
		return c.decode(true), nil
	case <-c.resized:
		c.size = session.Size{}
		return c.decode(false), nil
	case b, ok := <-c.typed:
		if !ok {
			return c.decode(true), io.EOF
		}
		c.pending = append(c.pending, b...)
		return c.decode(false), nil
	}
}

func (c *console) decode(all bool) (events []session.Event) {
	for {
		ev, n := screen.Decode(c.pending, all)
		if n == 0 {
			return events
		}
		events, c.pending = append(events, ev), c.pending[n:]
	}
}

// terminalSize is that of the terminal, or what all had once for those that do not
// know theirs.
func terminalSize() (session.Size, error) {
	columns, rows, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		columns, rows, err = term.GetSize(int(os.Stdin.Fd()))
	}
	if columns == 0 || rows == 0 {
		columns, rows = 80, 24
	}
	return session.Size{Columns: columns, Rows: rows}, err
}

// stopKey ends an interactive recording.
var stopKey = session.Key{Name: "\\", Modifiers: session.Ctrl}

// sizePause is how often the size of the terminal is looked at: not all systems
// have a signal for it.
const sizePause = 250 * time.Millisecond

// interact records what somebody does at the terminal, until they or the program
// end it. What else does is the recording's cut.
func (r *sessionRecording) interact(ctx context.Context, rec *session.Recorder) error {
	c, err := openConsole(r.streams)
	if err != nil {
		return err
	}
	defer c.close()
	live := &liveSession{recording: r, recorder: rec, console: c, began: time.Now()}
	if err := live.show(); err != nil {
		return err
	}
	for r.cut == nil {
		done, err := live.turn(ctx)
		if done || err != nil {
			return err
		}
	}
	return nil
}

// liveSession is an interactive recording under way.
type liveSession struct {
	recording *sessionRecording
	recorder  *session.Recorder
	console   *console
	frame     *session.Frame // that is shown
	began     time.Time
}

// clock is the time of the session, in whole milliseconds.
func (l *liveSession) clock() time.Duration { return time.Since(l.began).Truncate(time.Millisecond) }

// show takes a frame and paints it.
func (l *liveSession) show() (err error) {
	if l.frame, err = l.recorder.Step(); err == nil {
		l.paint()
	}
	return err
}

// paint shows the frame. A terminal that takes nothing any more cuts the recording.
func (l *liveSession) paint() {
	err := l.console.ask(l.recording.model.Wants())
	if err == nil {
		err = l.console.write(l.console.paint(l.frame))
	}
	l.recording.cut = err
}

// turn waits for what comes next, somebody's doing or the time that the program
// waits for, and gives it to the program.
func (l *liveSession) turn(ctx context.Context) (done bool, err error) {
	if _, exited := l.recorder.Exited(); exited {
		return true, nil
	}
	wait := sizePause
	if due, ok := l.recording.model.Due(); ok {
		wait = min(wait, max(due-l.clock(), 0))
	}
	events, err := l.console.next(ctx, wait)
	switch {
	case ctx.Err() != nil:
		l.recording.cut = ctx.Err()
		return true, nil
	case err == io.EOF && len(events) == 0:
		l.recording.cut = cli.Exit(codeHungUp)
		return true, nil
	case err != nil && err != io.EOF:
		return false, err
	}
	for _, ev := range events {
		if ev == session.Event(stopKey) {
			return true, nil
		}
	}
	return false, l.give(events)
}

// give tells the program what happened, if anything did.
func (l *liveSession) give(events []session.Event) error {
	now := l.clock()
	due, ok := l.recording.model.Due()
	size, sizeErr := terminalSize()
	resized := l.recording.verb.size == "" && sizeErr == nil && size != l.recording.size
	if len(events) == 0 && !resized && (!ok || due > now) {
		if l.console.room() != l.console.size {
			l.paint()
		}
		return nil
	}
	if now > l.recorder.Now() {
		if err := l.recorder.Advance(now, 0); err != nil {
			return err
		}
	}
	if resized {
		l.recording.size = size
		if err := l.recorder.Resize(now, size); err != nil {
			return err
		}
	}
	for _, ev := range events {
		if err := l.recorder.Push(now, ev); err != nil {
			return err
		}
	}
	return l.show()
}
