package inspect

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
)

// DiffOptions says what Diff compares. The zero value compares all that
// decides a run: which calls were made, with what arguments, and what they
// gave back, but for readings of clocks and times of files.
type DiffOptions struct {
	Filter    Filter // only the events that it selects, of both traces
	Arguments bool   // not what the calls gave back
	Times     bool   // also readings of clocks and times of files
	Context   int    // events before the difference that are shown; 0: 3, -1: none
	MaxText   int    // bytes of a text in those lines; 0: 64, -1: all
}

// DiffResult is how two traces differ.
type DiffResult struct {
	Equal      bool           `json:"equal"`           // no event differs
	SameModule bool           `json:"same_module"`     // else decoded arguments were compared, not addresses
	Compared   int64          `json:"compared"`        // pairs of events before the first that differ
	First      *Divergence    `json:"first,omitempty"` // first difference
	Functions  []FunctionDiff `json:"functions"`       // whose counts differ
	A          DiffSide       `json:"a"`
	B          DiffSide       `json:"b"`
}

// DiffSide is what one of the traces is.
type DiffSide struct {
	ID         string       `json:"id"`
	Events     int64        `json:"events"`
	DurationNS int64        `json:"duration_ns"`
	Exit       *format.Exit `json:"exit,omitempty"`
}

// FunctionDiff compares the counts of one function and kind.
type FunctionDiff struct {
	Kind     string `json:"kind"`
	Module   string `json:"module,omitempty"`
	Function string `json:"function,omitempty"`
	CountA   int64  `json:"count_a"`
	CountB   int64  `json:"count_b"`
	ErrorsA  int64  `json:"errors_a"`
	ErrorsB  int64  `json:"errors_b"`
}

// Divergence is the first pair of events that differ. A side is missing where
// that trace has ended.
type Divergence struct {
	A       *Event       `json:"a,omitempty"`
	B       *Event       `json:"b,omitempty"`
	LineA   string       `json:"line_a,omitempty"` // as AppendLine prints it, with its number
	LineB   string       `json:"line_b,omitempty"`
	Differs []Difference `json:"differs"`
	Before  []string     `json:"before"` // the events before, as lines of A
}

// Difference is a part in which two events differ, for people: "function",
// "kind", "task" or the name of an argument or result.
type Difference struct {
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Diff compares the events of two traces pairwise, in the order of their rows,
// up to the first that differ, and how the traces add up. Durations and the
// time of calls are never compared. Where the programs are not the same module,
// addresses are not either. Memory is that of a segment of each.
func Diff(ctx context.Context, a, b *reader.File, o DiffOptions) (*DiffResult, error) {
	if o.Context == 0 {
		o.Context = 3
	}
	d := &differ{a: a, b: b, o: o, result: &DiffResult{SameModule: sameModule(a.Header(), b.Header()), A: sideOf(a), B: sideOf(b)}}
	d.result.Functions = functionDiffs(a, b)
	d.ring.slots = make([]format.Event, max(o.Context, 0))
	if a.IsEvents() != b.IsEvents() {
		return nil, errors.New("one trace has events, the other a table of other records")
	}
	if !a.IsEvents() {
		return d.result, d.runRows(ctx)
	}
	return d.result, d.run(ctx)
}

func sideOf(f *reader.File) DiffSide {
	s := f.Summary()
	return DiffSide{f.Header().ID, s.Events, span(s.FirstTimeNS, s.LastTimeNS), s.Exit}
}

func sameModule(a, b *format.Header) bool {
	return a.Program != nil && b.Program != nil && a.Program.SHA256 != "" && a.Program.SHA256 == b.Program.SHA256
}

// functionDiffs returns the functions whose counts differ, by kind and name.
func functionDiffs(a, b *reader.File) []FunctionDiff {
	type key struct{ kind, module, function string }
	all := map[key]*FunctionDiff{}
	at := func(s format.FunctionStats) *FunctionDiff {
		k := key{s.Kind, s.Module, s.Function}
		if all[k] == nil {
			all[k] = &FunctionDiff{Kind: s.Kind, Module: s.Module, Function: s.Function}
		}
		return all[k]
	}
	for _, s := range a.Summary().Functions {
		at(s).CountA, at(s).ErrorsA = s.Count, s.Errors
	}
	for _, s := range b.Summary().Functions {
		at(s).CountB, at(s).ErrorsB = s.Count, s.Errors
	}
	list := []FunctionDiff{}
	for _, d := range all {
		if d.CountA != d.CountB || d.ErrorsA != d.ErrorsB {
			list = append(list, *d)
		}
	}
	slices.SortFunc(list, func(x, y FunctionDiff) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Module, y.Module), cmp.Compare(x.Function, y.Function))
	})
	return list
}

type differ struct {
	a, b   *reader.File
	o      DiffOptions
	result *DiffResult
	ring   ring
}

// checkEvery is how many events pass between two looks at the context.
const checkEvery = 1 << 12

func (d *differ) run(ctx context.Context) error {
	nextA, stopA := iter.Pull2(Events(d.a, d.o.Filter))
	defer stopA()
	nextB, stopB := iter.Pull2(Events(d.b, d.o.Filter))
	defer stopB()
	for ; ; d.result.Compared++ {
		ea, errA, okA := nextA()
		eb, errB, okB := nextB()
		if err := cmp.Or(errA, errB); err != nil {
			return err
		}
		if !okA && !okB {
			d.result.Equal = true
			return nil
		}
		if !okA || !okB {
			d.diverge(side(ea, okA), side(eb, okB), nil)
			return nil
		}
		if found := d.compare(ea, eb); found != nil {
			d.diverge(ea, eb, found)
			return nil
		}
		d.ring.add(ea)
		if d.result.Compared%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func side(e *format.Event, ok bool) *format.Event {
	if !ok {
		return nil
	}
	return e
}

// diverge notes the first difference. Nil stands for the end of a trace.
func (d *differ) diverge(a, b *format.Event, found []Difference) {
	v := &Divergence{Differs: found, Before: []string{}}
	line := LineOptions{Number: true, MaxText: d.o.MaxText}
	if a != nil {
		v.A, v.LineA = Decode(d.a, a), string(AppendLine(nil, d.a, a, line))
	}
	if b != nil {
		v.B, v.LineB = Decode(d.b, b), string(AppendLine(nil, d.b, b, line))
	}
	if a == nil || b == nil {
		v.Differs = []Difference{{"event", ended(a), ended(b)}}
	}
	for e := range d.ring.all() {
		v.Before = append(v.Before, string(AppendLine(nil, d.a, e, line)))
	}
	d.result.First = v
}

func ended(e *format.Event) string {
	if e == nil {
		return "none: the trace ends"
	}
	return "event " + strconv.FormatInt(e.Seq, 10)
}

// compare returns in what two events differ, nil if in nothing.
func (d *differ) compare(a, b *format.Event) []Difference {
	moduleA, functionA := names(d.a, a)
	moduleB, functionB := names(d.b, b)
	var found []Difference
	add := func(name, x, y string) {
		if x != y {
			found = append(found, Difference{name, escape(x), escape(y)})
		}
	}
	add("kind", kindName(d.a, a.Kind), kindName(d.b, b.Kind))
	add("module", moduleA, moduleB)
	add("function", functionA, functionB)
	if found != nil {
		return found
	}
	if !d.o.Times && sameColumns(a, b) {
		return nil
	}
	if a.Task != b.Task {
		add("task", strconv.Itoa(int(a.Task)), strconv.Itoa(int(b.Task)))
	}
	fn := call.Find(d.a.Header(), moduleA, functionA)
	if a.Kind != format.KindCall {
		return append(found, d.compareOther(fn, a, b)...)
	}
	found = appendDifferences(found, call.Differ(fn, d.a.Header(), a, b, d.result.SameModule))
	if d.o.Arguments {
		return found
	}
	return append(found, d.compareResults(fn, a, b)...)
}

// sameColumns is the short way for events that are alike in all but times.
func sameColumns(a, b *format.Event) bool {
	return a.Has == b.Has && a.Task == b.Task && a.P == b.P && a.Hash == b.Hash && bytes.Equal(a.Input, b.Input) && sameResults(a, b)
}

func appendDifferences(found []Difference, more []call.Difference) []Difference {
	for _, m := range more {
		found = append(found, Difference{m.Name, m.Recorded, m.Now})
	}
	return found
}

// compareOther compares events that are not calls. What is in Hash, of exit and
// trap events, is the memory: that of another module is another. Of an export
// only a component's is described.
func (d *differ) compareOther(fn *format.Function, a, b *format.Event) []Difference {
	if fn != nil && (fn.Signature == "" || a.Kind != format.KindStart && a.Kind != format.KindExport) {
		fn = nil
	}
	x, y := *a, *b
	if !d.result.SameModule {
		x.Hash, y.Hash = 0, 0
	}
	found := appendDifferences(nil, call.Differ(fn, d.a.Header(), &x, &y, true))
	if d.o.Arguments && a.Kind == format.KindExport {
		return found
	}
	return appendDifferences(found, call.DifferResults(fn, d.a.Header(), d.b.Header(), a, b))
}

// compareResults compares what calls gave back. Times are hidden only where
// something differs, so that equal calls cost nothing.
func (d *differ) compareResults(fn *format.Function, a, b *format.Event) []Difference {
	ha, hb := d.a.Header(), d.b.Header()
	if fn != nil && !d.o.Times {
		if sameResults(a, b) {
			return nil
		}
		a, b = withoutTimes(fn, ha, a), withoutTimes(fn, hb, b)
	}
	return appendDifferences(nil, call.DifferResults(fn, ha, hb, a, b))
}

// sameResults compares columns. What a null Value stands for is a time.
func sameResults(a, b *format.Event) bool {
	const columns = format.HasErrno | format.HasValue | format.HasOutput
	return (a.Has^b.Has)&columns == 0 && a.Errno == b.Errno && a.Value == b.Value && bytes.Equal(a.Output, b.Output)
}

// fileTimes is where the times of a filestat begin: atim, mtim and ctim are its
// last 24 bytes.
const fileTimes = 40

// withoutTimes returns a copy of a call with all times that it gave as 0.
func withoutTimes(fn *format.Function, h *format.Header, e *format.Event) *format.Event {
	c := *e
	c.Output = bytes.Clone(e.Output)
	for _, r := range call.SplitOutput(fn, h, &c) {
		switch {
		case r.Region.Role == "filestat" && len(r.Data) > fileTimes:
			clear(r.Data[fileTimes:])
		case r.Region.Role == "clock":
			c.Value, c.Has = 0, c.Has|format.HasValue
		}
	}
	return &c
}

// ring keeps the last events, reusing their memory.
type ring struct {
	slots []format.Event
	n     int
}

func (r *ring) add(e *format.Event) {
	if len(r.slots) == 0 {
		return
	}
	s := &r.slots[r.n%len(r.slots)]
	input, output := append(s.Input[:0], e.Input...), append(s.Output[:0], e.Output...)
	*s = *e
	s.Input, s.Output = input, output
	r.n++
}

// all yields the events kept, oldest first.
func (r *ring) all() iter.Seq[*format.Event] {
	return func(yield func(*format.Event) bool) {
		for i := max(0, r.n-len(r.slots)); i < r.n; i++ {
			if !yield(&r.slots[i%len(r.slots)]) {
				return
			}
		}
	}
}
