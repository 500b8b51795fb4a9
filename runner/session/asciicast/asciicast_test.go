package asciicast_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/asciicast"
	"github.com/tracetool/tracetool/runner/session/guest"
)

const script = `
text Hi 漢
paste "two\nlines"
key ctrl+ArrowUp
mouse press left 9 1
focus out
wait 1.2345s
resize 50x9
key shift+Tab
key F5
key ctrl+q
`

// record records a session of the editor.
func record(t *testing.T, text string) *session.Trace {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash("../../../examples/editor/editor.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := guest.Open(t.Context(), runner.Module{Name: "editor.wasm", Bytes: data}, guest.Options{CacheDir: runner.NoCache})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s, err := guest.ParseScript(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r := session.NewRecorder(p.Model(), session.Size{Columns: 40, Rows: 8}, 1, session.Options{Profile: guest.Term, Cells: true})
	if err := r.Init(); err != nil {
		t.Fatal(err)
	}
	if err := s.Play(t.Context(), r, 100e6); err != nil {
		t.Fatal(err)
	}
	trace, err := r.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// given lists inputs and resizes with their times, and shown the different frames
// one after the other.
func given(t *session.Trace) (list []string) {
	for _, r := range t.Records {
		switch r.Kind {
		case format.KindInput:
			list = append(list, r.Time.String()+" "+r.Event.String())
		case format.KindResize:
			list = append(list, r.Time.String()+" resize "+r.Size.String())
		}
	}
	return list
}

func shown(t *session.Trace) (list []uint64) {
	for _, r := range t.Records {
		if r.Kind == format.KindFrame && (len(list) == 0 || list[len(list)-1] != r.Checksum) {
			list = append(list, r.Checksum)
		}
	}
	return list
}

func TestThereAndBack(t *testing.T) {
	want := record(t, script)
	for _, version := range []int{asciicast.V2, asciicast.V3} {
		var film bytes.Buffer
		report, err := asciicast.Write(&film, want, version)
		if err != nil || report.Lost != 0 || !asciicast.Detect(film.Bytes()[:200]) {
			t.Fatalf("version %d: %+v, %v", version, report, err)
		}
		got, err := asciicast.Read(t.Context(), bytes.NewReader(film.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("version %d: %v", version, err)
		}
		if diff := cmp.Diff(given(want), given(got)); diff != "" {
			t.Errorf("version %d: -want +got\n%s", version, diff)
		}
		if diff := cmp.Diff(shown(want), shown(got)); diff != "" {
			t.Errorf("version %d: frames: -want +got\n%s", version, diff)
		}
		if got.Header.Profile != guest.Term || got.Header.Size != want.Header.Size {
			t.Errorf("version %d: header %+v", version, got.Header)
		}
	}
}

func TestLostInputs(t *testing.T) {
	trace := record(t, "key a release\ncomposition update k\nbytes ff\nkey a\nkey ctrl+q\n")
	report, err := asciicast.Write(&bytes.Buffer{}, trace, asciicast.V3)
	if err != nil || report.Lost != 3 {
		t.Errorf("%+v, %v; want 3 lost", report, err)
	}
	trace.Header.Cells = false
	if _, err := asciicast.Write(&bytes.Buffer{}, trace, asciicast.V3); !errors.Is(err, session.ErrNoCells) {
		t.Errorf("without cells: %v", err)
	}
}

func TestForeignFilm(t *testing.T) {
	got, err := asciicast.Read(t.Context(), strings.NewReader(`{"version": 3, "term": {"cols": 10, "rows": 2}, "title": "x"}
# a comment
[0.5, "o", "hello"]
[0.0, "o", " you\r\n"]
[0.25, "m", "marker"]
[0.25, "i", "\u001b"]
[0.25, "i", "[A"]
[1, "r", "20x3"]
[0, "o", "more"]
[1, "x", "0"]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1s key Escape", "1.25s key [", "1.25s key A", "2.25s resize 20x3"}
	if diff := cmp.Diff(want, given(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	f, err := got.Screen(got.Frames() - 1)
	if err != nil {
		t.Fatal(err)
	}
	if c := f.At(3, 1); c.Text != "e" || f.Size() != (session.Size{Columns: 20, Rows: 3}) {
		t.Errorf("last frame of %s, %q", f.Size(), c.Text)
	}
}

func TestBadFilms(t *testing.T) {
	const head = `{"version": 2, "width": 10, "height": 2}` + "\n"
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"empty":             {"", 1},
		"no header":         {"[0, \"o\", \"x\"]\n", 1},
		"version 1":         {`{"version": 1, "width": 10, "height": 2}`, 1},
		"no size":           {`{"version": 2}`, 1},
		"huge":              {`{"version": 2, "width": 100000, "height": 100000}`, 1},
		"no array":          {head + "{}\n", 2},
		"two members":       {head + "[0, \"o\"]\n", 2},
		"kind is a number":  {head + "[0, 1, \"x\"]\n", 2},
		"time goes back":    {head + "[1, \"o\", \"x\"]\n[0.5, \"o\", \"x\"]\n", 3},
		"time is negative":  {head + "[-1, \"o\", \"x\"]\n", 2},
		"time is huge":      {head + "[1e300, \"o\", \"x\"]\n", 2},
		"resize is no size": {head + "[1, \"r\", \"80\"]\n", 2},
		"resize is huge":    {head + "[1, \"r\", \"65535x65535\"]\n", 2},
	} {
		_, err := asciicast.Read(t.Context(), strings.NewReader(c.text))
		var film *asciicast.Error
		if !errors.As(err, &film) || film.Line != c.line {
			t.Errorf("%s: %v, want an Error of line %d", name, err, c.line)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"version": 2, "width": 10, "height": 2}` + "\n[0.5, \"o\", \"hello\"]\n[0.6, \"i\", \"\\u001b[A\"]\n[0.7, \"r\", \"5x5\"]\n")
	f.Add(`{"version": 3, "term": {"cols": 10, "rows": 2}}` + "\n[0.5, \"o\", \"\\u001b[31m漢\"]\n[1, \"x\", \"0\"]\n")
	f.Fuzz(func(t *testing.T, text string) {
		trace, err := asciicast.Read(t.Context(), strings.NewReader(text))
		if err != nil {
			return
		}
		if err := trace.Validate(); err != nil {
			t.Errorf("not valid: %v", err)
		}
	})
}
