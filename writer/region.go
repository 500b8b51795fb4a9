package writer

import (
	"math"
	"unsafe"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/format/stats"
)

// region is the memory of one open segment: columns that rows are appended to
// in place. It lies in the mapped sidecar, or on the heap where there is none.
// Elements that are null are 0, so that they compress to nothing.
type region struct {
	memory   []byte
	slot     *slot // nil without a sidecar
	capacity int64

	time, duration, value []int64
	hash                  []uint64
	p                     [format.NumParams][]int64
	inputEnd, outputEnd   []int64 // one more than rows: element 0 is 0
	has                   []uint32
	task, errno           []int32
	module, function      []int16
	kind                  []int8
	input, output         []byte
	seq                   []int64 // only with Options.Seq

	rows       int64
	segment    int64
	firstEvent int64
	used       format.Fields // columns that are not all zero
	exit       *format.Exit
}

func newRegion(memory []byte, rows, input, output int64, seq bool) *region {
	layout := format.NewSidecarRegion(rows, input, output)
	base := unsafe.Pointer(unsafe.SliceData(memory))
	r := &region{memory: memory, capacity: rows}
	i64 := func(c int, n int64) []int64 { return unsafe.Slice((*int64)(unsafe.Add(base, layout.Columns[c])), n) }
	r.time, r.duration, r.value = i64(format.SideTime, rows), i64(format.SideDuration, rows), i64(format.SideValue, rows)
	r.hash = unsafe.Slice((*uint64)(unsafe.Add(base, layout.Columns[format.SideHash])), rows)
	for k := range r.p {
		r.p[k] = i64(format.SideP0+k, rows)
	}
	r.inputEnd, r.outputEnd = i64(format.SideInputEnd, rows+1), i64(format.SideOutputEnd, rows+1)
	r.has = unsafe.Slice((*uint32)(unsafe.Add(base, layout.Columns[format.SideHas])), rows)
	r.task = unsafe.Slice((*int32)(unsafe.Add(base, layout.Columns[format.SideTask])), rows)
	r.errno = unsafe.Slice((*int32)(unsafe.Add(base, layout.Columns[format.SideErrno])), rows)
	r.module = unsafe.Slice((*int16)(unsafe.Add(base, layout.Columns[format.SideModule])), rows)
	r.function = unsafe.Slice((*int16)(unsafe.Add(base, layout.Columns[format.SideFunction])), rows)
	r.kind = unsafe.Slice((*int8)(unsafe.Add(base, layout.Columns[format.SideKind])), rows)
	r.input = memory[layout.Input : layout.Input+input]
	r.output = memory[layout.Output : layout.Output+output]
	if seq {
		r.seq = make([]int64, rows)
	}
	return r
}

// reset makes the region ready for the segment that begins with an event.
func (r *region) reset(segment, firstEvent int64) {
	n := r.rows
	zero(r.duration, n, r.used&format.HasDuration)
	zero(r.value, n, r.used&format.HasValue)
	zero(r.hash, n, r.used&format.HasHash)
	zero(r.errno, n, r.used&format.HasErrno)
	zero(r.module, n, r.used&format.HasModule)
	zero(r.function, n, r.used&format.HasFunction)
	for k := range r.p {
		zero(r.p[k], n, r.used&(format.HasP0<<k))
	}
	r.rows, r.used, r.exit = 0, 0, nil
	r.segment, r.firstEvent = segment, firstEvent
}

// usage is how many bytes a row has on average.
type usage struct{ input, output int64 }

func (r *region) usage() usage {
	n := r.rows
	return usage{(r.inputEnd[n] + n - 1) / n, (r.outputEnd[n] + n - 1) / n}
}

// zero clears the first n elements of a column that was used.
func zero[T any](column []T, n int64, used format.Fields) {
	if used != 0 {
		clear(column[:n])
	}
}

// fits reports whether there is room for one more row with that many bytes.
func (r *region) fits(input, output int) bool {
	n := r.rows
	return n < r.capacity &&
		int(r.inputEnd[n])+input <= len(r.input) && int(r.outputEnd[n])+output <= len(r.output)
}

// append adds a row, for which there must be room.
func (r *region) append(e *format.Event) {
	i := r.rows
	has := e.Has
	r.time[i] = e.Time
	r.kind[i] = int8(e.Kind)
	r.task[i] = e.Task
	r.has[i] = uint32(has)
	if has&(format.HasModule|format.HasFunction) != 0 {
		r.module[i], r.function[i] = e.Module, e.Function
	}
	if has&format.HasErrno != 0 {
		r.errno[i] = e.Errno
	}
	if has&format.HasDuration != 0 {
		r.duration[i] = e.Duration
	}
	if has&format.HasValue != 0 {
		r.value[i] = e.Value
	}
	if has&format.HasHash != 0 {
		r.hash[i] = e.Hash
	}
	for k, rest := 0, has/format.HasP0&(1<<format.NumParams-1); rest != 0; k, rest = k+1, rest>>1 {
		if rest&1 != 0 {
			r.p[k][i] = e.P[k]
		}
	}
	in, out := r.inputEnd[i], r.outputEnd[i]
	if has&format.HasInput != 0 {
		in += int64(copy(r.input[in:], e.Input))
	}
	if has&format.HasOutput != 0 {
		out += int64(copy(r.output[out:], e.Output))
	}
	r.inputEnd[i+1], r.outputEnd[i+1] = in, out
	if r.seq != nil {
		r.seq[i] = e.Seq
	}
	r.used |= has
	r.rows = i + 1
	if r.slot != nil {
		publish(r.slot.count, i+1)
	}
}

// raw returns the memory of the first n elements of a column.
func raw[T int8 | int16 | int32 | int64 | uint32 | uint64](column []T, n int64) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(column))), n*int64(unsafe.Sizeof(zero)))
}

// batch lays the rows out as the event table. It shares the region's memory.
func (r *region) batch() *ipc.Batch {
	n := r.rows
	always, ever := r.presence()
	b := &ipc.Batch{Rows: n}
	nullable := func(bit format.Fields, data []byte) {
		r.addValidity(b, bit, always, ever)
		if ever&bit == 0 {
			b.Buffers = append(b.Buffers, ipc.Buffer{Zeros: len(data)})
			return
		}
		b.Buffers = append(b.Buffers, ipc.Buffer{Data: data})
	}
	full := func(data []byte) {
		b.Nodes = append(b.Nodes, ipc.Node{Length: n})
		b.Buffers = append(b.Buffers, ipc.Buffer{}, ipc.Buffer{Data: data})
	}
	words := func(back int) { b.Buffers[len(b.Buffers)-1].Words = back }
	codes := func() { b.Buffers[len(b.Buffers)-1].Codes = true }
	full(raw(r.time, n))
	words(1)
	if (ever&^always)&format.HasDuration != 0 {
		fill(r.duration[:n], r.has[:n], uint32(format.HasDuration), ipc.Jitter)
	}
	nullable(format.HasDuration, raw(r.duration, n))
	words(ipc.Jitter)
	full(raw(r.kind, n))
	codes()
	nullable(format.HasModule, raw(r.module, n))
	codes()
	nullable(format.HasFunction, raw(r.function, n))
	codes()
	full(raw(r.task, n))
	codes()
	nullable(format.HasErrno, raw(r.errno, n))
	codes()
	nullable(format.HasValue, raw(r.value, n))
	nullable(format.HasHash, raw(r.hash, n))
	for k := range r.p {
		nullable(format.HasP0<<k, raw(r.p[k], n))
	}
	nullable(format.HasInput, raw(r.inputEnd, n+1))
	words(1)
	b.Buffers = append(b.Buffers, ipc.Buffer{Data: r.input[:r.inputEnd[n]], Bytes: true})
	nullable(format.HasOutput, raw(r.outputEnd, n+1))
	words(1)
	b.Buffers = append(b.Buffers, ipc.Buffer{Data: r.output[:r.outputEnd[n]], Bytes: true})
	if r.seq != nil {
		full(raw(r.seq, n))
		words(1)
	}
	return b
}

// fill gives elements that are null the value that stands back elements before,
// which is what the encoder compares them with: nothing of them is encoded then.
func fill(column []int64, has []uint32, bit uint32, back int) {
	for i := back; i < len(column); i++ {
		if has[i]&bit == 0 {
			column[i] = column[i-back]
		}
	}
}

// presence returns which nullable columns have a value in every row, and
// which in any.
func (r *region) presence() (always, ever format.Fields) {
	all, any := ^uint32(0), uint32(0)
	for _, h := range r.has[:r.rows] {
		all &= h
		any |= h
	}
	return format.Fields(all), format.Fields(any)
}

func (r *region) addValidity(b *ipc.Batch, bit, always, ever format.Fields) {
	n := r.rows
	switch {
	case always&bit != 0:
		b.Nodes = append(b.Nodes, ipc.Node{Length: n})
		b.Buffers = append(b.Buffers, ipc.Buffer{})
	case ever&bit == 0:
		b.Nodes = append(b.Nodes, ipc.Node{Length: n, Nulls: n})
		b.Buffers = append(b.Buffers, ipc.Buffer{Zeros: int(n+7) / 8})
	default:
		bits, nulls := validity(r.has[:n], uint32(bit))
		b.Nodes = append(b.Nodes, ipc.Node{Length: n, Nulls: nulls})
		b.Buffers = append(b.Buffers, ipc.Buffer{Data: bits})
	}
}

func validity(has []uint32, bit uint32) (bits []byte, nulls int64) {
	bits = make([]byte, (len(has)+7)/8)
	for i, h := range has {
		if h&bit != 0 {
			bits[i/8] |= 1 << (i % 8)
		} else {
			nulls++
		}
	}
	return bits, nulls
}

// times returns the earliest and the latest time.
func (r *region) times() (first, last int64) {
	if r.rows == 0 {
		return 0, 0
	}
	first, last = math.MaxInt64, math.MinInt64
	for _, t := range r.time[:r.rows] {
		first, last = min(first, t), max(last, t)
	}
	return first, last
}

// columns gives the rows to the computation of statistics.
func (r *region) columns() stats.Columns {
	n := r.rows
	return stats.Columns{
		Has: r.has[:n], Kind: r.kind[:n], Module: r.module[:n], Function: r.function[:n],
		Errno: r.errno[:n], Value: r.value[:n], Duration: r.duration[:n],
		InputEnd: r.inputEnd[:n+1], OutputEnd: r.outputEnd[:n+1],
	}
}
