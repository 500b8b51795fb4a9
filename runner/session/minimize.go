package session

import (
	"context"
	"errors"

	"github.com/tracetool/tracetool/format"
)

// MinimizeOptions say which failure is kept. Both models are needed.
type MinimizeOptions struct {
	Reference func() (Model, error) // makes a model of the good build
	Candidate func() (Model, error) // makes a model of the build that draws something else
	// Progress is called now and then with what is left of the inputs.
	Progress func(inputs, runs int)
}

// ErrNoFailure is returned where two builds draw the same: there is nothing to
// minimize.
var ErrNoFailure = errors.New("both builds draw the same frames")

// Minimize drops from a session what the program is given for nothing: with
// what is left the two builds still differ, and with any one input less they do
// not. It returns a trace of the reference. The error is ErrNoFailure, or that
// of ctx or of a model.
func Minimize(ctx context.Context, t *Trace, o MinimizeOptions) (*Trace, error) {
	if o.Reference == nil || o.Candidate == nil {
		return nil, errors.New("minimize without a reference or a candidate: both models are needed")
	}
	m := minimizer{ctx: ctx, options: &o, trace: t}
	first, err := m.mismatch(t)
	if err != nil {
		return nil, err
	}
	if first == nil {
		return nil, ErrNoFailure
	}
	m.trace = t.upTo(first.Record)
	units, err := m.reduce(m.trace.inputs())
	if err != nil {
		return nil, err
	}
	model, err := o.Reference()
	if err != nil {
		return nil, err
	}
	return Rerecord(ctx, model, m.trace.only(units))
}

type minimizer struct {
	ctx     context.Context
	options *MinimizeOptions
	trace   *Trace
	runs    int
}

// mismatch is the first between the builds, nil if there is none.
func (m *minimizer) mismatch(t *Trace) (*Mismatch, error) {
	m.runs++
	good, err := m.options.Reference()
	if err != nil {
		return nil, err
	}
	bad, err := m.options.Candidate()
	if err != nil {
		return nil, err
	}
	return lockstep(m.ctx, newReplayer(good, t), newReplayer(bad, t))
}

// reduce drops chunks of the records, each as long as the failure stays, and
// halves the chunks; at last it goes on with single records until none can go.
func (m *minimizer) reduce(units []int) ([]int, error) {
	for size := (len(units) + 1) / 2; size > 0; {
		before := len(units)
		for start := 0; start < len(units); {
			end := min(start+size, len(units))
			rest := append(append([]int{}, units[:start]...), units[end:]...)
			found, err := m.mismatch(m.trace.only(rest))
			if err != nil {
				return nil, err
			}
			if found == nil {
				start = end
				continue
			}
			units = rest
			if m.options.Progress != nil {
				m.options.Progress(len(units), m.runs)
			}
		}
		if size > 1 || len(units) == before {
			size /= 2
		}
	}
	return units, nil
}

// inputs are the numbers of the records that the program is given.
func (t *Trace) inputs() []int {
	var list []int
	for i := range t.Records {
		if k := t.Records[i].Kind; k != format.KindFrame && k != format.KindEnd {
			list = append(list, i)
		}
	}
	return list
}

// upTo is the session up to a record and the frame behind it.
func (t *Trace) upTo(record int) *Trace {
	out := *t
	for end := record; end < len(t.Records); end++ {
		if t.Records[end].Kind == format.KindFrame {
			out.Records = t.Records[:end+1]
			break
		}
	}
	return &out
}

// only is the session with some of its inputs. A frame whose inputs are all
// gone is too.
func (t *Trace) only(units []int) *Trace {
	out := *t
	out.Records = nil
	kept, gone, next := 0, 0, 0
	for i := range t.Records {
		r := &t.Records[i]
		if r.Kind == format.KindFrame || r.Kind == format.KindEnd {
			if kept > 0 || gone == 0 {
				out.Records = append(out.Records, *r)
			}
			kept, gone = 0, 0
			continue
		}
		if next < len(units) && units[next] == i {
			out.Records = append(out.Records, *r)
			kept, next = kept+1, next+1
		} else {
			gone++
		}
	}
	return &out
}
