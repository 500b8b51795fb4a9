package runner

import (
	"fmt"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// cursor goes through the events of one task in the order they were recorded.
// It reads columns, and decodes a row only when asked to.
type cursor struct {
	f       *reader.File
	task    int32
	limit   int64  // number of the first event that is not replayed, -1 for none
	onLast  func() // is called when the last event has been left behind; may be nil
	decoded *decoded
	batch   *reader.Batch
	segment int   // to be loaded next
	until   int   // the segment that is not loaded any more
	after   int64 // number of the event after all, if until is not the end of the trace
	row     int   // in batch
	end     int   // rows of batch that are replayed
	direct  int   // rows that may be taken from the columns, without event and next; at most end
	fast    int   // of these, those that clockRow may take
	count   int64
	others  map[int32]span // tasks seen besides, unless they are known
	ev      format.Event
	input   []byte // of part rows before the row
	output  []byte
	err     error
	observe func(number int64, ev *format.Event) // is called with each event that was left behind; may be nil
}

// span is where the events of a task are: the first and the last of its segments.
type span struct{ first, last int }

// decoded is the segment that was decoded last.
type decoded struct {
	batch   *reader.Batch
	segment int
}

func newCursor(f *reader.File, task int32, limit int64) *cursor {
	return &cursor{f: f, task: task, limit: limit, decoded: new(decoded), until: f.Segments(), others: map[int32]span{}}
}

// other returns a cursor for one of the tasks that c has seen, c being at its
// end. It reads no more than the task's own segments, of which there may be as
// many as there are tasks.
func (c *cursor) other(task int32) *cursor {
	where := c.others[task]
	return &cursor{f: c.f, task: task, limit: c.limit, decoded: c.decoded, segment: where.first, until: where.last + 1, after: c.number(), observe: c.observe}
}

// saw takes down that the row is one of another task.
func (c *cursor) saw(task int32) {
	if c.others == nil {
		return
	}
	s, known := c.others[task]
	if !known {
		s.first = c.segment - 1
	}
	s.last = c.segment - 1
	c.others[task] = s
}

// more goes to the next event of the task. It is false at the end, at the limit
// and where the trace cannot be read.
func (c *cursor) more() bool {
	for {
		for ; c.row < c.end; c.row++ {
			switch {
			case c.batch.Task[c.row] != c.task:
				c.saw(c.batch.Task[c.row])
			case c.kind() != format.KindPart:
				return true
			default:
				if !c.join() {
					return false
				}
			}
		}
		if !c.load() {
			return false
		}
	}
}

// join keeps the bytes of a part row. It is false if they are too many.
func (c *cursor) join() bool {
	input, output := c.batch.Input(c.row), c.batch.Output(c.row)
	if n := len(c.input) + len(c.output) + len(input) + len(output); n > maxParts {
		c.err = fmt.Errorf("event %d: %w: %d bytes in parts", c.number(), format.ErrLimit, n)
		return false
	}
	c.input, c.output = append(c.input, input...), append(c.output, output...)
	c.count++
	return true
}

// maxParts bounds the bytes of one event, as the default limit of a reader does.
const maxParts = 1 << 30

// replayFields are the columns that say what a call is and gives: not how long it
// took.
const replayFields = (format.HasOutput<<1 - 1) &^ format.HasDuration

// load reads the next segment.
func (c *cursor) load() bool {
	if c.err != nil || c.segment >= c.until || c.stopped() {
		return false
	}
	fields := replayFields
	if c.observe != nil {
		fields = 0 // all
	}
	b, err := c.decoded.load(c.f, c.segment, fields)
	if err != nil {
		c.err = err
		return false
	}
	c.batch, c.row, c.end = b, 0, b.Rows
	c.segment++
	if c.limit >= 0 && b.FirstEvent+int64(b.Rows) > c.limit {
		c.end = int(max(0, c.limit-b.FirstEvent))
	}
	c.direct = c.end
	if c.onLast != nil {
		c.direct = max(0, c.lastRow())
	}
	if c.observe != nil || b.Module == nil || b.Function == nil {
		c.direct = 0
	}
	if c.fast = c.direct; b.Errno == nil || b.P[2] == nil || b.P[1] == nil || b.P[0] == nil {
		c.fast = 0
	}
	return true
}

// load decodes a segment, unless it is the one that was decoded last.
func (d *decoded) load(f *reader.File, segment int, fields format.Fields) (b *reader.Batch, err error) {
	if d.batch == nil || d.segment != segment {
		d.batch, err = f.BatchAfter(d.batch, segment, fields)
		d.segment = segment
	}
	return d.batch, err
}

// lastRow returns the last row of the task in the batch, -1 if there is none.
func (c *cursor) lastRow() int {
	row := c.end - 1
	for row >= 0 && c.batch.Task[row] != c.task {
		row--
	}
	return row
}

// stopped: the limit has been reached.
func (c *cursor) stopped() bool {
	return c.limit >= 0 && (c.limit == 0 || c.batch != nil && c.number() >= c.limit)
}

func (c *cursor) kind() format.Kind { return format.Kind(c.batch.Kind[c.row]) }

// number is that of the event, or of the one after the last.
func (c *cursor) number() int64 {
	switch {
	case c.batch == nil:
		return 0
	case c.row == c.end && c.segment == c.until && c.after > 0:
		return c.after
	}
	return c.batch.FirstEvent + int64(c.row)
}

// event decodes the row that more went to. It is valid until more is called
// again.
func (c *cursor) event() *format.Event {
	c.batch.Event(c.row, &c.ev)
	if len(c.input) > 0 {
		c.ev.Input = append(c.input, c.ev.Input...)
		c.ev.Has |= format.HasInput
	}
	if len(c.output) > 0 {
		c.ev.Output = append(c.output, c.ev.Output...)
		c.ev.Has |= format.HasOutput
	}
	return &c.ev
}

// next leaves the row behind.
func (c *cursor) next() {
	if c.observe != nil {
		c.observe(c.number(), c.event())
	}
	c.row++
	c.count++
	if c.input != nil || c.output != nil {
		c.input, c.output = nil, nil
	}
	if c.onLast != nil {
		c.lookAhead()
	}
}

// watch has the end of the task announced.
func (c *cursor) watch(onLast func()) {
	c.onLast = onLast
	c.lookAhead()
}

func (c *cursor) lookAhead() {
	if !c.more() && c.err == nil {
		c.onLast()
	}
}

// clockRow reports whether the next row is a successful call of a function with
// these parameters and without a value: the reading of a clock.
func (c *cursor) clockRow(fn *function, p0, p1, p2 int64) bool {
	i, b := c.row, c.batch
	return i < c.fast && format.Kind(b.Kind[i]) == format.KindCall &&
		b.Function[i] == fn.name && b.Module[i] == fn.module && b.Task[i] == c.task && b.Errno[i] == 0 &&
		b.P[0][i] == p0 && b.P[1][i] == p1 && b.P[2][i] == p2 && b.Has(i)&(clockColumns|format.HasValue) == clockColumns
}

// clockColumns are those of a reading that follows from the event's time.
const clockColumns = named | format.HasErrno | format.HasP0 | format.HasP1 | format.HasP2

// callRow reports whether the next row is a call of a function, all of which is
// in that row.
func (c *cursor) callRow(fn *function) bool {
	i, b := c.row, c.batch
	return i < c.direct && format.Kind(b.Kind[i]) == format.KindCall &&
		b.Function[i] == fn.name && b.Module[i] == fn.module && b.Task[i] == c.task && b.Has(i)&named == named &&
		c.input == nil && c.output == nil
}
