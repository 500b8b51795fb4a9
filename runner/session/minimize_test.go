package session

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func whole() (Model, error) { return &board{}, nil }

// needsBoth is a board that goes wrong once it has had a certain key and then
// lost the focus.
func needsBoth() (Model, error) {
	armed := false
	return &board{broken: func(b *board) {
		if b.last == "key é repeat" {
			armed = true
		}
		if armed && b.last == "focus out" {
			b.cells[0] = Cell{Text: "!"}
		}
	}}, nil
}

func TestBisect(t *testing.T) {
	trace := record(t, 100, Options{})
	good, _ := whole()
	bad, _ := needsBoth()
	report, err := Bisect(context.Background(), good, bad, trace)
	must(t, err)
	d := report.Difference
	if report.Passed || d.Frame != 9 || d.Inputs[0].What != "composition update 日" || len(d.Diff.Cells) != 1 {
		t.Fatalf("%+v, %+v", report, d)
	}
	good, _ = whole()
	bad, _ = whole()
	report, err = Bisect(context.Background(), good, bad, trace)
	must(t, err)
	if !report.Passed || report.Checked != trace.Frames() {
		t.Fatalf("%+v", report)
	}
}

// early is a board that ends, or fails, at its n-th event.
type early struct {
	board
	n   int
	err error
}

func (e *early) Handle(ev Event) error {
	if err := e.board.Handle(ev); err != nil {
		return err
	}
	if e.n--; e.n == 0 {
		return e.err
	}
	return nil
}

func TestBuildsThatEnd(t *testing.T) {
	trace := record(t, 20, Options{})
	exit, trap := &ExitError{Code: 1}, errors.New("trap")
	for _, c := range []struct {
		good, bad Model
		frame     int64
		err       string
	}{
		{&board{}, &early{n: 5, err: exit}, 5, exit.Error()},
		{&board{}, &early{n: 5, err: trap}, 5, "trap"},
		{&early{n: 5, err: exit}, &board{}, 5, ""},
		{&early{n: 5, err: exit}, &early{n: 5, err: exit}, -1, ""},
		{&early{n: 5, err: exit}, &early{n: 5, err: &ExitError{}}, 5, (&ExitError{}).Error()},
	} {
		report, err := Bisect(context.Background(), c.good, c.bad, trace)
		must(t, err)
		if c.frame < 0 {
			if !report.Passed {
				t.Errorf("%+v: %+v", c, report.Difference)
			}
			continue
		}
		if d := report.Difference; d == nil || d.Frame != c.frame || d.Error != c.err {
			t.Errorf("%+v: %+v", c, d)
		}
	}
	for _, err := range []error{exit, trap} {
		report, failed := Gate(context.Background(), &early{n: 5, err: err}, trace, GateOptions{})
		must(t, failed)
		if d := report.Difference; d == nil || d.Error != err.Error() {
			t.Errorf("%s: %+v", err, d)
		}
	}
}

func TestMinimize(t *testing.T) {
	trace := record(t, 200, Options{Cells: true})
	left := len(trace.inputs())
	progress := func(inputs, runs int) {
		if inputs >= left || runs < 2 {
			t.Errorf("%d inputs after %d runs, %d before", inputs, runs, left)
		}
		left = inputs
	}
	small, err := Minimize(context.Background(), trace, MinimizeOptions{Reference: whole, Candidate: needsBoth, Progress: progress})
	must(t, err)
	if left != len(small.inputs()) {
		t.Errorf("%d inputs by the last report, %d in the trace", left, len(small.inputs()))
	}
	must(t, small.Validate())
	var given []string
	for _, i := range small.inputs() {
		given = append(given, small.Records[i].what())
	}
	// The defect is applied at the event after those two.
	want := []string{"key é repeat", "focus out", "composition update 日"}
	if diff := cmp.Diff(want, given); diff != "" {
		t.Fatal(diff)
	}
	bad, _ := needsBoth()
	report, err := Gate(context.Background(), bad, small, GateOptions{})
	must(t, err)
	if report.Passed || report.Difference.Diff == nil {
		t.Fatalf("%+v", report)
	}
	_, err = Minimize(context.Background(), trace, MinimizeOptions{Reference: whole, Candidate: whole})
	if !errors.Is(err, ErrNoFailure) {
		t.Fatal(err)
	}
}

func TestMinimizeNeedsBothModels(t *testing.T) {
	if _, err := Minimize(t.Context(), &Trace{}, MinimizeOptions{}); err == nil {
		t.Error("no error")
	}
}
