package edit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"path"
	"reflect"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// Merge writes the events of several traces into one, by time: of the traces'
// next events the earliest comes next, and of equally early ones that of the
// trace that is named first. Each trace's own order stays.
//
// Tasks are kept apart: task t of trace i of n becomes t*n + i. The column
// "seq" has each event's number in its trace. Attachments of the same name and
// content are written once; where the content differs the later ones are
// renamed, "app.wasm" to "app-2.wasm". What the headers agree on is kept; a
// program only if all traces are of the same with the same arguments. Two
// descriptions of the same function that differ are an error.
//
// Tables of other records than events are appended to each other if they have
// the same columns.
func Merge(ctx context.Context, ins []*reader.File, out Output) (*Result, error) {
	if len(ins) == 0 {
		return nil, errors.New("no traces to merge")
	}
	h, err := mergeHeaders(ins)
	if err != nil {
		return nil, err
	}
	h.Source = cmp.Or(out.Source, "merge")
	opts := writer.Options{Header: h, Seq: ins[0].IsEvents()}
	if !ins[0].IsEvents() {
		opts.Schema = ins[0].Schema()
		return out.write(opts, func(s *sink) error { return s.concat(ctx, ins) })
	}
	m := &merger{out: h, inputs: make([]input, len(ins))}
	if err := m.dictionaries(ins, &opts); err != nil {
		return nil, err
	}
	return out.write(opts, func(s *sink) error {
		if err := s.attachMerged(ins); err != nil {
			return err
		}
		return m.run(ctx, s)
	})
}

// mergeHeaders returns a header of what the traces have in common.
func mergeHeaders(ins []*reader.File) (*format.Header, error) {
	h := *ins[0].Header()
	h.ID, h.Functions, h.Session, h.Redacted = "", nil, nil, nil
	for i, in := range ins {
		if in.IsEvents() != ins[0].IsEvents() {
			return nil, fmt.Errorf("trace %d and trace 1: one has events, the other other records", i+1)
		}
		o := in.Header()
		h.StartNS = min(h.StartNS, o.StartNS)
		h.TextLimit = widerLimit(&h, o)
		if !reflect.DeepEqual(h.Program, o.Program) {
			h.Program = nil
		}
		if !reflect.DeepEqual(h.Host, o.Host) {
			h.Host = nil
		}
		h.Redacted = h.Redacted.Add(o.Redacted)
		if err := addFunctions(&h, o, i); err != nil {
			return nil, err
		}
	}
	return &h, nil
}

// widerLimit is the larger of two limits of text, -1 being the largest.
func widerLimit(a, b *format.Header) int64 {
	x, y := call.TextLimit(a), call.TextLimit(b)
	if x < 0 || y < 0 {
		return -1
	}
	return max(x, y)
}

func addFunctions(h, o *format.Header, i int) error {
next:
	for _, fn := range o.Functions {
		for k := range h.Functions {
			known := &h.Functions[k]
			if known.Module != fn.Module || known.Name != fn.Name {
				continue
			}
			if !reflect.DeepEqual(*known, fn) {
				return fmt.Errorf("trace %d: function %s.%s is described unlike in a trace before", i+1, fn.Module, fn.Name)
			}
			continue next
		}
		h.Functions = append(h.Functions, fn)
	}
	return nil
}

// concat appends tables to each other.
func (s *sink) concat(ctx context.Context, ins []*reader.File) error {
	if err := s.attachMerged(ins); err != nil {
		return err
	}
	for i, in := range ins {
		if !in.Schema().Equal(ins[0].Schema()) && !reflect.DeepEqual(in.Schema().Fields(), ins[0].Schema().Fields()) {
			return fmt.Errorf("trace %d has the columns %v, trace 1 %v", i+1, in.Schema().Fields(), ins[0].Schema().Fields())
		}
		if err := s.records(ctx, in, 0, 0); err != nil {
			return fmt.Errorf("trace %d: %w", i+1, err)
		}
	}
	return nil
}

// attachMerged copies the attachments of all traces.
func (s *sink) attachMerged(ins []*reader.File) error {
	taken := map[string][32]byte{}
	for i, in := range ins {
		for _, a := range in.Attachments() {
			name, there := freeName(taken, a)
			if there {
				continue
			}
			taken[name] = a.SHA256
			if err := s.attach(in, a, name); err != nil {
				return fmt.Errorf("trace %d: attachment %q: %w", i+1, a.Name, err)
			}
		}
	}
	return nil
}

// freeName returns the name that an attachment gets, and whether it is there
// already.
func freeName(taken map[string][32]byte, a format.Attachment) (name string, there bool) {
	ext := path.Ext(a.Name)
	name = a.Name
	for n := 2; ; n++ {
		digest, used := taken[name]
		if !used || digest == a.SHA256 {
			return name, used
		}
		name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(a.Name, ext), n, ext)
	}
}

// merger takes the events of several traces in order of time.
type merger struct {
	out    *format.Header
	inputs []input
}

// input is one trace that is merged, and its next event.
type input struct {
	file      *reader.File
	modules   []int16 // code in the merged dictionary by code in the trace's
	functions []int16
	next      func() (*format.Event, error, bool)
	event     *format.Event // nil at the end
}

// dictionaries merges the traces' dictionaries and notes where each name went.
func (m *merger) dictionaries(ins []*reader.File, opts *writer.Options) error {
	modules, functions := map[string]int16{}, map[string]int16{}
	for i, f := range ins {
		in := &m.inputs[i]
		in.file = f
		opts.Modules, in.modules = union(opts.Modules, modules, f.Modules())
		opts.Functions, in.functions = union(opts.Functions, functions, f.Functions())
	}
	if n := max(len(opts.Modules), len(opts.Functions)); n > math.MaxInt16 {
		return fmt.Errorf("%d different names, want at most %d", n, math.MaxInt16)
	}
	return nil
}

// union adds names to a dictionary and returns their codes in it.
func union(dictionary []string, codes map[string]int16, names []string) (sum []string, mapping []int16) {
	for _, n := range names {
		code, ok := codes[n]
		if !ok {
			code = int16(len(dictionary))
			codes[n] = code
			dictionary = append(dictionary, n)
		}
		mapping = append(mapping, code)
	}
	return dictionary, mapping
}

func (m *merger) run(ctx context.Context, s *sink) error {
	for i := range m.inputs {
		in := &m.inputs[i]
		next, stop := iter.Pull2(in.file.Events(reader.Query{}))
		defer stop()
		in.next = next
		if err := m.advance(i); err != nil {
			return err
		}
	}
	for {
		i := m.earliest()
		if i < 0 {
			return nil
		}
		if err := m.translate(i); err != nil {
			return err
		}
		if err := s.append(ctx, m.inputs[i].event); err != nil {
			return err
		}
		if err := m.advance(i); err != nil {
			return err
		}
	}
}

func (m *merger) advance(i int) error {
	e, err, ok := m.inputs[i].next()
	if err != nil {
		return fmt.Errorf("trace %d: %w", i+1, err)
	}
	m.inputs[i].event = nil
	if ok {
		m.inputs[i].event = e
	}
	return nil
}

// earliest returns the input whose next event comes first, -1 at the end of
// all.
func (m *merger) earliest() int {
	best := -1
	for i := range m.inputs {
		e := m.inputs[i].event
		if e != nil && (best < 0 || e.Time < m.inputs[best].event.Time) {
			best = i
		}
	}
	return best
}

// translate makes the next event of input i one of the merged trace.
func (m *merger) translate(i int) error {
	in := &m.inputs[i]
	e := in.event
	m.keepClock(in.file, e)
	n := int64(len(m.inputs))
	task := int64(e.Task)*n + int64(i)
	if task < math.MinInt32 || task > math.MaxInt32 {
		return fmt.Errorf("trace %d: event %d: task %d is too large to be one of %d traces", i+1, e.Seq, e.Task, n)
	}
	e.Task = int32(task)
	if e.Has&format.HasModule != 0 {
		e.Module = in.modules[e.Module]
	}
	if e.Has&format.HasFunction != 0 {
		e.Function = in.functions[e.Function]
	}
	return nil
}

// keepClock stores the reading of a clock that a null value stands for, where
// it would be another one with the merged trace's start.
func (m *merger) keepClock(in *reader.File, e *format.Event) {
	h := in.Header()
	if e.Kind != format.KindCall || h.StartNS == m.out.StartNS || e.Has&format.HasValue != 0 || e.Has&format.HasFunction == 0 {
		return
	}
	var module string
	if e.Has&format.HasModule != 0 {
		module = in.Modules()[e.Module]
	}
	fn := call.Find(h, module, in.Functions()[e.Function])
	if fn == nil {
		return
	}
	was, ok := call.DerivedValue(fn, h, e)
	if now, _ := call.DerivedValue(fn, m.out, e); ok && was != now {
		e.Value, e.Has = was, e.Has|format.HasValue
	}
}
