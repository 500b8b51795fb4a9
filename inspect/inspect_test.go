package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

func TestSummarize(t *testing.T) {
	s, err := Summarize(trace(t, writer.Options{SegmentRows: 4}, sampleEvents()))
	if err != nil {
		t.Fatal(err)
	}
	if s.State != Complete || s.Events != 7 || s.Batches != 2 || len(s.Segments) != 2 || s.DurationNS != 5000 || s.Exit.Code != 3 {
		t.Errorf("summary %+v", s)
	}
	if s.StoredBytes == 0 || s.RawBytes == 0 || s.MetadataBytes == 0 || s.Compression == nil {
		t.Errorf("sizes are missing: %+v", s)
	}
	if len(s.Modules) != 1 || !s.Modules[0].Main || s.Modules[0].Size != 13 || s.Modules[0].Declares != nil {
		t.Errorf("modules %+v", s.Modules)
	}
	want := []Function{
		{Kind: "call", Module: moduleNames[0], Name: "path_open", Count: 2, Errors: 1, Bytes: 22, Timed: 2, TotalNS: 16000, MaxNS: 8000},
		{Kind: "call", Module: moduleNames[0], Name: "fd_write", Count: 1, Bytes: 6, Timed: 1, TotalNS: 12000, MaxNS: 12000},
	}
	for i, w := range want {
		got := s.Functions[i]
		for _, q := range []int64{got.P50NS, got.P99NS} {
			if q < w.MaxNS*87/100 || q > w.MaxNS {
				t.Errorf("%s: quantile %d, want about %d", w.Name, q, w.MaxNS)
			}
		}
		got.P50NS, got.P99NS = 0, 0
		if diff := cmp.Diff(w, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestStates(t *testing.T) {
	dir := t.TempDir()
	live := filepath.Join(dir, "live")
	w := create(t, live, writer.Options{}, sampleEvents()[:2])
	tests := []struct {
		name string
		file *reader.File
		want State
	}{
		{"ended", trace(t, writer.Options{}, sampleEvents()), Complete},
		{"no exit", trace(t, writer.Options{}, sampleEvents()[:3]), CutShort},
		{"no events", trace(t, writer.Options{}, nil), CutShort},
		{"filtered", trace(t, writer.Options{Seq: true}, sampleEvents()[:3]), Complete},
		{"no program", trace(t, writer.Options{Header: &format.Header{}}, sampleEvents()[:1]), Complete},
		{"live", openTrace(t, live), Recording},
	}
	for _, tt := range tests {
		s, err := Summarize(tt.file)
		if err != nil {
			t.Fatal(err)
		}
		if s.State != tt.want {
			t.Errorf("%s: state %q, want %q", tt.name, s.State, tt.want)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestModules(t *testing.T) {
	list := Modules(trace(t, writer.Options{}, nil))
	if len(list) != 1 || list[0].Error != "" || list[0].Declares == nil || list[0].Declares.Memories[0].Min != 2 {
		t.Errorf("modules %+v", list)
	}
}

func TestLines(t *testing.T) {
	f := trace(t, writer.Options{}, sampleEvents())
	var b strings.Builder
	for _, o := range []LineOptions{{}, {Number: true, Stamp: Since, Task: true}, {Stamp: Clock, Location: time.UTC}, {Stamp: DateTime, Location: time.UTC, MaxText: 3}} {
		for e, err := range Events(f, Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(AppendLine(nil, f, e, o), '\n'))
		}
	}
	golden(t, "lines.txt", b.String())
}

func TestDecode(t *testing.T) {
	f := trace(t, writer.Options{}, append(sampleEvents(), write(7000, 1, "\xff\xfe")))
	var b strings.Builder
	for e, err := range Events(f, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(Decode(f, e))
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(data, '\n'))
	}
	golden(t, "events.jsonl", b.String())
}

// Every member is there, in the order and with the escapes of encoding/json.
func TestAppendJSON(t *testing.T) {
	f := trace(t, writer.Options{}, append(sampleEvents(), write(7000, 1, "\xff\xfe"), write(8000, 2, "a <b> & \"\\\u2028\x1b\n")))
	ns := int64(-5)
	events := []*Event{{}, {Number: 1 << 60, Time: "<&>", TimeNS: -1, DurationNS: &ns, Kind: "\xff", Module: "é", Function: "f\"", Task: -3, Errno: "\\", Hash: "\u2029"}}
	for e, err := range Events(f, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, Decode(f, e))
	}
	type plain Event // without AppendJSON
	for _, e := range events {
		want, err := json.Marshal((*plain)(e))
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.AppendJSON([]byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("x"+string(want), string(got)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestPaths(t *testing.T) {
	f := trace(t, writer.Options{}, sampleEvents())
	tests := []struct {
		filter Filter
		want   []int64
	}{
		{Filter{Paths: []string{"*.txt"}}, []int64{1, 2, 3, 4}},
		{Filter{Paths: []string{"a.tmp"}}, []int64{4}},
		{Filter{Paths: []string{"out/*", "missing*"}}, []int64{1, 4}},
		{Filter{Paths: []string{"*"}, Query: reader.Query{Errors: true}}, []int64{1}},
		{Filter{Paths: []string{"*"}, Query: reader.Query{Match: func(e *format.Event) bool { return e.Errno == 0 }}}, []int64{2, 3, 4}},
		{Filter{Paths: []string{"Hello*"}}, nil},
	}
	for _, tt := range tests {
		var got []int64
		for e, err := range Events(f, tt.filter) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Seq)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v: -want +got:\n%s", tt.filter.Paths, diff)
		}
	}
}

func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.trace.arrow")
	all := sampleEvents()
	w := create(t, path, writer.Options{SegmentRows: 2}, all[:1])
	f := openTrace(t, path)
	var got []int64
	for e, err := range Follow(context.Background(), f, Filter{}, time.Millisecond) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Seq)
		// Each event is appended when the one before it has been seen.
		if n := len(got); n < len(all) {
			appendAll(t, w, all[n:n+1])
		} else if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]int64{0, 1, 2, 3, 4, 5, 6}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFollowEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.trace.arrow")
	w := create(t, path, writer.Options{}, sampleEvents()[:3])
	defer w.Close()
	f := openTrace(t, path)
	n := 0
	for range Follow(context.Background(), f, Filter{Query: reader.Query{ToEvent: 2}}, time.Millisecond) {
		n++
	}
	if n != 2 {
		t.Errorf("%d events up to event 2, want 2", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var last error
	for _, err := range Follow(ctx, f, Filter{}, time.Millisecond) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("error %v, want that of the context", last)
	}
	// Also among the events that are there already.
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	n = 0
	for e, err := range Follow(ctx, f, Filter{}, time.Millisecond) {
		if last = err; e != nil {
			n++
		}
		cancel()
	}
	if n != 1 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d events after the end of the context, error %v", n-1, last)
	}
}

func TestVerify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.trace.arrow")
	if err := create(t, path, writer.Options{}, sampleEvents()).Close(); err != nil {
		t.Fatal(err)
	}
	f := openTrace(t, path)
	v, err := Verify(context.Background(), path, reader.Options{}, strings.ToUpper(f.Summary().Root), nil)
	if err != nil || !v.OK || v.Root != f.Summary().Root {
		t.Errorf("whole trace: %+v, %v", v, err)
	}
	var lines []string
	v, err = Verify(context.Background(), path, reader.Options{}, strings.Repeat("0", 64), func(p Problem) { lines = append(lines, p.String()) })
	if err != nil || v.OK || len(lines) != 1 || !strings.Contains(lines[0], "root hash") {
		t.Errorf("other root: %+v, %q, %v", v, lines, err)
	}
	frame, err := f.Segment(0)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[frame.Offset+frame.Metadata+1] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	v, err = Verify(context.Background(), path, reader.Options{}, "", nil)
	if err != nil || v.OK || v.Count == 0 || v.Problems[0].Segment != 0 {
		t.Errorf("flipped bit: %+v, %v", v, err)
	}
}

func TestDiff(t *testing.T) {
	other := header()
	other.Program.SHA256 = "bb"
	moved := sampleEvents()
	for i := range moved {
		moved[i].Time += 500
		moved[i].Duration++
	}
	change := func(i int, e format.Event) []format.Event {
		events := sampleEvents()
		events[i] = e
		return events
	}
	pointer := write(5000, 1, "Hello\n")
	pointer.P[1], pointer.Hash = 4096, 78
	tests := []struct {
		name    string
		b       []format.Event
		header  *format.Header
		options DiffOptions
		want    []string // name: a | b
	}{
		{name: "equal", b: sampleEvents()},
		{name: "other times", b: moved},
		{name: "other times, compared", b: moved, options: DiffOptions{Times: true}, want: []string{"0 0 timestamp"}},
		{name: "text", b: change(5, write(5000, 1, "Help!\n")), want: []string{"5 5 text"}},
		{name: "function", b: change(5, clock(5000)), want: []string{"5 5 function"}},
		{name: "path", b: change(2, open(3000, "data/on.txt", 0)), want: []string{"2 2 path"}},
		{name: "errno", b: change(1, open(2000, "missing.txt", 2)), want: []string{"1 1 errno"}},
		{name: "errno, arguments only", b: change(1, open(2000, "missing.txt", 2)), options: DiffOptions{Arguments: true}},
		{name: "file time", b: change(3, stat(3500, "data/in.txt", 9, 2))},
		{name: "file size", b: change(3, stat(3500, "data/in.txt", 8, 1)), want: []string{"3 3 filestat"}},
		{name: "pointer", b: change(5, pointer), want: []string{"5 5 iovs", "5 5 iovecs (hash)"}},
		{name: "pointer of another module", b: change(5, pointer), header: other},
		{name: "exit code", b: change(6, exit(6000, 4)), want: []string{"6 6 value"}},
		{name: "shorter", b: sampleEvents()[:6], want: []string{"6 - event"}},
		{name: "longer", b: append(sampleEvents(), clock(9000)), want: []string{"- 7 event"}},
		{name: "filtered", b: change(1, open(2000, "x", 0)), options: DiffOptions{Filter: Filter{Query: reader.Query{Functions: []string{"fd_write"}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := trace(t, writer.Options{SegmentRows: 3}, sampleEvents())
			b := trace(t, writer.Options{Header: tt.header}, tt.b)
			r, err := Diff(context.Background(), a, b, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, differences(r)); diff != "" || r.Equal != (tt.want == nil) {
				t.Errorf("equal %v, -want +got:\n%s", r.Equal, diff)
			}
		})
	}
}

// differences are the event's numbers and names of the first difference.
func differences(r *DiffResult) []string {
	if r.First == nil {
		return nil
	}
	number := func(e *Event) string {
		if e == nil {
			return "-"
		}
		return fmt.Sprint(e.Number)
	}
	var list []string
	for _, d := range r.First.Differs {
		list = append(list, number(r.First.A)+" "+number(r.First.B)+" "+d.Name)
	}
	return list
}

func TestDiffReport(t *testing.T) {
	changed := sampleEvents()
	changed[5] = write(5000, 1, "Help!\n")
	r, err := Diff(context.Background(), trace(t, writer.Options{}, sampleEvents()), trace(t, writer.Options{}, append(changed, clock(1))), DiffOptions{Context: 2})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.WriteText(&b, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "diff_report.txt", b.String())
}

// records is a table of somebody else's program.
func records(t *testing.T, names ...string) *reader.File {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "name", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	path := filepath.Join(t.TempDir(), "t.trace.arrow")
	w := create(t, path, writer.Options{Schema: schema, Header: &format.Header{StartNS: startNS}}, nil)
	for i := 0; i < len(names); i += 2 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for k, n := range names[i:min(i+2, len(names))] {
			b.Field(0).(*array.Int64Builder).Append(int64(i+k) + 1<<60)
			b.Field(1).(*array.StringBuilder).Append(n)
		}
		if err := w.WriteRecord(b.NewRecord()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return openTrace(t, path)
}

func TestRows(t *testing.T) {
	f := records(t, "a", "b", "c", "d", "e")
	var got []string
	for r, err := range Rows(f, 1, 4) {
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(data))
	}
	want := []string{
		`{"row":1,"values":{"id":"1152921504606846977","name":"b"}}`,
		`{"row":2,"values":{"id":"1152921504606846978","name":"c"}}`,
		`{"row":3,"values":{"id":"1152921504606846979","name":"d"}}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestForeignTable(t *testing.T) {
	a := records(t, "a", "b", "c")
	s, err := Summarize(a)
	if err != nil {
		t.Fatal(err)
	}
	want := []Column{{"id", "int64", false}, {"name", "utf8", true}}
	if diff := cmp.Diff(want, s.Columns); diff != "" || s.State != Complete || s.Events != 3 || len(s.Segments) != 2 {
		t.Errorf("summary %+v, -want +got:\n%s", s, diff)
	}
	for _, tt := range []struct {
		b    *reader.File
		want []Difference
	}{
		{records(t, "a", "b", "c"), nil},
		{records(t, "a", "B", "c"), []Difference{{"name", `{"name":"b"}`, `{"name":"B"}`}}},
		{records(t, "a", "b"), []Difference{{"id", `{"id":"1152921504606846978"}`, "{}"}, {"name", `{"name":"c"}`, "{}"}}},
	} {
		r, err := Diff(context.Background(), a, tt.b, DiffOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var got []Difference
		if r.First != nil {
			got = r.First.Differs
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || r.Equal != (tt.want == nil) {
			t.Errorf("equal %v, -want +got:\n%s", r.Equal, diff)
		}
	}
	if _, err := Diff(context.Background(), a, trace(t, writer.Options{}, nil), DiffOptions{}); err == nil {
		t.Error("a table and events were compared")
	}
}
