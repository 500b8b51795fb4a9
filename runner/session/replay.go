package session

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tracetool/tracetool/format"
)

// ReplayResult is what a replay came to.
type ReplayResult struct {
	Frames   int64     // that were drawn as recorded
	Chain    uint64    // of the replay as far as it went
	Mismatch *Mismatch // the first; nil where all is as recorded
}

// Mismatch is the first place where a replay is not as recorded: a frame with
// another checksum or chain, or a program that ended or failed elsewhere.
type Mismatch struct {
	Frame  int64         // the frame, or the one that would come next
	Record int           // its record in the trace
	Time   time.Duration // of that record
	// Checksums and chains as recorded and as replayed, 0 where there is no
	// frame. Where only the chains differ the trace itself was changed: the
	// program was given something else than when it was recorded.
	WantChecksum, GotChecksum uint64
	WantChain, GotChain       uint64
	// Err is how the program ended or failed, if that is what differs.
	Err *ReplayError
}

// ReplayError says that a program ended or failed where the recorded one did
// not, or that it went on where that ended.
type ReplayError struct {
	Record int   // of the trace, that the program was given
	Err    error // what the model returned; nil: it went on
}

func (e *ReplayError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("record %d: the program goes on, the recorded one ended", e.Record)
	}
	return fmt.Sprintf("record %d: %s", e.Record, e.Err)
}

func (e *ReplayError) Unwrap() error { return e.Err }

// Replay gives a fresh model what a trace says and compares its frames. The
// error is that of ctx.
func Replay(ctx context.Context, model Model, t *Trace) (*ReplayResult, error) {
	p := newReplayer(model, t)
	m, err := p.compare(ctx)
	return &ReplayResult{Frames: p.matched, Chain: p.run.chain.sum, Mismatch: m}, err
}

// replayer gives a model the records of a trace, frame by frame.
type replayer struct {
	trace   *Trace
	run     run
	next    int   // record to give
	matched int64 // frames that compare found as recorded
	started bool
}

func newReplayer(model Model, t *Trace) *replayer {
	return &replayer{trace: t, run: run{model: model}}
}

// errDone is returned by frame behind the last one.
var errDone = errors.New("the session is at its end")

// frame goes on to the next frame of the trace and draws it. The record of the
// trace is the one before next. Its error is errDone, or a *ReplayError of the
// record next.
func (p *replayer) frame() (Record, *Frame, error) {
	if !p.started {
		p.started = true
		if err := p.run.start(&p.trace.Header); err != nil {
			return Record{}, nil, p.failed(err)
		}
	}
	for ; p.next < len(p.trace.Records); p.next++ {
		r := &p.trace.Records[p.next]
		if r.Kind == format.KindEnd {
			return Record{}, nil, errDone
		}
		if p.run.ended || p.run.exit != nil && r.Kind != format.KindFrame {
			return Record{}, nil, p.failed(p.run.exit)
		}
		if r.Kind == format.KindFrame {
			got := Record{Kind: format.KindFrame, Time: r.Time}
			frame, err := p.run.draw(&got)
			if err != nil {
				return got, nil, p.failed(err)
			}
			p.next++
			return got, frame, nil
		}
		if err := p.run.give(r); err != nil {
			return Record{}, nil, p.failed(err)
		}
	}
	return Record{}, nil, errDone
}

func (p *replayer) failed(err error) error { return &ReplayError{Record: p.next, Err: err} }

// compare goes on to the first mismatch, nil at the end.
func (p *replayer) compare(ctx context.Context) (*Mismatch, error) {
	return p.compareTo(ctx, math.MaxInt64)
}

// compareTo is compare up to a frame, that one included.
func (p *replayer) compareTo(ctx context.Context, last int64) (*Mismatch, error) {
	for p.run.chain.frames <= last {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		got, _, err := p.frame()
		var failed *ReplayError
		switch {
		case err == errDone:
			return p.compareEnd(), nil
		case errors.As(err, &failed):
			return p.mismatch(p.next, failed), nil
		}
		if want := &p.trace.Records[p.next-1]; got.Chain != want.Chain || got.Checksum != want.Checksum {
			m := p.mismatch(p.next-1, nil)
			m.Frame, m.GotChecksum, m.GotChain = got.Index, got.Checksum, got.Chain
			return m, nil
		}
		p.matched++
	}
	return nil, nil
}

// mismatch is one at a record.
func (p *replayer) mismatch(record int, err *ReplayError) *Mismatch {
	m := &Mismatch{Frame: p.run.chain.frames, Record: record, Err: err, GotChain: p.run.chain.sum}
	if record < len(p.trace.Records) {
		r := &p.trace.Records[record]
		m.Time, m.WantChecksum, m.WantChain = r.Time, r.Checksum, r.Chain
	}
	return m
}

// compareEnd compares how the program ended, and what it was given since the
// last frame.
func (p *replayer) compareEnd() *Mismatch {
	end := Record{Kind: format.KindEnd, Index: p.run.chain.frames, Exit: p.run.exit}
	if p.next == len(p.trace.Records) {
		return nil // no summary: Validate says so
	}
	want := &p.trace.Records[p.next]
	end.Time = want.Time
	p.run.chain.given(&end, nil)
	if p.run.chain.sum == want.Chain {
		return nil
	}
	var err *ReplayError
	switch {
	case end.Exit == nil && want.Exit != nil:
		err = &ReplayError{Record: p.next}
	case end.Exit != nil && (want.Exit == nil || *want.Exit != *end.Exit):
		err = &ReplayError{Record: p.next, Err: end.Exit}
	}
	return p.mismatch(p.next, err)
}

// Rerecord gives a fresh model what a trace says and returns a trace of what
// it draws. Where the program ends early, so does the trace. Its error is that
// of the model or of ctx.
func Rerecord(ctx context.Context, model Model, t *Trace) (*Trace, error) {
	h := &t.Header
	r := NewRecorder(model, h.Size, h.Seed, Options{Profile: h.Profile, Cells: h.Cells})
	if err := r.Init(); err != nil {
		return nil, err
	}
	for i := range t.Records {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := r.again(&t.Records[i])
		if errors.Is(err, ErrExited) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
	}
	out, err := r.Finish()
	if err == nil {
		out.Program, out.Attachments = t.Program, t.Attachments
	}
	return out, err
}

// again puts down a record of another recording.
func (r *Recorder) again(rec *Record) error {
	switch rec.Kind {
	case format.KindEnd:
		return nil
	case format.KindFrame:
		_, err := r.Step()
		return err
	}
	return r.put(Record{Kind: rec.Kind, Time: rec.Time, Event: rec.Event, Size: rec.Size})
}
