package guest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"github.com/tracetool/tracetool/runner/session"
)

// Script is what somebody does in a session, for programs that are recorded
// without anybody: see ParseScript.
type Script struct{ lines []scriptLine }

// scriptLine is one of the things that a line may say.
type scriptLine struct {
	number int
	events []session.Event // each followed by a frame
	wait   time.Duration
	size   session.Size // 0x0: stays
}

// ScriptError says which line of a script is wrong.
type ScriptError struct {
	Line int // from 1
	Err  error
}

func (e *ScriptError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Err) }
func (e *ScriptError) Unwrap() error { return e.Err }

// maxScriptLine bounds a line, in bytes.
const maxScriptLine = 1 << 20

// ParseScript reads a script, which has one input a line:
//
//	# a comment
//	text Hello, world        a key for each character
//	key ctrl+shift+ArrowUp   and mouse, paste, focus, composition and bytes, as session.ParseEvent has them
//	paste "two\nlines"       text in quotes has the escapes of Go
//	wait 1.5s                time passes
//	resize 100x30
//
// Empty lines are passed over. Its errors are of type *ScriptError, or those of
// r.
func ParseScript(r io.Reader) (*Script, error) {
	s := &Script{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxScriptLine)
	n := 0
	for lines.Scan() {
		n++
		text := strings.TrimRight(lines.Text(), "\r")
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		line, err := parseScriptLine(text)
		if err != nil {
			return nil, &ScriptError{n, err}
		}
		line.number = n
		s.lines = append(s.lines, line)
	}
	if err := lines.Err(); err == bufio.ErrTooLong {
		return nil, &ScriptError{n + 1, fmt.Errorf("more than %d bytes", maxScriptLine)}
	} else if err != nil {
		return nil, err
	}
	return s, nil
}

func parseScriptLine(text string) (line scriptLine, err error) {
	word, rest, _ := strings.Cut(text, " ")
	if strings.HasPrefix(rest, `"`) {
		if rest, err = strconv.Unquote(rest); err != nil {
			return line, fmt.Errorf("%s: text in quotes: %w", word, err)
		}
	}
	switch word {
	case "text":
		line.events = keysOf(rest)
	case "wait":
		line.wait, err = time.ParseDuration(rest)
		if err == nil && line.wait < 0 {
			err = fmt.Errorf("wait %s: time does not go back", line.wait)
		}
	case "resize":
		line.size, err = session.ParseSize(rest)
	case "key", "mouse", "paste", "focus", "composition", "bytes":
		var ev session.Event
		if ev, err = session.ParseEvent(word + " " + rest); err == nil {
			line.events = []session.Event{ev}
		}
	default:
		err = fmt.Errorf("%q, want text, wait, resize, key, mouse, paste, focus, composition or bytes", word[:min(len(word), 40)])
	}
	return line, err
}

// keysOf are the keys that type a text.
func keysOf(text string) (events []session.Event) {
	for graphemes := uniseg.NewGraphemes(text); graphemes.Next(); {
		name := graphemes.Str()
		switch name {
		case " ":
			name = "Space"
		case "\n":
			name = "Enter"
		case "\t":
			name = "Tab"
		}
		events = append(events, session.Key{Name: name})
	}
	return events
}

// Play gives a recorder what the script says and takes a frame after each input
// and each tick of a wait. It ends where the program does, or between two lines when
// ctx is done.
func (s *Script) Play(ctx context.Context, r *session.Recorder, tick time.Duration) error {
	if _, err := r.Step(); err != nil {
		return err
	}
	for _, line := range s.lines {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := line.play(r, tick); err != nil {
			return &ScriptError{line.number, err}
		}
		if _, exited := r.Exited(); exited {
			return nil
		}
	}
	return nil
}

func (l *scriptLine) play(r *session.Recorder, tick time.Duration) error {
	if l.size != (session.Size{}) {
		return step(r, r.Resize(r.Now(), l.size))
	}
	for _, ev := range l.events {
		if err := step(r, r.Push(r.Now(), ev)); err != nil {
			return err
		}
		if _, exited := r.Exited(); exited {
			return nil
		}
	}
	for end := r.Now() + l.wait; r.Now() < end; {
		if err := step(r, r.Advance(min(r.Now()+tick, end), 0)); err != nil {
			return err
		}
		if _, exited := r.Exited(); exited {
			return nil
		}
	}
	return nil
}

func step(r *session.Recorder, err error) error {
	if err == nil {
		_, err = r.Step()
	}
	return err
}
