package session

import (
	"context"
	"errors"
	"fmt"
)

// Bisect gives two builds of a program what a trace says, step by step, and
// reports the first frame at which they differ: expected is what the good one
// draws, whatever the trace has. Each build runs once, however long the session
// is. The error is that of ctx.
func Bisect(ctx context.Context, good, bad Model, t *Trace) (*GateReport, error) {
	p, q := newReplayer(good, t), newReplayer(bad, t)
	m, err := lockstep(ctx, p, q)
	if err != nil {
		return nil, err
	}
	report := &GateReport{Passed: m == nil, Checked: p.matched, Frames: t.Frames(), Chain: hex16(q.run.chain.sum)}
	if m != nil {
		report.Difference = t.difference(m)
		if m.Err == nil {
			report.Difference.Diff = Compare(p.run.shown(), q.run.shown())
		}
	}
	return report, nil
}

// lockstep runs two builds up to the first frame at which they differ.
func lockstep(ctx context.Context, p, q *replayer) (*Mismatch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		want, _, wantErr := p.frame()
		got, _, gotErr := q.frame()
		if wantErr != nil || gotErr != nil {
			return q.endsApart(p, wantErr, gotErr), nil
		}
		if want.Checksum != got.Checksum {
			return &Mismatch{
				Frame: got.Index, Record: q.next - 1, Time: got.Time,
				WantChecksum: want.Checksum, GotChecksum: got.Checksum, WantChain: want.Chain, GotChain: got.Chain,
			}, nil
		}
		p.matched++
	}
}

// endsApart is the mismatch of two builds of which at least one has no further
// frame, nil if both ended alike.
func (q *replayer) endsApart(p *replayer, want, got error) *Mismatch {
	if fmt.Sprint(want) == fmt.Sprint(got) && exitOf(p) == exitOf(q) {
		return nil
	}
	record, failed := q.next, &ReplayError{}
	if got == nil || got == errDone && want != errDone {
		record = p.next // where the good one ended
	} else {
		errors.As(got, &failed)
	}
	if failed.Err == nil && q.run.exit != nil {
		failed = &ReplayError{Record: record, Err: q.run.exit}
	}
	m := q.mismatch(record, failed)
	m.Frame = min(p.run.chain.frames, q.run.chain.frames)
	return m
}

// exitOf says how the program has ended by itself.
func exitOf(p *replayer) string {
	if p.run.exit == nil {
		return ""
	}
	return p.run.exit.Error()
}
