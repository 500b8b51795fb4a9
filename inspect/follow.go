package inspect

import (
	"context"
	"iter"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// DefaultPoll is how often a recording in progress is looked at.
const DefaultPoll = 100 * time.Millisecond

// Follow iterates over the events that q selects and goes on with those that a
// recorder adds, until the recorder has ended or ctx has, whose error is the
// last element then. It looks for new events every poll, DefaultPoll if 0.
func Follow(ctx context.Context, f *reader.File, q Filter, poll time.Duration) iter.Seq2[*format.Event, error] {
	if poll <= 0 {
		poll = DefaultPoll
	}
	return func(yield func(*format.Event, error) bool) {
		fl := follower{f: f, query: q.For(f), next: q.FromEvent}
		for {
			live := f.Live() // before the refresh: what comes after the last event is seen
			if _, err := f.Refresh(); err != nil {
				yield(nil, err)
				return
			}
			if !fl.drain(ctx, yield) || !live || fl.done(q.ToEvent) {
				return
			}
			if err := sleep(ctx, poll); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

type follower struct {
	f     *reader.File
	query reader.Query
	next  int64 // number of the first event that was not looked at
}

// drain yields what is on file by now. Parts of an event whose last row is not
// there yet come with it: the reader looks back for them.
func (fl *follower) drain(ctx context.Context, yield func(*format.Event, error) bool) bool {
	end := fl.f.Summary().Events
	if to := fl.query.ToEvent; to > 0 {
		end = min(end, to)
	}
	if end <= fl.next {
		return true
	}
	q := fl.query
	q.FromEvent, q.ToEvent = fl.next, end
	for e, err := range fl.f.Events(q) {
		if done := ctx.Err(); done != nil && err == nil {
			e, err = nil, done
		}
		if !yield(e, err) || err != nil {
			return false
		}
	}
	fl.next = end
	return true
}

func (fl *follower) done(to int64) bool { return to > 0 && fl.next >= to }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
