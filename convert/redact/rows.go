package redact

import (
	"context"
	"fmt"

	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// row is a row of the event table as it is read.
type row struct {
	edit.Row
	event format.Event
	group *group
	at    [2]int // where its input and output begin in those of the event
}

// group is an event: the part rows that hold its beginning, and its last row.
type group struct {
	rows   []*row
	event  format.Event // joined
	sizes  [2]int       // bytes of its input and output so far
	number int64        // of the last row in the trace
	index  int64        // groups that were complete before this one
	whole  bool
}

// rowReader reads the rows of a trace in their order and joins those that are
// one event. Nothing but incomplete events is kept of what has been read.
type rowReader struct {
	in    *reader.File
	limit int64 // bytes that may be waiting
	each  func(*group) error
	row   func(*row) error // nil: rows are not asked for

	waiting []*row // in order; the first one is of an event that is not complete
	bytes   int64  // of those
	parts   map[int32]*group
	groups  int64
	alone   struct { // the row of an event that is nothing but one, used again and again
		row   row
		group group
		rows  [1]*row
	}
}

// groupBytes bounds the rows that wait for the end of an event in parts.
const groupBytes = 1 << 30

// readRows calls each with every event when it is complete, and row with its
// rows behind that, in their order. Whatever each changes in the rows of the
// group is what row gets; the bytes are not to be changed in place.
func readRows(ctx context.Context, in *reader.File, each func(*group) error, take func(*row) error) error {
	r := &rowReader{in: in, limit: groupBytes, each: each, row: take, parts: map[int32]*group{}}
	for i := range in.Segments() {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := in.Batch(i)
		if err != nil {
			return err
		}
		if err := r.batch(b); err != nil {
			return err
		}
	}
	return r.end()
}

func (r *rowReader) batch(b *reader.Batch) error {
	for i := range b.Rows {
		next := &r.alone.row
		if len(r.waiting) > 0 || format.Kind(b.Kind[i]) == format.KindPart {
			next = &row{}
		}
		b.Event(i, &next.event)
		next.Row = edit.Row{Event: &next.event, Last: i == b.Rows-1}
		if err := r.add(next, b.FirstEvent+int64(i)); err != nil {
			return err
		}
	}
	return nil
}

// add takes the next row.
func (r *rowReader) add(next *row, number int64) error {
	e := &next.event
	g := r.parts[e.Task]
	if g == nil {
		g = r.group(next)
	}
	next.group, next.at = g, g.sizes
	g.sizes[input] += len(e.Input)
	g.sizes[output] += len(e.Output)
	g.rows, g.number = append(g.rows, next), number
	if e.Kind == format.KindPart {
		r.parts[e.Task] = g
	} else {
		delete(r.parts, e.Task)
		if err := r.complete(g); err != nil {
			return err
		}
	}
	r.waiting = append(r.waiting, next)
	r.bytes += weight(e)
	if len(r.parts) == 0 || r.waiting[0].group.whole {
		return r.flush()
	}
	if r.bytes > r.limit {
		return fmt.Errorf("event %d: %w: more than %d bytes in the parts of an event", number, format.ErrLimit, r.limit)
	}
	return nil
}

// group returns a new one for the first row of an event.
func (r *rowReader) group(first *row) *group {
	if first != &r.alone.row {
		return &group{}
	}
	r.alone.group = group{rows: r.alone.rows[:0]}
	return &r.alone.group
}

// weight is about how many bytes of memory a row takes.
func weight(e *format.Event) int64 { return int64(len(e.Input)+len(e.Output)) + 512 }

// complete joins the rows of an event and hands it on.
func (r *rowReader) complete(g *group) error {
	g.join()
	g.whole, g.index = true, r.groups
	r.groups++
	return r.each(g)
}

func (g *group) join() {
	last := g.rows[len(g.rows)-1]
	g.event = last.event
	if len(g.rows) == 1 {
		return
	}
	g.event.Input, g.event.Output = nil, nil
	for _, part := range g.rows {
		g.event.Input = append(g.event.Input, part.event.Input...)
		g.event.Output = append(g.event.Output, part.event.Output...)
		g.event.Has |= part.event.Has & (format.HasInput | format.HasOutput)
	}
}

// split hands the joined bytes, which may have been changed, back to the rows.
func (g *group) split() {
	input, output := g.event.Input, g.event.Output
	for _, part := range g.rows {
		e := &part.event
		n, m := len(e.Input), len(e.Output)
		e.Input, input = input[:n:n], input[n:]
		e.Output, output = output[:m:m], output[m:]
	}
}

// flush hands on the rows up to the first that waits for the rest of its event.
func (r *rowReader) flush() error {
	n := 0
	for ; n < len(r.waiting) && r.waiting[n].group.whole; n++ {
		r.bytes -= weight(&r.waiting[n].event)
		if r.row == nil {
			continue
		}
		if err := r.row(r.waiting[n]); err != nil {
			return err
		}
	}
	clear(r.waiting[:n])
	r.waiting = append(r.waiting[:0], r.waiting[n:]...)
	return nil
}

// end completes the events that never were: the call did not return.
func (r *rowReader) end() error {
	for len(r.waiting) > 0 {
		g := r.waiting[0].group
		if !g.whole {
			if err := r.complete(g); err != nil {
				return err
			}
		}
		if err := r.flush(); err != nil {
			return err
		}
	}
	return nil
}
