package call

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/zeebo/xxh3"
)

// Signature is the type of a component's function, and how its calls stand in
// the columns of events: the number of a resource that is the first parameter
// is P0, the other parameters are Input, as canonical bytes. A result that is
// one number is Value, any other is Output. A result that may be an error has
// an Errno: 0, or 1 and the number of the error's case, or 1 if it has none.
// An ok is nothing beside that if it has no payload, and Value if that is a
// number, see OkForm. What would be empty is null.
//
// The reading of a clock that equals the event's time is null as well: that of
// wasi:clocks/monotonic-clock#now the time minus Header.StartNS, that of
// wasi:clocks/wall-clock#now the time itself.
//
// Behind the result Output may have a note, canonical bytes as well.
//
// Text that is not kept whole is a list<u8> of its first bytes, in Input or in
// the note. Hash is the XXH3-64 of all of it then and Value the number of its
// bytes.
type Signature struct {
	*canon.Func
	Self   *canon.Type   // of P0, nil if there is none
	Params []canon.Field // of Input
	Clock  Clock
	Ok     OkForm
	Role   Role
	Note   *canon.Type // nil: none
}

// OkForm says where the ok of a function stands whose result may be an error.
type OkForm byte

// The forms of an ok.
const (
	OkOutput OkForm = iota // in Output, as the whole result is
	OkErrno                // Errno 0 is all of it
	OkValue                // its payload, a bool, an integer or a float, is Value
)

// okForm: behind a note, and where Value is of a text that was cut, an ok is in
// Output.
func (s *Signature) okForm() OkForm {
	t := s.Result
	switch {
	case t == nil || t.Kind != canon.Result || s.Note != nil:
		return OkOutput
	case t.Elem == nil:
		return OkErrno
	case t.Elem.Kind <= canon.F64 && !s.Role.HasText():
		return OkValue
	}
	return OkOutput
}

// Clock says which clock a function reads.
type Clock byte

// The clocks of WASI 0.2.
const (
	NoClock Clock = iota
	MonotonicClock
	WallClock
)

// NewSignature returns the signature of a function that is imported under
// these names. The interface's version does not matter.
func NewSignature(module, name string, f *canon.Func) *Signature {
	s := &Signature{Func: f, Self: f.Self(), Params: f.Params}
	if s.Self != nil {
		s.Params = f.Params[1:]
	}
	if t := traitOf(module, name); t != nil && t.role.fits(s.Params, f.Result) {
		s.Role, s.Note = t.role, noteTypes[t.note]
	}
	iface, _, _ := strings.Cut(module, "@")
	switch {
	case name != "now" || len(f.Params) > 0 || f.Result == nil:
	case iface == "wasi:clocks/monotonic-clock" && f.Result.Kind == canon.U64:
		s.Clock = MonotonicClock
	case iface == "wasi:clocks/wall-clock" && f.Result.String() == "record{seconds: u64, nanoseconds: u32}":
		s.Clock = WallClock
	}
	s.Ok = s.okForm()
	return s
}

// parsed keeps the signatures that were parsed, by function. It stops growing at
// maxParsed: a trace may have any number.
var (
	parsed      sync.Map // signatureKey to *Signature
	parsedCount atomic.Int32
)

const maxParsed = 4096

type signatureKey struct{ module, name, text string }

// SignatureOf returns the signature of a component's function, nil for any
// other function and nil and an error for one that is malformed.
func SignatureOf(fn *format.Function) (*Signature, error) {
	if fn == nil || fn.Signature == "" {
		return nil, nil
	}
	key := signatureKey{fn.Module, fn.Name, fn.Signature}
	if s, ok := parsed.Load(key); ok {
		return s.(*Signature), nil
	}
	f, err := canon.ParseFunc(fn.Signature)
	if err != nil {
		return nil, fmt.Errorf("%s#%s: %w", fn.Module, fn.Name, err)
	}
	s := NewSignature(fn.Module, fn.Name, f)
	if parsedCount.Add(1) <= maxParsed {
		parsed.Store(key, s)
	}
	return s, nil
}

// untimedInterfaces are those of which no call takes time, by their prefix.
var untimedInterfaces = []string{"wasi:clocks/", "wasi:random/", "wasi:cli/", "wasi:http/types"}

// Untimed reports whether the duration of a component function's calls says
// nothing: what they do takes no time, or is not of the world outside.
func Untimed(module, name string) bool {
	if strings.HasSuffix(name, ".subscribe") || name == "[method]output-stream.check-write" {
		return true
	}
	return slices.ContainsFunc(untimedInterfaces, func(prefix string) bool { return strings.HasPrefix(module, prefix) })
}

// SetArgs sets the columns of a call's parameters, which are canonical bytes:
// P0 and Input, which is part of args. Value and Hash are zero.
func (s *Signature) SetArgs(ev *format.Event, args []byte) {
	ev.Input, ev.Value, ev.Hash, ev.P[0] = nil, 0, 0, 0
	if s.Self != nil {
		rep, n := binary.Uvarint(args)
		ev.P[0] = int64(uint32(rep))
		ev.Has |= format.HasP0
		args = args[max(n, 0):]
	}
	if len(args) > 0 {
		ev.Input = args
		ev.Has |= format.HasInput
	}
}

// CutText cuts the text in the Input of a call whose role has one to the first
// limit bytes, unless it is shorter or limit is negative. Input is then in
// buf, which is returned to be used again.
func (s *Signature) CutText(ev *format.Event, limit int64, buf []byte) []byte {
	if limit < 0 || int64(len(ev.Input)) < limit {
		return buf
	}
	d := canon.NewDecoder(ev.Input)
	if text := d.Blob(); int64(len(text)) >= limit {
		buf = appendCut(buf[:0], ev, text, limit)
		buf = append(buf, d.Rest()...)
		ev.Input = buf
	}
	return buf
}

// appendCut appends the first limit bytes of a text as a list<u8>, and sets what
// tells of the rest.
func appendCut(dst []byte, ev *format.Event, text []byte, limit int64) []byte {
	ev.Hash, ev.Value = xxh3.Hash(text), int64(len(text))
	ev.Has |= format.HasHash | format.HasValue
	return append(binary.AppendUvarint(dst, uint64(limit)), text[:limit]...)
}

// SetNote adds a note, canonical bytes, to an event whose result is set. Of the
// text that a call spliced it is the first limit bytes, unless limit is
// negative. Output is then in buf, which is returned to be used again.
func (s *Signature) SetNote(ev *format.Event, note []byte, limit int64, buf []byte) []byte {
	buf = append(buf[:0], ev.Output...)
	d := canon.NewDecoder(note)
	if text := d.Blob(); s.Role == Splices && limit >= 0 && int64(len(text)) >= limit {
		buf = appendCut(buf, ev, text, limit)
	} else {
		buf = append(buf, note...)
	}
	ev.Output = buf
	ev.Has |= format.HasOutput
	return buf
}

// SplitNote splits the Output of an event into its result and its note, either
// of which may be empty. What is malformed is a result.
func (s *Signature) SplitNote(ev *format.Event) (result, note []byte) {
	switch {
	case s.Note == nil || ev.Has&format.HasOutput == 0:
		return ev.Output, nil
	case s.Result == nil || ev.Kind == format.KindStart:
		return nil, ev.Output
	}
	rest, err := canon.Validate(s.Result, ev.Output)
	if err != nil {
		return ev.Output, nil
	}
	n := len(ev.Output) - len(rest)
	return ev.Output[:n:n], rest
}

// SetResult sets the columns of a call's result, which is canonical bytes.
// Output is part of them.
func (s *Signature) SetResult(ev *format.Event, startNS int64, result []byte) {
	ev.Output, ev.Errno = nil, 0
	t := s.Result
	switch {
	case t == nil:
		return
	case t.Kind.Scalar():
		if v := scalarValue(t.Kind, result); s.Clock != MonotonicClock || v != ev.Time-startNS {
			ev.Value = v
			ev.Has |= format.HasValue
		}
		return
	case t.Kind == canon.Result:
		ev.Errno = errnoOf(t, result)
		ev.Has |= format.HasErrno
		if ev.Errno == 0 && s.setOk(ev, result) {
			return
		}
	case s.Clock == WallClock && isDatetime(result, ev.Time):
		return
	}
	ev.Output = result
	ev.Has |= format.HasOutput
}

// setOk sets the columns of an ok that is not in Output.
func (s *Signature) setOk(ev *format.Event, result []byte) bool {
	switch s.Ok {
	case OkErrno:
		return true
	case OkValue:
		ev.Value = scalarValue(s.Result.Elem.Kind, result[min(1, len(result)):])
		ev.Has |= format.HasValue
		return true
	}
	return false
}

// errnoOf returns 0 for ok, else 1 and the number of the error's case.
func errnoOf(t *canon.Type, result []byte) int32 {
	if len(result) == 0 || result[0] == 0 {
		return 0
	}
	if t.Err != nil && (t.Err.Kind == canon.Enum || t.Err.Kind == canon.Variant) {
		n, _ := binary.Uvarint(result[1:])
		return int32(min(n, math.MaxInt32-1)) + 1
	}
	return 1
}

// scalarValue reads a canonical value that is one number as a column holds it:
// floats are their bits.
func scalarValue(k canon.Kind, data []byte) int64 {
	d := canon.NewDecoder(data)
	switch k {
	case canon.Bool, canon.U8:
		return int64(d.U8())
	case canon.S8:
		return int64(d.S8())
	case canon.S16, canon.S32, canon.S64:
		return d.S64()
	case canon.F32:
		return int64(d.Bits32())
	case canon.F64:
		return int64(d.Bits64())
	}
	return int64(d.U64())
}

func appendScalar(dst []byte, k canon.Kind, v int64) []byte {
	switch k {
	case canon.Bool, canon.U8, canon.S8:
		return append(dst, byte(v))
	case canon.S16, canon.S32, canon.S64:
		return binary.AppendVarint(dst, v)
	case canon.F32:
		return binary.LittleEndian.AppendUint32(dst, uint32(v))
	case canon.F64:
		return binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	return binary.AppendUvarint(dst, uint64(v))
}

// isDatetime: the canonical bytes are the time as seconds and nanoseconds.
func isDatetime(data []byte, ns int64) bool {
	var buf [2 * binary.MaxVarintLen64]byte
	return string(appendDatetime(buf[:0], ns)) == string(data)
}

func appendDatetime(dst []byte, ns int64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(ns/1e9)), uint64(ns%1e9))
}

// Returned reports whether the call of an event came back, as far as its
// columns tell: a function without a result leaves no trace of that.
func (s *Signature) Returned(ev *format.Event) bool {
	switch {
	case s.Result == nil || s.Clock != NoClock:
		return true
	case s.Result.Kind.Scalar():
		return ev.Has&(format.HasValue|format.HasOutput) != 0
	}
	return ev.Has&(format.HasOutput|format.HasErrno) != 0
}

// AppendResult appends the canonical bytes of a call's result. An event that
// does not fit the signature is an error that matches canon.ErrMalformed.
func (s *Signature) AppendResult(dst []byte, startNS int64, ev *format.Event) ([]byte, error) {
	t := s.Result
	if t == nil {
		return dst, nil
	}
	from := len(dst)
	switch {
	case ev.Has&format.HasOutput != 0:
		result, _ := s.SplitNote(ev)
		dst = append(dst, result...)
	case ev.Has&format.HasValue != 0 && t.Kind == canon.U64: // which has any bits
		return binary.AppendUvarint(dst, uint64(ev.Value)), nil
	case ev.Has&format.HasValue != 0 && t.Kind.Scalar():
		dst = appendScalar(dst, t.Kind, ev.Value)
	case ev.Has&format.HasErrno != 0 && ev.Errno == 0 && s.Ok == OkErrno:
		return append(dst, 0), nil
	case ev.Has&format.HasErrno != 0 && ev.Errno == 0 && s.Ok == OkValue && ev.Has&format.HasValue != 0:
		dst = appendScalar(append(dst, 0), t.Elem.Kind, ev.Value)
	case s.Clock == MonotonicClock:
		return binary.AppendUvarint(dst, uint64(ev.Time-startNS)), nil
	case s.Clock == WallClock && ev.Time >= 0: // and so of the type
		return appendDatetime(dst, ev.Time), nil
	case s.Clock == WallClock:
		dst = appendDatetime(dst, ev.Time)
	}
	return dst, canon.ValidateArgs([]canon.Field{{Type: t}}, dst[from:])
}

// canonValue is a canonical value.
type canonValue struct {
	typ  *canon.Type
	data []byte
}

func (v canonValue) appendText(dst []byte, p printer) []byte {
	return canon.AppendText(dst, v.typ, v.data, p.maxText)
}

// public returns JSON.
func (v canonValue) public() any {
	js, err := canon.AppendJSON(nil, v.typ, v.data)
	if err != nil {
		return publicBytes(v.data)
	}
	return json.RawMessage(js)
}

// roleCanonical marks the items of a component's function: they are printed
// without names.
const roleCanonical = "canonical"

// canonicalItems returns the arguments and results of a component's function.
func canonicalItems(s *Signature, h *format.Header, ev *format.Event) []item {
	var items []item
	params := s.Params
	switch {
	case ev.Kind != format.KindCall: // of an export: all of them are Input
		params = s.Func.Params
	case s.Self != nil && ev.Has&format.HasP0 != 0:
		rep := binary.AppendUvarint(nil, uint64(uint32(ev.P[0])))
		items = append(items, item{name: s.Func.Params[0].Name, role: roleCanonical, value: canonValue{s.Self, rep}})
	}
	if ev.Kind != format.KindExport {
		from := len(items)
		items = appendParams(items, params, ev.Input)
		items = s.markCut(items, from, ev)
	}
	if s.Result != nil && ev.Kind != format.KindStart && s.Returned(ev) {
		var start int64
		if h != nil {
			start = h.StartNS
		}
		result, _ := s.AppendResult(nil, start, ev) // a mistake is shown with it
		items = append(items, item{name: "result", role: roleCanonical, place: returned, value: canonValue{s.Result, result}})
	}
	if _, note := s.SplitNote(ev); len(note) > 0 {
		items = append(items, s.noteItem(ev, note))
	}
	return items
}

// noteItem returns the note of a call. Text that was spliced is the call's own
// doing, and no more than a note for its place in the event.
func (s *Signature) noteItem(ev *format.Event, note []byte) item {
	it := item{name: "note", role: roleCanonical, place: noted, note: s.Role != Splices, value: canonValue{s.Note, note}}
	if s.Role == Splices {
		it.name = "text"
		if ev.Has&format.HasHash != 0 {
			d := canon.NewDecoder(note)
			it.value = text{data: d.Blob(), more: true}
		}
	}
	return it
}

// markCut says of a text among the items from a number on that it is not whole.
// The number of its bytes follows it.
func (s *Signature) markCut(items []item, from int, ev *format.Event) []item {
	if !s.Role.HasText() || ev.Has&format.HasHash == 0 || from == len(items) {
		return items
	}
	v, ok := items[from].value.(canonValue)
	if !ok {
		return items
	}
	d := canon.NewDecoder(v.data)
	items[from].value = text{data: d.Blob(), more: true}
	return slices.Insert(items, from+1, item{name: "bytes", role: roleCanonical, value: unsigned(ev.Value)})
}

// appendParams takes Input apart. What is left of one that is malformed is one
// item.
func appendParams(items []item, params []canon.Field, input []byte) []item {
	for i, p := range params {
		rest, err := canon.Validate(p.Type, input)
		if err != nil {
			return append(items, item{name: "input", role: roleCanonical, value: text{data: input}})
		}
		items = append(items, item{name: params[i].Name, role: roleCanonical, value: canonValue{p.Type, input[:len(input)-len(rest)]}})
		input = rest
	}
	if len(input) > 0 {
		items = append(items, item{name: "input", role: roleCanonical, value: text{data: input}})
	}
	return items
}

// canonical compares the arguments of two calls of a component's function.
func (c *comparison) canonical(s *Signature) {
	const columns = format.HasP0 | format.HasInput
	if c.a.P[0] != c.b.P[0] || string(c.a.Input) != string(c.b.Input) || (c.a.Has^c.b.Has)&columns != 0 {
		a, b := canonicalArguments(s, c.a), canonicalArguments(s, c.b)
		for i := range max(len(a), len(b)) {
			c.items(a, b, i)
		}
	}
	if s.Role.HasText() && c.found == nil && ((c.a.Has^c.b.Has)&format.HasHash != 0 || c.a.Hash != c.b.Hash) {
		c.add("text (hash of all of it)", hashText(c.a), hashText(c.b))
	}
}

func canonicalArguments(s *Signature, ev *format.Event) []item {
	items := canonicalItems(s, nil, ev)
	for i, it := range items {
		if it.place != argument {
			return items[:i]
		}
	}
	return items
}
