package reader_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

func TestVerifyIntact(t *testing.T) {
	for _, codec := range []ipc.Codec{ipc.Zstd, ipc.LZ4, ipc.None} {
		for _, n := range []int{0, 1, 10, 45} {
			opts := options()
			opts.Compression = codec
			if p := problems(t, trace(t, n, opts)); p != nil {
				t.Errorf("%s, %d events: %s", codec, n, strings.Join(p, "\n"))
			}
		}
	}
}

func TestEvents(t *testing.T) {
	f := open(t, shared())
	task := int32(2)
	failed := func(i int) bool { return i%3 == 2 && i%4 == 0 }
	start := header.StartNS
	tests := []struct {
		name string
		q    reader.Query
		want func(i int) bool
	}{
		{"all", reader.Query{}, func(int) bool { return true }},
		{"from event", reader.Query{FromEvent: 17}, func(i int) bool { return i >= 17 }},
		{"to event", reader.Query{ToEvent: 20}, func(i int) bool { return i < 20 }},
		{"events", reader.Query{FromEvent: 20, ToEvent: 21}, func(i int) bool { return i == 20 }},
		{"beyond", reader.Query{FromEvent: 100}, func(i int) bool { return false }},
		{"time", reader.Query{FromTime: start + 5000, ToTime: start + 12000}, func(i int) bool { return i >= 5 && i < 12 }},
		{"kind", reader.Query{Kinds: []format.Kind{format.KindCall}}, func(int) bool { return true }},
		{"other kind", reader.Query{Kinds: []format.Kind{format.KindExit}}, func(int) bool { return false }},
		{"function", reader.Query{Functions: []string{"fd_write"}}, func(i int) bool { return i%3 == 1 }},
		{"module and function", reader.Query{Functions: []string{wasi + ".fd_write"}}, func(i int) bool { return i%3 == 1 }},
		{"glob", reader.Query{Functions: []string{"*_*_*"}}, func(i int) bool { return i%3 == 0 }},
		{"two globs", reader.Query{Functions: []string{"clock*", "wasi*.path_open"}}, func(i int) bool { return i%3 != 1 }},
		{"unused function", reader.Query{Functions: []string{"never"}}, func(int) bool { return false }},
		{"errors", reader.Query{Errors: true}, failed},
		{"errno", reader.Query{Errno: []int32{44}}, failed},
		{"success", reader.Query{Errno: []int32{0}}, func(i int) bool { return !failed(i) }},
		{"task", reader.Query{Task: &task}, func(i int) bool { return i%3 == 2 }},
		{"match", reader.Query{Match: func(e *format.Event) bool { return e.Seq%2 == 0 }}, func(i int) bool { return i%2 == 0 }},
		{"together", reader.Query{FromEvent: 10, Functions: []string{"path_open"}, Errors: true}, func(i int) bool { return i >= 10 && failed(i) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := []int{}
			for i := range 45 {
				if tt.want(i) {
					want = append(want, i)
				}
			}
			if diff := cmp.Diff(want, numbers(t, f.Events(tt.q))); diff != "" {
				t.Error(diff)
			}
			s, err := reader.NewStream(bytes.NewReader(shared()), reader.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, numbers(t, s.Events(tt.q))); diff != "" {
				t.Errorf("stream: %s", diff)
			}
		})
	}
}

func TestEventsFields(t *testing.T) {
	f := open(t, shared())
	for e, err := range f.Events(reader.Query{Fields: format.HasFunction | format.HasErrno, FromEvent: 11, ToEvent: 12}) {
		if err != nil {
			t.Fatal(err)
		}
		want := format.Event{Time: header.StartNS + 11000, Function: 2, Task: 2, Seq: 11, Has: format.HasFunction | format.HasErrno}
		if diff := cmp.Diff(want, *e); diff != "" {
			t.Error(diff)
		}
	}
}

func TestEventsStopEarly(t *testing.T) {
	f := open(t, shared())
	n := 0
	for range f.Events(reader.Query{}) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d events, want 3", n)
	}
}

func TestEventAt(t *testing.T) {
	f := open(t, shared())
	for i := range 45 {
		e, err := f.EventAt(int64(i))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(event(i), *e); diff != "" {
			t.Errorf("event %d: %s", i, diff)
		}
	}
	for _, n := range []int64{-1, 45} {
		if _, err := f.EventAt(n); err == nil {
			t.Errorf("event %d is there", n)
		}
	}
}

// TestSkip counts which segments' bodies are read.
func TestSkip(t *testing.T) {
	opts := options()
	var buf bytes.Buffer
	w, err := writer.New(&buf, opts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		e := event(3 * i) // clock_time_get
		if i == 25 {
			e = event(44) // path_open, which fails
		}
		e.Time = header.StartNS + int64(i)
		if err := w.Append(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		q    reader.Query
		want []int
	}{
		{"all", reader.Query{}, []int{0, 1, 2, 3, 4}},
		{"function", reader.Query{Functions: []string{"path_open"}}, []int{2}},
		{"errors", reader.Query{Errors: true}, []int{2}},
		{"errno", reader.Query{Errno: []int32{44}}, []int{2}},
		{"unused", reader.Query{Functions: []string{"never"}}, []int{}},
		{"kind", reader.Query{Kinds: []format.Kind{format.KindTrap}}, []int{}},
		{"event", reader.Query{FromEvent: 33, ToEvent: 34}, []int{3}},
		{"time", reader.Query{FromTime: header.StartNS + 15, ToTime: header.StartNS + 30}, []int{1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &counting{ReaderAt: bytes.NewReader(buf.Bytes())}
			f, err := reader.New(r, int64(buf.Len()), reader.Options{})
			if err != nil {
				t.Fatal(err)
			}
			tt.q.RawParts = true // looking for parts reads the segment before
			for _, err := range f.Events(tt.q) {
				if err != nil {
					t.Fatal(err)
				}
			}
			got := []int{}
			for i := range f.Segments() {
				row, err := f.Segment(i)
				if err != nil {
					t.Fatal(err)
				}
				for _, read := range r.reads {
					if read == [2]int64{row.Offset + row.Metadata, row.Offset + row.Metadata + row.StoredBytes} {
						got = append(got, i)
						break
					}
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBatch(t *testing.T) {
	f := open(t, shared())
	if f.Segments() != 5 {
		t.Fatalf("%d segments, want 5", f.Segments())
	}
	for s := range f.Segments() {
		b, err := f.Batch(s)
		if err != nil {
			t.Fatal(err)
		}
		if b.Segment != s || b.FirstEvent != int64(10*s) {
			t.Errorf("segment %d: %d, first event %d", s, b.Segment, b.FirstEvent)
		}
		for i := range b.Rows {
			var e format.Event
			b.Event(i, &e)
			want := event(10*s + i)
			if diff := cmp.Diff(want, e); diff != "" {
				t.Errorf("segment %d row %d: %s", s, i, diff)
			}
			if !bytes.Equal(b.Input(i), want.Input) || !bytes.Equal(b.Output(i), want.Output) || b.Has(i) != want.Has {
				t.Errorf("segment %d row %d differs", s, i)
			}
		}
		rec, err := f.Record(s)
		if err != nil {
			t.Fatal(err)
		}
		if rec.NumRows() != int64(b.Rows) || rec.NumCols() != format.NumColumns {
			t.Errorf("record of %d rows and %d columns", rec.NumRows(), rec.NumCols())
		}
	}
	if _, err := f.Batch(5); err == nil {
		t.Error("there is a segment 5")
	}
}

func TestSummaryAndIndex(t *testing.T) {
	f := open(t, shared())
	sum := f.Summary()
	if sum.Events != 45 || sum.Segments != 5 || !sum.Closed || sum.LastTimeNS-sum.FirstTimeNS != 44000 || sum.Kinds["call"] != 45 {
		t.Errorf("summary %+v", sum)
	}
	frames, err := f.Frames()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, fr := range frames {
		kinds[fr.Kind.String()]++
	}
	if diff := cmp.Diff(map[string]int{"schema": 1, "dictionary": 3, "attachment": 2, "events": 5}, kinds); diff != "" {
		t.Error(diff)
	}
	row, err := f.Segment(1)
	if err != nil {
		t.Fatal(err)
	}
	if row.Rows != 10 || row.FirstEvent != 10 || len(row.Functions) != 3 || row.Functions[1].Function != "fd_write" || row.Functions[1].Bytes != 10+13+16+19 {
		t.Errorf("segment 1: %+v", row)
	}
}

func TestAttachments(t *testing.T) {
	f := open(t, shared())
	got, err := f.ReadAttachment("app.wasm")
	if err != nil || string(got) != module {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := f.ReadAttachment("empty"); err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := f.OpenAttachment("other"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	a, err := f.OpenAttachment("app.wasm")
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(a, []byte(module)); err != nil {
		t.Error(err)
	}
	if list := f.Attachments(); len(list) != 2 || list[0].Size != int64(len(module)) || list[1].Name != "empty" {
		t.Errorf("%+v", list)
	}
}

func TestAttachmentChunks(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), (format.MaxFrameBytes+1<<20)/16)
	var buf bytes.Buffer
	w, err := writer.New(&buf, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Attach("big", "", data); err != nil {
		t.Fatal(err)
	}
	if err := w.AttachDetached(format.Attachment{Name: "elsewhere", Size: 7}); err != nil {
		t.Fatal(err)
	}
	write(t, w, 0, 3)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f := open(t, buf.Bytes())
	got, err := f.ReadAttachment("big")
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if _, err := f.OpenAttachment("elsewhere"); !errors.Is(err, reader.ErrDetached) {
		t.Error(err)
	}
	if p := problems(t, buf.Bytes()); p != nil {
		t.Error(strings.Join(p, "\n"))
	}
	s, err := reader.NewStream(&buf, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if fr, err := s.Next(); err != nil || fr.Attachment.Name != "big" {
		t.Fatalf("%+v, %v", fr, err)
	}
	if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, data) {
		t.Errorf("stream: %d bytes, %v", len(got), err)
	}
	if fr, err := s.Next(); err != nil || !fr.Attachment.Detached {
		t.Errorf("%+v, %v", fr, err)
	}
	if fr, err := s.Next(); err != nil || fr.Kind != format.FrameEvents || fr.Rows != 3 {
		t.Errorf("%+v, %v", fr, err)
	}
	if _, err := s.Next(); err != io.EOF || s.Summary().Events != 3 {
		t.Error(err)
	}
}

func TestBareStream(t *testing.T) {
	data := shared()
	end := bytes.LastIndex(data, []byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0})
	for _, size := range []int{end, end + 8, len(data)} {
		s, err := reader.NewStream(iotest.OneByteReader(bytes.NewReader(data[format.FirstFrame:size])), reader.Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		var failed error
		for _, err := range s.Events(reader.Query{}) {
			if err != nil {
				failed = err
				break
			}
			n++
		}
		if n != 45 {
			t.Errorf("%d events, want 45", n)
		}
		if cut := size == end; cut != errors.Is(failed, format.ErrTruncated) {
			t.Errorf("stream of %d bytes: %v", size, failed)
		}
	}
}

// TestParts reads events that were too large for one row.
func TestParts(t *testing.T) {
	opts := options()
	opts.SegmentBytes = 64
	var buf bytes.Buffer
	w, err := writer.New(&buf, opts)
	if err != nil {
		t.Fatal(err)
	}
	big := event(4) // fd_write
	big.Input = bytes.Repeat([]byte("0123456789"), 33)
	big.Output, big.Has = bytes.Repeat([]byte("xyz"), 30), big.Has|format.HasOutput
	for i := range 8 {
		e := event(i)
		if i == 4 {
			e = big
		}
		if err := w.Append(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if p := problems(t, buf.Bytes()); p != nil {
		t.Error(strings.Join(p, "\n"))
	}
	f := open(t, buf.Bytes())
	var at int64
	var seen int
	for e, err := range f.Events(reader.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; len(e.Input) == 330 {
			at = e.Seq
			if !bytes.Equal(e.Input, big.Input) || !bytes.Equal(e.Output, big.Output) || e.Kind != format.KindCall {
				t.Errorf("joined event differs: %+v", e)
			}
		}
	}
	if seen != 8 || at <= 4 {
		t.Fatalf("%d events, the large one is %d", seen, at)
	}
	for _, q := range []reader.Query{
		{FromEvent: at}, {FromEvent: at, ToEvent: at + 1}, {Functions: []string{"fd_write"}, FromEvent: at},
		{Kinds: []format.Kind{format.KindCall}, FromEvent: at},
	} {
		for e, err := range f.Events(q) {
			if err != nil || !bytes.Equal(e.Input, big.Input) || !bytes.Equal(e.Output, big.Output) {
				t.Errorf("%+v: %d bytes, %v", q, len(e.Input), err)
			}
			break
		}
	}
	e, err := f.EventAt(at)
	if err != nil || !bytes.Equal(e.Input, big.Input) || !bytes.Equal(e.Output, big.Output) {
		t.Errorf("event %d: %+v, %v", at, e, err)
	}
	raw := 0
	for e, err := range f.Events(reader.Query{RawParts: true, Kinds: []format.Kind{format.KindPart}}) {
		if err != nil || e.Kind != format.KindPart {
			t.Errorf("%+v, %v", e, err)
		}
		raw++
	}
	if int64(raw) != f.Summary().Kinds["part"] || raw == 0 {
		t.Errorf("%d parts, want %d", raw, f.Summary().Kinds["part"])
	}
}

// TestBatchAfter: batches that take over each other's memory hold what others
// do, also where segments differ in size, in their columns and in nulls, and
// also after what is shared between segments.
func TestBatchAfter(t *testing.T) {
	for _, codec := range []ipc.Codec{ipc.None, ipc.Zstd, ipc.LZ4} {
		o := options()
		o.SegmentRows, o.Compression = 200, codec
		var buf bytes.Buffer
		w, err := writer.New(&buf, o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1150 {
			e := event(i)
			switch i / 200 {
			case 1, 4: // clocks alone: the same bytes in both segments but for the times
				e = event(0)
				e.Time += int64(i) * 1000
			case 3: // bytes and numbers that do not compress
				sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
				e.Value, e.Input = int64(binary.LittleEndian.Uint64(sum[:])), sum[:]
				e.Has |= format.HasValue | format.HasInput
			}
			if err := w.Append(&e); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f, fresh := open(t, buf.Bytes()), open(t, buf.Bytes())
		const fields = format.HasFunction | format.HasInput | format.HasP0
		var all, some *reader.Batch
		for _, i := range []int{0, 1, 2, 3, 4, 5, 1, 4, 3, 0} {
			if all, err = f.BatchAfter(all, i, 0); err != nil {
				t.Fatal(err)
			}
			if some, err = f.BatchAfter(some, i, fields); err != nil {
				t.Fatal(err)
			}
			want, err := fresh.Batch(i)
			if err != nil {
				t.Fatal(err)
			}
			var a, b, c format.Event
			for row := range want.Rows {
				want.Event(row, &a)
				all.Event(row, &b)
				some.Event(row, &c)
				if d := cmp.Diff(a, b); d != "" {
					t.Fatalf("codec %v, segment %d, row %d: %s", codec, i, row, d)
				}
				if c.Time != a.Time || c.Kind != a.Kind || c.Task != a.Task || c.Has != a.Has&fields || c.Function != a.Function || string(c.Input) != string(a.Input) || c.P[0] != a.P[0] {
					t.Fatalf("codec %v, segment %d, row %d with some columns: %+v, want them as in %+v", codec, i, row, c, a)
				}
			}
		}
		if _, err := f.BatchAfter(all, f.Segments(), 0); err == nil {
			t.Error("a segment behind the last one")
		}
	}
}

// A size that is not known, such as the length of an HTTP answer may be, is no
// size.
func TestNegativeSize(t *testing.T) {
	data := bytes.NewReader(shared())
	if f, err := reader.New(data, -1, reader.Options{}); err == nil || f != nil {
		t.Errorf("New: %v, %v", f, err)
	}
	if _, err := reader.Salvage(data, -1, reader.Options{}); err == nil {
		t.Error("Salvage: no error")
	}
	if _, err := reader.Verify(t.Context(), data, -1, reader.Options{}, func(reader.Problem) {}); err == nil {
		t.Error("Verify: no error")
	}
}

func TestVerifyReportsToSomebody(t *testing.T) {
	if _, err := open(t, shared()).Verify(t.Context(), nil); err == nil {
		t.Error("no error")
	}
}
