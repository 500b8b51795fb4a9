// Package asciicast turns sessions into films that asciinema and other players
// show, and films into sessions: version 2 and 3 of the format.
//
// [Write] makes a film of a session whose frames keep their cells, [Read] a
// session of a film. Such a session has no program: it can be shown and compared,
// not replayed.
package asciicast

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
	"unicode/utf8"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/screen"
)

// The versions of the format.
const (
	V2 = 2
	V3 = 3
)

// header is the first line. Which members there are depends on the version.
type header struct {
	Version int               `json:"version"`
	Width   int               `json:"width,omitempty"`  // version 2
	Height  int               `json:"height,omitempty"` // version 2
	Term    *terminal         `json:"term,omitempty"`   // version 3
	Env     map[string]string `json:"env,omitempty"`
}

type terminal struct {
	Cols int    `json:"cols"`
	Rows int    `json:"rows"`
	Type string `json:"type,omitempty"`
}

// The kinds of events that mean something here. Markers and what later versions
// may add are passed over.
const (
	output = "o"
	input  = "i"
	resize = "r"
	exit   = "x" // version 3
)

// Report says what became of a session.
type Report struct {
	Events int64 // written
	Lost   int64 // inputs that no terminal sends, such as the release of a key, or that are no UTF-8
}

// Write makes a film of a session. Its input is what a terminal sends that has
// been asked to tell of everything.
func Write(w io.Writer, t *session.Trace, version int) (Report, error) {
	if !t.Header.Cells {
		return Report{}, session.ErrNoCells
	}
	out := bufio.NewWriter(w)
	f := &film{out: out, version: version, frame: session.NewFrame(t.Header.Size), keyboard: newKeyboard(t.Header.Size)}
	if err := f.begin(&t.Header); err != nil {
		return f.report, err
	}
	for i := range t.Records {
		if err := f.record(&t.Records[i]); err != nil {
			return f.report, err
		}
	}
	return f.report, out.Flush()
}

// newKeyboard is a terminal that tells of everything.
func newKeyboard(size session.Size) *screen.Terminal {
	t := screen.New(size.Columns, size.Rows)
	_, _ = t.Write([]byte("\x1b[?1003h\x1b[?1006h\x1b[?2004h\x1b[?1004h")) // never fails
	return t
}

// film is a film that is being written.
type film struct {
	out      *bufio.Writer
	version  int
	frame    *session.Frame
	painter  screen.Painter
	keyboard *screen.Terminal
	last     time.Duration // of the last event
	report   Report
}

func (f *film) begin(h *session.Header) error {
	head := header{Version: f.version, Width: h.Size.Columns, Height: h.Size.Rows}
	switch {
	case f.version == V3:
		head = header{Version: V3, Term: &terminal{Cols: h.Size.Columns, Rows: h.Size.Rows, Type: h.Profile}}
	case f.version != V2:
		return fmt.Errorf("asciicast version %d, want %d or %d", f.version, V2, V3)
	case h.Profile != "":
		head.Env = map[string]string{"TERM": h.Profile}
	}
	return f.line(head)
}

func (f *film) line(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := f.out.Write(b.Bytes())
	return err
}

func (f *film) record(r *session.Record) error {
	switch r.Kind {
	case format.KindInput:
		data := f.keyboard.Input(r.Event)
		if len(data) == 0 || !utf8.Valid(data) {
			f.report.Lost++
			return nil
		}
		return f.event(r.Time, input, string(data))
	case format.KindResize:
		f.keyboard.Resize(r.Size.Columns, r.Size.Rows)
		return f.event(r.Time, resize, r.Size.String())
	case format.KindFrame:
		return f.draw(r)
	case format.KindEnd:
		if r.Exit != nil && f.version == V3 {
			return f.event(r.Time, exit, fmt.Sprint(r.Exit.Code))
		}
	}
	return nil
}

func (f *film) draw(r *session.Record) error {
	if err := f.frame.Apply(r.Cells); err != nil {
		return fmt.Errorf("frame %d: %w", r.Index, err)
	}
	if _, isBytes := f.frame.Bytes(); isBytes {
		return fmt.Errorf("frame %d: consists of bytes of the program's own, which no terminal shows", r.Index)
	}
	return f.event(r.Time, output, string(f.painter.Paint(nil, f.frame)))
}

// event writes seconds since the start in version 2, since the event before in
// version 3. The digits are those of the nanoseconds, so that nothing adds up.
func (f *film) event(at time.Duration, kind, data string) error {
	seconds := at
	if f.version == V3 {
		seconds = at - f.last
	}
	f.last = at
	f.report.Events++
	number := json.Number(fmt.Sprintf("%d.%09d", seconds/time.Second, seconds%time.Second))
	return f.line([]any{number, kind, data})
}

// Error says which line of a film is wrong.
type Error struct {
	Line int // from 1
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// maxLine bounds a line of a film, in bytes.
const maxLine = 16 << 20

// Detect tells a film by its first bytes, up to 4 KiB of them.
func Detect(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	_, err := parseHeader(line)
	return err == nil
}

func parseHeader(line []byte) (h header, err error) {
	if err := json.Unmarshal(line, &h); err != nil {
		return h, err
	}
	switch {
	case h.Version == V3 && h.Term != nil:
		h.Width, h.Height = h.Term.Cols, h.Term.Rows
		h.Env = map[string]string{"TERM": h.Term.Type}
	case h.Version != V2 || h.Width == 0:
		return h, fmt.Errorf("not the header of an asciicast of version %d or %d", V2, V3)
	}
	return h, nil
}

// Read makes a session of a film: what it shows at each of its moments is a
// frame. Its errors are of type *Error, or those of r and ctx.
func Read(ctx context.Context, r io.Reader) (*session.Trace, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	in := &reading{}
	for n := 1; lines.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := in.line(lines.Bytes()); err != nil {
			return nil, &Error{n, err}
		}
		in.lines = n
	}
	if err := lines.Err(); err == bufio.ErrTooLong {
		return nil, &Error{in.lines + 1, fmt.Errorf("more than %d bytes", maxLine)}
	} else if err != nil {
		return nil, err
	}
	return in.finish()
}

// reading is a film that is being read.
type reading struct {
	lines   int
	version int
	projector
	recorder *session.Recorder
	typed    []byte // not decoded yet
	at       time.Duration
	drawn    bool // something was, since the last frame
}

// projector is the model of a film: it shows what it is told to.
type projector struct{ screen *screen.Terminal }

func (p *projector) Start(size session.Size, _ uint64) error {
	p.screen = screen.New(size.Columns, size.Rows)
	return nil
}

func (p *projector) Resize(size session.Size) error {
	p.screen.Resize(size.Columns, size.Rows)
	return nil
}

func (p *projector) Handle(session.Event) error  { return nil }
func (p *projector) Advance(time.Duration) error { return nil }
func (p *projector) Draw(f *session.Frame) error { p.screen.Draw(f); return nil }
func (p *projector) write(text string)           { _, _ = p.screen.Write([]byte(text)); p.screen.TakeReplies() }

func (r *reading) line(line []byte) error {
	switch {
	case r.recorder == nil:
		return r.begin(line)
	case len(bytes.TrimSpace(line)) == 0 || line[0] == '#':
		return nil
	}
	var raw []json.RawMessage
	var seconds float64
	var kind, data string
	if err := json.Unmarshal(line, &raw); err != nil {
		return err
	}
	if len(raw) != 3 {
		return fmt.Errorf("event of %d members, want time, kind and data", len(raw))
	}
	for i, to := range []any{&seconds, &kind, &data} {
		if err := json.Unmarshal(raw[i], to); err != nil {
			return err
		}
	}
	at, err := r.timeOf(seconds)
	if err != nil {
		return err
	}
	return r.event(at, kind, data)
}

func (r *reading) begin(line []byte) error {
	h, err := parseHeader(line)
	if err != nil {
		return err
	}
	r.version = h.Version
	size := session.Size{Columns: h.Width, Rows: h.Height}
	r.recorder = session.NewRecorder(&r.projector, size, 0, session.Options{Profile: h.Env["TERM"], Cells: true})
	return r.recorder.Init()
}

func (r *reading) timeOf(seconds float64) (time.Duration, error) {
	const longest = 1e9 // seconds: 31 years
	if math.IsNaN(seconds) || seconds < 0 || seconds > longest {
		return 0, fmt.Errorf("time %g, want 0 to %g seconds", seconds, longest)
	}
	at := time.Duration(math.Round(seconds * 1e9))
	if r.version == V3 {
		at += r.at
	}
	if at < r.at {
		return 0, fmt.Errorf("time %s, after %s", at, r.at)
	}
	return at, nil
}

// event passes an event on. What is drawn at one moment, between two inputs, is
// one frame.
func (r *reading) event(at time.Duration, kind, data string) error {
	if at > r.at {
		if err := r.show(); err != nil {
			return err
		}
		r.at = at
		if err := r.recorder.Advance(at, 0); err != nil {
			return err
		}
	}
	switch kind {
	case output:
		r.write(data)
		r.drawn = true
	case input:
		if err := r.showDrawn(); err != nil {
			return err
		}
		r.typed = append(r.typed, data...)
		return r.push(false)
	case resize:
		if err := r.showDrawn(); err != nil {
			return err
		}
		size, err := session.ParseSize(data)
		if err == nil {
			err = r.recorder.Resize(at, size)
		}
		if err != nil {
			return err
		}
		r.drawn = true
		return r.Resize(size) // what is drawn next is for that size
	}
	return nil
}

// showDrawn takes a frame before something else happens.
func (r *reading) showDrawn() error {
	if !r.drawn {
		return nil
	}
	return r.show()
}

func (r *reading) push(all bool) error {
	for {
		ev, n := screen.Decode(r.typed, all)
		if n == 0 {
			return nil
		}
		r.typed = r.typed[n:]
		if err := r.recorder.Push(r.at, ev); err != nil {
			return err
		}
	}
}

// show takes a frame of what was drawn since the last one.
func (r *reading) show() error {
	if !r.drawn && len(r.typed) == 0 {
		return nil
	}
	if err := r.push(true); err != nil {
		return err
	}
	r.drawn = false
	_, err := r.recorder.Step()
	return err
}

func (r *reading) finish() (*session.Trace, error) {
	if r.recorder == nil {
		return nil, &Error{1, errors.New("empty, want the header of an asciicast")}
	}
	r.drawn = true // the inputs at the end belong to a last frame
	if err := r.show(); err != nil {
		return nil, err
	}
	return r.recorder.Finish()
}
