package runner

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
)

// DivergenceError is the first difference between a replay and its recording.
type DivergenceError struct {
	Event       int64             // number of the recorded event
	Reason      string            // "different arguments"
	Function    string            // that was recorded; empty where it is no call
	Recorded    string            // the recorded event, as package call formats it
	Now         string            // what the guest did instead
	Differences []call.Difference // in the arguments
	Before      []string          // the events before it, each with its number
	Stack       []string          // of the guest, see Trap
	Redacted    bool              // the trace was: the guest is likely to have computed something of a masked secret
}

// Error is one line.
func (e *DivergenceError) Error() string {
	s := fmt.Sprintf("event %d: ", e.Event)
	if e.Function != "" {
		s += e.Function + ": "
	}
	switch n := len(e.Differences); {
	case n > 0:
		d := e.Differences[0]
		s += fmt.Sprintf("%s: recorded %s, now %s", d.Name, d.Recorded, d.Now)
		if n > 1 {
			s += fmt.Sprintf(" (and %d more)", n-1)
		}
	case e.Recorded != "" || e.Now != "":
		s += fmt.Sprintf("%s: recorded %s, now %s", e.Reason, orNothing(e.Recorded), orNothing(e.Now))
	default:
		s += e.Reason
	}
	if e.Redacted {
		s += redactedNote
	}
	return s
}

// redactedNote is said of a divergence in a trace that was redacted.
const redactedNote = "; the trace was redacted: this is likely to be the first call that follows from a masked secret"

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// Report writes all that is known, in several lines. Text of the guest in it is
// escaped.
func (e *DivergenceError) Report(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "diverged at event %d: %s\n", e.Event, e.Reason)
	fmt.Fprintf(&b, "  recorded  %s\n  now       %s\n", orNothing(e.Recorded), orNothing(e.Now))
	for _, d := range e.Differences {
		fmt.Fprintf(&b, "\n%s\n  recorded  %s\n  now       %s\n", d.Name, d.Recorded, d.Now)
	}
	if e.Redacted {
		fmt.Fprintf(&b, "\nredacted\n  secrets in this trace are masked: this is likely to be the first call that follows\n  from one, as a hash, an encoding or a decision does\n")
	}
	section(&b, "before it", e.Before)
	section(&b, "stack of the guest", e.Stack)
	_, err := w.Write(b.Bytes())
	return err
}

func section(b *bytes.Buffer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "  %s\n", strings.ReplaceAll(line, "\t", "  "))
	}
}

// diverge ends the replay with a divergence at the cursor's event. Recorded and
// now may be nil, fn is the function the guest called now.
func (r *replay) diverge(fn *function, recorded, now *format.Event, reason string) {
	e := &DivergenceError{Event: r.cur.number(), Reason: reason, Redacted: r.header.Redacted != nil}
	if recorded != nil {
		e.Recorded = r.format(r.whole(recorded))
		if recorded.Kind == format.KindCall {
			e.Function = r.nameOf(recorded)
		}
	}
	if now != nil {
		e.Now = r.formatNow(fn, now)
	}
	if fn != nil && recorded != nil && recorded.Kind == format.KindCall && recorded.Function == fn.name && recorded.Module == fn.module {
		e.Differences = call.Differ(fn.Function, r.header, recorded, now, r.same)
	}
	e.Before = r.before(e.Event)
	r.err = e
}

// whole returns the cursor's event with what only people look at.
func (r *replay) whole(recorded *format.Event) *format.Event {
	ev, err := r.f.EventAt(r.cur.number())
	if err != nil || recorded.Seq != ev.Seq {
		return recorded
	}
	return ev
}

// divergeEnd is diverge for an end of the guest that differs in one thing.
func (r *replay) divergeEnd(recorded *format.Event, now *Result, reason string, d call.Difference) {
	r.diverge(nil, recorded, endOf(now), reason)
	r.err.(*DivergenceError).Differences = []call.Difference{d}
}

// failDiverged is diverge from inside a host function.
func (r *replay) failDiverged(fn *function, recorded, now *format.Event, reason string) {
	r.diverge(fn, recorded, now, reason)
	panic(errStopped)
}

// leftOver: the guest has ended or returned, but more was recorded.
func (r *replay) leftOver(ev *format.Event) {
	r.diverge(nil, ev, nil, "the guest returned")
}

func (r *replay) format(ev *format.Event) string {
	return string(call.Format(nil, r.header, r.moduleOf(ev), r.nameOf(ev), ev, call.Options{}))
}

// formatNow formats an event of the replay, whose function may have no code.
func (r *replay) formatNow(fn *function, ev *format.Event) string {
	if fn == nil {
		return r.format(ev)
	}
	shown := *ev
	shown.Has &^= format.HasDuration // it has not run
	return string(call.Format(nil, r.header, fn.Module, fn.Name, &shown, call.Options{}))
}

// before formats the events that precede one.
func (r *replay) before(number int64) []string {
	n := int64(r.cfg.Context)
	if n == 0 {
		n = defaultContext
	}
	if n < 0 || number == 0 {
		return nil
	}
	var lines []string
	for ev, err := range r.f.Events(reader.Query{FromEvent: max(0, number-n), ToEvent: number}) {
		if err != nil {
			break
		}
		lines = append(lines, fmt.Sprintf("%d  %s", ev.Seq, r.format(ev)))
	}
	return lines
}
