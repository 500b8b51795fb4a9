package convert

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/tracetool/tracetool/convert/wasmrr"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
)

// isRR reports whether a text is a trace of wasm-rr, when s is behind the name of
// its first member, "events": no event, or a first one whose member "call" names
// a kind. Where s ends before that, what is there must begin so.
func isRR(s *scanner) bool {
	if !s.open('[') {
		return s.err == nil && !s.next('}') && s.peek() == 0
	}
	if s.peek() == 0 {
		return true
	}
	const first = `{"call":"`
	if rest := s.b[s.i:]; len(rest) < len(first) {
		return bytes.HasPrefix([]byte(first), rest)
	}
	for more := s.open('{'); more; more = s.next('}') {
		if string(s.key()) != "call" {
			s.skip()
			continue
		}
		s.peek()
		name := s.b[s.i:]
		return slices.ContainsFunc(wasmrr.Kinds, func(k *wasmrr.Kind) bool {
			want := []byte(`"` + k.Call + `"`)
			return bytes.HasPrefix(name, want) || bytes.HasPrefix(want, name)
		})
	}
	return false
}

// rrSource reads a trace of wasm-rr. It reads twice: once for what the header
// says, once for the rows.
type rrSource struct {
	open    func(pass int) (io.Reader, error) // from the start
	form    Form
	path    string // for messages
	limit   int64
	program *Program
	sink    sink

	start int64                  // the first reading of the wall clock
	lost  string                 // where the input was cut
	count int                    // events read
	skip  func(text []byte) bool // says of JSON which events only the second reading decodes; nil: none
	clock rrClock
	codes map[*wasmrr.Kind][2]int16
	row   format.Event
}

// noClock is when a trace without a wall clock begins: that of sessions.
const noClock = 946684800000000000

func (r *rrSource) run(name string) error {
	r.start = noClock
	var started bool
	r.skip = func(text []byte) bool { return started || !mayReadWall(text) }
	err := r.each(1, func(e *wasmrr.Event) error {
		if clock, ns := e.Clock(); clock == call.WallClock && !started {
			r.start, started = max(ns, 1), true
		}
		return nil
	})
	r.skip = nil
	if err != nil {
		return r.explain(err)
	}
	if err := r.sink.begin(r.head(name)); err != nil {
		return err
	}
	if err := r.attach(); err != nil {
		return err
	}
	r.clock, r.row.Seq = rrClock{now: r.start}, -1
	if err := r.each(2, r.event); err != nil {
		return err
	}
	return r.sink.end(nil)
}

// explain returns what is wrong in the event itself that makes a reading fail
// which does not decode all, and else why it did.
func (r *rrSource) explain(err error) error {
	if !errors.As(err, new(*LineError)) {
		return err
	}
	if first := r.each(2, func(*wasmrr.Event) error { return nil }); first != nil {
		return first
	}
	return err
}

// mayReadWall reports whether an event in JSON may be one of the wall clock.
func mayReadWall(text []byte) bool {
	return bytes.Contains(text, []byte(`"clock_now"`)) || bytes.IndexByte(text, '\\') >= 0
}

// head describes the trace. The functions are those of all kinds, since others
// are not answered by it.
func (r *rrSource) head(name string) *table {
	header := &format.Header{Version: format.Version, StartNS: r.start, Partial: &format.Partial{Recorder: wasmrr.Recorder, Lost: r.lost}}
	if name != "" {
		header.Source = "convert " + name
	}
	head := &table{header: header}
	r.codes = map[*wasmrr.Kind][2]int16{}
	for _, k := range wasmrr.Kinds {
		header.Functions = append(header.Functions, k.Function)
		r.codes[k] = [2]int16{code(&head.modules, k.Function.Module), code(&head.functions, k.Function.Name)}
	}
	if p := r.program; p != nil {
		sum := sha256.Sum256(p.Bytes)
		header.Program = &format.Program{Name: p.Name, SHA256: hex.EncodeToString(sum[:]), Args: []string{}}
	}
	return head
}

// code is the code of a name in a dictionary, which it is added to.
func code(names *[]string, name string) int16 {
	i := slices.Index(*names, name)
	if i < 0 {
		i = len(*names)
		*names = append(*names, name)
	}
	return int16(i)
}

func (r *rrSource) attach() error {
	p := r.program
	if p == nil {
		return nil
	}
	size := int64(len(p.Bytes))
	a := &format.Attachment{Name: p.Name, MediaType: format.MediaTypeWasm, Size: size, SHA256: sha256.Sum256(p.Bytes)}
	return r.sink.attach(a, io.NewSectionReader(bytes.NewReader(p.Bytes), 0, size))
}

func (r *rrSource) event(e *wasmrr.Event) error {
	codes := r.codes[e.Kind]
	r.row = format.Event{Seq: r.row.Seq + 1, Time: r.clock.at(e), Module: codes[0], Function: codes[1]}
	e.SetEvent(&r.row, r.start)
	return r.sink.event(&r.row)
}

// rrClock estimates when events were, which is not recorded: at the last reading
// of the wall clock, and as much later as the monotonic clock has moved on.
type rrClock struct {
	now  int64
	mono int64 // last reading
	read bool  // there was one
}

func (c *rrClock) at(e *wasmrr.Event) int64 {
	switch clock, ns := e.Clock(); clock {
	case call.WallClock:
		c.now = ns
	case call.MonotonicClock:
		if d := ns - c.mono; c.read && d > 0 && c.now+d > 0 {
			c.now += d
		}
		c.mono, c.read = ns, true
	}
	return c.now
}

// each calls use for every event that is whole. An input that was cut is no
// error: lost says where.
func (r *rrSource) each(pass int, use func(*wasmrr.Event) error) error {
	in, err := r.open(pass)
	if err != nil {
		return err
	}
	read := r.eachJSON
	if r.form == WasmRRCBOR {
		read = r.eachCBOR
	}
	r.count = 0
	err = read(in, use)
	var line *LineError
	if !errors.As(err, &line) || line.Err != format.ErrTruncated {
		return err
	}
	r.lost = fmt.Sprintf("the recording was cut after %s: %s", plural(r.count, "event"), line.Detail)
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func (r *rrSource) eachCBOR(in io.Reader, use func(*wasmrr.Event) error) error {
	c := wasmrr.NewCBORReader(in, r.limit)
	for ; ; r.count++ {
		e, err := c.Next()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return &LineError{Path: r.path, Offset: c.Offset(), Err: format.ErrTruncated,
				Detail: fmt.Sprintf("the one at byte %d is incomplete", c.Offset())}
		case errors.Is(err, format.ErrLimit):
			return &LineError{Path: r.path, Offset: c.Offset(), Err: format.ErrLimit, Detail: err.Error()}
		case err != nil:
			return &LineError{Path: r.path, Offset: c.Offset(), Detail: fmt.Sprintf("event %d: %s", r.count, err)}
		}
		if err := use(e); err != nil {
			return err
		}
	}
}

// eachJSON reads {"events":[...]}.
func (r *rrSource) eachJSON(in io.Reader, use func(*wasmrr.Event) error) error {
	s := newSplitter(in, r.path, r.limit)
	if err := s.skipMark(); err != nil {
		return err
	}
	if _, err := s.byteOf("{"); err != nil {
		return err
	}
	if key, err := s.documentKey(); err != nil {
		return err
	} else if key != "events" {
		return s.errorf(nil, "found the member %q, want %q", clip([]byte(key)), "events")
	}
	if _, err := s.byteOf("["); err != nil {
		return err
	}
	if err := r.elements(s, use); err != nil {
		return err
	}
	if _, err := s.byteOf("}"); err != nil {
		return notClosed(s, err)
	}
	if c, err := s.peek(); err == nil {
		return s.errorf(nil, "found %q after the trace, want its end", c)
	} else if err != io.EOF {
		return err
	}
	return nil
}

// notClosed words the end of an input behind an event that is whole.
func notClosed(s *splitter, err error) error {
	if errors.Is(err, format.ErrTruncated) {
		return s.errorf(format.ErrTruncated, "the file ends at line %d, byte %d, without its last brackets", s.line, s.offset)
	}
	return err
}

func (r *rrSource) elements(s *splitter, use func(*wasmrr.Event) error) error {
	c, err := s.peek()
	if err != nil {
		return notClosed(s, s.unexpected(err))
	}
	if c == ']' {
		s.take(1)
		return nil
	}
	var source jsonSource
	var dec wasmrr.Decoder
	for next := byte(','); next == ','; {
		if _, err := s.peek(); err != nil {
			return notClosed(s, s.unexpected(err))
		}
		at := s.position
		value, err := s.value()
		if errors.Is(err, format.ErrTruncated) {
			return at.errorf(format.ErrTruncated, "the one at line %d, byte %d, is incomplete", at.line, at.offset)
		}
		if err != nil {
			return err
		}
		if r.skip == nil || !r.skip(value) {
			if err := checkText(value); err != nil {
				return at.wrap(err)
			}
			source.reset(value)
			e, err := dec.Decode(&source)
			if err == nil {
				source.end()
				err = source.err
			}
			if err != nil {
				return at.errorf(nil, "event %d: %s", r.count, err)
			}
			if err := use(e); err != nil {
				return err
			}
		}
		r.count++
		if next, err = s.byteOf(",]"); err != nil {
			return notClosed(s, err)
		}
	}
	return nil
}

// jsonSource reads an event in JSON.
type jsonSource struct{ scanner }

func (s *jsonSource) Object(member func(name []byte) error) error {
	for more := s.open('{'); more; more = s.next('}') {
		name := s.textOnly()
		if s.expect(':'); s.err != nil {
			break
		}
		if err := member(name); err != nil {
			return err
		}
	}
	return s.err
}

func (s *jsonSource) List(element func() error) error {
	for more := s.open('['); more; more = s.next(']') {
		if err := element(); err != nil {
			return err
		}
	}
	return s.err
}

func (s *jsonSource) Uint() (uint64, error) {
	text := s.number()
	if s.err != nil {
		return 0, s.err
	}
	v, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("found %q, want an unsigned integer of 64 bits", clip(text))
	}
	return v, nil
}

func (s *jsonSource) Text() ([]byte, error) {
	text := s.textOnly()
	return text, s.err
}

func (s *jsonSource) Null() (bool, error) {
	null := s.null()
	return null, s.err
}
