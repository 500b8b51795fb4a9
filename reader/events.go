package reader

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"sort"
	"unsafe"

	"github.com/tracetool/tracetool/format"
)

// Events iterates the events that a query asks for, in the order of the trace.
// The event and its bytes are valid until the next iteration, and not to be
// changed. Where a segment
// is damaged an error is yielded, and those who go on after it get the events
// of the next segment.
func (f *File) Events(q Query) iter.Seq2[*format.Event, error] {
	return func(yield func(*format.Event, error) bool) {
		if !f.table.events {
			yield(nil, errForeign)
			return
		}
		s := scan{filter: newFilter(&q, f.table, q.FromEvent), limit: f.limits.SegmentBytes}
		if s.joins() && q.FromEvent > 0 {
			from, err := f.rewind(q.FromEvent)
			if err != nil && !yield(nil, err) {
				return
			}
			s.from = from
		}
		for b, err := range f.scanned(s.filter) {
			if err != nil {
				s.pending = nil
				if !yield(nil, err) {
					return
				}
				continue
			}
			if !s.batch(b, yield) {
				return
			}
		}
	}
}

// scan turns batches into events.
type scan struct {
	*filter
	limit   int64             // bytes that one event may be joined from
	next    int64             // number of the event that follows the last batch
	pending map[int32]*pieces // by task
	event   format.Event
}

// pieces are the bytes of part rows that the next row of a task continues.
type pieces struct {
	input, output []byte
	has           format.Fields
}

// batch yields the events of a batch; false if that was enough.
func (s *scan) batch(b *Batch, yield func(*format.Event, error) bool) bool {
	lo, hi := int(min(max(s.from-b.FirstEvent, 0), int64(b.Rows))), b.Rows
	if s.ToEvent > 0 {
		hi = int(min(max(s.ToEvent-b.FirstEvent, 0), int64(b.Rows)))
	}
	if b.FirstEvent != s.next {
		s.pending = nil
	}
	s.next = b.FirstEvent + int64(b.Rows)
	joins := s.joins() && (len(s.pending) > 0 || b.hasParts())
	if !joins && s.tests == 0 && s.Match == nil && b.FirstEvent+int64(lo) >= s.FromEvent {
		return s.all(b, lo, hi, yield)
	}
	for i := lo; i < hi; i++ {
		var p *pieces
		if joins {
			if format.Kind(b.Kind[i]) == format.KindPart {
				if err := s.addPart(b, i); err != nil && !yield(nil, err) {
					return false
				}
				continue
			}
			p = s.take(b.Task[i])
		}
		if b.FirstEvent+int64(i) < s.FromEvent || s.tests != 0 && !s.row(b, i) {
			continue
		}
		b.Event(i, &s.event)
		if p != nil {
			p.join(&s.event)
		}
		if s.Match != nil && !s.Match(&s.event) {
			continue
		}
		if !yield(&s.event, nil) {
			return false
		}
	}
	return true
}

// all yields a range of rows, of which none has to be looked at.
func (s *scan) all(b *Batch, lo, hi int, yield func(*format.Event, error) bool) bool {
	e := &s.event
	*e = format.Event{}
	for i := lo; i < hi; i++ {
		if b.fill(i, e); !yield(e, nil) {
			return false
		}
	}
	return true
}

// hasParts reports whether the segment has part rows.
func (b *Batch) hasParts() bool {
	if len(b.Kind) == 0 {
		return false
	}
	kinds := unsafe.Slice((*byte)(unsafe.Pointer(&b.Kind[0])), len(b.Kind))
	return bytes.IndexByte(kinds, byte(format.KindPart)) >= 0
}

// addPart keeps the bytes of a part row for the row that it precedes.
func (s *scan) addPart(b *Batch, i int) error {
	if s.pending == nil {
		s.pending = map[int32]*pieces{}
	}
	p := s.pending[b.Task[i]]
	if p == nil {
		p = new(pieces)
		s.pending[b.Task[i]] = p
	}
	input, output := b.Input(i), b.Output(i)
	if n := int64(len(p.input) + len(p.output) + len(input) + len(output)); n > s.limit {
		delete(s.pending, b.Task[i])
		return fmt.Errorf("event %d: %w: %d bytes in parts", b.FirstEvent+int64(i), format.ErrLimit, n)
	}
	p.input, p.output = append(p.input, input...), append(p.output, output...)
	p.has |= b.Has(i) & (format.HasInput | format.HasOutput)
	return nil
}

// take returns the parts that precede a row of a task, nil if there are none.
func (s *scan) take(task int32) *pieces {
	p := s.pending[task]
	if p != nil {
		delete(s.pending, task)
	}
	return p
}

// join puts the parts before the bytes of the row that they precede.
func (p *pieces) join(e *format.Event) {
	e.Has |= p.has
	if p.has&format.HasInput != 0 {
		e.Input = append(p.input, e.Input...)
	}
	if p.has&format.HasOutput != 0 {
		e.Output = append(p.output, e.Output...)
	}
}

// scanned yields the batches in which a query may find events. The next one is
// decoded on a goroutine of its own meanwhile.
func (f *File) scanned(q *filter) iter.Seq2[*Batch, error] {
	first, err := f.find(q.from)
	if err != nil {
		first = 0
	}
	if f.Segments()-first <= 1 {
		return f.batches(q, first)
	}
	return prefetch(f.batches(q, first))
}

// prefetch runs a sequence one element ahead.
func prefetch(seq iter.Seq2[*Batch, error]) iter.Seq2[*Batch, error] {
	type element struct {
		b   *Batch
		err error
	}
	return func(yield func(*Batch, error) bool) {
		next, stop := make(chan element), make(chan struct{})
		go func() {
			defer close(next)
			for b, err := range seq {
				select {
				case next <- element{b, err}:
				case <-stop:
					return
				}
			}
		}()
		defer func() {
			close(stop)
			for range next { // until the goroutine has ended
			}
		}()
		for e := range next {
			if !yield(e.b, e.err) {
				return
			}
		}
	}
}

// batches yields the batches in which a query may find events, decoding the
// columns that decide first.
func (f *File) batches(q *filter, first int) iter.Seq2[*Batch, error] {
	q = newFilter(q.Query, q.table, q.from) // its cache is not shared with another goroutine
	return func(yield func(*Batch, error) bool) {
		for i := first; i < f.Segments(); i++ {
			b, err := f.candidate(q, i)
			if err == errPast {
				return
			}
			if (b != nil || err != nil) && !yield(b, err) {
				return
			}
		}
	}
}

// errPast ends a scan: no later segment can match.
var errPast = fmt.Errorf("past the last event")

// candidate returns a segment's batch; nil if nothing in it matches.
func (f *File) candidate(q *filter, segment int) (*Batch, error) {
	var b *Batch
	if i := segment - len(f.layout.segments); i >= 0 {
		b = f.open[i]
	} else {
		fr, err := f.candidateFrame(q, segment)
		if fr == nil || err != nil {
			return nil, err
		}
		if b, err = f.readBatch(f.table, fr, segment, nil); err != nil {
			return nil, err
		}
		columns := q.needs
		if q.tests != 0 {
			columns = q.tests | 1<<format.ColKind
		}
		if err := b.load(columns); err != nil {
			return nil, f.damaged(fr, err)
		}
		if !q.any(b) {
			return nil, nil
		}
		if err := b.load(q.needs); err != nil {
			return nil, f.damaged(fr, err)
		}
		return b, nil
	}
	if q.ToEvent > 0 && b.FirstEvent >= q.ToEvent {
		return nil, errPast
	}
	return b, nil
}

// candidateFrame reads the header of a segment's frame unless the index, or
// the header itself, says that nothing in it matches.
func (f *File) candidateFrame(q *filter, segment int) (*frame, error) {
	if len(q.Kinds)+len(q.Functions)+len(q.Errno) > 0 || q.Errors {
		if row, err := f.indexRow(segment); err == nil && row != nil && !q.segment(row) {
			return nil, past(q, row)
		}
	}
	fr, err := f.events(segment)
	if err != nil {
		return nil, err
	}
	if row := frameRow(fr); !q.segment(row) {
		return nil, past(q, row)
	}
	return fr, nil
}

// past is errPast for the first segment behind the events asked for.
func past(q *filter, row *format.Frame) error {
	if q.ToEvent > 0 && row.FirstEvent >= q.ToEvent {
		return errPast
	}
	return nil
}

// any reports whether a batch has a row that matches, or a part that may
// belong to one. Only the columns of tests and the kinds need to be loaded.
func (q *filter) any(b *Batch) bool {
	if q.tests == 0 || q.joins() && b.hasParts() {
		return true
	}
	for i := range b.Rows {
		if q.row(b, i) {
			return true
		}
	}
	return false
}

// find returns the number of the segment that holds an event, or of the first
// one behind it.
func (f *File) find(event int64) (int, error) {
	if event <= 0 {
		return 0, nil
	}
	var failed error
	n := sort.Search(f.Segments(), func(i int) bool {
		end, err := f.endOf(i)
		if err != nil {
			failed = err
		}
		return end > event
	})
	return n, failed
}

// endOf returns the number of the event that follows a segment.
func (f *File) endOf(segment int) (int64, error) {
	if i := segment - len(f.layout.segments); i >= 0 {
		return f.open[i].FirstEvent + int64(f.open[i].Rows), nil
	}
	if fr, err := f.events(segment); err == nil {
		return fr.FirstEvent + int64(fr.Rows), nil
	}
	row, err := f.indexRow(segment)
	if err != nil {
		return 0, err
	}
	if row == nil {
		return 0, f.corrupt(segment, f.layout.segments[segment].Offset, nil, "neither the frame nor the index tells its events")
	}
	return row.FirstEvent + row.Rows, nil
}

// rewind returns the number of the first of the part rows that directly
// precede an event; the event itself if there are none.
func (f *File) rewind(event int64) (int64, error) {
	i, err := f.find(event - 1)
	if err != nil || i >= f.Segments() {
		return event, err
	}
	for ; i >= 0; i-- {
		b, err := f.kinds(i)
		if err != nil {
			return event, err
		}
		for row := int(min(event-1-b.FirstEvent, int64(b.Rows)-1)); row >= 0; row-- {
			if format.Kind(b.Kind[row]) != format.KindPart {
				return event, nil
			}
			event--
		}
	}
	return event, nil
}

// kinds decodes the kinds of a segment.
func (f *File) kinds(segment int) (*Batch, error) {
	if i := segment - len(f.layout.segments); i >= 0 {
		return f.open[i], nil
	}
	fr, err := f.events(segment)
	if err != nil {
		return nil, err
	}
	return f.batchOf(fr, segment, 1<<format.ColKind)
}

// EventAt returns an event by its number, joined with the part rows before it.
// The segment is kept for the next call. The event's bytes stay valid, and are not
// to be changed.
func (f *File) EventAt(n int64) (*format.Event, error) {
	if !f.table.events {
		return nil, errForeign
	}
	i, err := f.find(n)
	if err != nil {
		return nil, err
	}
	if n < 0 || i >= f.Segments() {
		return nil, fmt.Errorf("%s: no event %d: it has %d", f.name(), n, f.summary.Events)
	}
	b, err := f.keep(i)
	if err != nil {
		return nil, err
	}
	row := n - b.FirstEvent
	if row < 0 {
		return nil, f.corrupt(i, 0, nil, "event %d is missing", n)
	}
	if format.Kind(b.Kind[row]) == format.KindPart || (row > 0 && format.Kind(b.Kind[row-1]) != format.KindPart) {
		e := new(format.Event)
		b.Event(int(row), e)
		return e, nil
	}
	for e, err := range f.Events(Query{FromEvent: n, ToEvent: n + 1}) {
		if err != nil {
			return nil, err
		}
		copied := *e
		copied.Input, copied.Output = slices.Clone(e.Input), slices.Clone(e.Output)
		return &copied, nil
	}
	return nil, f.corrupt(i, 0, nil, "event %d is missing", n)
}

// keep decodes a segment and keeps it for the next call.
func (f *File) keep(segment int) (*Batch, error) {
	f.mu.Lock()
	last := f.last
	f.mu.Unlock()
	if last != nil && last.Segment == segment && segment < len(f.layout.segments) {
		return last, nil
	}
	b, err := f.Batch(segment)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.last = b
	f.mu.Unlock()
	return b, nil
}
