package reader

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/format"
)

// Query narrows the events down that Events yields. Conditions are combined:
// an event must meet all of them. The zero value asks for every event. Bounds
// are half-open: From is included, To is not, and a To of 0 stands for no
// bound.
type Query struct {
	FromEvent, ToEvent int64         // number of the event in this trace
	FromTime, ToTime   int64         // when it began, ns since the Unix epoch
	Kinds              []format.Kind // one of these; none: any
	// Functions are names like "fd_write", or with their module like
	// "wasi_snapshot_preview1.fd_write". A * stands for any text.
	Functions []string
	Errors    bool    // only events whose error number is not 0
	Errno     []int32 // one of these error numbers
	Task      *int32
	// Match has the last word. The event is only valid during the call.
	Match func(*format.Event) bool

	// RawParts yields part rows as they are, instead of joining them with the
	// row that they precede.
	RawParts bool
	// Fields are the nullable columns that the caller needs: others may be
	// left out, which is faster. 0 stands for all.
	Fields format.Fields
}

// filter is a query made ready for a table.
type filter struct {
	*Query
	table     *table
	from      int64 // FromEvent, or the first of the parts before it
	kinds     [128]bool
	functions map[uint32]bool // by module and function code, once asked for
	tests     columnSet       // columns that decide
	needs     columnSet       // columns that the caller gets
}

func newFilter(q *Query, t *table, from int64) *filter {
	f := &filter{Query: q, table: t, from: from, functions: map[uint32]bool{}}
	for _, k := range q.Kinds {
		if k >= 0 {
			f.kinds[k] = true
		}
	}
	f.tests = f.testColumns()
	f.needs = columnsOf(q.Fields) | f.tests
	return f
}

// columnsOf returns the columns of fields, 0 for all, and those that are never
// null.
func columnsOf(fields format.Fields) columnSet {
	if fields == 0 {
		return allColumns
	}
	columns := columnSet(1<<format.ColTime | 1<<format.ColKind | 1<<format.ColTask | 1<<format.ColSeq)
	for ; fields != 0; fields &= fields - 1 {
		if bit := bits.TrailingZeros32(uint32(fields)); bit < len(fieldColumns) {
			columns |= 1 << fieldColumns[bit]
		}
	}
	return columns
}

// testColumns returns the columns that the query's conditions are about.
func (f *filter) testColumns() columnSet {
	var tests columnSet
	for _, c := range []struct {
		on      bool
		columns columnSet
	}{
		{f.FromTime != 0 || f.ToTime != 0, 1 << format.ColTime},
		{len(f.Kinds) > 0, 1 << format.ColKind},
		{len(f.Functions) > 0, 1<<format.ColModule | 1<<format.ColFunction},
		{f.Errors || len(f.Errno) > 0, 1 << format.ColErrno},
		{f.Task != nil, 1 << format.ColTask},
	} {
		if c.on {
			tests |= c.columns
		}
	}
	return tests
}

func (f *filter) joins() bool { return !f.RawParts }

// segment reports whether a segment may hold an event that the query asks for,
// by its row of the index. Segments with parts are kept for their functions'
// sake: the row that they precede may be in the next one.
func (f *filter) segment(row *format.Frame) bool {
	if f.ToEvent > 0 && row.FirstEvent >= f.ToEvent || row.FirstEvent+row.Rows <= f.from {
		return false
	}
	if row.Functions == nil {
		return f.overlaps(row)
	}
	parts, some := false, false
	for i := range row.Functions {
		s := &row.Functions[i]
		if len(f.Functions) > 0 && !f.matchFunction(s.Module, s.Function) {
			continue
		}
		parts = parts || s.Kind == format.KindPart.String()
		some = some || f.countsIn(s)
	}
	return f.joins() && parts || some && f.overlaps(row)
}

// overlaps reports whether times of the segment lie in the query's.
func (f *filter) overlaps(row *format.Frame) bool {
	return (f.FromTime == 0 || row.LastTimeNS >= f.FromTime) && (f.ToTime == 0 || row.FirstTimeNS < f.ToTime)
}

func (f *filter) countsIn(s *format.FunctionStats) bool {
	if (f.Errors || (len(f.Errno) > 0 && !slices.Contains(f.Errno, 0))) && s.Errors == 0 {
		return false
	}
	if len(f.Kinds) == 0 {
		return true
	}
	k := slices.Index(f.table.kinds, s.Kind)
	return k >= 0 && f.kinds[k]
}

// row reports whether row i meets the conditions, but for Match. The columns
// of tests must be loaded.
func (f *filter) row(b *Batch, i int) bool {
	if len(f.Kinds) > 0 && !f.kinds[b.Kind[i]] {
		return false
	}
	if f.FromTime != 0 && b.Time[i] < f.FromTime || f.ToTime != 0 && b.Time[i] >= f.ToTime {
		return false
	}
	if f.Errors && at(b.Errno, i) == 0 {
		return false
	}
	if len(f.Errno) > 0 && (b.Has(i)&format.HasErrno == 0 || !slices.Contains(f.Errno, b.Errno[i])) {
		return false
	}
	if f.Task != nil && b.Task[i] != *f.Task {
		return false
	}
	return len(f.Functions) == 0 || f.function(b, i)
}

// function reports whether row i is of one of the functions.
func (f *filter) function(b *Batch, i int) bool {
	if b.Has(i)&format.HasFunction == 0 {
		return false
	}
	module := -1
	if b.Has(i)&format.HasModule != 0 {
		module = int(b.Module[i])
	}
	key := uint32(module+1)<<16 | uint32(uint16(b.Function[i]))
	match, known := f.functions[key]
	if !known {
		name := ""
		if module >= 0 {
			name = f.table.modules[module]
		}
		match = f.matchFunction(name, f.table.functions[b.Function[i]])
		f.functions[key] = match
	}
	return match
}

func (f *filter) matchFunction(module, function string) bool {
	if function == "" {
		return false
	}
	return slices.ContainsFunc(f.Functions, func(pattern string) bool {
		return Glob(pattern, function) || strings.Contains(pattern, ".") && Glob(pattern, module+"."+function)
	})
}

// Glob reports whether text is of the pattern, in which * stands for any text.
func Glob(pattern, text string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, head) {
		return false
	}
	text = text[len(head):]
	for {
		piece, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(text, piece)
		}
		i := strings.Index(text, piece)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(piece):], more
	}
}
