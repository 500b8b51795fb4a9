package session

import (
	"bytes"
	"fmt"
	"time"

	"github.com/tracetool/tracetool/format"
)

// Validate reports what is wrong with the trace as a *ValidationError: its
// order, its times, sizes and counts, the chain, and that kept cells are those
// of the frames' checksums.
func (t *Trace) Validate() error {
	v, err := newValidator(&t.Header)
	if err != nil {
		return err
	}
	for i := range t.Records {
		r := &t.Records[i]
		if r.Kind == format.KindInput {
			if err := checkEvent(r.Event); err != nil {
				return v.faultf(BadEvent, "%s", err)
			}
		}
		if err := v.record(r, textOf(r)); err != nil {
			return err
		}
	}
	return v.end()
}

// validator checks the records of a session one after another.
type validator struct {
	header         *Header
	chain          chain
	count          int64 // records so far
	now            time.Duration
	ended          bool
	screen, before *Frame // the frame shown, where cells are kept
	buf            []byte
}

func newValidator(h *Header) (*validator, error) {
	v := &validator{header: h, count: -1}
	switch {
	case h.SchemaVersion < 1:
		return nil, v.faultf(BadHeader, "schema version %d, want 1 or more", h.SchemaVersion)
	case h.SchemaVersion > SchemaVersion:
		return nil, v.faultf(UnknownVersion, "%d, this program knows %d", h.SchemaVersion, SchemaVersion)
	}
	if err := h.Size.check(); err != nil {
		return nil, v.faultf(SizeRange, "%s", err)
	}
	v.count = 0
	v.chain.start(h)
	return v, nil
}

func (v *validator) faultf(fault Fault, format string, args ...any) error {
	return &ValidationError{Fault: fault, Record: v.count, Frame: v.chain.frames, Detail: fmt.Sprintf(format, args...)}
}

// record checks the next record; text is that of its event.
func (v *validator) record(r *Record, text []byte) error {
	if v.ended {
		return v.faultf(AfterSummary, "%s", r.Kind)
	}
	if r.Time < v.now {
		return v.faultf(TimeBackwards, "%s after %s", r.Time, v.now)
	}
	var err error
	switch r.Kind {
	case format.KindInput, format.KindTick:
		v.chain.given(r, text)
	case format.KindResize:
		err = v.resize(r)
	case format.KindFrame:
		err = v.frame(r)
	case format.KindEnd:
		err = v.summary(r)
	default:
		err = v.faultf(BadRecord, "%s", r.Kind)
	}
	v.now = r.Time
	v.count++
	return err
}

func (v *validator) resize(r *Record) error {
	if err := r.Size.check(); err != nil {
		return v.faultf(SizeRange, "%s", err)
	}
	v.chain.given(r, nil)
	return nil
}

func (v *validator) frame(r *Record) error {
	switch {
	case r.Index > v.chain.frames:
		return v.faultf(FrameGap, "frame %d, want %d", r.Index, v.chain.frames)
	case r.Index < v.chain.frames:
		return v.faultf(FrameRepeat, "frame %d, want %d", r.Index, v.chain.frames)
	case v.header.Cells != (r.Cells != nil):
		return v.faultf(BadCells, "the header says that they are kept: %t, the frame has them: %t", v.header.Cells, r.Cells != nil)
	}
	if r.Cells != nil {
		if err := v.cells(r); err != nil {
			return err
		}
	}
	next := v.chain
	next.drawn(r)
	if err := v.linked(r.Chain, next.sum); err != nil {
		return err
	}
	v.chain = next
	return nil
}

func (v *validator) linked(got, want uint64) error {
	if got != want {
		return v.faultf(BrokenChain, "%016x, want %016x: something was changed since the frame before", got, want)
	}
	return nil
}

// cells checks that kept cells have the frame's checksum, and that there is no
// other way to write them.
func (v *validator) cells(r *Record) error {
	v.screen, v.before = v.before, v.screen
	if v.screen == nil {
		v.screen = &Frame{}
	}
	if v.before != nil {
		v.screen.copyFrom(v.before)
	}
	if err := v.screen.Apply(r.Cells); err != nil {
		return v.faultf(BadCells, "%s", err)
	}
	v.buf = v.screen.appendChanges(v.buf[:0], v.before)
	if !bytes.Equal(v.buf, r.Cells) {
		return v.faultf(BadCells, "not in their one form")
	}
	v.buf = v.screen.AppendCanonical(v.buf[:0])
	if sum := fold(fnvOffset, v.buf); sum != r.Checksum {
		return v.faultf(BadCells, "checksum %016x, the frame has %016x", sum, r.Checksum)
	}
	return nil
}

func (v *validator) summary(r *Record) error {
	if r.Index != v.chain.frames {
		return v.faultf(CountsDiffer, "%d frames, the summary says %d", v.chain.frames, r.Index)
	}
	v.chain.given(r, nil)
	v.ended = true
	return v.linked(r.Chain, v.chain.sum)
}

// end reports a session without its summary.
func (v *validator) end() error {
	if !v.ended {
		return v.faultf(NoSummary, "after %d records", v.count)
	}
	return nil
}
