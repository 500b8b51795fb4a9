package edit

import (
	"errors"
	"io"
	"iter"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// rowsOfTrace are the rows of a trace as Rewrite takes them, with an error behind
// them.
func rowsOfTrace(f *reader.File, failed error) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for i := range f.Segments() {
			b, err := f.Batch(i)
			if err != nil {
				yield(Row{}, err)
				return
			}
			var e format.Event
			for row := range b.Rows {
				b.Event(row, &e)
				e.Errno = 0
				if !yield(Row{&e, row == b.Rows-1}, nil) {
					return
				}
			}
		}
		if failed != nil {
			yield(Row{}, failed)
		}
	}
}

// Rows stay in their segments, whatever is made of them.
func TestRewrite(t *testing.T) {
	r := runA
	r.opts.SegmentRows = 50
	events := r.events(130)
	in := r.trace(t, events)
	h := *in.Header()
	h.ID, h.Source = "", "changed"
	change := Change{Header: &h, Rows: rowsOfTrace(in, nil), Attachment: func(a format.Attachment, content io.ReaderAt) (format.Attachment, io.ReaderAt) {
		if a.Name == "shared.txt" {
			a.Name, a.MediaType, content = "other.txt", "text/other", strings.NewReader("THE SAME IN ALL")
		}
		return a, content
	}}
	path := filepath.Join(t.TempDir(), "out")
	res, err := Rewrite(ctx, in, Output{Path: path}, change)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		events[i].Errno = 0
	}
	out := check(t, path, res, rows(t, r.trace(t, events), reader.Query{}))
	if out.Segments() != in.Segments() || out.Header().Source != "changed" || out.Header().ID == in.Header().ID || res.Attachments != 2 {
		t.Errorf("%d segments, want %d; %+v, %+v", out.Segments(), in.Segments(), out.Header(), res)
	}
	checkAttachments(t, out, map[string]string{"app.wasm": "module A", "other.txt": "THE SAME IN ALL"})
}

// A change that fails leaves nothing behind, and neither does one that makes an
// attachment shorter.
func TestRewriteFails(t *testing.T) {
	in := runA.trace(t, runA.events(10))
	same := func(a format.Attachment, content io.ReaderAt) (format.Attachment, io.ReaderAt) { return a, content }
	shorter := func(a format.Attachment, _ io.ReaderAt) (format.Attachment, io.ReaderAt) {
		return a, strings.NewReader("x")
	}
	failed := errors.New("failed")
	for name, test := range map[string]struct {
		change Change
		want   error
	}{
		"rows":       {Change{Header: in.Header(), Attachment: same, Rows: rowsOfTrace(in, failed)}, failed},
		"attachment": {Change{Header: in.Header(), Attachment: shorter, Rows: rowsOfTrace(in, nil)}, io.ErrUnexpectedEOF},
	} {
		dir := t.TempDir()
		if _, err := Rewrite(ctx, in, Output{Path: filepath.Join(dir, "out")}, test.change); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); left != nil {
			t.Errorf("%s: left %q", name, left)
		}
	}
	if _, err := Rewrite(ctx, records(t, "n", 1), Output{Path: filepath.Join(t.TempDir(), "out")}, Change{}); err == nil {
		t.Error("a table of other records was rewritten")
	}
}
