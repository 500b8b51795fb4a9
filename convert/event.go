package convert

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
)

// Encoder turns events into records of the JSONL dialect. It is for one
// goroutine.
type Encoder struct {
	decode             bool
	header             *format.Header
	modules, functions []string
	kindKeys           [][]byte // `,"kind":"call"` by code
	moduleKeys         [][]byte
	functionKeys       [][]byte
	err                error // names that JSON cannot hold
}

// NewEncoder returns an encoder for the events of a trace with that header and
// those dictionaries. With decode each call also carries what its arguments
// and results mean, for people: readers ignore that.
func NewEncoder(h *format.Header, modules, functions []string, decode bool) *Encoder {
	e := &Encoder{decode: decode, header: h, modules: modules, functions: functions}
	e.kindKeys = e.members("kind", format.KindNames())
	e.moduleKeys = e.members("module", modules)
	e.functionKeys = e.members("function", functions)
	return e
}

// members encodes a dictionary's values as members of an object.
func (e *Encoder) members(key string, values []string) [][]byte {
	out := make([][]byte, len(values))
	for i, v := range values {
		if !utf8.ValidString(v) {
			e.err = fmt.Errorf("name %q in the dictionary %q is not UTF-8", v, key)
		}
		out[i] = appendString([]byte(`,"`+key+`":`), v)
	}
	return out
}

// AppendEvent appends one record without a newline:
//
//	{"seq":0,"time":"...","kind":"call","module":"...","function":"fd_write","task":0,...}
//
// Keys of null columns are left out. It fails where the event's codes are not
// in the dictionaries.
func (e *Encoder) AppendEvent(dst []byte, ev *format.Event) ([]byte, error) {
	if err := e.check(ev); err != nil {
		return dst, err
	}
	dst = strconv.AppendInt(append(dst, `{"seq":`...), ev.Seq, 10)
	dst = appendTime(append(dst, `,"time":`...), ev.Time)
	if ev.Has&format.HasDuration != 0 {
		dst = appendInt(append(dst, `,"duration_ns":`...), ev.Duration)
	}
	dst = append(dst, e.kindKeys[ev.Kind]...)
	if ev.Has&format.HasModule != 0 {
		dst = append(dst, e.moduleKeys[ev.Module]...)
	}
	if ev.Has&format.HasFunction != 0 {
		dst = append(dst, e.functionKeys[ev.Function]...)
	}
	dst = strconv.AppendInt(append(dst, `,"task":`...), int64(ev.Task), 10)
	if ev.Has&format.HasErrno != 0 {
		dst = strconv.AppendInt(append(dst, `,"errno":`...), int64(ev.Errno), 10)
	}
	if ev.Has&format.HasValue != 0 {
		dst = appendInt(append(dst, `,"value":`...), ev.Value)
	}
	if ev.Has&format.HasHash != 0 {
		dst = appendHash(append(dst, `,"hash":`...), ev.Hash)
	}
	dst = appendParams(dst, ev)
	if ev.Has&format.HasInput != 0 {
		dst = appendBytes(append(dst, `,"input":`...), ev.Input)
	}
	if ev.Has&format.HasOutput != 0 {
		dst = appendBytes(append(dst, `,"output":`...), ev.Output)
	}
	if e.decode {
		var err error
		if dst, err = e.appendDecoded(dst, ev); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (e *Encoder) check(ev *format.Event) error {
	switch {
	case e.err != nil:
		return e.err
	case ev.Kind < 0 || int(ev.Kind) >= len(e.kindKeys):
		return fmt.Errorf("event %d: unknown kind %d", ev.Seq, ev.Kind)
	case ev.Has&format.HasModule != 0 && (ev.Module < 0 || int(ev.Module) >= len(e.modules)):
		return fmt.Errorf("event %d: module %d of %d", ev.Seq, ev.Module, len(e.modules))
	case ev.Has&format.HasFunction != 0 && (ev.Function < 0 || int(ev.Function) >= len(e.functions)):
		return fmt.Errorf("event %d: function %d of %d", ev.Seq, ev.Function, len(e.functions))
	}
	return nil
}

var allParams = format.HasParams(format.NumParams)

// appendParams appends the parameters up to the last that is not null.
func appendParams(dst []byte, ev *format.Event) []byte {
	left := ev.Has & allParams
	if left == 0 {
		return dst
	}
	dst = append(dst, `,"p":[`...)
	for i := 0; left != 0; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		bit := format.HasP0 << i
		if left&bit != 0 {
			dst = appendInt(dst, ev.P[i])
		} else {
			dst = append(dst, "null"...)
		}
		left &^= bit
	}
	return append(dst, ']')
}

// appendDecoded appends the named arguments and results of a call.
func (e *Encoder) appendDecoded(dst []byte, ev *format.Event) ([]byte, error) {
	if ev.Kind != format.KindCall || ev.Has&format.HasFunction == 0 {
		return dst, nil
	}
	module := ""
	if ev.Has&format.HasModule != 0 {
		module = e.modules[ev.Module]
	}
	args, results := call.Decode(e.header, module, e.functions[ev.Function], ev)
	for _, part := range []struct {
		key  string
		args []call.Arg
	}{{"args", args}, {"results", results}} {
		if len(part.args) == 0 {
			continue
		}
		text, err := json.Marshal(call.Object(part.args))
		if err != nil {
			return dst, fmt.Errorf("event %d: %w", ev.Seq, err)
		}
		dst = append(append(append(dst, `,"`...), part.key...), `":`...)
		dst = append(dst, text...)
	}
	if ev.Has&format.HasErrno != 0 {
		dst = appendString(append(dst, `,"error":`...), call.ErrnoName(ev.Errno))
	}
	return dst, nil
}

// eventParser reads records of events. It is for one goroutine.
type eventParser struct {
	scanner
	kinds, modules, functions map[string]int16
	texts, decoded            [2][]byte // buffers of input and output
}

func newEventParser(modules, functions []string) *eventParser {
	return &eventParser{kinds: codes(format.KindNames()), modules: codes(modules), functions: codes(functions)}
}

func codes(names []string) map[string]int16 {
	m := make(map[string]int16, len(names))
	for i, n := range names {
		m[n] = int16(i)
	}
	return m
}

// Members that every event has. They are outside format.Fields.
const (
	hasSeq format.Fields = 1 << (30 - iota)
	hasTime
	hasKind
	hasTask
	hasP

	required = hasSeq | hasTime | hasKind | hasTask
)

// parse reads a record into e, whose slices are valid until the next call.
func (p *eventParser) parse(line []byte, e *format.Event) error {
	p.reset(line)
	*e = format.Event{}
	var seen format.Fields
	for more := p.open('{'); more; more = p.next('}') {
		field := p.member(p.key(), e)
		if field&seen != 0 {
			p.fail("a key that was there before")
		}
		seen |= field
	}
	p.end()
	if p.err == nil && seen&required != required {
		p.fail("event without seq, time, kind or task")
	}
	return p.err
}

// member reads one member and returns its field, 0 for those it ignores. A
// member that is null is as one that is absent.
func (p *eventParser) member(key []byte, e *format.Event) format.Fields {
	field := fieldOf(key)
	if field == 0 {
		p.skip()
		return 0
	}
	if p.null() {
		return 0
	}
	p.value(field, e)
	if field < hasP {
		e.Has |= field
	}
	return field
}

func fieldOf(key []byte) format.Fields {
	switch string(key) {
	case "seq":
		return hasSeq
	case "time":
		return hasTime
	case "duration_ns":
		return format.HasDuration
	case "kind":
		return hasKind
	case "module":
		return format.HasModule
	case "function":
		return format.HasFunction
	case "task":
		return hasTask
	case "errno":
		return format.HasErrno
	case "value":
		return format.HasValue
	case "hash":
		return format.HasHash
	case "p":
		return hasP
	case "input":
		return format.HasInput
	case "output":
		return format.HasOutput
	}
	return 0
}

func (p *eventParser) value(field format.Fields, e *format.Event) {
	const i32 = 1 << 31
	switch field {
	case hasSeq:
		e.Seq = p.bounded(0, 1<<63-1)
	case hasTime:
		e.Time = p.time()
	case format.HasDuration:
		e.Duration = p.integer()
	case hasKind:
		e.Kind = format.Kind(p.code("kind", p.kinds))
	case format.HasModule:
		e.Module = p.code("module", p.modules)
	case format.HasFunction:
		e.Function = p.code("function", p.functions)
	case hasTask:
		e.Task = int32(p.bounded(-i32, i32-1))
	case format.HasErrno:
		e.Errno = int32(p.bounded(-i32, i32-1))
	case format.HasValue:
		e.Value = p.integer()
	case format.HasHash:
		e.Hash = p.hash()
	case hasP:
		p.params(e)
	case format.HasInput:
		e.Input = p.own(0)
	case format.HasOutput:
		e.Output = p.own(1)
	}
}

func (p *eventParser) time() int64 {
	t := p.text()
	ns, ok := parseTime(t)
	if !ok {
		p.fail("found %q, want a time of RFC 3339", clip(t))
	}
	return ns
}

func (p *eventParser) code(what string, names map[string]int16) int16 {
	t := p.text()
	c, ok := names[string(t)]
	if !ok && p.err == nil {
		p.fail("%s %q is not among those of the header", what, clip(t))
	}
	return c
}

func (p *eventParser) hash() uint64 {
	t := p.text()
	h, err := strconv.ParseUint(string(t), 16, 64)
	if p.err == nil && (err != nil || len(t) != 16) {
		p.fail("found %q, want 16 hex digits", clip(t))
		p.err = &kindError{ErrHex, p.err.Error()}
	}
	return h
}

func (p *eventParser) params(e *format.Event) {
	i := 0
	for more := p.open('['); more; more = p.next(']') {
		if i == format.NumParams {
			p.fail("more than %d parameters", format.NumParams)
			return
		}
		if !p.null() {
			e.P[i] = p.integer()
			e.Has |= format.HasP0 << i
		}
		i++
	}
}

// own reads bytes that stay valid while other strings are read.
func (p *eventParser) own(i int) []byte {
	p.scratch, p.texts[i] = p.texts[i], p.scratch
	b := p.bytes(&p.decoded[i])
	p.scratch, p.texts[i] = p.texts[i], p.scratch
	return b
}
