package reader

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/writer"
)

// ReadTail tells what Open tells, but for the functions.
func TestReadTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.trace.arrow")
	h := &format.Header{Tags: map[string]string{"a": "b"}, Program: &format.Program{Name: "p.wasm"}, Functions: []format.Function{{Module: "m", Name: "f"}}}
	w, err := writer.Create(path, writer.Options{Header: h})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tail, err := ReadTail(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := *f.Header()
	want.Functions = nil
	summary := *f.Summary()
	summary.Functions = nil
	if diff := cmp.Diff(&want, tail.Header) + cmp.Diff(&summary, tail.Summary); diff != "" || tail.Size != f.Size() {
		t.Errorf("%d bytes, want %d\n%s", tail.Size, f.Size(), diff)
	}
	if _, err := ReadTail(t.TempDir(), Options{}); err == nil {
		t.Error("a directory has a tail")
	}
}
