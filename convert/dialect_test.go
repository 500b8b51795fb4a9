package convert

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
)

// expectations are the names of outcomes in the vectors.
var expectations = map[string]error{
	"ok": nil, "corrupt": format.ErrCorrupt, "truncated": format.ErrTruncated, "limit": format.ErrLimit,
	"version": format.ErrVersion, "not a trace": format.ErrNotTrace,
}

type vector struct {
	name string
	want error
	data []byte
}

// vectors reads testdata/vectors: files that begin with lines "about" and
// "expect", and after an empty line have an input with one fault.
func vectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*")
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors in testdata/vectors", err)
	}
	var list []vector
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, data, _ := bytes.Cut(text, []byte("\n\n"))
		_, expect, _ := strings.Cut(string(head), "expect: ")
		want, ok := expectations[expect]
		if !ok {
			t.Fatalf("%s: unknown expectation %q", file, expect)
		}
		list = append(list, vector{filepath.Base(file), want, data})
	}
	return list
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			for _, to := range []Form{JSONL, JSON, Arrow} {
				out, _, err := convertText(v.data, to, Options{})
				if !errors.Is(err, v.want) || v.want == nil && err != nil {
					t.Errorf("to %s: got %v, want %v", to, err, v.want)
				}
				if v.want == nil && len(out) == 0 {
					t.Errorf("to %s: no output", to)
				}
			}
		})
	}
}

// testAttachments are attachments of all sizes that matter.
func testAttachments(sizes ...int) map[string][]byte {
	r := rand.New(rand.NewPCG(5, 5))
	m := map[string][]byte{}
	for _, n := range sizes {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		m[fmt.Sprintf("att %d \"é\"", n)] = data
	}
	return m
}

var attachmentSizes = []int{0, 1, attachmentChunk - 1, attachmentChunk, attachmentChunk + 1, 2*attachmentChunk + 7}

// testJSONL is a trace in the dialect, with all kinds of event.
func testJSONL(t testing.TB, events []format.Event, attachments map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	s := newTextSink(&out, false, &Options{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.begin(&table{header: testHeader(), modules: testModules, functions: testFunctions}))
	for _, name := range sortedKeys(attachments) {
		data := attachments[name]
		a := &format.Attachment{Name: name, MediaType: "application/wasm", Size: int64(len(data)), SHA256: sha256.Sum256(data)}
		must(s.attach(a, io.NewSectionReader(bytes.NewReader(data), 0, a.Size)))
	}
	must(s.attach(&format.Attachment{Name: "elsewhere", Size: 1 << 40, Detached: true}, nil))
	for i := range events {
		must(s.event(&events[i]))
	}
	must(s.end(nil))
	return out.Bytes()
}

func testHeader() *format.Header {
	return &format.Header{
		Version: format.Version, ID: "0193594e-0000-7000-8000-000000000000", StartNS: 1763930739000000000, Tool: "test <1> & 2",
		Program:   &format.Program{Name: "hello.wasm", SHA256: strings.Repeat("ab", 32), Args: []string{"hello.wasm", "a \"b\""}},
		Functions: []format.Function{{Module: "env", Name: "f", Params: []format.Param{{Name: "x", Type: format.I64}}}},
		Session:   map[string]any{"seed": uint64(1<<63 + 1)},
	}
}

func TestTextRoundTrip(t *testing.T) {
	jsonl := testJSONL(t, randomEvents(9, 2000), testAttachments(attachmentSizes...))
	document := through(t, jsonl, JSON, Options{})
	if !complete(document) {
		t.Error("the document is not JSON")
	}
	for name, got := range map[string][]byte{
		"JSONL":        through(t, jsonl, JSONL, Options{}),
		"JSON":         through(t, document, JSONL, Options{}),
		"JSON by JSON": through(t, through(t, document, JSON, Options{}), JSONL, Options{}),
	} {
		if !bytes.Equal(got, jsonl) {
			t.Errorf("%s: %s", name, cmp.Diff(strings.Split(string(jsonl), "\n"), strings.Split(string(got), "\n")))
		}
	}
}

// TestByteOrderMark: some editors and shells begin a text with one.
func TestByteOrderMark(t *testing.T) {
	jsonl := testJSONL(t, randomEvents(9, 20), testAttachments(50))
	for _, form := range []Form{JSONL, JSON} {
		marked := append([]byte("\uFEFF"), through(t, jsonl, form, Options{})...)
		if got := through(t, marked, JSONL, Options{}); !bytes.Equal(got, jsonl) {
			t.Errorf("%s: %s", form, cmp.Diff(string(jsonl), string(got)))
		}
	}
}

// TestZeroByteIsNoSpace: a line is not passed over for the zero byte before it.
func TestZeroByteIsNoSpace(t *testing.T) {
	jsonl := testJSONL(t, nil, nil)
	if _, _, err := convertText(bytes.Replace(jsonl, []byte("\n"), []byte("\n\x00 anything\n"), 1), JSONL, Options{}); !errors.Is(err, format.ErrCorrupt) {
		t.Errorf("error %v, want one that is ErrCorrupt", err)
	}
}

// TestTextKeepsSummary: text made from text tells the summary of the trace that
// was converted first.
func TestTextKeepsSummary(t *testing.T) {
	const null, summary = `"summary":null`, `"summary":{"closed":true,"events":9,"segments":1`
	jsonl := testJSONL(t, randomEvents(9, 9), nil)
	trace := through(t, through(t, jsonl, Arrow, Options{}), JSONL, Options{})
	if bytes.Contains(trace, []byte(null)) || !bytes.Contains(trace, []byte(summary)) {
		t.Fatalf("a trace has no summary: %s", trace)
	}
	document := through(t, trace, JSON, Options{})
	for name, got := range map[string][]byte{
		"JSONL": through(t, trace, JSONL, Options{}),
		"JSON":  through(t, document, JSONL, Options{}),
	} {
		if !bytes.Equal(got, trace) {
			t.Errorf("%s: %s", name, cmp.Diff(string(trace), string(got)))
		}
	}
}

// TestCut cuts a trace at every byte: each is noticed, and with Partial gives
// exactly the events whose lines are complete.
func TestCut(t *testing.T) {
	events := randomEvents(4, 6)
	for _, form := range []Form{JSONL, JSON} {
		whole := through(t, testJSONL(t, events, testAttachments(1, 50)), form, Options{})
		full := bytes.Split(through(t, whole, JSONL, Options{Plain: true}), []byte("\n"))
		for n := 1; n < len(whole)-1; n++ {
			if _, _, err := convertText(whole[:n], JSONL, Options{}); err == nil {
				t.Fatalf("%s cut at %d: no error", form, n)
			}
			got, report, err := convertText(whole[:n], JSONL, Options{Plain: true, Partial: true})
			if err != nil {
				continue // cut inside the header
			}
			if want := bytes.Join(full[:report.Rows], []byte("\n")); !bytes.Equal(want, bytes.TrimSpace(got)) || report.Lost == "" {
				t.Fatalf("%s cut at %d: lost %q, got %s", form, n, report.Lost, got)
			}
		}
	}
}

func TestDecode(t *testing.T) {
	in := vectorData(t, "valid")
	out := through(t, in, JSONL, Options{Decode: true})
	for _, want := range []string{`"args":{`, `"error":"ESUCCESS"`} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("no %s in %s", want, out)
		}
	}
	if again := through(t, out, JSONL, Options{}); !bytes.Equal(again, through(t, in, JSONL, Options{})) {
		t.Errorf("decoded values are read back:\n%s", again)
	}
}

func vectorData(t testing.TB, name string) []byte {
	for _, v := range vectors(t) {
		if v.name == name {
			return v.data
		}
	}
	t.Fatalf("no vector %s", name)
	return nil
}

// FuzzConvert: any input gives an error or a result that reads back as the
// same.
func FuzzConvert(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.data)
	}
	for _, s := range []string{"[1,{\"a\":[null,{}]}]", "{\"a\":1}\n{\"b\":\"\\ud800\",\"a\":1.0}", "[[],[[1]]]", "1e400 -0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		opts := Options{MaxRecord: 1 << 16}
		once, _, err := convertText(in, JSONL, opts)
		if err != nil {
			return
		}
		opts.MaxRecord = 1 << 22
		document := through(t, once, JSON, opts)
		if twice := through(t, document, JSONL, opts); !bytes.Equal(once, twice) {
			t.Fatalf("%s\nthen\n%s", once, twice)
		}
		if formOf(in) == Foreign {
			want := canonicalAll(t, in)
			got := canonicalAll(t, through(t, once, JSONL, Options{Plain: true}))
			if d := cmp.Diff(want, got); d != "" {
				t.Fatal(d)
			}
		}
	})
}

func sortedKeys(m map[string][]byte) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
