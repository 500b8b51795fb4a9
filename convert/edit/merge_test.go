package edit

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// Merging keeps every row of every trace, in its trace's order and with its
// names, number and decoded form; only the task is another.
func TestMerge(t *testing.T) {
	b := runB
	b.opts.SegmentRows = 32
	ins := []*reader.File{runA.trace(t, runA.events(120)), b.trace(t, b.events(200)), runA.trace(t, nil)}
	path := filepath.Join(t.TempDir(), "out")
	res, err := Merge(ctx, ins, Output{Path: path, Source: "merge a b"})
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	parts := make([][]string, len(ins))
	last := int64(0)
	for e, err := range f.Events(reader.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Time < last {
			t.Errorf("event at %d after one at %d", e.Time, last)
		}
		last = e.Time
		from := int(e.Task) % len(ins)
		e.Task /= int32(len(ins))
		parts[from] = append(parts[from], plainRow(f, e))
	}
	for i, in := range ins {
		var want []string
		for e, err := range in.Events(reader.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, plainRow(in, e))
		}
		if diff := cmp.Diff(want, parts[i]); diff != "" {
			t.Errorf("trace %d: -want +got:\n%s", i+1, diff)
		}
	}
	if res.Events != 320 || f.Summary().Events != 320 {
		t.Errorf("result %+v, %d events in the trace", res, f.Summary().Events)
	}
	checkAttachments(t, f, map[string]string{"app.wasm": "module A", "app-2.wasm": "module B", "shared.txt": "the same in all"})
	if h := f.Header(); h.Source != "merge a b" || h.StartNS != startNS || h.Program != nil {
		t.Errorf("header %+v", h)
	}
}

// plainRow leaves out which columns are null: a clock's reading is stored
// where it no longer follows from the header.
func plainRow(f *reader.File, e *format.Event) string {
	return fmt.Sprintf("%d %d %d %s", e.Seq, e.Time, e.Task, decoded(f, e))
}

// Of the same program the merged trace keeps it.
func TestMergeSameProgram(t *testing.T) {
	ins := []*reader.File{runA.trace(t, runA.events(3)), runA.trace(t, runA.events(5))}
	path := filepath.Join(t.TempDir(), "out")
	if _, err := Merge(ctx, ins, Output{Path: path}); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	if diff := cmp.Diff(ins[0].Header().Program, f.Header().Program); diff != "" {
		t.Errorf("program: -want +got:\n%s", diff)
	}
	checkAttachments(t, f, attached)
}

func TestMergeErrors(t *testing.T) {
	if _, err := Merge(ctx, nil, Output{Path: filepath.Join(t.TempDir(), "out")}); err == nil {
		t.Error("nothing was merged")
	}
	events := runA.events(1)
	events[0].Task = 1<<31 - 1
	ins := []*reader.File{runA.trace(t, events), runA.trace(t, nil)}
	if _, err := Merge(ctx, ins, Output{Path: filepath.Join(t.TempDir(), "out")}); err == nil {
		t.Error("a task number overflowed")
	}
}

func TestMergeHeaders(t *testing.T) {
	fn := format.Function{Module: "env", Name: "f"}
	other := fn
	other.Params = []format.Param{{Name: "a", Type: format.I32}}
	h := &format.Header{Functions: []format.Function{fn}}
	if err := addFunctions(h, &format.Header{Functions: []format.Function{fn, {Module: "env", Name: "g"}}}, 1); err != nil || len(h.Functions) != 2 {
		t.Errorf("functions %v, %v, want 2", h.Functions, err)
	}
	if err := addFunctions(h, &format.Header{Functions: []format.Function{other}}, 1); err == nil {
		t.Error("two descriptions of a function were taken for one")
	}
	for _, tt := range []struct{ a, b, want int64 }{{0, 0, 1024}, {0, 2000, 2000}, {-1, 10, -1}, {10, 5, 10}} {
		if got := widerLimit(&format.Header{TextLimit: tt.a}, &format.Header{TextLimit: tt.b}); got != tt.want {
			t.Errorf("limits %d and %d: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestFreeName(t *testing.T) {
	taken := map[string][32]byte{"a.b.c": {1}, "a.b-2.c": {2}, "": {3}}
	var got []string
	for _, a := range []format.Attachment{{Name: "a.b.c", SHA256: [32]byte{9}}, {Name: "a.b.c", SHA256: [32]byte{2}}, {Name: "", SHA256: [32]byte{4}}, {Name: "new"}} {
		name, there := freeName(taken, a)
		if there {
			name += " (there)"
		}
		got = append(got, name)
	}
	if want := []string{"a.b-3.c", "a.b-2.c (there)", "-2", "new"}; !slices.Equal(want, got) {
		t.Errorf("names %q, want %q", got, want)
	}
}
