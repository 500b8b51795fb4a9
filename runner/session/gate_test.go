package session

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files of reports")

// gated gates a board that draws a hostile cell from its n-th event on.
func gated(t *testing.T, trace *Trace, n int, o GateOptions) *GateReport {
	t.Helper()
	broken := &board{broken: func(b *board) {
		if b.steps >= n {
			b.cells[23] = Cell{Text: "\x1b]0;<script>\a", Style: Style{Foreground: RGB(255, 0, 0), Link: `javascript:alert("1")`}}
			b.cells[24] = Cell{Text: "世", Style: Style{Background: Indexed(4), Underline: CurlyUnderline}}
			b.cells[25] = Cell{}
		}
	}}
	report, err := Gate(context.Background(), broken, trace, o)
	must(t, err)
	return report
}

func TestGate(t *testing.T) {
	kept, bare := record(t, 30, Options{Cells: true}), record(t, 30, Options{})
	passed, err := Gate(context.Background(), &board{}, kept, GateOptions{})
	must(t, err)
	if !passed.Passed || passed.Checked != 31 || passed.Difference != nil {
		t.Fatalf("%+v", passed)
	}
	report := gated(t, kept, 6, GateOptions{})
	d := report.Difference
	if report.Passed || d.Frame != 6 || d.Diff == nil || len(d.Diff.Cells) != 3 || d.Inputs[0].What != "paste two\nlines" {
		t.Fatalf("%+v, %+v", report, d)
	}
	if r := gated(t, bare, 6, GateOptions{}); r.Difference.Diff != nil || r.Difference.Frame != 6 {
		t.Fatalf("a picture without cells: %+v", r.Difference)
	}
	reference := func() (Model, error) { return &board{}, nil }
	again := gated(t, bare, 6, GateOptions{Reference: reference})
	if diff := cmp.Diff(d.Diff.Cells, again.Difference.Diff.Cells); diff != "" {
		t.Fatalf("with a reference: %s", diff)
	}
}

// cases are reports of all outcomes.
func cases(t *testing.T) []GateCase {
	kept := record(t, 30, Options{Cells: true})
	passed, err := Gate(context.Background(), &board{}, kept, GateOptions{})
	must(t, err)
	return []GateCase{
		{Name: "good.trace.arrow", Report: passed},
		{Name: "<bad>\x1b.trace.arrow", Report: gated(t, kept, 6, GateOptions{})},
		{Name: "none.trace.arrow", Error: "no such \x1b[1m<file>"},
	}
}

func TestReports(t *testing.T) {
	for name, write := range map[string]func(*bytes.Buffer) error{
		"gate.txt":   func(b *bytes.Buffer) error { return WriteText(b, TextOptions{}, cases(t)...) },
		"color.txt":  func(b *bytes.Buffer) error { return WriteText(b, TextOptions{Color: true}, cases(t)...) },
		"gate.html":  func(b *bytes.Buffer) error { return WriteHTML(b, cases(t)...) },
		"gate.junit": func(b *bytes.Buffer) error { return WriteJUnit(b, cases(t)...) },
		"gate.json": func(b *bytes.Buffer) error {
			e := json.NewEncoder(b)
			e.SetIndent("", "  ")
			return e.Encode(cases(t))
		},
	} {
		var b bytes.Buffer
		must(t, write(&b))
		checkHarmless(t, name, b.String())
		golden(t, filepath.Join("testdata", "reports", name), b.Bytes())
	}
}

// checkHarmless looks for what the session's own text must not become.
func checkHarmless(t *testing.T, name, text string) {
	t.Helper()
	text = strings.NewReplacer("\x1b[30;43m", "", "\x1b[0m", "").Replace(text)
	if strings.ContainsAny(text, "\x1b\a") {
		t.Errorf("%s has control characters", name)
	}
	if name == "gate.html" && (strings.Contains(text, "<script") || strings.Contains(text, "href")) {
		t.Errorf("%s has the session's own markup", name)
	}
	if name == "gate.junit" {
		if err := xml.Unmarshal([]byte(text), new(struct{})); err != nil {
			t.Errorf("%s: %s", name, err)
		}
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}
