package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tracetool/tracetool/format"
)

// GateOptions say what a gate may use. The zero value works.
type GateOptions struct {
	// Reference makes a model that draws as the recorded one did. It is asked
	// for the expected screen where the trace has kept no cells.
	Reference func() (Model, error)
}

// GateReport is what a gate found. WriteText, WriteHTML and WriteJUnit show
// it.
type GateReport struct {
	Passed  bool   `json:"passed"`
	Checked int64  `json:"frames_checked"` // that are as recorded
	Frames  int64  `json:"frames"`         // of the trace
	Chain   string `json:"chain"`          // of the replay as far as it went, 16 hex digits

	// Difference is the first; nil where the gate passed.
	Difference *GateDifference `json:"difference,omitempty"`
}

// GateDifference is the first place where a program is not as recorded.
type GateDifference struct {
	Frame  int64         `json:"frame"`            // the frame, or the one that would come next
	Record int           `json:"record"`           // its record in the trace
	TimeNS time.Duration `json:"time_ns"`          // since the start of the session
	What   string        `json:"what"`             // in words
	Error  string        `json:"error,omitempty"`  // what the program ended or failed with
	Inputs []GateInput   `json:"inputs,omitempty"` // since the last frame that is as recorded

	WantChecksum string `json:"want_checksum,omitempty"` // 16 hex digits, as the rest
	GotChecksum  string `json:"got_checksum,omitempty"`
	WantChain    string `json:"want_chain,omitempty"`
	GotChain     string `json:"got_chain,omitempty"`

	// Diff compares the screens; nil where one of them is not known.
	Diff *GateDiff `json:"diff,omitempty"`
}

// GateInput is something that the program was given.
type GateInput struct {
	Record int           `json:"record"`
	TimeNS time.Duration `json:"time_ns"`
	What   string        `json:"what"` // "key ctrl+x", "resize 80x24", "tick"
}

// Gate replays a trace on a fresh model and reports the first difference, with
// pictures of both screens where the trace has kept its cells or there is a
// reference. The error is that of ctx or of the reference.
func Gate(ctx context.Context, model Model, t *Trace, o GateOptions) (*GateReport, error) {
	p := newReplayer(model, t)
	m, err := p.compare(ctx)
	if err != nil {
		return nil, err
	}
	report := &GateReport{Passed: m == nil, Checked: p.matched, Frames: t.Frames(), Chain: hex16(p.run.chain.sum)}
	if m == nil {
		return report, nil
	}
	report.Difference = t.difference(m)
	if m.Err != nil {
		return report, nil
	}
	want, err := t.screenAt(ctx, m, o)
	if err == nil && want != nil && m.Record < len(t.Records) && t.Records[m.Record].Kind == format.KindFrame {
		report.Difference.Diff = Compare(want, p.run.shown())
	}
	return report, err
}

func (t *Trace) difference(m *Mismatch) *GateDifference {
	d := &GateDifference{Frame: m.Frame, Record: m.Record, TimeNS: m.Time, Inputs: t.inputsBefore(m.Record)}
	switch {
	case m.Err != nil && m.Err.Err == nil:
		d.What = "the program goes on where the recorded one ended"
	case m.Err != nil:
		d.What, d.Error = "the program ends where the recorded one does not", m.Err.Err.Error()
	case m.WantChecksum != m.GotChecksum:
		d.What = "the frame differs"
	default:
		d.What = "the frame is the same, but the program was given something else than when it was recorded"
	}
	for _, v := range []struct {
		to    *string
		value uint64
	}{
		{&d.WantChecksum, m.WantChecksum}, {&d.GotChecksum, m.GotChecksum}, {&d.WantChain, m.WantChain}, {&d.GotChain, m.GotChain},
	} {
		if v.value != 0 {
			*v.to = hex16(v.value)
		}
	}
	return d
}

func hex16(v uint64) string { return fmt.Sprintf("%016x", v) }

// inputsBefore lists what the program was given between a record and the frame
// before it, the record itself included.
func (t *Trace) inputsBefore(record int) []GateInput {
	first := record
	for first > 0 && t.Records[first-1].Kind != format.KindFrame {
		first--
	}
	var list []GateInput
	for i := first; i <= record && i < len(t.Records); i++ {
		if what := t.Records[i].what(); what != "" {
			list = append(list, GateInput{Record: i, TimeNS: t.Records[i].Time, What: what})
		}
	}
	return list
}

// what says what the program was given, empty for a frame and the end.
func (r *Record) what() string {
	switch r.Kind {
	case format.KindInput:
		return r.Event.String()
	case format.KindResize:
		return "resize " + r.Size.String()
	case format.KindTick:
		return "tick"
	}
	return ""
}

// screenAt is the recorded screen of a mismatch's frame, nil if it is not
// known.
func (t *Trace) screenAt(ctx context.Context, m *Mismatch, o GateOptions) (*Frame, error) {
	if t.Header.Cells {
		return t.Screen(m.Frame)
	}
	if o.Reference == nil {
		return nil, nil
	}
	model, err := o.Reference()
	if err != nil {
		return nil, err
	}
	p := newReplayer(model, t)
	other, err := p.compareTo(ctx, m.Frame)
	if err != nil {
		return nil, err
	}
	if other != nil {
		return nil, fmt.Errorf("the reference differs from the trace itself, at frame %d", other.Frame)
	}
	return p.run.shown(), nil
}

// ErrNoCells is returned where a trace has not kept the cells of its frames.
var ErrNoCells = errors.New("the trace has not kept the cells of its frames")

// Screen returns what a frame of the trace shows.
func (t *Trace) Screen(frame int64) (*Frame, error) {
	if !t.Header.Cells {
		return nil, ErrNoCells
	}
	f := &Frame{}
	for i := range t.Records {
		r := &t.Records[i]
		if r.Kind != format.KindFrame {
			continue
		}
		if err := f.Apply(r.Cells); err != nil {
			return nil, fmt.Errorf("frame %d: %w", r.Index, err)
		}
		if r.Index == frame {
			return f, nil
		}
	}
	return nil, fmt.Errorf("frame %d of %d", frame, t.Frames())
}
