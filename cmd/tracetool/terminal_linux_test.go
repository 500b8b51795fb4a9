package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/screen"
)

const (
	editorWasm  = "../../examples/editor/editor.wasm"
	mistakeWasm = "../../examples/editor/mistake.wasm"
	probeWasm   = "../../runner/session/guest/testdata/probe.wasm"
)

// terminal is somebody in front of a terminal, in which tracetool runs: what is
// typed goes to a pseudo-terminal, and what they see is on a screen of our own.
type terminal struct {
	t              *testing.T
	cmd            *exec.Cmd
	control, slave *os.File
	before         *unix.Termios

	mu      sync.Mutex
	screen  *screen.Terminal
	changed chan struct{} // closed when the screen has changed
}

// openTerminal starts tracetool in a terminal of that size, with the environment
// of the test.
func openTerminal(t *testing.T, size session.Size, args ...string) *terminal {
	t.Helper()
	p := &terminal{t: t, screen: screen.New(size.Columns, size.Rows), changed: make(chan struct{})}
	p.screen.OutputNewline = true
	var err error
	if p.control, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { p.control.Close() })
	number, err := unix.IoctlGetInt(int(p.control.Fd()), unix.TIOCGPTN)
	check(t, err)
	check(t, unix.IoctlSetPointerInt(int(p.control.Fd()), unix.TIOCSPTLCK, 0))
	p.slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	t.Cleanup(func() { p.slave.Close() })
	p.setSize(size)
	p.before = p.settings()
	p.cmd = exec.Command("tracetool", args...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = p.slave, p.slave, p.slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	check(t, p.cmd.Start())
	t.Cleanup(func() { p.cmd.Process.Kill() })
	go p.show()
	return p
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// settings are those of the terminal: whether it echoes what is typed, and so on.
func (p *terminal) settings() *unix.Termios {
	p.t.Helper()
	s, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	check(p.t, err)
	return s
}

func (p *terminal) setSize(size session.Size) {
	p.t.Helper()
	check(p.t, unix.IoctlSetWinsize(int(p.control.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(size.Columns), Row: uint16(size.Rows)}))
}

// resize makes the window larger or smaller.
func (p *terminal) resize(size session.Size) {
	p.t.Helper()
	p.mu.Lock()
	p.screen.Resize(size.Columns, size.Rows)
	p.mu.Unlock()
	p.setSize(size)
}

// show puts on the screen what is written, until the terminal is gone.
func (p *terminal) show() {
	buf := make([]byte, 4096)
	for {
		n, err := p.control.Read(buf)
		p.mu.Lock()
		_, _ = p.screen.Write(buf[:n]) // never fails
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *terminal) press(text string) {
	p.t.Helper()
	_, err := io.WriteString(p.control, text)
	check(p.t, err)
}

// lines are those of the screen, without blanks at their ends.
func (p *terminal) lines() (lines []string, changed chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, rows := p.screen.Size()
	for y := range rows {
		var b strings.Builder
		for _, c := range p.screen.Row(y) {
			b.WriteString(c.Text)
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines, p.changed
}

// see waits until a line of the screen has a text.
func (p *terminal) see(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q is on the screen", text), func(lines []string) bool {
		return strings.Contains(strings.Join(lines, "\n"), text)
	})
}

func (p *terminal) until(what string, ok func(lines []string) bool) {
	p.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		lines, changed := p.lines()
		if ok(lines) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			p.t.Fatalf("not until %s. The screen:\n%s", what, strings.Join(lines, "\n"))
		}
	}
}

// end waits for tracetool, which must exit with that code and leave the terminal
// as it was.
func (p *terminal) end(code int) {
	p.t.Helper()
	timer := time.AfterFunc(30*time.Second, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	if got := exitCode(p.t, p.cmd.Wait()); got != code {
		lines, _ := p.lines()
		p.t.Fatalf("exit code %d, want %d. The screen:\n%s", got, code, strings.Join(lines, "\n"))
	}
	if diff := cmp.Diff(p.before, p.settings()); diff != "" {
		p.t.Errorf("the settings of the terminal were not restored: %s", diff)
	}
	p.until("the screen is as before", func([]string) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		asks := len(p.screen.Input(session.Mouse{Column: 1, Row: 1})) + len(p.screen.Input(session.Focus{In: true}))
		return !p.screen.Alternate() && p.screen.Cursor().Visible && p.screen.Cursor().Shape == session.BlockCursor && asks == 0
	})
}

// gate replays a recorded session, which draws as recorded, and with a mistake
// otherwise.
func gate(t *testing.T, trace string) {
	t.Helper()
	tool(t, 0, "session", "replay", trace)
	tool(t, 0, "session", "replay", trace, "--engine", "interpreter")
	tool(t, 0, "session", "gate", trace)
	tool(t, 4, "session", "gate", trace, "--module", mistakeWasm)
}

// inputs are the events of a recorded session, in the words of a script.
func inputs(t *testing.T, path string) (list []string) {
	t.Helper()
	trace, err := session.Load(t.Context(), path)
	check(t, err)
	for i := range trace.Records {
		if ev := trace.Records[i].Event; ev != nil {
			list = append(list, ev.String())
		} else if size := trace.Records[i].Size; size != (session.Size{}) {
			list = append(list, "resize "+size.String())
		}
	}
	return list
}

// Somebody uses the editor: types, moves, makes the window larger, and quits it.
func TestTerminalRecord(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "edit.trace.arrow")
	p := openTerminal(t, session.Size{Columns: 60, Rows: 16}, "session", "record", editorWasm, "-t", trace)
	p.see("The quick brown fox")
	p.press("Hé")
	p.see("HéThe quick brown fox")
	p.press("\x1b[B\r")
	p.press("\x03") // to raw terminals, Ctrl-C is a key
	p.press("\x1b[200~pasted\nhere\x1b[201~")
	p.see("pasted")
	p.resize(session.Size{Columns: 72, Rows: 20})
	p.until("the help is in the last line", func(lines []string) bool { return strings.Contains(lines[19], "^Q quit") })
	p.press("\x1b[<0;8;1M\x1b[<0;8;1m")
	p.press("!")
	p.see("Hé!")
	p.press("\x11")
	p.end(0)
	p.see("recorded 10 inputs and ")
	gate(t, trace)
	got := strings.Join(inputs(t, trace), "\n")
	for _, want := range []string{"key H\nkey é", "key ArrowDown\nkey Enter", "key ctrl+c", "paste pasted\nhere", "resize 72x20", "mouse press left 7 0", "key ctrl+q"} {
		wantContains(t, got, want)
	}
	// It can be watched elsewhere.
	tool(t, 0, "convert", "-q", trace, "--to", "asciicast", trace+".cast")
}

// Whatever ends a recording, what was recorded until then is kept.
func TestTerminalRecordEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(p *terminal)
		code int
	}{
		"key":     {func(p *terminal) { p.press("\x1c") }, 0},
		"SIGTERM": {func(p *terminal) { p.cmd.Process.Signal(syscall.SIGTERM) }, 143},
		"SIGINT":  {func(p *terminal) { p.cmd.Process.Signal(syscall.SIGINT) }, 130},
		"SIGHUP":  {func(p *terminal) { p.cmd.Process.Signal(syscall.SIGHUP) }, 129},
	} {
		t.Run(name, func(t *testing.T) {
			trace := filepath.Join(t.TempDir(), "edit.trace.arrow")
			p := openTerminal(t, session.Size{Columns: 60, Rows: 16}, "session", "record", editorWasm, "-t", trace)
			p.see("The quick brown fox")
			p.press("ab")
			p.see("abThe")
			tt.end(p)
			p.end(tt.code)
			p.see("recorded 2 inputs and ")
			gate(t, trace)
		})
	}
}

// The window is closed: there is nothing to restore any more, and nobody to tell.
func TestTerminalGone(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "edit.trace.arrow")
	p := openTerminal(t, session.Size{Columns: 60, Rows: 16}, "session", "record", editorWasm, "-t", trace)
	p.see("The quick brown fox")
	p.press("ab")
	p.see("abThe")
	check(t, errors.Join(p.slave.Close(), p.control.Close()))
	timer := time.AfterFunc(30*time.Second, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	if code := exitCode(t, p.cmd.Wait()); code != 129 {
		t.Errorf("exit code %d, want 129", code)
	}
	gate(t, trace)
}

// A screen that is larger than the terminal is shown as far as it fits.
func TestTerminalRecordSize(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "edit.trace.arrow")
	p := openTerminal(t, session.Size{Columns: 30, Rows: 5}, "session", "record", editorWasm, "-t", trace, "--size", "80x24")
	p.until("the upper left corner is there", func(lines []string) bool {
		return lines[0] == "   1 The quick brown fox" && lines[4] == "   5     // Words in quotes an"
	})
	p.resize(session.Size{Columns: 80, Rows: 24})
	p.see("^Q quit")
	p.press("\x11")
	p.end(0)
	if got := inputs(t, trace); len(got) != 1 {
		t.Errorf("inputs %q, want the key that quits", got)
	}
}

// A program that fails while somebody uses it leaves the terminal as it was.
func TestTerminalRecordFails(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "hang.trace.arrow")
	p := openTerminal(t, session.Size{Columns: 60, Rows: 16}, "session", "record", probeWasm, "-t", trace, "--timeout", "2s", "--", "hang")
	p.see("press a key")
	p.press("x")
	p.end(1)
	p.see("the program computed for 2s")
	if exists(trace) {
		t.Error("there is a trace")
	}
}

// A program that hangs is left at the second signal, at once, and the terminal is as
// before all the same.
func TestTerminalSecondSignal(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "hang.trace.arrow")
	p := openTerminal(t, session.Size{Columns: 60, Rows: 16}, "session", "record", probeWasm, "-t", trace, "--timeout", "0", "--", "hang")
	p.see("press a key")
	p.press("x")
	go func() { // one after the other, or they are one
		for p.cmd.Process.Signal(syscall.SIGTERM) == nil {
			time.Sleep(100 * time.Millisecond)
		}
	}()
	p.end(143)
}

// A session of somebody else is watched.
func TestTerminalPlay(t *testing.T) {
	script := filepath.Join(t.TempDir(), "type.txt")
	check(t, os.WriteFile(script, []byte("wait 1s\ntext abc\nwait 1h\ntext def\nwait 1h\n"), 0o600))
	trace := filepath.Join(t.TempDir(), "edit.trace.arrow")
	tool(t, 0, "session", "record", "-q", editorWasm, "--script", script, "--tick", "15m", "--size", "60x16", "-t", trace)
	// A frame at the start, one after a second, three for abc, four in the first
	// hour, three for def and four in the second hour.
	p := openTerminal(t, session.Size{Columns: 70, Rows: 20}, "session", "play", trace)
	p.see("1x, playing")
	p.see("The quick brown fox")
	p.see("frame 5 of 16, 1s, 1x, playing")
	p.see("abcThe")
	p.press(" ")
	p.see("1x, paused")
	p.press(".")
	p.see("frame 6 of 16, 15m1s, 1x, paused")
	p.press("\x1b[C\x1b[C\x1b[C.")
	p.see("frame 10 of 16, 1h0m1s, 1x, paused")
	p.see("abcdThe")
	p.press(",\x1b[D")
	p.see("frame 8 of 16")
	p.see("abcThe")
	p.press("\x1b[F")
	p.see("frame 16 of 16, 2h0m1s, 1x, paused")
	p.see("abcdefThe")
	p.press("\x1b[H")
	p.see("frame 1 of 16, 0s, 1x, paused")
	p.see("   1 The quick")
	p.press("5")
	p.see("frame 8 of 16")
	p.press("++")
	p.see("4x, paused")
	p.press("---")
	p.see("0.5x, paused")
	p.press(" ")
	p.see("0.5x, playing")
	p.resize(session.Size{Columns: 40, Rows: 10})
	p.until("it is cut", func(lines []string) bool { return lines[0] == "   1 abcThe quick brown fox" && lines[9] == "  10 }" })
	p.resize(session.Size{Columns: 70, Rows: 20})
	p.see("^Q quit") // which did not fit
	p.see("0.5x, playing")
	p.press("q")
	p.end(0)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		p := openTerminal(t, session.Size{Columns: 70, Rows: 20}, "session", "play", trace, "--speed", "2")
		p.see("2x, playing")
		p.cmd.Process.Signal(sig)
		p.end(128 + int(sig))
	}
}
