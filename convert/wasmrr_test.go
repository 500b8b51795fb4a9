package convert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tracetool/tracetool/convert/wasmrr"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

func rrData(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("wasmrr", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// importRR makes a trace of one of wasm-rr.
func importRR(t testing.TB, data []byte, opts Options) (*reader.File, *Report) {
	t.Helper()
	opts.To = Arrow
	path := filepath.Join(t.TempDir(), "rr.trace.arrow")
	report, err := Convert(context.Background(), Input{Reader: bytes.NewReader(data)}, Output{Path: path}, opts)
	if err != nil {
		t.Fatal(err)
	}
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, report
}

func exportRR(t testing.TB, f *reader.File, enc wasmrr.Encoding) []byte {
	t.Helper()
	var b bytes.Buffer
	report, err := wasmrr.Export(context.Background(), f, &b, enc)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Lost) > 0 {
		t.Fatalf("lost: %s", report)
	}
	return b.Bytes()
}

// Both encodings give the same rows, and each comes back as it was.
func TestWasmRR(t *testing.T) {
	var rows [2][]string
	for i, name := range []string{"kinds.json", "kinds.cbor"} {
		data := rrData(t, name)
		f, report := importRR(t, data, Options{})
		if want := []Form{WasmRR, WasmRRCBOR}[i]; report.From != want || report.Rows != 15 || report.Lost != "" {
			t.Errorf("%s: %+v", name, report)
		}
		for e, err := range f.Events(reader.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			rows[i] = append(rows[i], fmt.Sprintf("%d %d %s %s %d %x %x %b", e.Seq, e.Time, f.Modules()[e.Module], f.Functions()[e.Function], e.Value, e.Input, e.Output, e.Has))
		}
		h := f.Header()
		want := &format.Partial{Recorder: "wasm-rr"}
		if d := cmp.Diff(want, h.Partial); d != "" || h.Program != nil || h.StartNS != 1760299409936653000 || len(h.Functions) != 14 {
			t.Errorf("%s: header %+v %s", name, h, d)
		}
		if got := exportRR(t, f, []wasmrr.Encoding{wasmrr.JSON, wasmrr.CBOR}[i]); !bytes.Equal(got, data) {
			t.Errorf("%s comes back as\n%q, want\n%q", name, got, data)
		}
	}
	if d := cmp.Diff(rows[0], rows[1]); d != "" {
		t.Error(d)
	}
}

// Any white space and any order of members will do.
func TestWasmRRSpelling(t *testing.T) {
	data := "\uFEFF" + `
	 {	"events" : [ { "value" : 7 , "call" : "random_u64" } ,{"call":"initial_cwd","path":"\u00e9\ud83d\ude00\/"}
	] }
	`
	f, _ := importRR(t, []byte(data), Options{})
	want := "{\"events\":[\n{\"call\":\"random_u64\",\"value\":7},\n{\"call\":\"initial_cwd\",\"path\":\"é😀/\"}\n]}"
	if got := exportRR(t, f, wasmrr.JSON); string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestWasmRRStart: the first reading of the wall clock is found however it is
// spelled, and whatever stands before it.
func TestWasmRRStart(t *testing.T) {
	for _, tt := range []struct {
		events string
		want   int64
	}{
		{`{"call":"random_u64","value":7},{"call":"clock_now","seconds":5,"nanoseconds":1}`, 5000000001},
		{`{"call":"monotonic_clock_now","nanoseconds":9},{"seconds":5,"nanoseconds":1,"call":"clo\u0063k_now"},{"call":"clock_now","seconds":6,"nanoseconds":1}`, 5000000001},
		{`{"call":"initial_cwd","path":"clock_now"},{"call":"clock_resolution","seconds":5,"nanoseconds":1}`, noClock},
	} {
		f, report := importRR(t, []byte(`{"events":[`+tt.events+`]}`), Options{})
		if got := f.Header().StartNS; got != tt.want || report.Rows != int64(strings.Count(tt.events, `"call"`)) {
			t.Errorf("%s: start %d, %d rows, want %d", tt.events, got, report.Rows, tt.want)
		}
	}
}

func TestWasmRRDetect(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Form
	}{
		{`{"events":[]}`, WasmRR},
		{"{\n  \"events\": []\n}\n", WasmRR},
		{`{"events":[`, WasmRR},
		{"{\"events\":[\n", WasmRR},
		{`{"events":[{`, WasmRR},
		{`{"events":[{"ca`, WasmRR},
		{`{"events":[{"call":"clock_n`, WasmRR},
		{`{"events":[{"call":"clock_now","sec`, WasmRR},
		{`{"events":[{"bytes":"00","call":"random_bytes"}]}`, WasmRR},
		{`{"events":[{"call": "read"}]}`, WasmRR},
		{"{\"events\":[{\"call\" :\n\t\"read\"}]}", WasmRR},
		{"\uFEFF{\"events\":[]}", WasmRR},
		{`{"events":[],"more":1}`, Foreign},
		{`{"events":[]} {"events":[]}`, Foreign},
		{`{"events":[{"call":"click"}]}`, Foreign},
		{`{"events":[{"name":"x"}]}`, Foreign},
		{`{"events":[1]}`, Foreign},
		{`{"events":{"call":"read"}}`, Foreign},
		{`{"events":[{"call":7}]}`, Foreign},
		{`{"event":[{"call":"read"}]}`, Foreign},
		{"\xa1\x64call\x64read", WasmRRCBOR},
		{"\xa1\x64call\x64rea", WasmRRCBOR},
		{"\xa1\x64call\x65other", ""},
	} {
		if got := formOf([]byte(tt.in)); got != tt.want {
			t.Errorf("%q is %q, want %q", tt.in, got, tt.want)
		}
	}
}

// A text that is cut anywhere gives every event that is whole before that, and
// says that it is cut.
func TestWasmRRCut(t *testing.T) {
	data := rrData(t, "kinds.json")
	all := events(t, data)
	for n := len("{\"events\":["); n < len(data); n++ {
		whole := 0
		for at := 0; ; whole++ { // an event ends with a line, but for the last bracket
			i := bytes.IndexByte(data[at:], '\n')
			if i < 0 {
				break
			}
			if at += i + 1; bytes.HasPrefix(data[at:], []byte("]")) {
				break
			}
			next := bytes.IndexByte(data[at:], '\n')
			if next < 0 || at+len(strings.TrimSuffix(string(data[at:at+next]), ",")) > n {
				break
			}
		}
		source := &rrSource{form: WasmRR, limit: 1 << 20, open: func(int) (io.Reader, error) { return bytes.NewReader(data[:n]), nil }}
		var got []string
		err := source.each(1, func(e *wasmrr.Event) error {
			got = append(got, fmt.Sprintf("%s %x %x", e.Kind.Call, e.Params, e.Result))
			return nil
		})
		if err != nil || source.lost == "" {
			t.Fatalf("cut at %d: error %v, lost %q", n, err, source.lost)
		}
		if d := cmp.Diff(all[:whole], got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("cut at %d: %s", n, d)
		}
		if want := fmt.Sprintf("after %s:", plural(whole, "event")); !strings.Contains(source.lost, want) {
			t.Fatalf("cut at %d: lost %q, want %q", n, source.lost, want)
		}
	}
}

func events(t *testing.T, data []byte) []string {
	t.Helper()
	source := &rrSource{form: WasmRR, limit: 1 << 20, open: func(int) (io.Reader, error) { return bytes.NewReader(data), nil }}
	var list []string
	err := source.each(1, func(e *wasmrr.Event) error {
		list = append(list, fmt.Sprintf("%s %x %x", e.Kind.Call, e.Params, e.Result))
		return nil
	})
	if err != nil || source.lost != "" {
		t.Fatal(err, source.lost)
	}
	return list
}

// What a cut input lacks is in the report and in the header.
func TestWasmRRLost(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"{\"events\":[\n{\"call\":\"read\"},\n{\"call\":\"ra", "the recording was cut after 1 event: the one at line 3, byte 29, is incomplete"},
		{"{\"events\":[\n{\"call\":\"read\"},\n", "the recording was cut after 1 event: the file ends at line 3, byte 29, without its last brackets"},
		{"{\"events\":[\n{\"call\":\"read\"}\n]", "the recording was cut after 1 event: the file ends at line 3, byte 29, without its last brackets"},
		{"{\"events\":[\n", "the recording was cut after 0 events: the file ends at line 2, byte 12, without its last brackets"},
		{"\xa1\x64call\x64read\xa1\x64call\x64rea", "the recording was cut after 1 event: the one at byte 11 is incomplete"},
	} {
		f, report := importRR(t, []byte(tt.in), Options{})
		if report.Lost != tt.want || f.Header().Partial.Lost != tt.want {
			t.Errorf("%q: lost %q, in the header %q, want %q", tt.in, report.Lost, f.Header().Partial.Lost, tt.want)
		}
	}
}

// What is wrong and not only cut is an error that says where.
func TestWasmRRCorrupt(t *testing.T) {
	const head = "{\"events\":[\n{\"call\":\"read\"},\n"
	for _, tt := range []struct {
		name, in string
		line     int64
		want     string
	}{
		{"no object", head + "7\n]}", 3, `event 1: column 1: found "7"`},
		{"empty object", head + "{}]}", 3, `event 1: no member "call"`},
		{"unknown call", head + `{"call":"clock_then"}]}`, 3, "none of the 14 kinds"},
		{"unknown member", head + `{"call":"read","more":1}]}`, 3, `unknown member "more"`},
		{"member missing", head + `{"call":"random_u64"}]}`, 3, `without its member "value"`},
		{"member twice", head + `{"call":"random_u64","value":1,"value":1}]}`, 3, `"value" is there twice`},
		{"negative", head + `{"call":"random_u64","value":-1}]}`, 3, `found "-1"`},
		{"fraction", head + `{"call":"random_u64","value":1.5}]}`, 3, `found "1.5"`},
		{"too large", head + `{"call":"random_u64","value":18446744073709551616}]}`, 3, "64 bits"},
		{"text for a number", head + `{"call":"random_u64","value":"1"}]}`, 3, "want a number"},
		{"number for a text", head + `{"call":"initial_cwd","path":1}]}`, 3, `want '"'`},
		{"nanoseconds beyond u32", head + `{"call":"clock_now","seconds":1,"nanoseconds":4294967296}]}`, 3, "is no u32"},
		{"status beyond u16", head + `{"call":"http_response","request_method":"","request_url":"","request_headers":[],"status":65536,"headers":[],"body":""}]}`, 3, "is no u16"},
		{"odd hex", head + `{"call":"random_bytes","bytes":"abc"}]}`, 3, "pairs of hex digits"},
		{"one of a pair", head + `{"call":"environment","entries":[["a"]]}]}`, 3, "found 1 elements"},
		{"half a surrogate pair", head + `{"call":"initial_cwd","path":"\ud800"}]}`, 3, "half a surrogate pair"},
		{"not UTF-8", head + "{\"call\":\"initial_cwd\",\"path\":\"\xff\"}]}", 3, "not UTF-8"},
		{"no comma", head + `{"call":"read"} {"call":"read"}]}`, 3, "want one of"},
		{"comma at the end", head + `{"call":"read"},]}`, 3, "want a value"},
		{"another member", head + `{"call":"read"}],"more":1}`, 3, "want one of"},
		{"text behind", head + "{\"call\":\"read\"}]}\n{}", 4, "want its end"},
		{"malformed", head + `{"call":"read"]}]}`, 3, "event 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := convertText([]byte(tt.in), JSONL, Options{})
			var line *LineError
			if !errors.As(err, &line) || line.Line != tt.line || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want line %d: %s", err, tt.line, tt.want)
			}
			if !errors.Is(err, format.ErrCorrupt) || errors.Is(err, format.ErrTruncated) {
				t.Errorf("error %v is of another kind", err)
			}
		})
	}
}

func TestWasmRRCorruptCBOR(t *testing.T) {
	whole := "\xa1\x64call\x64read"
	_, _, err := convertText([]byte(whole+"\xa1\x64call\x66reader"), JSONL, Options{})
	var line *LineError
	if !errors.As(err, &line) || line.Offset != 11 || line.Line != 0 || !strings.HasPrefix(err.Error(), "input: byte 11: event 1: ") {
		t.Errorf("error %v", err)
	}
	if !errors.Is(err, format.ErrCorrupt) || errors.Is(err, format.ErrTruncated) {
		t.Errorf("error %v is of another kind", err)
	}
}

func TestWasmRRLimit(t *testing.T) {
	long := strings.Repeat("a", 5000)
	for _, in := range []string{
		`{"events":[{"call":"initial_cwd","path":"` + long + `"}]}`,
		"\xa2\x64call\x6binitial_cwd\x64path\x79\x13\x88" + long,
	} {
		if _, _, err := convertText([]byte(in), JSONL, Options{MaxRecord: 1000}); !errors.Is(err, format.ErrLimit) || !errors.Is(err, format.ErrCorrupt) {
			t.Errorf("%.20q: error %v, want ErrLimit", in, err)
		}
	}
}

// A body that is too large for a row comes back.
func TestWasmRRLargeBody(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 1<<20)
	in := `{"events":[` + "\n" + `{"call":"http_response","request_method":"GET","request_url":"http://h/","request_headers":[],"status":200,"headers":[],"body":"` + body + `"}` + "\n]}"
	f, report := importRR(t, []byte(in), Options{})
	if f.Summary().Kinds["part"] == 0 || report.Rows != 1 {
		t.Errorf("%v, %+v: want one row and parts of it", f.Summary().Kinds, report)
	}
	if got := exportRR(t, f, wasmrr.JSON); string(got) != in {
		t.Errorf("%d bytes come back as %d", len(in), len(got))
	}
}

// The program is in the trace and described by it; nothing else takes one.
func TestWasmRRProgram(t *testing.T) {
	program := &Program{Name: "app.wasm", Bytes: []byte("\x00asm\x0d\x00\x01\x00")}
	f, report := importRR(t, rrData(t, "kinds.cbor"), Options{Program: program})
	data, err := f.ReadAttachment("app.wasm")
	if err != nil || !bytes.Equal(data, program.Bytes) || report.Attachments != 1 {
		t.Errorf("attachment %q, %v, %+v", data, err, report)
	}
	p := f.Header().Program
	if p == nil || p.Name != "app.wasm" || len(p.SHA256) != 64 || p.Args == nil {
		t.Errorf("program %+v", p)
	}
	ours := through(t, rrData(t, "kinds.cbor"), JSONL, Options{})
	for _, in := range [][]byte{[]byte(`[{"a":1}]`), ours} {
		if _, _, err := convertText(in, JSONL, Options{Program: program}); !errors.Is(err, ErrProgram) {
			t.Errorf("%.40s: error %v, want ErrProgram", in, err)
		}
	}
}

// Events are as late as the clocks of the trace say, and never before its start.
func TestWasmRRTimes(t *testing.T) {
	in := `{"events":[{"call":"read"},
	{"call":"clock_now","seconds":100,"nanoseconds":5},{"call":"read"},
	{"call":"monotonic_clock_now","nanoseconds":1000},{"call":"monotonic_clock_now","nanoseconds":1030},{"call":"monotonic_clock_now","nanoseconds":20},
	{"call":"clock_now","seconds":18446744073709551615,"nanoseconds":4294967295},{"call":"monotonic_clock_now","nanoseconds":18446744073709551615},
	{"call":"monotonic_clock_now","nanoseconds":9223372036854775807},
	{"call":"clock_now","seconds":99,"nanoseconds":0}]}`
	f, _ := importRR(t, []byte(in), Options{})
	const s = 100_000_000_005
	want := []int64{s, s, s, s, s + 30, s + 30, s + 30, s + 30, s + 30, 99e9} // more would overflow
	var got []int64
	for e, err := range f.Events(reader.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Time)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if f.Header().StartNS != s {
		t.Errorf("start %d, want %d", f.Header().StartNS, int64(s))
	}
	var a, b any
	if err := errors.Join(json.Unmarshal([]byte(in), &a), json.Unmarshal(exportRR(t, f, wasmrr.JSON), &b)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
	f, _ = importRR(t, []byte(`{"events":[{"call":"read"}]}`), Options{})
	if f.Header().StartNS != noClock {
		t.Errorf("start %d without a clock, want %d", f.Header().StartNS, int64(noClock))
	}
}

// FuzzWasmRR: any text gives an error, or events that come back from a trace as
// they were.
func FuzzWasmRR(f *testing.F) {
	f.Add(rrData(f, "kinds.json"))
	f.Add(rrData(f, "kinds.cbor"))
	for _, line := range bytes.Split(rrData(f, "kinds.json"), []byte("\n")) {
		f.Add(fmt.Appendf(nil, `{"events":[%s]}`, bytes.TrimSuffix(line, []byte(","))))
		f.Add(fmt.Appendf(nil, `{"events":[%s`, line))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if form := formOf(in); form != WasmRR && form != WasmRRCBOR {
			return
		}
		path := filepath.Join(t.TempDir(), "rr.trace.arrow")
		opts := Options{To: Arrow, MaxRecord: 1 << 16}
		if _, err := Convert(context.Background(), Input{Reader: bytes.NewReader(in)}, Output{Path: path}, opts); err != nil {
			return
		}
		trace, err := reader.Open(path, reader.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer trace.Close()
		first := exportRR(t, trace, wasmrr.JSON)
		again, report := importRR(t, first, Options{})
		if report.Lost != "" || report.Rows != trace.Summary().Events {
			t.Fatalf("%+v, want %d rows", report, trace.Summary().Events)
		}
		if second := exportRR(t, again, wasmrr.JSON); !bytes.Equal(first, second) {
			t.Fatalf("%s\nthen\n%s", first, second)
		}
	})
}
