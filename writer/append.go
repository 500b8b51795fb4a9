package writer

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/tracetool/tracetool/format"
)

// Append adds an event. It keeps neither e nor its slices. Bytes beyond
// Options.SegmentBytes are put into rows of the kind part before it. The calling
// goroutine keeps debug.SetPanicOnFault set.
func (w *Writer) Append(e *format.Event) (err error) {
	defer w.recoverFault(&err)
	// The kinds up to exit are those of a running program.
	if r := w.fast; r != nil && uint8(e.Kind) < uint8(format.KindExit) &&
		uint16(e.Module) < w.modules && uint16(e.Function) < w.functions && r.fits(len(e.Input), len(e.Output)) {
		r.append(e)
		return nil
	}
	return w.appendSlow(e)
}

func (w *Writer) appendSlow(e *format.Event) error {
	if w.opts.Schema != nil {
		return errors.New("Append to a table with columns of its own: use WriteRecord")
	}
	if err := w.Start(); err != nil {
		return err
	}
	if err := w.check(e); err != nil {
		return err
	}
	w.lock()
	defer w.unlock()
	if err := w.seal.err(); err != nil {
		w.fast = nil
		return err
	}
	if w.seal.limit.Load() && !ends(e.Kind) {
		w.fast = nil
		return fmt.Errorf("%s: %w of %d bytes", w.Path(), ErrFull, w.opts.MaxBytes)
	}
	e, err := w.appendParts(e)
	if err != nil {
		return err
	}
	if err := w.appendRow(e); err != nil {
		return err
	}
	if e.Kind == format.KindExit || e.Kind == format.KindTrap {
		w.cur.exit = exitOf(e)
	}
	return nil
}

// ends: the kinds of event that end a trace.
func ends(k format.Kind) bool {
	return k == format.KindExit || k == format.KindTrap || k == format.KindEnd
}

// check refuses codes that are not in their dictionaries: no Arrow reader
// would open the segment. Append's own check is a part of this one.
func (w *Writer) check(e *format.Event) error {
	switch {
	case e.Kind < 0 || int(e.Kind) >= w.kinds:
		return fmt.Errorf("event of kind %d, the dictionary has %d", e.Kind, w.kinds)
	case e.Has&format.HasModule != 0 && uint16(e.Module) >= w.modules:
		return fmt.Errorf("event of module %d, the dictionary has %d", e.Module, w.modules)
	case e.Has&format.HasFunction != 0 && uint16(e.Function) >= w.functions:
		return fmt.Errorf("event of function %d, the dictionary has %d", e.Function, w.functions)
	}
	return nil
}

func (w *Writer) appendRow(e *format.Event) error {
	if !w.cur.fits(len(e.Input), len(e.Output)) {
		if err := w.makeRoom(); err != nil {
			return err
		}
	}
	w.cur.append(e)
	return nil
}

// makeRoom opens the next segment, or a larger region for this one if it is
// still without rows.
func (w *Writer) makeRoom() error {
	if w.cur.rows > 0 {
		w.handOver()
	} else {
		if w.cur.slot != nil {
			w.sidecar.retire(w.cur.slot)
		}
		w.seal.free <- w.cur
		w.setCurrent(nil)
	}
	return w.next(true)
}

// appendParts writes the beginning of an event that is too large for one row
// as part rows, and returns the event that remains.
func (w *Writer) appendParts(e *format.Event) (*format.Event, error) {
	limit := w.opts.SegmentBytes
	if len(e.Input) <= limit && len(e.Output) <= limit {
		return e, nil
	}
	rest := *e
	for len(rest.Input) > limit || len(rest.Output) > limit {
		p := format.Event{Time: e.Time, Kind: format.KindPart, Module: e.Module, Function: e.Function, Task: e.Task,
			Seq: e.Seq, Has: e.Has & (format.HasModule | format.HasFunction)}
		if n := len(rest.Input); n > limit {
			p.Input, rest.Input = rest.Input[:limit], rest.Input[limit:]
			p.Has |= e.Has & format.HasInput
		}
		if n := len(rest.Output); n > limit {
			p.Output, rest.Output = rest.Output[:limit], rest.Output[limit:]
			p.Has |= e.Has & format.HasOutput
		}
		if err := w.appendRow(&p); err != nil {
			return nil, err
		}
	}
	return &rest, nil
}

// exitOf reads the program's end from its event.
func exitOf(e *format.Event) *format.Exit {
	x := &format.Exit{Status: "exited", Code: e.Value}
	if e.Has&format.HasHash != 0 {
		x.Memory = fmt.Sprintf("%016x", e.Hash)
	}
	if e.Kind == format.KindTrap {
		x.Status = "trapped"
		line, _, _ := bytes.Cut(e.Input, []byte("\n"))
		x.Error = string(line[:min(len(line), 1024)])
	}
	return x
}

// startSegments makes the regions and starts the goroutines.
func (w *Writer) startSegments() error {
	w.seal.start(w)
	if w.opts.Schema != nil {
		return nil
	}
	rows, size := w.firstSegment()
	for i := range format.SidecarSlots {
		r, err := w.region(i, rows, size)
		if err != nil {
			return err
		}
		w.seal.free <- r
	}
	if w.opts.SealInterval > 0 || (w.sidecar != nil && !mapped) {
		w.mu, w.stop = new(sync.Mutex), make(chan struct{})
	}
	w.openSegment(<-w.seal.free)
	if w.mu != nil {
		w.ticking.Go(w.tick)
	}
	return nil
}

// firstSegment returns the capacities that the regions begin with. In a sidecar
// they are small, since most of what full ones cost is paid when they are made
// and few programs fill them.
func (w *Writer) firstSegment() (rows, size int64) {
	rows, size = int64(w.opts.SegmentRows), int64(w.opts.SegmentBytes)
	if w.sidecar != nil {
		rows, size = min(rows, firstSegmentRows), min(size, firstSegmentBytes)
	}
	return rows, size
}

func (w *Writer) region(slot int, rows, size int64) (*region, error) {
	if w.sidecar != nil && !w.opts.Seq {
		return w.sidecar.region(slot, rows, size, size, w.usage)
	}
	return newRegion(make([]byte, format.NewSidecarRegion(rows, size, size).Size), rows, size, size, w.opts.Seq), nil
}

// rotate seals the open segment and opens the next one.
func (w *Writer) rotate() error {
	w.handOver()
	return w.next(false)
}

// handOver gives the open segment to the sealer.
func (w *Writer) handOver() {
	w.segments++
	w.events += w.cur.rows
	w.usage = w.cur.usage()
	w.seal.full <- w.cur
	w.setCurrent(nil)
}

// next opens a segment in the region that is free, which is made as large as
// segments should be by now if so much is to come. After an error there is no
// open segment.
func (w *Writer) next(grow bool) error {
	r := <-w.seal.free
	err := w.seal.err()
	if err == nil && grow {
		r, err = w.grow(r)
	}
	if err != nil {
		w.seal.free <- r
		w.seal.fail(err)
		return err
	}
	w.openSegment(r)
	return nil
}

// openSegment opens a segment in a region.
func (w *Writer) openSegment(r *region) {
	faultsPanic()
	if r.slot != nil {
		w.sidecar.retire(r.slot)
	}
	r.reset(w.segments, w.events)
	if r.slot != nil {
		w.sidecar.open(r)
	}
	w.setCurrent(r)
}

// setCurrent sets the open segment. Where a ticker runs, fast is always nil,
// since the ticker must not touch what Append reads without the lock.
func (w *Writer) setCurrent(r *region) {
	w.cur = r
	if w.mu == nil && (r == nil || !w.seal.limit.Load()) {
		w.fast = r
	}
}

// segmentRows is the rows that the next segment should hold: twice as many after
// 16 segments, and again after 32. To read a segment costs some 70 us however
// small it is, which is most of what a query of few columns takes.
func (w *Writer) segmentRows() int64 {
	return min(int64(w.opts.SegmentRows)<<min(w.segments/16, 2), maxSegmentRows)
}

// grow replaces a region that is smaller than segments should be by now. It
// returns the same one with an error.
func (w *Writer) grow(r *region) (*region, error) {
	rows, size := max(w.seal.rows.Load(), w.segmentRows()), w.seal.bytes.Load()
	if rows <= r.capacity && size <= int64(len(r.input)) {
		return r, nil
	}
	slot := 0
	if r.slot != nil {
		slot = r.slot.index
	}
	bigger, err := w.region(slot, rows, size)
	if err != nil {
		return r, err
	}
	return bigger, nil
}
