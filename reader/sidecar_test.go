package reader_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// recording starts one with n events and returns its path.
func recording(tb testing.TB, n int) (string, *writer.Writer) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "live.trace.arrow")
	w, err := writer.Create(path, options())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = w.Abort() }) // ErrClosed where the test has closed it
	if err := w.Start(); err != nil {
		tb.Fatal(err)
	}
	write(tb, w, 0, n)
	settle()
	return path, w
}

// settle waits until what was written is on file: on Windows that takes 100 ms.
func settle() {
	if runtime.GOOS == "windows" {
		time.Sleep(300 * time.Millisecond)
	}
}

// dead copies a recording as it is on disk: what a killed recorder leaves.
func dead(tb testing.TB, path string) string {
	tb.Helper()
	copied := filepath.Join(tb.TempDir(), "dead.trace.arrow")
	for _, suffix := range []string{"", format.SidecarSuffix} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(copied+suffix, data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return copied
}

func TestLive(t *testing.T) {
	path, w := recording(t, 25)
	f := openFile(t, path)
	if got := numbers(t, f.Events(reader.Query{})); !slices.Equal(got, span(0, 25)) {
		t.Fatalf("events %v", got)
	}
	if !f.Live() || f.Summary().Closed || f.Summary().Events != 25 || f.Summary().Kinds["call"] != 25 {
		t.Errorf("live %v, summary %+v", f.Live(), f.Summary())
	}
	if changed, err := f.Refresh(); changed || err != nil {
		t.Errorf("changed %v, %v", changed, err)
	}
	write(t, w, 25, 37)
	settle()
	if changed, err := f.Refresh(); !changed || err != nil {
		t.Errorf("changed %v, %v", changed, err)
	}
	for _, q := range []struct {
		q    reader.Query
		want []int
	}{
		{reader.Query{}, span(0, 37)},
		{reader.Query{FromEvent: 33, ToEvent: 35}, span(33, 35)},
		{reader.Query{Functions: []string{"fd_write"}, FromEvent: 30}, []int{31, 34}},
		{reader.Query{Errors: true, FromEvent: 30}, []int{32}},
	} {
		if got := numbers(t, f.Events(q.q)); !slices.Equal(got, q.want) {
			t.Errorf("%+v: %v", q.q, got)
		}
	}
	last := f.Segments() - 1
	rec, err := f.Record(last)
	if err != nil || rec.NumRows() != 7 {
		t.Fatalf("%v, %v", rec, err)
	}
	if text := rec.Column(format.ColFunction).ValueStr(0); text != functions[0] {
		t.Errorf("function of row 0 is %q, want %q", text, functions[0])
	}
	if row, err := f.Segment(last); err != nil || row.Rows != 7 || len(row.Functions) != 3 || row.FirstEvent != 30 {
		t.Errorf("%+v, %v", row, err)
	}
	if e, err := f.EventAt(36); err != nil || e.Seq != 36 {
		t.Errorf("%+v, %v", e, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if changed, err := f.Refresh(); !changed || err != nil || !f.Summary().Closed || f.Live() {
		t.Errorf("changed %v, %v", changed, err)
	}
	if got := numbers(t, f.Events(reader.Query{})); !slices.Equal(got, span(0, 37)) {
		t.Errorf("events %v", got)
	}
}

// TestFollow reads while a recorder is at work: what is read is always a
// prefix, and never shrinks.
func TestFollow(t *testing.T) {
	path, w := recording(t, 1)
	done := make(chan error, 1)
	const n = 3000
	go func() {
		for i := 1; i < n; i++ {
			e := event(i)
			if err := w.Append(&e); err != nil {
				done <- err
				return
			}
			if i%50 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		done <- w.Close()
	}()
	f := openFile(t, path)
	for last := 0; !f.Summary().Closed; {
		if _, err := f.Refresh(); err != nil {
			t.Fatal(err)
		}
		got := numbers(t, f.Events(reader.Query{}))
		if len(got) < last || !slices.Equal(got, span(0, len(got))) || f.Summary().Events != int64(len(got)) {
			t.Fatalf("%d events after %d, summary says %d", len(got), last, f.Summary().Events)
		}
		last = len(got)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if f.Summary().Events != n {
		t.Errorf("%d events, want %d", f.Summary().Events, n)
	}
}

func TestDeadRecorder(t *testing.T) {
	path, _ := recording(t, 25)
	path = dead(t, path)
	f := openFile(t, path)
	if f.Live() {
		t.Error("a dead recorder lives")
	}
	if got := numbers(t, f.Events(reader.Query{})); !slices.Equal(got, span(0, 25)) {
		t.Errorf("events %v", got)
	}
	without, err := reader.Open(path, reader.Options{NoSidecar: true})
	if err != nil {
		t.Fatal(err)
	}
	defer without.Close()
	got := numbers(t, without.Events(reader.Query{}))
	if len(got)%10 != 0 || !slices.Equal(got, span(0, len(got))) {
		t.Errorf("without the sidecar: events %v", got)
	}
	s, err := reader.SalvagePath(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := numbers(t, s.Events(reader.Query{})); !slices.Equal(got, span(0, 25)) || len(s.Lost) != 0 || !s.Complete {
		t.Errorf("salvaged %v, lost %v", got, s.Lost)
	}
}

// TestTornSeal cuts the write of the last seal at every 8th byte; the sidecar
// still has the rows.
func TestTornSeal(t *testing.T) {
	path, w := recording(t, 9)
	before := dead(t, path) // segment 0 is in the sidecar
	old, err := os.ReadFile(before)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Seal(); err != nil {
		t.Fatal(err)
	}
	sealed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	from := 0
	for from < len(old) && old[from] == sealed[from] {
		from++
	}
	for n := from / 8 * 8; n < len(sealed); n += 8 {
		torn := append([]byte(nil), sealed[:n]...)
		if n < len(old) {
			torn = append(torn, old[n:]...)
		}
		if err := os.WriteFile(before, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := reader.Open(before, reader.Options{})
		if err != nil {
			t.Fatalf("torn at %d of %d: %v", n, len(sealed), err)
		}
		if got := numbers(t, f.Events(reader.Query{})); !slices.Equal(got, span(0, 9)) || f.Summary().Events != 9 {
			t.Fatalf("torn at %d of %d: events %v", n, len(sealed), got)
		}
		f.Close()
		s, err := reader.SalvagePath(before, reader.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := numbers(t, s.Events(reader.Query{})); !slices.Equal(got, span(0, 9)) {
			t.Fatalf("torn at %d of %d: salvaged %v, lost %v", n, len(sealed), got, s.Lost)
		}
		s.Close()
	}
	// Without the sidecar a torn file does not open.
	if err := os.Remove(before + format.SidecarSuffix); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Open(before, reader.Options{}); !errors.Is(err, format.ErrTruncated) {
		t.Errorf("torn without a sidecar: %v", err)
	}
}

// TestSidecarSlots changes what stands in the slots.
func TestSidecarSlots(t *testing.T) {
	path, w := recording(t, 25)
	if err := w.Seal(); err != nil {
		t.Fatal(err)
	}
	write(t, w, 25, 31) // segment 3 is open, 2 is stale
	settle()
	path = dead(t, path)
	intact, err := os.ReadFile(path + format.SidecarSuffix)
	if err != nil {
		t.Fatal(err)
	}
	slot := func(data []byte, i, field int) []byte {
		return data[format.SidecarSlotAt+i*format.SidecarSlotSize+field:]
	}
	open := 0
	if binary.LittleEndian.Uint64(slot(intact, 1, format.SlotSegment)) > binary.LittleEndian.Uint64(slot(intact, 0, format.SlotSegment)) {
		open = 1
	}
	put := binary.LittleEndian.PutUint64
	tests := []struct {
		name   string
		change func(data []byte) []byte
		want   int // events, -1 for an error
	}{
		{"intact", func(d []byte) []byte { return d }, 31},
		{"other id", func(d []byte) []byte { d[format.SidecarIDAt]++; return d }, 25},
		{"no magic", func(d []byte) []byte { d[0] = 0; return d }, 25},
		{"unused", func(d []byte) []byte { put(slot(d, open, format.SlotSegment), 0); return d }, 25},
		{"no rows", func(d []byte) []byte { put(slot(d, open, format.SlotCount), 0); return d }, 25},
		{"fewer rows", func(d []byte) []byte { put(slot(d, open, format.SlotCount), 2); return d }, 27},
		{"more rows than fit", func(d []byte) []byte { put(slot(d, open, format.SlotCount), 1<<40); return d }, -1},
		{"region outside", func(d []byte) []byte { put(slot(d, open, format.SlotOffset), 1<<62); return d }, -1},
		{"huge capacity", func(d []byte) []byte { put(slot(d, open, format.SlotInput), 1<<63); return d }, -1},
		{"segment missing", func(d []byte) []byte { put(slot(d, open, format.SlotSegment), 9); return d }, -1},
		{"cut", func(d []byte) []byte { return d[:100] }, 25},
		{"pages lost", func(d []byte) []byte { clear(d[format.SidecarHeaderSize:]); return d }, 25},
		{"pages damaged", func(d []byte) []byte {
			for i := range d[format.SidecarHeaderSize:] {
				d[format.SidecarHeaderSize+i] = 0x55
			}
			return d
		}, 25},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(path+format.SidecarSuffix, tt.change(slices.Clone(intact)), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := reader.Open(path, reader.Options{})
			if err != nil {
				if tt.want >= 0 || !errors.Is(err, format.ErrCorrupt) {
					t.Fatal(err)
				}
				s, err := reader.SalvagePath(path, reader.Options{})
				if err != nil || s.Summary().Events < 25 || len(s.Lost) == 0 {
					t.Errorf("salvaged %+v, %v", s, err)
				}
				return
			}
			defer f.Close()
			n := 0
			for _, err := range f.Events(reader.Query{}) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n != tt.want {
				t.Errorf("%d events, want %d", n, tt.want)
			}
		})
	}
}
