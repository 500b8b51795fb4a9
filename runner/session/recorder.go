package session

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tracetool/tracetool/format"
)

// Options say what is recorded. The zero value records checksums only.
type Options struct {
	// Profile names the capabilities of the screen that the model was made
	// for; for terminals it is the value of TERM.
	Profile string
	// Cells keeps the cells of all frames, so that a difference can be shown
	// and the session played.
	Cells bool
	// Stopwatch measures how long the program takes for each frame, by a clock
	// of the host: what it returns must not fall. Without one no durations are
	// recorded, and the trace of a session is always the same.
	Stopwatch func() time.Duration
}

// Errors of a Recorder that is used out of order.
var (
	errNotBegun = errors.New("session has not begun: Init begins it")
	errFinished = errors.New("session is finished")
)

// ErrExited is returned for what is given to a program that has ended.
var ErrExited = errors.New("the program has ended")

// Recorder records a session. Init starts the program; Push, Resize and
// Advance put down what it is given, and Step gives it and takes a frame.
// Finish returns the trace. A Recorder is for one goroutine.
type Recorder struct {
	run     run
	trace   *Trace
	options Options
	now     time.Duration // of the last thing put down
	next    int           // record that Step gives first
	started bool
	err     error // what the model returned, but for ExitError; errFinished
}

// NewRecorder prepares a session of a fresh model.
func NewRecorder(model Model, size Size, seed uint64, o Options) *Recorder {
	header := Header{SchemaVersion: SchemaVersion, Size: size, Seed: seed, Profile: o.Profile, Cells: o.Cells}
	return &Recorder{trace: &Trace{Header: header}, options: o, run: run{model: model}}
}

// Init starts the program. It draws nothing yet: see Step.
func (r *Recorder) Init() error {
	if r.started {
		return errors.New("session has begun already")
	}
	if err := r.trace.Header.check(); err != nil {
		return err
	}
	r.started = true
	return r.fail(r.run.start(&r.trace.Header))
}

// fail keeps an error of the model: what comes after it is not recorded.
func (r *Recorder) fail(err error) error {
	if err != nil {
		r.err = err
	}
	return err
}

// Now is the time of what was put down last.
func (r *Recorder) Now() time.Duration { return r.now }

// Exited reports whether the program has ended by itself, and how.
func (r *Recorder) Exited() (code int, exited bool) {
	if r.run.exit == nil {
		return 0, false
	}
	return r.run.exit.Code, true
}

// Push puts down an event, which Step gives to the program. Times must not
// fall. The bytes of Bytes are copied.
func (r *Recorder) Push(at time.Duration, ev Event) error {
	if err := checkEvent(ev); err != nil {
		return err
	}
	if b, ok := ev.(Bytes); ok {
		ev = Bytes{slices.Clone(b.Data)}
	}
	return r.put(Record{Kind: format.KindInput, Time: at, Event: ev})
}

// Resize puts down another size of the screen.
func (r *Recorder) Resize(at time.Duration, size Size) error {
	if err := size.check(); err != nil {
		return err
	}
	return r.put(Record{Kind: format.KindResize, Time: at, Size: size})
}

// maxTicks bounds what one Advance puts down.
const maxTicks = 1 << 20

// Advance moves the session's clock on to a time, in ticks that are step
// apart; the last may be shorter. A step of 0 stands for one tick.
func (r *Recorder) Advance(to, step time.Duration) error {
	if step < 0 || step > 0 && (to-r.now)/step >= maxTicks {
		return fmt.Errorf("advance by %s in steps of %s, want at most %d", to-r.now, step, maxTicks)
	}
	for step > 0 && to-r.now > step {
		if err := r.put(Record{Kind: format.KindTick, Time: r.now + step}); err != nil {
			return err
		}
	}
	return r.put(Record{Kind: format.KindTick, Time: to})
}

func (r *Recorder) put(rec Record) error {
	switch {
	case !r.started:
		return errNotBegun
	case r.err != nil:
		return r.err
	case r.run.exit != nil:
		return ErrExited
	case rec.Time < r.now:
		return fmt.Errorf("%s at %s, after %s", rec.Kind, rec.Time, r.now)
	}
	r.now = rec.Time
	r.trace.Records = append(r.trace.Records, rec)
	return nil
}

// Step gives the program what was put down since the last step, has it draw
// and records the frame, which is valid until the next step. Where the program
// ends, what is left is dropped, and the frame is the last: see Exited.
func (r *Recorder) Step() (*Frame, error) {
	switch {
	case !r.started:
		return nil, errNotBegun
	case r.err != nil:
		return nil, r.err
	case r.run.ended:
		return nil, ErrExited
	}
	var began time.Duration
	if r.options.Stopwatch != nil {
		began = r.options.Stopwatch()
	}
	rec := Record{Kind: format.KindFrame}
	frame, err := r.step(&rec)
	if err != nil {
		return nil, r.fail(err)
	}
	if r.options.Stopwatch != nil {
		rec.Duration, rec.Timed = r.options.Stopwatch()-began, true
	}
	r.trace.Records = append(r.trace.Records, rec)
	r.next = len(r.trace.Records)
	return frame, nil
}

// step gives what is due and completes the record of the frame.
func (r *Recorder) step(rec *Record) (*Frame, error) {
	for ; r.next < len(r.trace.Records) && r.run.exit == nil; r.next++ {
		if err := r.run.give(&r.trace.Records[r.next]); err != nil {
			return nil, err
		}
	}
	r.trace.Records = r.trace.Records[:r.next]
	if r.next > 0 {
		rec.Time = r.trace.Records[r.next-1].Time
	}
	previous := r.run.shown()
	frame, err := r.run.draw(rec)
	if err == nil && r.options.Cells {
		rec.Cells = frame.appendChanges(nil, previous)
	}
	return frame, err
}

// Finish ends the session and returns its trace. What was put down since the
// last step is dropped. After an error of the model the trace has what came
// before it.
func (r *Recorder) Finish() (*Trace, error) {
	switch {
	case !r.started:
		return nil, errNotBegun
	case r.err == errFinished:
		return nil, errFinished
	}
	r.err = errFinished
	t := r.trace
	t.Records = t.Records[:r.next]
	end := Record{Kind: format.KindEnd, Index: r.run.chain.frames, Exit: r.run.exit}
	if r.next > 0 {
		end.Time = t.Records[r.next-1].Time
	}
	r.run.chain.given(&end, nil)
	end.Chain = r.run.chain.sum
	t.Records = append(t.Records, end)
	return t, nil
}
