package reader

import (
	"errors"
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/format/stats"
)

// Batch is one segment of the event table, decoded. Its slices are Rows long,
// or nil where no row of the segment has a value; rows in which the column is
// null hold 0. Kinds, modules and functions are codes in File.Kinds, Modules
// and Functions. A Batch is read-only and may be used by many goroutines.
type Batch struct {
	Segment    int
	FirstEvent int64 // number of row 0
	Rows       int

	Time, Duration, Value []int64 // ns since the Unix epoch, ns, scalar
	Hash                  []uint64
	Kind                  []int8
	Module, Function      []int16
	Task, Errno           []int32
	P                     [format.NumParams][]int64

	params        int // columns of P from the first to the last that is not nil
	input, output heap
	seq           []int64
	always        format.Fields // columns without nulls
	has           []uint32      // per row; nil if no column has both nulls and values
	rawBytes      int64         // of the buffers before compression
	loaded        columnSet
	memory        *scratch // nil unless it is to be used again
	encoded       *encoded // columns that are not loaded yet; nil for open segments
}

// heap is a column of bytes: row i has data[ends[i]:ends[i+1]].
type heap struct {
	ends []int64
	data []byte
}

// encoded is a batch's content and what its columns are checked against.
type encoded struct {
	*content
	table  *table
	memory *scratch // to decode into; nil: each buffer is allocated
	own    bool     // decode into memory of the batch's own
}

// columnSet is a set of columns of the event table, bit by position.
type columnSet uint32

const allColumns columnSet = 1<<(format.ColSeq+1) - 1

// fieldColumns are the columns of the bits of format.Fields, in their order.
var fieldColumns = [...]int{
	format.ColDuration, format.ColModule, format.ColFunction, format.ColErrno, format.ColValue, format.ColHash,
	format.ColP0, format.ColP0 + 1, format.ColP0 + 2, format.ColP0 + 3, format.ColP0 + 4, format.ColP0 + 5,
	format.ColP0 + 6, format.ColP0 + 7, format.ColP0 + 8, format.ColInput, format.ColOutput,
}

// columnFields is the inverse; 0 for columns that are never null.
var columnFields = func() (fields [format.ColSeq + 1]format.Fields) {
	for bit, c := range fieldColumns {
		fields[c] = 1 << bit
	}
	return fields
}()

// Has returns which nullable columns hold a value in row i.
func (b *Batch) Has(i int) format.Fields {
	if b.has == nil {
		return b.always
	}
	return format.Fields(b.has[i])
}

// Input returns the bytes from guest to host in row i, nil if there are none.
// They are the batch's own: do not change them.
func (b *Batch) Input(i int) []byte { return b.bytes(&b.input, i, format.HasInput) }

// Output returns the bytes from host to guest in row i, as Input does.
func (b *Batch) Output(i int) []byte { return b.bytes(&b.output, i, format.HasOutput) }

func (b *Batch) bytes(h *heap, i int, field format.Fields) []byte {
	if h.ends == nil || b.Has(i)&field == 0 {
		return nil
	}
	return h.data[h.ends[i]:h.ends[i+1]:h.ends[i+1]]
}

// Seq returns the number of the event in row i: its place in this trace, or in
// the one that it was filtered or merged from.
func (b *Batch) Seq(i int) int64 {
	if b.seq != nil {
		return b.seq[i]
	}
	return b.FirstEvent + int64(i)
}

// Event stores row i in e. Input and Output are the batch's own bytes.
func (b *Batch) Event(i int, e *format.Event) {
	*e = format.Event{}
	b.fill(i, e)
}

// fill stores row i in an event whose fields are 0 where the segment has no
// column for them.
func (b *Batch) fill(i int, e *format.Event) {
	has := b.Has(i)
	e.Time, e.Kind, e.Task, e.Has, e.Seq = at(b.Time, i), format.Kind(at(b.Kind, i)), at(b.Task, i), has, b.Seq(i)
	if b.Duration != nil {
		e.Duration = b.Duration[i]
	}
	if b.Module != nil {
		e.Module = b.Module[i]
	}
	if b.Function != nil {
		e.Function = b.Function[i]
	}
	if b.Errno != nil {
		e.Errno = b.Errno[i]
	}
	if b.Value != nil {
		e.Value = b.Value[i]
	}
	if b.Hash != nil {
		e.Hash = b.Hash[i]
	}
	for p, column := range b.P[:b.params] {
		e.P[p] = at(column, i)
	}
	if b.input.ends != nil {
		e.Input = b.bytes(&b.input, i, format.HasInput)
	}
	if b.output.ends != nil {
		e.Output = b.bytes(&b.output, i, format.HasOutput)
	}
}

// at returns row i of a column, 0 where the segment does not have it.
func at[T any](column []T, i int) (v T) {
	if i < len(column) {
		return column[i]
	}
	return v
}

// load decodes the columns that are not decoded yet.
func (b *Batch) load(columns columnSet) error {
	if b.encoded == nil {
		return nil
	}
	if !b.encoded.table.seq {
		columns &^= 1 << format.ColSeq
	}
	for todo := columns &^ b.loaded; todo != 0; todo &= todo - 1 {
		c := bits.TrailingZeros32(uint32(todo))
		if err := b.loadColumn(c); err != nil {
			return fmt.Errorf("column %q: %w", b.encoded.table.schema.Field(c).Name, err)
		}
	}
	b.countParams()
	if b.loaded |= columns; b.loaded|1<<format.ColSeq == allColumns {
		b.encoded = nil // lets the compressed bytes go
	}
	return nil
}

func (b *Batch) countParams() {
	for b.params = len(b.P); b.params > 0 && b.P[b.params-1] == nil; b.params-- {
	}
}

// bufferOf returns the number of a column's first buffer. Columns have two
// buffers, but for input and output, which have three.
func bufferOf(column int) int {
	return 2*column + min(max(column-format.ColInput, 0), 2)
}

func (b *Batch) loadColumn(c int) error {
	m, field := b.encoded.m, columnFields[c]
	if c >= len(m.Nodes) {
		return fmt.Errorf("no node %d: the message has %d", c, len(m.Nodes))
	}
	n := m.Nodes[c]
	if n.Length != int64(b.Rows) || n.Nulls < 0 || n.Nulls > n.Length || (n.Nulls > 0 && field == 0) {
		return fmt.Errorf("length %d with %d nulls, want length %d", n.Length, n.Nulls, b.Rows)
	}
	if field != 0 && n.Nulls == n.Length {
		return nil
	}
	// Columns that are changed in place must be the batch's own.
	b.encoded.own = n.Nulls > 0 || c == format.ColKind && b.encoded.table.kindCodes != nil
	if err := b.loadValues(c, bufferOf(c)+1); err != nil {
		return err
	}
	if n.Nulls == 0 {
		b.setAll(field)
	} else if err := b.loadValidity(c, n.Nulls); err != nil {
		return err
	}
	return b.checkCodes(c)
}

func (b *Batch) setAll(field format.Fields) {
	b.always |= field
	for i := range b.has {
		b.has[i] |= uint32(field)
	}
}

// loadValidity notes in which rows a column has values.
func (b *Batch) loadValidity(c int, nulls int64) error {
	validity, err := b.encoded.Buffer(bufferOf(c))
	if err != nil {
		return err
	}
	if len(validity) < (b.Rows+7)/8 {
		return fmt.Errorf("validity of %d bytes for %d rows", len(validity), b.Rows)
	}
	if b.has == nil {
		b.has = b.memory.masksOf(b.Rows)
		for i := range b.has {
			b.has[i] = uint32(b.always)
		}
	}
	if found := int64(mark(b.has, uint32(columnFields[c]), validity)); found != nulls {
		return fmt.Errorf("validity has %d nulls, the node says %d", found, nulls)
	}
	b.clearNulls(c)
	return nil
}

// mark sets the bit in the masks of the rows that are valid and returns how
// many are not.
func mark(has []uint32, bit uint32, validity []byte) (nulls int) {
	for len(has) >= 8 {
		v, rows := validity[0], has[:8]
		switch v {
		case 0:
		case 0xFF:
			for i := range rows {
				rows[i] |= bit
			}
		default:
			for i := range rows {
				rows[i] |= bit & -uint32(v>>i&1)
			}
		}
		nulls += 8 - bits.OnesCount8(v)
		has, validity = has[8:], validity[1:]
	}
	for i := range has {
		v := uint32(validity[0] >> i & 1)
		has[i] |= bit & -v
		nulls += 1 - int(v)
	}
	return nulls
}

// clearNulls sets a column's values to 0 in rows in which it is null.
func (b *Batch) clearNulls(c int) {
	bit := uint32(columnFields[c])
	switch c {
	case format.ColDuration:
		clearNulls(b.Duration, b.has, bit)
	case format.ColModule:
		clearNulls(b.Module, b.has, bit)
	case format.ColFunction:
		clearNulls(b.Function, b.has, bit)
	case format.ColErrno:
		clearNulls(b.Errno, b.has, bit)
	case format.ColValue:
		clearNulls(b.Value, b.has, bit)
	case format.ColHash:
		clearNulls(b.Hash, b.has, bit)
	case format.ColInput, format.ColOutput:
	default:
		clearNulls(b.P[c-format.ColP0], b.has, bit)
	}
}

func clearNulls[T int16 | int32 | int64 | uint64](column []T, has []uint32, bit uint32) {
	has = has[:len(column)]
	for i := range column {
		if has[i]&bit == 0 {
			column[i] = 0
		}
	}
}

// loadValues decodes the values of a column, which start at a buffer.
func (b *Batch) loadValues(c, buffer int) (err error) {
	body, rows := b.encoded, b.Rows
	switch c {
	case format.ColTime:
		b.Time, err = values[int64](body, buffer, rows)
	case format.ColDuration:
		b.Duration, err = values[int64](body, buffer, rows)
	case format.ColKind:
		b.Kind, err = values[int8](body, buffer, rows)
	case format.ColModule:
		b.Module, err = values[int16](body, buffer, rows)
	case format.ColFunction:
		b.Function, err = values[int16](body, buffer, rows)
	case format.ColTask:
		b.Task, err = values[int32](body, buffer, rows)
	case format.ColErrno:
		b.Errno, err = values[int32](body, buffer, rows)
	case format.ColValue:
		b.Value, err = values[int64](body, buffer, rows)
	case format.ColHash:
		b.Hash, err = values[uint64](body, buffer, rows)
	case format.ColInput:
		b.input, err = loadHeap(body, buffer, rows)
	case format.ColOutput:
		b.output, err = loadHeap(body, buffer, rows)
	case format.ColSeq:
		b.seq, err = values[int64](body, buffer, rows)
	default:
		b.P[c-format.ColP0], err = values[int64](body, buffer, rows)
	}
	return err
}

// values returns a decoded buffer as the column it holds. All processors that
// we build for are little-endian, as Arrow's buffers are.
func values[T int8 | int16 | int32 | int64 | uint64](body *encoded, buffer, rows int) ([]T, error) {
	data, err := body.buffer(buffer)
	if err != nil {
		return nil, err
	}
	size := int(unsafe.Sizeof(*new(T)))
	if len(data) < rows*size {
		return nil, fmt.Errorf("buffer of %d bytes for %d rows", len(data), rows)
	}
	if rows == 0 {
		return nil, nil
	}
	if uintptr(unsafe.Pointer(&data[0]))%uintptr(size) != 0 {
		data = append(make([]byte, 0, rows*size), data[:rows*size]...)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&data[0])), rows), nil
}

func loadHeap(body *encoded, buffer, rows int) (h heap, err error) {
	if rows == 0 {
		return h, nil
	}
	if h.ends, err = values[int64](body, buffer, rows+1); err != nil {
		return h, err
	}
	if h.data, err = body.buffer(buffer + 1); err != nil {
		return h, err
	}
	return h, h.check()
}

// check makes sure that every row's bytes lie in the heap.
func (h *heap) check() error {
	last := int64(0)
	for i, end := range h.ends {
		if end < last {
			return fmt.Errorf("row %d: offset %d after %d", i, end, last)
		}
		last = end
	}
	if last > int64(len(h.data)) {
		return fmt.Errorf("offset %d in %d bytes", last, len(h.data))
	}
	return nil
}

// checkCodes checks that codes lie in their dictionary, and maps kinds to ours.
func (b *Batch) checkCodes(c int) error {
	t := b.encoded.table
	switch c {
	case format.ColKind:
		if err := below(b.Kind, t.numKinds()); err != nil {
			return err
		}
		for i := range b.Kind {
			if t.kindCodes == nil {
				break
			}
			b.Kind[i] = t.kindCodes[b.Kind[i]]
		}
	case format.ColModule:
		return below(b.Module, len(t.modules))
	case format.ColFunction:
		return below(b.Function, len(t.functions))
	}
	return nil
}

func below[T int8 | int16](codes []T, n int) error {
	var all T // negative if one is
	most := T(0)
	for _, c := range codes {
		all |= c
		most = max(most, c)
	}
	if len(codes) > 0 && (all < 0 || int(most) >= n) {
		return fmt.Errorf("code %d in a dictionary of %d", max(most, -all), n)
	}
	return nil
}

// times returns the first and last time of the segment's rows.
func (b *Batch) times() (first, last int64) {
	for i, t := range b.Time {
		if i == 0 || t < first {
			first = t
		}
		if i == 0 || t > last {
			last = t
		}
	}
	return first, last
}

// masks returns the mask of every row.
func (b *Batch) masks() []uint32 {
	if b.has != nil {
		return b.has
	}
	has := make([]uint32, b.Rows)
	for i := range has {
		has[i] = uint32(b.always)
	}
	return has
}

// stats counts the segment's events per kind and function.
func (b *Batch) stats(t *table) []format.FunctionStats {
	if b.Rows == 0 {
		return nil
	}
	return stats.Of(stats.Columns{
		Kind: b.Kind, Module: b.Module, Function: b.Function, Errno: b.Errno, Value: b.Value, Duration: b.Duration,
		InputEnd: b.input.ends, OutputEnd: b.output.ends, Has: b.masks(), KindNames: t.kinds,
	}, t.head, t.modules, t.functions)
}

var errForeign = errors.New("the table is not the event table: use Record")

// readBatch reads the frame of a segment; no column is decoded yet. The batch takes
// the memory, which may be nil.
func (s *source) readBatch(t *table, f *frame, segment int, memory *scratch) (*Batch, error) {
	if !t.events {
		return nil, errForeign
	}
	body, err := s.batch(f, memory.bodyOf())
	if err != nil {
		return nil, err
	}
	m := body.m
	const rowBytes = 8 // the time alone
	if m.Rows > s.limits.SegmentBytes/rowBytes {
		return nil, s.corrupt(segment, f.at, format.ErrLimit, "%d rows, the limit is %d bytes", m.Rows, s.limits.SegmentBytes)
	}
	if err := disjoint(m.Buffers); err != nil {
		return nil, s.damaged(f, err)
	}
	memory.serve(body)
	return &Batch{
		Segment: segment, FirstEvent: f.FirstEvent, Rows: int(m.Rows), rawBytes: body.rawBytes(),
		memory: memory, encoded: &encoded{content: body, table: t, memory: memory},
	}, nil
}

// disjoint checks that buffers follow each other. Columns are changed in place
// when nulls are cleared: an overlap could undo what has been checked.
func disjoint(buffers []ipc.Span) error {
	end := int64(0)
	for i, b := range buffers {
		if b.Length == 0 {
			continue
		}
		if b.Offset < end {
			return fmt.Errorf("buffer %d at byte %d of the body, the one before ends at %d", i, b.Offset, end)
		}
		end = b.Offset + b.Length
	}
	return nil
}
