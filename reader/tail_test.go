package reader

import (
	"encoding/json"
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

func FuzzWithoutFunctions(f *testing.F) {
	for _, text := range []string{
		`{"a":1,"functions":[{"name":"f","x":["]"]}],"b":{"functions":[2]}}`,
		`{"functions":[],"functions":[1]}`, `{"functions":null}`, `{"functions": [1]}`, `{"functions":{}}`, `{"functions":[1]`,
		`{"a":"functions","b\"functions":[1]}`, `{"a":{"functions":[1]}}`, `[{"functions":[1]}]`, `{"a":"\`, `"`, `]}`, ``, `{"functions":[`,
	} {
		f.Add(text)
	}
	// What is left is decoded as before, but for the functions.
	f.Fuzz(func(t *testing.T, text string) {
		var want, got map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &want) != nil {
			_ = withoutFunctions(text) // it may be mended, and must not panic
			return
		}
		if err := json.Unmarshal(withoutFunctions(text), &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		delete(want, "functions")
		delete(got, "functions")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}

func TestWithoutFunctions(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"functions":[{"x":["]"]}],"b":2}`: `{"a":1,"functions":null,"b":2}`,
		`{"b":{"functions":[2]}}`:                 `{"b":{"functions":[2]}}`,
		`{"a\"functions":[1],"t":"functions"}`:    `{"a\"functions":[1],"t":"functions"}`,
	} {
		if got := string(withoutFunctions(text)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
