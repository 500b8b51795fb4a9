// Package stats counts the events of a segment per kind and function: what the
// index keeps of each segment and the footer of all. The writer counts when it
// seals a segment, the reader when it verifies one or shows an open one.
package stats

import (
	"slices"

	"github.com/tracetool/tracetool/format"
)

// Columns are the columns of a segment that statistics are made from. Each is
// as long as Kind, but for InputEnd and OutputEnd, which have one more element:
// row i has the bytes from End[i] to End[i+1]. A column in which no row has a
// value may be nil.
type Columns struct {
	Kind      []int8   // codes in KindNames
	Module    []int16  // codes in the list of modules
	Function  []int16  // codes in the list of functions
	Errno     []int32  //
	Value     []int64  //
	Duration  []int64  // ns
	InputEnd  []int64  //
	OutputEnd []int64  //
	Has       []uint32 // a format.Fields for each row: what is not null
	// KindNames are the names of the kinds; nil stands for format.KindNames.
	KindNames []string
}

// Of returns the statistics of a segment, ordered by the codes of kind, module
// and function. A code outside its list counts as an empty name. header says
// which functions move bytes through vectors; it may be nil.
func Of(b Columns, header *format.Header, modules, functions []string) []format.FunctionStats {
	c := counter{index: make(map[key]*group)}
	for i := 0; i < len(b.Kind); {
		k := b.key(i)
		g := c.group(k)
		if g.count == 0 {
			g.vectors = k.kind == int8(format.KindCall) && vectors(header, name(modules, k.module), name(functions, k.function))
		}
		end := b.run(i)
		g.add(&b, i, end)
		i = end
	}
	return c.stats(b.KindNames, modules, functions)
}

func (b *Columns) key(i int) key {
	k := key{b.Kind[i], -1, -1}
	if format.Fields(b.Has[i])&format.HasModule != 0 {
		k.module = b.Module[i]
	}
	if format.Fields(b.Has[i])&format.HasFunction != 0 {
		k.function = b.Function[i]
	}
	return k
}

// run returns the end of the rows from i on that have the key and the fields
// of row i: programs repeat themselves, and a run is counted faster than rows.
func (b *Columns) run(i int) int {
	kinds := b.Kind
	masks := b.Has[:len(kinds)]
	kind, has := kinds[i], masks[i]
	functions, modules := masked(b.Function, has, format.HasFunction), masked(b.Module, has, format.HasModule)
	end := i + 1
	for end < len(kinds) && masks[end] == has && kinds[end] == kind &&
		(functions == nil || functions[end] == functions[i]) && (modules == nil || modules[end] == modules[i]) {
		end++
	}
	return end
}

// masked returns the codes if they are among the fields.
func masked(codes []int16, has uint32, field format.Fields) []int16 {
	if has&uint32(field) == 0 {
		return nil
	}
	return codes
}

type key struct {
	kind             int8
	module, function int16
}

// denseKinds and denseFunctions bound the codes that are found without a map,
// for no module or the first: nearly all events of a recording.
const (
	denseKinds     = 16
	denseFunctions = 128
)

// counter finds the group of a key: by array for common keys, else by map.
type counter struct {
	dense [2 * denseKinds * denseFunctions]*group
	index map[key]*group
}

func (c *counter) group(k key) *group {
	if uint8(k.kind) >= denseKinds || uint16(k.module+1) >= 2 || uint16(k.function+1) >= denseFunctions {
		return c.indexed(k)
	}
	at := (int(k.module+1)*denseKinds+int(k.kind))*denseFunctions + int(k.function+1)
	g := c.dense[at%len(c.dense)]
	if g == nil {
		g = c.indexed(k)
		c.dense[at] = g
	}
	return g
}

func (c *counter) indexed(k key) *group {
	g := c.index[k]
	if g == nil {
		g = &group{key: k}
		c.index[k] = g
	}
	return g
}

// group counts the events of one key.
type group struct {
	key
	vectors                                  bool
	count, errors, bytes, timed, total, most int64
	times                                    *[format.NumBuckets]int64
}

// add counts the rows from i up to end, which have the same fields.
func (g *group) add(b *Columns, i, end int) {
	has := format.Fields(b.Has[i])
	g.count += int64(end - i)
	if has&format.HasErrno != 0 {
		for _, errno := range b.Errno[i:end] {
			if errno != 0 {
				g.errors++
			}
		}
	}
	if has&format.HasDuration != 0 {
		g.addTimes(b.Duration[i:end])
	}
	if g.vectors {
		g.addValues(b, i, end, has)
		return
	}
	if has&format.HasInput != 0 {
		g.bytes += b.InputEnd[end] - b.InputEnd[i]
	}
	if has&format.HasOutput != 0 {
		g.bytes += b.OutputEnd[end] - b.OutputEnd[i]
	}
}

// addValues counts the bytes that calls moved through vectors.
func (g *group) addValues(b *Columns, i, end int, has format.Fields) {
	if has&format.HasValue == 0 {
		return
	}
	for ; i < end; i++ {
		if has&format.HasErrno == 0 || b.Errno[i] == 0 {
			g.bytes = format.Sum(g.bytes, b.Value[i])
		}
	}
}

func (g *group) addTimes(durations []int64) {
	if g.times == nil {
		g.times = new([format.NumBuckets]int64)
	}
	g.timed += int64(len(durations))
	for _, ns := range durations {
		g.total = format.Sum(g.total, ns)
		g.most = max(g.most, ns)
		g.times[format.BucketOf(ns)]++
	}
}

func (c *counter) stats(kinds, modules, functions []string) []format.FunctionStats {
	if kinds == nil {
		kinds = format.KindNames()
	}
	groups := make([]*group, 0, len(c.index))
	for _, g := range c.index {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *group) int {
		if a.kind != b.kind {
			return int(a.kind) - int(b.kind)
		}
		if a.module != b.module {
			return int(a.module) - int(b.module)
		}
		return int(a.function) - int(b.function)
	})
	stats := make([]format.FunctionStats, len(groups))
	for i, g := range groups {
		stats[i] = format.FunctionStats{
			Kind: name(kinds, int16(g.kind)), Module: name(modules, g.module), Function: name(functions, g.function),
			Count: g.count, Errors: g.errors, Bytes: g.bytes, Timed: g.timed, TotalNS: g.total, MaxNS: g.most,
			Times: g.histogram(),
		}
	}
	return stats
}

func (g *group) histogram() format.Histogram {
	if g.times == nil {
		return nil
	}
	var h format.Histogram
	for b, n := range g.times {
		if n > 0 {
			h = append(h, format.BucketCount{Bucket: int16(b), Count: n})
		}
	}
	return h
}

func name(names []string, code int16) string {
	if code < 0 || int(code) >= len(names) {
		return ""
	}
	return names[code]
}

// vectors reports whether a function gathers or scatters, so that its value is
// the count of bytes moved.
func vectors(h *format.Header, module, function string) bool {
	if h == nil {
		return false
	}
	for i := range h.Functions {
		f := &h.Functions[i]
		if f.Module == module && f.Name == function {
			return slices.ContainsFunc(slices.Concat(f.Reads, f.Writes), func(r format.Region) bool {
				return r.Kind == format.RegionGather || r.Kind == format.RegionScatter
			})
		}
	}
	return false
}
