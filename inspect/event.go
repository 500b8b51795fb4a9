package inspect

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
)

// Filter selects events.
type Filter struct {
	reader.Query
	// Paths keeps the events with an argument or result that is a path and
	// matches one of these patterns: * stands for any text, also with slashes,
	// and ? for one byte. Empty: all events.
	Paths []string
}

// For returns the filter as a query of the reader of f.
func (q Filter) For(f *reader.File) reader.Query {
	if len(q.Paths) == 0 {
		return q.Query
	}
	r, paths := q.Query, pathMatcher{f: f, patterns: q.Paths, known: map[[2]int16]*format.Function{}}
	r.Match = func(e *format.Event) bool {
		return (q.Match == nil || q.Match(e)) && paths.match(e)
	}
	return r
}

// Events iterates over the events that q selects. An event is valid until the
// next one.
func Events(f *reader.File, q Filter) iter.Seq2[*format.Event, error] {
	return f.Events(q.For(f))
}

// pathMatcher finds events with a path that matches one of the patterns.
type pathMatcher struct {
	f        *reader.File
	patterns []string
	known    map[[2]int16]*format.Function // by module and function; nil: it takes no path
}

func (m *pathMatcher) match(e *format.Event) bool {
	if e.Kind != format.KindCall {
		return false
	}
	key := [2]int16{e.Module, e.Function}
	fn, ok := m.known[key]
	if !ok {
		module, function := names(m.f, e)
		if fn = call.Find(m.f.Header(), module, function); fn != nil && !takesPath(fn) {
			fn = nil
		}
		m.known[key] = fn
	}
	return fn != nil && (m.regions(call.SplitInput(fn, e)) || m.regions(call.SplitOutput(fn, m.f.Header(), e)))
}

func takesPath(fn *format.Function) bool {
	return slices.ContainsFunc(slices.Concat(fn.Reads, fn.Writes), isPath)
}

func isPath(r format.Region) bool { return r.Role == "path" || strings.HasSuffix(r.Role, "_path") }

func (m *pathMatcher) regions(list []call.RegionBytes) bool {
	for _, r := range list {
		if !isPath(*r.Region) || r.Short {
			continue
		}
		for _, p := range m.patterns {
			if matchGlob(p, string(r.Data)) {
				return true
			}
		}
	}
	return false
}

// matchGlob matches in time len(pattern) x len(s) at most: on a mismatch only
// the last * can take one byte more.
func matchGlob(pattern, s string) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// names returns the names of an event's module and function, "" where it has
// none.
func names(f *reader.File, e *format.Event) (module, function string) {
	return name(f.Modules(), e.Module, e.Has&format.HasModule != 0),
		name(f.Functions(), e.Function, e.Has&format.HasFunction != 0)
}

func name(dictionary []string, code int16, has bool) string {
	if !has || code < 0 || int(code) >= len(dictionary) {
		return ""
	}
	return dictionary[code]
}

// kindName is the name of a kind, also of those that later versions add.
func kindName(f *reader.File, k format.Kind) string {
	if kinds := f.Kinds(); k >= 0 && int(k) < len(kinds) {
		return kinds[k]
	}
	return k.String()
}

// Event is an event for programs, decoded. Args and Results are those of
// call.Decode: named as the function's parameters.
type Event struct {
	Number     int64       `json:"event"`
	Time       string      `json:"time"` // RFC 3339, UTC, with ns
	TimeNS     int64       `json:"time_ns,string"`
	DurationNS *int64      `json:"duration_ns,omitempty"`
	Kind       string      `json:"kind"`
	Module     string      `json:"module,omitempty"`
	Function   string      `json:"function,omitempty"`
	Task       int32       `json:"task"`
	Errno      string      `json:"errno,omitempty"` // "ENOENT"; absent for success and where there is none
	Args       call.Object `json:"args"`
	Results    call.Object `json:"results"`
	Hash       string      `json:"hash,omitempty"` // 16 hex digits: of bytes not kept, or of the final memory
}

// AppendJSON appends what json.Marshal returns, in a quarter of the time: lists of
// events are long.
func (d *Event) AppendJSON(dst []byte) ([]byte, error) {
	dst = strconv.AppendInt(append(dst, `{"event":`...), d.Number, 10)
	dst = appendMember(dst, "time", d.Time)
	dst = strconv.AppendInt(append(dst, `,"time_ns":"`...), d.TimeNS, 10)
	dst = append(dst, '"')
	if d.DurationNS != nil {
		dst = strconv.AppendInt(append(dst, `,"duration_ns":`...), *d.DurationNS, 10)
	}
	dst = appendMember(dst, "kind", d.Kind)
	if d.Module != "" {
		dst = appendMember(dst, "module", d.Module)
	}
	if d.Function != "" {
		dst = appendMember(dst, "function", d.Function)
	}
	dst = strconv.AppendInt(append(dst, `,"task":`...), int64(d.Task), 10)
	if d.Errno != "" {
		dst = appendMember(dst, "errno", d.Errno)
	}
	dst, err := d.Args.AppendJSON(append(dst, `,"args":`...))
	if err != nil {
		return nil, err
	}
	if dst, err = d.Results.AppendJSON(append(dst, `,"results":`...)); err != nil {
		return nil, err
	}
	if d.Hash != "" {
		dst = appendMember(dst, "hash", d.Hash)
	}
	return append(dst, '}'), nil
}

func appendMember(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return call.AppendJSONString(dst, value)
}

// Decode returns an event of f for programs. It keeps nothing of e.
func Decode(f *reader.File, e *format.Event) *Event {
	module, function := names(f, e)
	d := &Event{
		Number: e.Seq, Time: time.Unix(0, e.Time).UTC().Format("2006-01-02T15:04:05.000000000Z"), TimeNS: e.Time,
		Kind: kindName(f, e.Kind), Module: module, Function: function, Task: e.Task,
	}
	d.Args, d.Results = call.Decode(f.Header(), module, function, e)
	if e.Has&format.HasDuration != 0 {
		ns := e.Duration
		d.DurationNS = &ns
	}
	if e.Has&format.HasErrno != 0 && e.Errno != 0 {
		d.Errno = errnoName(call.Find(f.Header(), module, function), e.Errno)
	}
	if e.Has&format.HasHash != 0 {
		d.Hash = fmt.Sprintf("%016x", e.Hash)
	}
	return d
}

// errnoName names an error number, if the function's are those of WASI.
func errnoName(fn *format.Function, errno int32) string {
	if fn != nil && len(fn.Result) > 0 && fn.Result[0].Role == "errno" {
		return call.ErrnoName(errno)
	}
	return "errno " + strconv.Itoa(int(errno))
}

// Stamp is how the time of an event is printed.
type Stamp string

// The ways to print a time.
const (
	NoStamp  Stamp = ""
	Since    Stamp = "since" // seconds since recording began: 0.000123456
	Clock    Stamp = "clock" // time of the day
	DateTime Stamp = "date"  // date and time
)

// LineOptions says what stands in front of an event's line.
type LineOptions struct {
	Number   bool
	Stamp    Stamp
	Location *time.Location // of Clock and DateTime; nil: local time
	Task     bool
	MaxText  int // bytes of a text that are printed; 0: 64, -1: all
}

// AppendLine appends an event of f as one line in strace's form, without a
// newline:
//
//	12 0.000345000 fd_write(1, "Hello\n") = 6 <12us>
func AppendLine(dst []byte, f *reader.File, e *format.Event, o LineOptions) []byte {
	module, function := names(f, e)
	return AppendNamed(dst, f.Header(), module, function, e, o)
}

// AppendNamed is AppendLine for an event of no file, such as one that is just
// being recorded.
func AppendNamed(dst []byte, h *format.Header, module, function string, e *format.Event, o LineOptions) []byte {
	if o.Number {
		dst = append(strconv.AppendInt(dst, e.Seq, 10), ' ')
	}
	dst = appendStamp(dst, h, e.Time, o)
	if o.Task {
		dst = append(strconv.AppendInt(append(dst, '['), int64(e.Task), 10), "] "...)
	}
	return call.Format(dst, h, module, function, e, call.Options{MaxText: o.MaxText})
}

func appendStamp(dst []byte, h *format.Header, ns int64, o LineOptions) []byte {
	loc := o.Location
	if loc == nil {
		loc = time.Local
	}
	t := time.Unix(0, ns).In(loc)
	switch o.Stamp {
	case Since:
		return appendSeconds(dst, ns, h.StartNS)
	case Clock:
		return t.AppendFormat(dst, "15:04:05.000000000 ")
	case DateTime:
		return t.AppendFormat(dst, "2006-01-02T15:04:05.000000000Z07:00 ")
	}
	return dst
}

// appendSeconds appends the seconds from a start to a time, which may be further
// apart than int64 has ns.
func appendSeconds(dst []byte, ns, start int64) []byte {
	n := uint64(ns) - uint64(start)
	if ns < start {
		dst, n = append(dst, '-'), -n
	}
	return fmt.Appendf(dst, "%d.%09d ", n/1e9, n%1e9)
}

// Row is a row of a table of other records than events.
type Row struct {
	Number int64       `json:"row"`
	Values call.Object `json:"values"` // by column: see cellValue
}

// Rows iterates over the rows from one number up to, and without, another; to
// 0 is no bound. It is for traces that are not of events.
func Rows(f *reader.File, from, to int64) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		for i := range f.Segments() {
			if goOn, err := segmentRows(f, i, from, to, yield); err != nil {
				yield(nil, err)
				return
			} else if !goOn {
				return
			}
		}
	}
}

func segmentRows(f *reader.File, segment int, from, to int64, yield func(*Row, error) bool) (goOn bool, err error) {
	fr, err := f.Segment(segment)
	if err != nil || fr.FirstEvent+fr.Rows <= from {
		return err == nil, err
	}
	rec, err := f.Record(segment)
	if err != nil {
		return false, err
	}
	defer rec.Release()
	for i := max(from-fr.FirstEvent, 0); i < rec.NumRows(); i++ {
		n := fr.FirstEvent + i
		if to > 0 && n >= to {
			return false, nil
		}
		row := &Row{Number: n, Values: make(call.Object, rec.NumCols())}
		for c := range row.Values {
			row.Values[c].Name = rec.ColumnName(c)
			if row.Values[c].Value, err = cellValue(rec.Column(c), int(i)); err != nil {
				return false, fmt.Errorf("row %d: column %q: %w", n, rec.ColumnName(c), err)
			}
		}
		if !yield(row, nil) {
			return false, nil
		}
	}
	return true, nil
}
