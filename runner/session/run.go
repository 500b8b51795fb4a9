package session

import (
	"errors"
	"fmt"

	"github.com/tracetool/tracetool/format"
)

// run drives a model: recording and replaying are the same but for where the
// records come from.
type run struct {
	model  Model
	size   Size
	chain  chain
	frames [2]*Frame // the one shown, and the one before, in turns
	exit   *ExitError
	ended  bool // the last frame of a program that exited is drawn

	canonical []byte // bytes of the last frame, kept for their room
}

func (r *run) start(h *Header) error {
	r.chain.start(h)
	r.size = h.Size
	return r.returned(r.model.Start(h.Size, h.Seed))
}

// returned keeps the exit of the program, which is no failure.
func (r *run) returned(err error) error {
	var exit *ExitError
	if errors.As(err, &exit) {
		r.exit = exit
		return nil
	}
	return err
}

// give gives the program a record that is no frame.
func (r *run) give(rec *Record) error {
	var err error
	switch rec.Kind {
	case format.KindInput:
		err = r.model.Handle(rec.Event)
	case format.KindResize:
		r.size = rec.Size
		err = r.model.Resize(rec.Size)
	case format.KindTick:
		err = r.model.Advance(rec.Time)
	default:
		return fmt.Errorf("%s is nothing to give to a program", rec.Kind)
	}
	if err = r.returned(err); err == nil {
		r.chain.given(rec, textOf(rec))
	}
	return err
}

// draw takes a frame, which is valid until the one after the next, and
// completes its record.
func (r *run) draw(rec *Record) (*Frame, error) {
	frame := r.frames[1]
	if frame == nil {
		frame = &Frame{}
	}
	frame.Reset(r.size)
	if err := r.returned(r.model.Draw(frame)); err != nil {
		return nil, err
	}
	if err := frame.check(); err != nil {
		return nil, err
	}
	r.frames[0], r.frames[1] = frame, r.frames[0]
	r.canonical = frame.AppendCanonical(r.canonical[:0])
	rec.Index, rec.Checksum = r.chain.frames, fold(fnvOffset, r.canonical)
	r.chain.drawn(rec)
	rec.Chain = r.chain.sum
	r.ended = r.exit != nil
	return frame, nil
}

// shown is the last frame, nil before the first.
func (r *run) shown() *Frame { return r.frames[0] }
