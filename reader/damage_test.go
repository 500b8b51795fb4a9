package reader_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	arrowipc "github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// tiny is a trace as small as one with every kind of frame can be: 5 events in
// two segments.
func tiny(tb testing.TB) []byte {
	opts := options()
	opts.SegmentRows = 3
	return trace(tb, 5, opts)
}

// framesOf returns where the frames of a trace are.
func framesOf(tb testing.TB, data []byte) (frames [][2]int64) {
	for at := int64(format.FirstFrame); ; {
		n := int64(binary.LittleEndian.Uint32(data[at+4:]))
		if n == 0 {
			return frames
		}
		t, _, err := format.ParseFrameHeader(data[at : at+8+n])
		if err != nil {
			tb.Fatal(err)
		}
		end := at + 8 + n + t.BodyLength
		frames = append(frames, [2]int64{at, end})
		at = end
	}
}

// survivors reads all that Salvage finds.
func survivors(tb testing.TB, data []byte) (*reader.Salvaged, []int) {
	tb.Helper()
	s, err := reader.Salvage(bytes.NewReader(data), int64(len(data)), reader.Options{})
	if err != nil {
		if !errors.Is(err, format.ErrCorrupt) && !errors.Is(err, format.ErrNotTrace) {
			tb.Fatal(err)
		}
		return nil, []int{}
	}
	return s, numbers(tb, s.Events(reader.Query{}))
}

func TestTruncation(t *testing.T) {
	t.Parallel()
	data := tiny(t)
	frames := framesOf(t, data)
	step := 1
	if testing.Short() {
		step = 61
	}
	for n := 0; n < len(data); n += step {
		want := 0
		for _, f := range frames {
			tr, _, _ := format.ParseFrameHeader(data[f[0] : f[0]+8+int64(binary.LittleEndian.Uint32(data[f[0]+4:]))])
			if f[1] <= int64(n) && tr.Kind == format.FrameEvents {
				want += int(tr.Rows)
			}
		}
		if _, err := reader.New(bytes.NewReader(data[:n]), int64(n), reader.Options{}); err == nil {
			t.Fatalf("a file cut to %d bytes opens", n)
		}
		s, got := survivors(t, data[:n])
		if !slices.Equal(got, span(0, want)) {
			t.Fatalf("cut to %d bytes: events %v, want %d", n, got, want)
		}
		if s != nil && s.Complete {
			t.Fatalf("cut to %d bytes: complete", n)
		}
	}
}

func TestBitFlips(t *testing.T) {
	t.Parallel()
	data := tiny(t)
	frames := framesOf(t, data)
	step := 1
	if testing.Short() {
		step = 37
	}
	for i := 0; i < len(data); i += step {
		flipped := bytes.Clone(data)
		flipped[i] ^= 1 << (i % 8)
		if problems(t, flipped) == nil {
			t.Fatalf("bit %d of byte %d: Verify finds nothing", i%8, i)
		}
		if i%5 != 0 { // Verify is what must notice each; the rest is a sample
			continue
		}
		want := []int{0, 1, 2, 3, 4}
		for _, f := range frames {
			if tr, _, err := format.ParseFrameHeader(data[f[0] : f[0]+8+int64(binary.LittleEndian.Uint32(data[f[0]+4:]))]); err == nil &&
				tr.Kind == format.FrameEvents && f[0] <= int64(i) && int64(i) < f[1] {
				want = slices.DeleteFunc(want, func(e int) bool { return int64(e) >= tr.FirstEvent && int64(e) < tr.FirstEvent+int64(tr.Rows) })
			}
		}
		if _, got := survivors(t, flipped); !slices.Equal(got, want) {
			t.Fatalf("bit %d of byte %d: events %v, want %v", i%8, i, got, want)
		}
		f, err := reader.New(bytes.NewReader(flipped), int64(len(data)), reader.Options{})
		if err != nil {
			continue
		}
		got := []int{}
		for e, err := range f.Events(reader.Query{}) {
			if err == nil {
				got = append(got, int(e.Seq))
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("bit %d of byte %d: Events gives %v, want %v", i%8, i, got, want)
		}
	}
}

func TestSalvageTellsLosses(t *testing.T) {
	data := bytes.Clone(shared())
	frames := framesOf(t, data)
	f := open(t, data)
	row, err := f.Segment(2)
	if err != nil {
		t.Fatal(err)
	}
	data[row.Offset+row.Metadata] ^= 1
	s, got := survivors(t, data)
	if want := append(span(0, 20), span(30, 45)...); !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
	text := []string{}
	for _, l := range s.Lost {
		text = append(text, l.String())
	}
	if all := strings.Join(text, "\n"); !strings.Contains(all, "segment 2 (events 20 to 29): events frame: body checksum") ||
		!strings.Contains(all, "segment 2 is lost: events 20 to 29") {
		t.Errorf("lost: %s", all)
	}
	if sum := s.Summary(); sum.Events != 35 || sum.Kinds["call"] != 35 || len(s.Attachments()) != 2 {
		t.Errorf("summary %+v", sum)
	}
	// Without tail, schema or first header only the scan finds the frames.
	cut := bytes.Clone(shared()[:len(data)-20])
	cut[frames[1][0]] ^= 1
	s, got = survivors(t, cut)
	if !slices.Equal(got, span(0, 45)) {
		t.Errorf("events %v, lost %v", got, s.Lost)
	}
	if diff := cmp.Diff(functions, s.Functions()); diff != "" {
		t.Error(diff)
	}
}

// TestSchemaFromFooter: the damaged schema is in the footer too.
func TestSchemaFromFooter(t *testing.T) {
	data := bytes.Clone(shared())
	data[100] ^= 1
	if _, got := survivors(t, data); !slices.Equal(got, span(0, 45)) {
		t.Errorf("events %v", got)
	}
	if got := numbers(t, open(t, data).Events(reader.Query{})); !slices.Equal(got, span(0, 45)) {
		t.Errorf("events %v", got)
	}
}

func TestNotTrace(t *testing.T) {
	small := foreignFile(t, 3)
	if len(small) >= 512 {
		t.Fatalf("the small file has %d bytes", len(small))
	}
	tests := []struct{ name, content, want string }{
		{"empty", "", "an empty file"},
		{"text", "hello, world\n", "a text file"},
		{"json", `{"a": 1}`, "JSON text"},
		{"module", "\x00asm\x01\x00\x00\x00", "a WebAssembly module"},
		{"component", "\x00asm\x0d\x00\x01\x00", "a WebAssembly component"},
		{"binary", "\x01\x02\x00\x03\xff\xfe", "it begins with 01020003fffe"},
		{"foreign", foreignFile(t, 100), "an Arrow file that some other program wrote"},
		{"small foreign", small, "an Arrow file that some other program wrote"},
		{"start", "ARROW1", "a file of 6 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := reader.Open(save(t, []byte(tt.content)), reader.Options{})
			if !errors.Is(err, format.ErrNotTrace) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if _, err := reader.Salvage(strings.NewReader(tt.content), int64(len(tt.content)), reader.Options{}); err == nil {
				t.Error("Salvage finds something")
			}
		})
	}
	if _, err := reader.Open(t.TempDir(), reader.Options{}); !errors.Is(err, format.ErrNotTrace) || !strings.Contains(err.Error(), "directory") {
		t.Error(err)
	}
	if _, err := reader.Open(filepath.Join(t.TempDir(), "none"), reader.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// foreignFile is an Arrow file of one column as arrow's own writer writes it.
func foreignFile(t *testing.T, rows int) string {
	t.Helper()
	var file bytes.Buffer
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	fw, err := arrowipc.NewFileWriter(&seekless{&file}, arrowipc.WithSchema(schema))
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.Int64Builder).AppendValues(make([]int64, rows), nil)
	if err := errors.Join(fw.Write(b.NewRecord()), fw.Close()); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

// seekless gives a buffer the method that arrow's writer asks for.
type seekless struct{ *bytes.Buffer }

func (s *seekless) Seek(int64, int) (int64, error) { return int64(s.Len()), nil }

func TestTruncatedIsSaid(t *testing.T) {
	data := shared()
	_, err := reader.New(bytes.NewReader(data), int64(len(data)-1), reader.Options{})
	if !errors.Is(err, format.ErrTruncated) || !errors.Is(err, format.ErrCorrupt) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// rebuild writes a trace anew from parts of the caller's making: right
// checksums around whatever the parts are.
type rebuild struct {
	schema  *arrow.Schema
	data    []byte
	frame   uint32
	batches []ipc.Block
}

func (r *rebuild) add(kind format.FrameKind, rows int, message, body []byte) {
	t := &format.Trailer{Kind: kind, Frame: r.frame, Rows: uint32(rows), BodyLength: int64(len(body)), BodyCRC: format.CRC(body)}
	at := len(r.data)
	r.data = format.AppendFrameHeader(r.data, int64(at), message, t)
	if kind == format.FrameEvents {
		r.batches = append(r.batches, ipc.Block{Offset: int64(at), Metadata: int32(len(r.data) - at), Body: int64(len(body))})
	}
	r.data = append(r.data, body...)
	r.frame++
}

func (r *rebuild) finish(tb testing.TB, version string) []byte {
	tb.Helper()
	footer, err := ipc.Footer(r.schema, nil, r.batches, []ipc.KeyValue{
		{Key: format.KeyVersion, Value: version}, {Key: format.KeySummary, Value: "{}"}, {Key: format.KeyIndex, Value: "[]"}})
	if err != nil {
		tb.Fatal(err)
	}
	return format.AppendTail(r.data, footer)
}

// foreignTrace is a trace with one column n and one batch of it.
func foreignTrace(tb testing.TB, version, header string, data []byte) []byte {
	tb.Helper()
	meta := arrow.NewMetadata([]string{format.KeyHeader}, []string{header})
	r := &rebuild{data: []byte("ARROW1\x00\x00"), schema: arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int8}}, &meta)}
	message, err := ipc.SchemaMessage(r.schema)
	if err != nil {
		tb.Fatal(err)
	}
	r.add(format.FrameSchema, 0, message, nil)
	e, err := ipc.NewEncoder(ipc.Zstd)
	if err != nil {
		tb.Fatal(err)
	}
	batch := &ipc.Batch{Rows: int64(len(data)), Nodes: []ipc.Node{{Length: int64(len(data))}}, Buffers: []ipc.Buffer{{}, {Data: data}}}
	message, body, err := e.Encode(batch, -1, nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.add(format.FrameEvents, len(data), message, body)
	return r.finish(tb, version)
}

func TestVersion(t *testing.T) {
	for _, tt := range []struct{ version, header string }{{"2", `{"version":1}`}, {"1", `{"version":2}`}} {
		data := foreignTrace(t, tt.version, tt.header, make([]byte, 10))
		_, err := reader.New(bytes.NewReader(data), int64(len(data)), reader.Options{})
		if !errors.Is(err, format.ErrVersion) || errors.Is(err, format.ErrCorrupt) {
			t.Errorf("%+v: %v", tt, err)
		}
		if _, err := reader.Salvage(bytes.NewReader(data), int64(len(data)), reader.Options{}); !errors.Is(err, format.ErrVersion) {
			t.Errorf("salvage %+v: %v", tt, err)
		}
	}
}

// TestLimits: a gibibyte of zeros is 33 KB of zstd.
func TestLimits(t *testing.T) {
	data := foreignTrace(t, "1", `{"version":1}`, make([]byte, 32<<20))
	if len(data) > 1<<20 {
		t.Fatalf("the bomb has %d bytes", len(data))
	}
	f, err := reader.New(bytes.NewReader(data), int64(len(data)), reader.Options{Limits: format.Limits{SegmentBytes: 16 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Record(0); !errors.Is(err, format.ErrLimit) {
		t.Errorf("%v, want a limit", err)
	}
	f, err = reader.New(bytes.NewReader(data), int64(len(data)), reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := f.Record(0); err != nil || rec.NumRows() != 32<<20 {
		t.Error(err)
	}
	for _, limits := range []format.Limits{{MetadataBytes: 64}, {Segments: 3}} {
		data := shared()
		if _, err := reader.New(bytes.NewReader(data), int64(len(data)), reader.Options{Limits: limits}); err == nil {
			t.Errorf("%+v is not kept", limits)
		}
	}
}

func TestForeignTable(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.Int64Builder).AppendValues([]int64{1, 2, 3}, nil)
	b.Field(1).(*array.StringBuilder).AppendValues([]string{"a", "", "c"}, []bool{true, false, true})
	rec := b.NewRecord()
	var buf bytes.Buffer
	w, err := writer.New(&buf, writer.Options{Schema: schema, Header: header})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.WriteRecord(rec), w.WriteRecord(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	if p := problems(t, buf.Bytes()); p != nil {
		t.Error(strings.Join(p, "\n"))
	}
	f := open(t, buf.Bytes())
	got, err := f.Record(1)
	if err != nil || f.IsEvents() || f.Segments() != 2 {
		t.Fatal(err)
	}
	for c := range rec.Columns() {
		if !array.Equal(rec.Column(c), got.Column(c)) {
			t.Errorf("column %d: %v, want %v", c, got.Column(c), rec.Column(c))
		}
	}
	if _, err := f.Batch(0); err == nil {
		t.Error("Batch reads a foreign table")
	}
	for _, err := range f.Events(reader.Query{}) {
		if err == nil {
			t.Error("Events reads a foreign table")
		}
	}
	if s, err := reader.Salvage(bytes.NewReader(buf.Bytes()), int64(buf.Len()-30), reader.Options{}); err != nil || s.Segments() != 2 {
		t.Error(err)
	}
}

// The options count for what survives too.
func TestSalvageOptions(t *testing.T) {
	var buf bytes.Buffer
	w, err := writer.New(&buf, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AttachDetached(format.Attachment{Name: "module", Size: 5, SHA256: sha256.Sum256([]byte("bytes"))}); err != nil {
		t.Fatal(err)
	}
	write(t, w, 0, 3)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	o := reader.Options{Name: "a name", Elsewhere: func(a format.Attachment) (io.ReaderAt, error) { return strings.NewReader("bytes"), nil }}
	s, err := reader.Salvage(bytes.NewReader(buf.Bytes()), int64(buf.Len()), o)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.ReadAttachment("module"); err != nil || string(got) != "bytes" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := s.Batch(99); err == nil || !strings.Contains(err.Error(), "a name") {
		t.Errorf("%v, want the name in it", err)
	}
	if _, err := reader.Salvage(strings.NewReader("nothing"), 7, o); err == nil || !strings.Contains(err.Error(), "a name") {
		t.Errorf("%v, want the name in it", err)
	}
}
