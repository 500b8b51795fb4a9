package session

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/convert"
)

func TestReplay(t *testing.T) {
	trace := record(t, 200, Options{Cells: true})
	must(t, trace.Validate())
	for range 3 {
		result, err := Replay(context.Background(), &board{}, trace)
		must(t, err)
		if result.Mismatch != nil || result.Frames != trace.Frames() || result.Chain != trace.Records[len(trace.Records)-1].Chain {
			t.Fatalf("%+v, mismatch %+v", result, result.Mismatch)
		}
	}
	// A defect shows at the frame after the event that it begins with.
	const at = 50
	broken := &board{broken: func(b *board) {
		if b.steps == at && len(b.cells) > 8 {
			b.cells[8].Style.Attributes |= Bold
		}
	}}
	result, err := Replay(context.Background(), broken, trace)
	must(t, err)
	if m := result.Mismatch; m == nil || m.Frame != at || result.Frames != at || m.WantChecksum == m.GotChecksum || m.WantChain == m.GotChain {
		t.Fatalf("mismatch %+v, want one at frame %d", m, at)
	}
}

func TestSaveAndLoad(t *testing.T) {
	trace := record(t, 100, Options{Cells: true, Profile: "xterm-256color"})
	trace.Attachments = []Attachment{{Name: "app.wasm", MediaType: "application/wasm", Data: []byte{0, 'a', 's', 'm'}}}
	dir := t.TempDir()
	for _, name := range []string{"s.trace.arrow", "s.jsonl", "s.json"} {
		path := filepath.Join(dir, name)
		must(t, trace.Save(path, false))
		back, err := Load(context.Background(), path)
		must(t, err)
		if diff := cmp.Diff(trace, back); diff != "" {
			t.Fatalf("%s: %s", name, diff)
		}
	}
	var a, b bytes.Buffer
	must(t, trace.Write(&a, convert.JSONL))
	must(t, record(t, 100, Options{Cells: true}).Write(&b, convert.JSONL))
	if a.Len() < 1000 || b.Len() < 1000 {
		t.Fatal("nothing was written")
	}
}

func TestReplayOfAProgramThatEnds(t *testing.T) {
	r := NewRecorder(&board{}, Size{10, 3}, 1, Options{})
	must(t, r.Init())
	for _, name := range []string{"a", "q", "b"} {
		must(t, r.Push(0, Key{Name: name}))
	}
	_, err := r.Step()
	must(t, err)
	if code, exited := r.Exited(); !exited || code != 3 {
		t.Fatalf("exit %d, %t", code, exited)
	}
	if err := r.Push(0, Key{Name: "c"}); !errors.Is(err, ErrExited) {
		t.Fatal(err)
	}
	trace, err := r.Finish()
	must(t, err)
	must(t, trace.Validate())
	if n := len(trace.Records); n != 4 || trace.Records[3].Exit.Code != 3 {
		t.Fatalf("%d records: %+v", n, trace.Records)
	}
	result, err := Replay(context.Background(), &board{}, trace)
	must(t, err)
	if result.Mismatch != nil {
		t.Fatalf("%+v", result.Mismatch)
	}
}
