package convert

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// writeTrace records events and attachments into a new trace.
func writeTrace(t testing.TB, opts writer.Options, events []format.Event, attachments map[string][]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.trace.arrow")
	opts.Header, opts.Modules, opts.Functions = testHeader(), testModules, testFunctions
	w, err := writer.Create(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sortedKeys(attachments) {
		if err := w.Attach(name, "application/wasm", attachments[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.AttachDetached(format.Attachment{Name: "elsewhere", Size: 1 << 40, SHA256: [32]byte{1}}); err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if err := w.Append(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// contents is all that a conversion keeps of a trace.
type contents struct {
	Header             *format.Header
	Modules, Functions []string
	Schema             string
	Attachments        []format.Attachment
	Data               map[string]string // what digest returns
	Events             []format.Event
	Records            [][]byte
	Kinds              map[string]int64
}

func read(t testing.TB, path string) contents {
	t.Helper()
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := contents{Header: f.Header(), Modules: f.Modules(), Functions: f.Functions(), Schema: f.Schema().String(),
		Attachments: f.Attachments(), Data: map[string]string{}, Kinds: f.Summary().Kinds}
	for _, a := range c.Attachments {
		if !a.Detached {
			data, err := f.ReadAttachment(a.Name)
			if err != nil {
				t.Fatal(err)
			}
			c.Data[a.Name] = string(digest(data))
		}
	}
	if f.IsEvents() {
		for e, err := range f.Events(reader.Query{RawParts: true}) {
			if err != nil {
				t.Fatal(err)
			}
			clone := *e
			clone.Input, clone.Output = digest(e.Input), digest(e.Output)
			c.Events = append(c.Events, clone)
		}
		return c
	}
	var rows rowEncoder
	for i := range f.Segments() {
		rec, err := f.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		if err := rows.load(rec); err != nil {
			t.Fatal(err)
		}
		for j := range int(rec.NumRows()) {
			text, err := rows.append(nil, j)
			if err != nil {
				t.Fatal(err)
			}
			c.Records = append(c.Records, text)
		}
		rec.Release()
	}
	return c
}

// digest copies bytes, or hashes them where they are many.
func digest(data []byte) []byte {
	if len(data) < 1000 {
		return bytes.Clone(data)
	}
	sum := sha256.Sum256(data)
	return sum[:]
}

func convertPath(t testing.TB, in, out string, opts Options) *Report {
	t.Helper()
	report, err := Convert(context.Background(), Input{Path: in}, Output{Path: out}, opts)
	if err != nil {
		t.Fatalf("%s to %s: %v", filepath.Base(in), filepath.Base(out), err)
	}
	if info, err := os.Stat(out); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%s: mode %v, %v", out, info.Mode(), err)
	}
	return report
}

// checkRoundTrips converts a trace along a chain of forms and compares what
// comes back with it.
func checkRoundTrips(t *testing.T, path string) {
	t.Helper()
	want := read(t, path)
	for _, chain := range [][]string{
		{"a.arrow"}, {"a.jsonl", "b.arrow"}, {"a.json", "b.arrow"}, {"a.ndjson", "b.json", "c.jsonl", "d.arrow"},
	} {
		in, dir := path, t.TempDir()
		for _, name := range chain {
			out := filepath.Join(dir, name)
			report := convertPath(t, in, out, Options{})
			if report.Rows != int64(len(want.Events)+len(want.Records)) || report.Attachments != int64(len(want.Attachments)) || report.Lost != "" {
				t.Errorf("%v: report %+v", chain, report)
			}
			in = out
		}
		if d := cmp.Diff(want, read(t, in), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%v: %s", chain, d)
		}
		if left, _ := os.ReadDir(dir); len(left) != len(chain) {
			t.Errorf("%v: left %v", chain, left)
		}
	}
}

func TestTraceRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	large := format.Event{Kind: format.KindCall, Has: format.HasInput | format.HasOutput, Input: make([]byte, 9<<20), Output: make([]byte, 5<<20)}
	for i := range large.Input {
		large.Input[i] = byte(r.Uint32())
	}
	tests := map[string]struct {
		opts        writer.Options
		events      []format.Event
		attachments map[string][]byte
	}{
		"no events":    {},
		"events":       {writer.Options{}, randomEvents(21, 3000), nil},
		"many batches": {writer.Options{SegmentRows: 100, Compression: ipc.LZ4}, randomEvents(22, 3000), nil},
		"seq":          {writer.Options{Seq: true}, scatter(randomEvents(23, 500)), nil},
		"attachments":  {writer.Options{}, randomEvents(24, 3), testAttachments(attachmentSizes...)},
		"only files":   {writer.Options{}, nil, testAttachments(0, 1)},
		"parts":        {writer.Options{}, []format.Event{large}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { checkRoundTrips(t, writeTrace(t, test.opts, test.events, test.attachments)) })
	}
	t.Run("large attachment", func(t *testing.T) {
		if testing.Short() {
			t.Skip("70 MiB")
		}
		checkRoundTrips(t, writeTrace(t, writer.Options{}, randomEvents(25, 3), testAttachments(70<<20)))
	})
}

// scatter gives events numbers as a filtered trace has them.
func scatter(events []format.Event) []format.Event {
	for i := range events {
		events[i].Seq = int64(i * i)
	}
	return events
}

// TestForeignTrace: rows of other programs come back from a trace, and the
// trace survives the dialect.
func TestForeignTrace(t *testing.T) {
	for seed := range uint64(15) {
		r := rand.New(rand.NewPCG(seed, 8))
		var in []byte
		for range 1 + r.IntN(100) {
			in = append(randomObject(r, in, 0, 5*r.IntN(3)), '\n')
		}
		dir := t.TempDir()
		foreign, trace, plain := filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "t.arrow"), filepath.Join(dir, "plain.jsonl")
		if err := os.WriteFile(foreign, in, 0o600); err != nil {
			t.Fatal(err)
		}
		convertPath(t, foreign, trace, Options{})
		convertPath(t, trace, plain, Options{Plain: true})
		out, err := os.ReadFile(plain)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(canonicalAll(t, in), canonicalAll(t, out)); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
		checkRoundTrips(t, trace)
	}
}

// TestTypes: a table with every type that the dialect has.
func TestTypes(t *testing.T) {
	prim, bin := arrow.PrimitiveTypes, arrow.BinaryTypes
	types := []arrow.DataType{
		arrow.Null, arrow.FixedWidthTypes.Boolean, prim.Int8, prim.Int16, prim.Int32, prim.Int64,
		prim.Uint8, prim.Uint16, prim.Uint32, prim.Uint64, prim.Float32, prim.Float64,
		bin.String, bin.LargeString, bin.Binary, bin.LargeBinary, &arrow.FixedSizeBinaryType{ByteWidth: 3},
		&arrow.TimestampType{Unit: arrow.Second}, format.TimestampNS,
		arrow.ListOf(prim.Int16), arrow.LargeListOf(bin.String), arrow.FixedSizeListOf(2, prim.Float64),
		arrow.StructOf(arrow.Field{Name: "x", Type: arrow.ListOf(arrow.StructOf(arrow.Field{Name: "y", Type: bin.Binary, Nullable: true})), Nullable: true}),
	}
	var fields []arrow.Field
	for i, dt := range types {
		fields = append(fields, arrow.Field{Name: string(rune('a' + i)), Type: dt, Nullable: true,
			Metadata: arrow.NewMetadata([]string{"unit"}, []string{"é"})})
	}
	meta := arrow.NewMetadata([]string{"pandas"}, []string{`{"index":[]}`})
	schema := arrow.NewSchema(fields, &meta)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	fillRandom(t, b)
	path := filepath.Join(t.TempDir(), "types.arrow")
	w, err := writer.Create(path, writer.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.WriteRecord(b.NewRecord()), w.Close()); err != nil {
		t.Fatal(err)
	}
	checkRoundTrips(t, path)
}

// fillRandom adds rows of edge values: text forms come from appendable JSON.
func fillRandom(t *testing.T, b *array.RecordBuilder) {
	specials := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, math.MaxFloat64,
		math.Float64frombits(0xFFF8_0000_0000_0123), 0.1, 1e21, 1e-7}
	rows := len(specials) + 1
	for i := range rows {
		for c := range b.Fields() {
			appendSample(t, b.Field(c), i, specials)
		}
	}
}

func appendSample(t *testing.T, b array.Builder, i int, specials []float64) {
	if i == len(specials) {
		b.AppendNull()
		return
	}
	edge := extremes[i%len(extremes)]
	text := []byte{byte(i), 0xff, 'x'}
	switch b := b.(type) {
	case *array.NullBuilder:
		b.AppendNull()
	case *array.BooleanBuilder:
		b.Append(i%2 == 0)
	case *array.Int8Builder:
		b.Append(int8(edge))
	case *array.Int16Builder:
		b.Append(int16(edge))
	case *array.Int32Builder:
		b.Append(int32(edge))
	case *array.Int64Builder:
		b.Append(edge)
	case *array.Uint8Builder:
		b.Append(uint8(edge))
	case *array.Uint16Builder:
		b.Append(uint16(edge))
	case *array.Uint32Builder:
		b.Append(uint32(edge))
	case *array.Uint64Builder:
		b.Append(uint64(edge))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(edge))
	case *array.Float32Builder:
		b.Append(narrow(specials[i]))
	case *array.Float64Builder:
		b.Append(specials[i])
	case *array.StringBuilder:
		b.Append(strings.Repeat("é\x00", i))
	case *array.LargeStringBuilder:
		b.Append(strings.Repeat("\"", i))
	case *array.BinaryBuilder:
		b.Append(text[:i%4])
	case *array.FixedSizeBinaryBuilder:
		b.Append(text)
	case *array.StructBuilder:
		b.Append(true)
		for c := range b.NumField() {
			appendSample(t, b.FieldBuilder(c), i, specials)
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		appendSample(t, b.ValueBuilder(), i, specials)
		appendSample(t, b.ValueBuilder(), len(specials), specials)
	case array.ListLikeBuilder:
		b.Append(true)
		for j := range i {
			appendSample(t, b.ValueBuilder(), j, specials)
		}
	default:
		t.Fatalf("no sample of %s", b.Type())
	}
}

func TestStreams(t *testing.T) {
	path := writeTrace(t, writer.Options{}, randomEvents(31, 100), testAttachments(0, 5, 1000))
	want := through(t, readFile(t, path), JSONL, Options{})
	piped := through(t, want, Arrow, Options{})
	if got := through(t, piped, JSONL, Options{}); !bytes.Equal(got, want) {
		t.Errorf("%s", cmp.Diff(string(want), string(got)))
	}
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out bytes.Buffer
	if _, err := Convert(context.Background(), Input{File: f}, Output{Writer: &out}, Options{To: JSONL}); err != nil || !bytes.Equal(out.Bytes(), want) {
		t.Errorf("from an open file: %v", err)
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOpenAndRecording(t *testing.T) {
	dir, tmp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	want := read(t, writeTrace(t, writer.Options{}, randomEvents(41, 50), testAttachments(9)))
	for _, name := range []string{"x.jsonl", "x.json"} {
		path := filepath.Join(dir, name)
		rec, err := NewRecording(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		trace := writeTrace(t, writer.Options{}, randomEvents(41, 50), testAttachments(9))
		if err := os.WriteFile(rec.Trace(), readFile(t, trace), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := rec.Finish(context.Background()); err != nil {
			t.Fatal(err)
		}
		f, cleanup, err := Open(context.Background(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if n := f.Summary().Events; n != int64(len(want.Events)) {
			t.Errorf("%d events, want %d", n, len(want.Events))
		}
		if err := cleanup(); err != nil {
			t.Error(err)
		}
		if _, err := NewRecording(path, Options{}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("recording over a file: %v", err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
	if left, _ := os.ReadDir(tmp); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestExistingFiles(t *testing.T) {
	in := writeTrace(t, writer.Options{}, randomEvents(51, 5), nil)
	for _, name := range []string{"x.jsonl", "x.json", "x.arrow"} {
		out := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(out, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Convert(context.Background(), Input{Path: in}, Output{Path: out}, Options{})
		if !errors.Is(err, fs.ErrExist) || string(readFile(t, out)) != "mine" {
			t.Errorf("%s: %v", name, err)
		}
		convertPath(t, in, out, Options{Force: true})
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	in := writeTrace(t, writer.Options{}, benchEvents(), nil)
	jsonl := filepath.Join(t.TempDir(), "x.jsonl")
	convertPath(t, in, jsonl, Options{})
	cancel()
	dir := t.TempDir()
	for _, path := range []string{in, jsonl} {
		for _, out := range []string{"out.arrow", "out.json"} {
			if _, err := Convert(ctx, Input{Path: path}, Output{Path: filepath.Join(dir, out)}, Options{}); !errors.Is(err, context.Canceled) {
				t.Errorf("%s to %s: %v", path, out, err)
			}
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestProgress(t *testing.T) {
	in := writeTrace(t, writer.Options{}, make([]format.Event, 100000), nil)
	jsonl := filepath.Join(t.TempDir(), "x.jsonl")
	calls := 0
	watch := func(p Progress) {
		calls++
		if p.Total > 0 && p.Done > p.Total {
			t.Errorf("%+v", p)
		}
	}
	convertPath(t, in, jsonl, Options{Progress: watch})
	rows := calls
	convertPath(t, jsonl, jsonl+".arrow", Options{Progress: watch})
	if rows == 0 || calls == rows {
		t.Errorf("progress was called %d times for rows, %d for bytes", rows, calls-rows)
	}
}

// repeat is a source of n events.
func repeat(n int) []format.Event {
	events := benchEvents()
	out := make([]format.Event, n)
	for i := range out {
		out[i] = events[i%len(events)]
		out[i].Seq = int64(i)
	}
	return out
}

func BenchmarkToJSONL(b *testing.B) {
	const n = 200000
	in := writeTrace(b, writer.Options{}, repeat(n), nil)
	var size int64
	for b.Loop() {
		out := &counter{}
		if _, err := Convert(context.Background(), Input{Path: in}, Output{Writer: out}, Options{To: JSONL}); err != nil {
			b.Fatal(err)
		}
		size = out.n
	}
	b.SetBytes(size)
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkFromJSONL(b *testing.B) {
	const n = 200000
	in := writeTrace(b, writer.Options{}, repeat(n), nil)
	text := jsonlOf(b, in)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Convert(context.Background(), Input{Reader: bytes.NewReader(text)}, Output{Writer: io.Discard}, Options{To: Arrow}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func jsonlOf(b *testing.B, path string) []byte {
	var out bytes.Buffer
	if _, err := Convert(context.Background(), Input{Path: path}, Output{Writer: &out}, Options{To: JSONL}); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

func BenchmarkForeign(b *testing.B) {
	var in []byte
	for i := range 100000 {
		in = appendTime(append(in, `{"ts":`...), int64(i)*1e9)
		in = append(in, `,"level":"info","msg":"request served","status":200,"took":0.`...)
		in = appendPlainInt(in, int64(i))
		in = append(in, `,"user":{"id":17,"tags":["a","b"]}}`+"\n"...)
	}
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := Convert(context.Background(), Input{Reader: bytes.NewReader(in)}, Output{Writer: io.Discard}, Options{To: Arrow}); err != nil {
			b.Fatal(err)
		}
	}
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// One of the fields of an input and of an output is set: with none there is
// nothing to do, and of two one would be left aside.
func TestOneInputAndOutput(t *testing.T) {
	dir := t.TempDir()
	in := writeTrace(t, writer.Options{}, nil, nil)
	path, text := filepath.Join(dir, "out.jsonl"), strings.NewReader("{}")
	for name, tt := range map[string]struct {
		in  Input
		out Output
	}{
		"no input":    {Input{}, Output{Path: path}},
		"two inputs":  {Input{Path: in, Reader: text}, Output{Path: path}},
		"no output":   {Input{Path: in}, Output{}},
		"two outputs": {Input{Path: in}, Output{Path: path, Writer: io.Discard}},
	} {
		if _, err := Convert(t.Context(), tt.in, tt.out, Options{To: JSONL}); err == nil || !strings.Contains(err.Error(), "put") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := OpenReader(t.Context(), nil, Options{}); err == nil {
		t.Error("nothing was opened")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
