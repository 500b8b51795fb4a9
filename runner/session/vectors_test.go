package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/format"
)

// vector is a session as text with one fault, or none.
type vector struct {
	name   string
	expect string // "ok", "parse", or a Fault with the record and frame: "chain broken, record 4, frame 2"
	data   []byte
}

// vectors reads testdata/vectors: files that begin with lines "about" and
// "expect", and after an empty line have the input.
func vectors(t testing.TB) []vector {
	t.Helper()
	const least = 40
	files, err := filepath.Glob("testdata/vectors/*")
	if err != nil || len(files) < least {
		t.Fatalf("%d vectors in testdata/vectors, want %d or more: %v", len(files), least, err)
	}
	var list []vector
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		head, data, found := bytes.Cut(text, []byte("\n\n"))
		about, expect, also := strings.Cut(string(head), "\nexpect: ")
		if !found || !also || !strings.HasPrefix(about, "about: ") {
			t.Fatalf("%s: no lines about and expect", file)
		}
		list = append(list, vector{filepath.Base(file), expect, data})
	}
	return list
}

// outcome words an error as vectors expect it.
func outcome(err error) string {
	var load *LoadError
	var parse *ParseError
	var invalid *ValidationError
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &load):
		return fmt.Sprintf("%T", err)
	case errors.As(err, &parse):
		return fmt.Sprintf("parse, line %d", parse.Line)
	case errors.As(err, &invalid) && invalid.Record < 0:
		return string(invalid.Fault)
	case errors.As(err, &invalid):
		return fmt.Sprintf("%s, record %d, frame %d", invalid.Fault, invalid.Record, invalid.Frame)
	}
	return err.Error()
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			trace, err := Read(context.Background(), bytes.NewReader(v.data))
			if got := outcome(err); got != v.expect {
				t.Errorf("Read: %s, want %s (%v)", got, v.expect, err)
			}
			err = Check(context.Background(), bytes.NewReader(v.data))
			if got := outcome(err); got != v.expect {
				t.Errorf("Check: %s, want %s (%v)", got, v.expect, err)
			}
			if v.expect == "ok" {
				checkBothEncodings(t, trace)
			} else {
				checkContainer(t, &v)
			}
		})
	}
}

// checkBothEncodings checks that a trace is the same in both, and valid.
func checkBothEncodings(t *testing.T, trace *Trace) {
	t.Helper()
	must(t, trace.Validate())
	for _, form := range []convert.Form{convert.JSONL, convert.Arrow, convert.JSON} {
		back, err := Read(context.Background(), bytes.NewReader(encoded(t, trace, form)))
		must(t, err)
		if diff := cmp.Diff(trace, back); diff != "" {
			t.Errorf("%s: %s", form, diff)
		}
	}
}

// checkContainer checks that a fault in the records is the same one in a
// container. What is wrong with the text alone has no container.
func checkContainer(t *testing.T, v *vector) {
	t.Helper()
	var arrow bytes.Buffer
	_, err := convert.Convert(context.Background(), convert.Input{Reader: bytes.NewReader(v.data)},
		convert.Output{Writer: &arrow}, convert.Options{To: convert.Arrow})
	if err != nil {
		return
	}
	_, err = Read(context.Background(), bytes.NewReader(arrow.Bytes()))
	if got := outcome(err); got != v.expect {
		t.Errorf("in a container: %s, want %s (%v)", got, v.expect, err)
	}
	if !errors.Is(err, format.ErrCorrupt) && !errors.Is(err, format.ErrVersion) {
		t.Errorf("%v is neither corrupt nor of a newer version", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		trace, err := Read(context.Background(), bytes.NewReader(data))
		if check := Check(context.Background(), bytes.NewReader(data)); outcome(check) != outcome(err) {
			t.Fatalf("Read: %v, Check: %v", err, check)
		}
		if err == nil {
			checkBothEncodings(t, trace)
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	for _, text := range []string{
		"key ctrl++", "key ctrl+alt+shift+super+a repeat", "key +", "mouse drag shift+left -1 5", "paste ", "focus in",
		"composition commit 日本", "bytes 00ff", "mouse press wheel-up 1 2",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ev, err := ParseEvent(text)
		if err != nil {
			return
		}
		if again := ev.String(); again != text {
			t.Fatalf("%q reads as %q", text, again)
		}
		must(t, checkEvent(ev))
	})
}

func FuzzApply(f *testing.F) {
	for _, r := range record(f, 30, Options{Cells: true}).Records {
		if r.Cells != nil {
			f.Add(r.Cells)
		}
	}
	f.Fuzz(func(t *testing.T, cells []byte) {
		frame := NewFrame(Size{20, 5})
		if frame.Apply(cells) != nil {
			return
		}
		again := &Frame{}
		must(t, again.Apply(frame.AppendCanonical(nil)))
		if !again.Equal(frame) || again.Checksum() != frame.Checksum() {
			t.Fatalf("%x: the canonical bytes give another frame", cells)
		}
	})
}
