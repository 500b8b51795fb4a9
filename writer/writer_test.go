package writer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/tracetool/tracetool/format"
)

func clockEvent(i int) *format.Event {
	return &format.Event{Time: int64(i) * 40, Kind: format.KindCall, Module: 0, Function: 1,
		P:   [format.NumParams]int64{0, 1, 1024},
		Has: format.HasModule | format.HasFunction | format.HasErrno | format.HasParams(3)}
}

var options = Options{Modules: []string{"wasi_snapshot_preview1"}, Functions: []string{"fd_write", "clock_time_get"}}

func TestCreateIsAnArrowFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.trace.arrow")
	w, err := Create(path, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Attach("a.wasm", format.MediaTypeWasm, []byte("\x00asm\x01\x00\x00\x00")); err != nil {
		t.Fatal(err)
	}
	const n = 100_000
	for i := range n {
		if err := w.Append(clockEvent(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := ipc.NewFileReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var rows int64
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		rows += rec.NumRows()
	}
	if rows != n {
		t.Errorf("arrow reads %d rows, want %d", rows, n)
	}
	if _, err := f.Seek(format.FirstFrame, 0); err != nil {
		t.Fatal(err)
	}
	s, err := ipc.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for rows = 0; s.Next(); {
		rows += s.Record().NumRows()
	}
	if s.Err() != nil || rows != n {
		t.Errorf("arrow streams %d rows, want %d: %v", rows, n, s.Err())
	}
	if _, err := os.Stat(path + format.SidecarSuffix); !os.IsNotExist(err) {
		t.Errorf("sidecar is still there: %v", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	w, err := Create(filepath.Join(b.TempDir(), "t.trace.arrow"), options)
	if err != nil {
		b.Fatal(err)
	}
	e := clockEvent(0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e.Time += 35 + int64(i*7919%13)
		if err := w.Append(e); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(w.Path())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/float64(b.N), "B/event")
}
