package reader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unsafe"

	"github.com/google/uuid"

	"github.com/tracetool/tracetool/format"
)

// sidecar is what was read of a sidecar: copies of its slots in use, by
// segment.
type sidecar struct {
	id    uuid.UUID
	slots []openSlot
}

// openSlot is a copy of the complete rows of a slot.
type openSlot struct {
	format.SidecarSlot
	columns [format.NumSide][]byte
	input   []byte
	output  []byte
}

// errMoved means that a slot was taken for another segment while it was read.
var errMoved = errors.New("the recorder took the slot for another segment")

// readSidecar copies what a sidecar holds; nil if there is none.
func readSidecar(path string, limits format.Limits) (*sidecar, error) {
	f, err := OpenFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := parseSidecar(f, limits)
	if errors.Is(err, errMoved) {
		return nil, &format.CorruptError{Path: path, Segment: -1, Detail: err.Error()}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// slotReads bounds how often a slot is read again that a recorder is changing.
const slotReads = 100

func parseSidecar(r io.ReaderAt, limits format.Limits) (*sidecar, error) {
	header := make([]byte, format.SidecarHeaderSize)
	if n, err := r.ReadAt(header, 0); n < len(header) {
		if err == io.EOF { // its recorder has only begun, or died then
			return nil, nil
		}
		return nil, err
	}
	s := &sidecar{id: uuid.UUID(header[format.SidecarIDAt:])}
	if string(header[:len(format.SidecarMagic)]) != format.SidecarMagic {
		return nil, nil
	}
	for i := range format.SidecarSlots {
		slot, err := readSlot(r, i, limits)
		for n := 0; errors.Is(err, errMoved) && n < slotReads; n++ {
			slot, err = readSlot(r, i, limits)
		}
		if err != nil {
			return nil, err
		}
		if slot.Segment >= 0 {
			s.slots = append(s.slots, *slot)
		}
	}
	slices.SortFunc(s.slots, func(a, b openSlot) int { return int(min(1, max(-1, a.Segment-b.Segment))) })
	return s, nil
}

// readSlot copies a slot's rows, then checks that it is still the same slot.
func readSlot(r io.ReaderAt, i int, limits format.Limits) (*openSlot, error) {
	before, err := slotHeader(r, i)
	if err != nil {
		return nil, err
	}
	s := &openSlot{SidecarSlot: before}
	if s.Segment < 0 {
		return s, nil
	}
	if err := s.copy(r, limits); err != nil {
		return nil, err
	}
	after, err := slotHeader(r, i)
	if err != nil {
		return nil, err
	}
	if before.Segment != after.Segment || before.Offset != after.Offset || after.Count < before.Count {
		return nil, errMoved
	}
	return s, nil
}

func slotHeader(r io.ReaderAt, i int) (format.SidecarSlot, error) {
	header := make([]byte, format.SidecarHeaderSize)
	if _, err := r.ReadAt(header, 0); err != nil {
		return format.SidecarSlot{}, err
	}
	size, err := sizeOf(r)
	if err != nil {
		return format.SidecarSlot{}, err
	}
	slot, err := format.ParseSidecarSlot(header, i, size)
	if err != nil {
		return slot, fmt.Errorf("%w: %w", errMoved, err)
	}
	return slot, nil
}

// sizeOf returns the size of what a sidecar is read from.
func sizeOf(r io.ReaderAt) (int64, error) {
	switch r := r.(type) {
	case *os.File:
		info, err := r.Stat()
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	case interface{ Size() int64 }:
		return r.Size(), nil
	}
	return 0, errors.ErrUnsupported
}

func (s *openSlot) copy(r io.ReaderAt, limits format.Limits) error {
	layout := format.NewSidecarRegion(s.Rows, s.Input, s.Output)
	if n := layout.Input / max(s.Rows, 1) * s.Count; n > limits.SegmentBytes {
		return fmt.Errorf("%w: %d rows", format.ErrLimit, s.Count)
	}
	for c, at := range layout.Columns {
		n := s.Count * format.SideWidth(c)
		if c == format.SideInputEnd || c == format.SideOutputEnd {
			n += 8
		}
		s.columns[c] = make([]byte, n)
		if _, err := r.ReadAt(s.columns[c], s.Offset+at); err != nil {
			return err
		}
	}
	var err error
	if s.input, err = s.heap(r, format.SideInputEnd, layout.Input, s.Input, limits); err == nil {
		s.output, err = s.heap(r, format.SideOutputEnd, layout.Output, s.Output, limits)
	}
	return err
}

// heap copies the bytes of the complete rows.
func (s *openSlot) heap(r io.ReaderAt, ends int, at, capacity int64, limits format.Limits) ([]byte, error) {
	n := int64(binary.LittleEndian.Uint64(s.columns[ends][s.Count*8:]))
	n = min(max(n, 0), capacity)
	if n > limits.SegmentBytes {
		return nil, fmt.Errorf("%w: %d bytes in a segment", format.ErrLimit, n)
	}
	data := make([]byte, n)
	_, err := r.ReadAt(data, s.Offset+at)
	return data, err
}

// batch turns the slot's rows into a batch. A machine that stopped may have
// lost pages of the file: the rows before the first impossible one remain.
func (s *openSlot) batch(t *table, segment int) *Batch {
	rows := int(s.Count)
	b := &Batch{Segment: segment, FirstEvent: s.FirstEvent, Rows: rows, loaded: allColumns}
	b.Time, b.Duration, b.Value = column[int64](s, format.SideTime), column[int64](s, format.SideDuration), column[int64](s, format.SideValue)
	b.Hash, b.has = column[uint64](s, format.SideHash), column[uint32](s, format.SideHas)
	b.Task, b.Errno = column[int32](s, format.SideTask), column[int32](s, format.SideErrno)
	b.Module, b.Function = column[int16](s, format.SideModule), column[int16](s, format.SideFunction)
	b.Kind = column[int8](s, format.SideKind)
	for p := range b.P {
		b.P[p] = column[int64](s, format.SideP0+p)
	}
	b.input, b.output = heap{column[int64](s, format.SideInputEnd), s.input}, heap{column[int64](s, format.SideOutputEnd), s.output}
	b.cut(b.possible(t))
	b.dropNulls()
	b.rawBytes = int64(b.Rows)*openRowBytes + int64(len(s.input)+len(s.output))
	return b
}

// openRowBytes is what a row comes to in the event table, without its bytes.
const openRowBytes = 6*8 + 1 + 2*2 + 2*4 + format.NumParams*8

func column[T any](s *openSlot, c int) []T {
	data := s.columns[c]
	if len(data) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&data[0])), len(data)/int(unsafe.Sizeof(*new(T))))
}

// possible returns how many rows from the first on refer only to names and
// bytes that are there, and are not merely zeros.
func (b *Batch) possible(t *table) int {
	const fields = 1<<len(fieldColumns) - 1
	for i := range b.Rows {
		has := format.Fields(b.has[i])
		if has&^fields != 0 || has == 0 && b.Time[i] == 0 || b.Kind[i] < 0 || int(b.Kind[i]) >= t.numKinds() ||
			(has&format.HasModule != 0 && uint16(b.Module[i]) >= uint16(len(t.modules))) ||
			(has&format.HasFunction != 0 && uint16(b.Function[i]) >= uint16(len(t.functions))) ||
			!b.input.holds(i) || !b.output.holds(i) {
			return i
		}
	}
	return b.Rows
}

func (h *heap) holds(i int) bool {
	from, to := h.ends[i], h.ends[i+1]
	return 0 <= from && from <= to && to <= int64(len(h.data))
}

// cut shortens the batch to a number of rows.
func (b *Batch) cut(rows int) {
	b.Rows = rows
	b.Time, b.Duration, b.Value, b.Hash = b.Time[:rows], b.Duration[:rows], b.Value[:rows], b.Hash[:rows]
	b.has, b.Task, b.Errno = b.has[:rows], b.Task[:rows], b.Errno[:rows]
	b.Module, b.Function, b.Kind = b.Module[:rows], b.Function[:rows], b.Kind[:rows]
	for p := range b.P {
		b.P[p] = b.P[p][:rows]
	}
	b.input.ends, b.output.ends = b.input.ends[:rows+1], b.output.ends[:rows+1]
}

// dropNulls takes columns without values away and clears nulls in others.
func (b *Batch) dropNulls() {
	all, some := ^uint32(0), uint32(0)
	for _, has := range b.has {
		all &= has
		some |= has
	}
	b.always = format.Fields(all & some)
	for bit, c := range fieldColumns {
		switch field := uint32(1) << bit; {
		case some&field == 0:
			b.drop(c)
		case all&field == 0:
			b.clearNulls(c)
		}
	}
	if all == some {
		b.has = nil
	}
	b.countParams()
}

func (b *Batch) drop(c int) {
	switch c {
	case format.ColDuration:
		b.Duration = nil
	case format.ColModule:
		b.Module = nil
	case format.ColFunction:
		b.Function = nil
	case format.ColErrno:
		b.Errno = nil
	case format.ColValue:
		b.Value = nil
	case format.ColHash:
		b.Hash = nil
	case format.ColInput:
		b.input = heap{}
	case format.ColOutput:
		b.output = heap{}
	default:
		b.P[c-format.ColP0] = nil
	}
}

// addOpen takes over the segments of a sidecar that the file does not hold.
func (f *File) addOpen(side *sidecar) error {
	if side == nil || !f.table.events {
		return nil
	}
	if id, err := uuid.Parse(f.head.ID); err != nil || id != side.id {
		return nil
	}
	next := int64(len(f.layout.segments))
	event, err := f.sealedEvents()
	if err != nil {
		return err
	}
	for i := range side.slots {
		slot := &side.slots[i]
		if slot.Segment < next || slot.Count == 0 {
			continue
		}
		if slot.Segment != next || slot.FirstEvent != event {
			return f.corrupt(int(slot.Segment), f.layout.end, nil, "the open segment begins with event %d, want segment %d and event %d",
				slot.FirstEvent, next, event)
		}
		b := slot.batch(f.table, int(next))
		f.open = append(f.open, b)
		next, event = next+1, event+int64(b.Rows)
		if b.Rows < int(slot.Count) {
			break
		}
	}
	return nil
}

// sealedEvents is the number of events in sealed segments.
func (f *File) sealedEvents() (int64, error) {
	if len(f.layout.segments) == 0 {
		return 0, nil
	}
	fr, err := f.events(len(f.layout.segments) - 1)
	if err == nil {
		return fr.FirstEvent + int64(fr.Rows), nil
	}
	if f.layout.summary != nil {
		return f.layout.summary.Events, nil
	}
	return 0, err
}
