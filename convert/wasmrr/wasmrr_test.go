package wasmrr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
)

const testLimit = 1 << 20

// testdata/kinds.json and kinds.cbor hold the same events, one of each kind at
// least. They were written by another program.
func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readCBOR reads events up to an error, and where each ends.
func readCBOR(data []byte) (events []*Event, ends []int64, err error) {
	c := NewCBORReader(bytes.NewReader(data), testLimit)
	for {
		e, err := c.Next()
		if err != nil {
			return events, ends, err
		}
		events = append(events, &Event{e.Kind, bytes.Clone(e.Params), bytes.Clone(e.Result)})
		ends = append(ends, c.offset)
	}
}

func write(t testing.TB, events []*Event, enc Encoding) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, enc)
	for _, e := range events {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func equal(a, b []*Event) string {
	return cmp.Diff(a, b, cmp.Comparer(func(a, b *Event) bool {
		return a.Kind == b.Kind && bytes.Equal(a.Params, b.Params) && bytes.Equal(a.Result, b.Result)
	}), cmpopts.EquateEmpty())
}

func TestKinds(t *testing.T) {
	events, _, err := readCBOR(testdata(t, "kinds.cbor"))
	if err != io.EOF {
		t.Fatal(err)
	}
	seen := map[*Kind]bool{}
	for _, e := range events {
		seen[e.Kind] = true
	}
	if len(seen) != len(Kinds) || len(Kinds) != 14 {
		t.Errorf("%d kinds of %d, want 14", len(seen), len(Kinds))
	}
	for enc, name := range map[Encoding]string{JSON: "kinds.json", CBOR: "kinds.cbor"} {
		if got, want := write(t, events, enc), testdata(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s: wrote\n%q, want\n%q", name, got, want)
		}
	}
}

// Columns hold an event as any call of a component's function.
func TestColumns(t *testing.T) {
	events, _, _ := readCBOR(testdata(t, "kinds.cbor"))
	const start = 1760299409_936653000
	want := []string{
		"wasi:clocks/wall-clock#now() = {seconds: 1760299409, nanoseconds: 936653000}",
		"wasi:clocks/wall-clock#resolution() = {seconds: 0, nanoseconds: 1}",
		"wasi:clocks/monotonic-clock#now() = 12576679917",
		"wasi:clocks/monotonic-clock#resolution() = 1",
		`wasi:cli/environment#get-environment() = [("LANG", "C"), ("EMPTY", ""), ("TEXT", "a=b \"quoted\" \\ \n é 世")]`,
		`wasi:cli/environment#get-arguments() = ["app.wasm", "--flag", ""]`,
		"wasi:cli/environment#initial-cwd() = none",
		`wasi:cli/environment#initial-cwd() = some("/home")`,
		`wasi:random/random#get-random-bytes(3) = "\x00\xff\x80"`,
		"wasi:random/random#get-random-u64() = 18446744073709551615",
		`wasi:random/insecure#get-insecure-random-bytes(0) = ""`,
		"wasi:random/insecure#get-insecure-random-u64() = 0",
		"wasi:random/insecure-seed#insecure-seed() = (24, 18446744073709551615)",
		"wasi:io/streams#[method]input-stream.read()",
		`wasi:http/outgoing-handler#handle("GET", "https://example.org/?q=1", [("host", "example.org")])` +
			` = {status: 200, headers: [("content-type", "text/plain"), ("set-cookie", "b=2"), ("set-cookie", "a=1")], body: "hello\n"}`,
	}
	var got []string
	for _, e := range events {
		row := format.Event{Time: start}
		e.SetEvent(&row, start)
		if clock, _ := e.Clock(); clock == call.WallClock && row.Has&format.HasOutput != 0 {
			t.Error("the output of a clock that is the event's time is kept")
		}
		f := &e.Kind.Function
		h := &format.Header{StartNS: start, Functions: []format.Function{*f}}
		got = append(got, string(call.Format(nil, h, f.Module, f.Name, &row, call.Options{})))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A file that is cut anywhere has all events that are whole before that, and
// says where the next one began.
func TestCut(t *testing.T) {
	data := testdata(t, "kinds.cbor")
	all, ends, _ := readCBOR(data)
	for n := range len(data) {
		whole, begins := 0, int64(0)
		for _, end := range ends {
			if end <= int64(n) {
				whole, begins = whole+1, end
			}
		}
		events, _, err := readCBOR(data[:n])
		want := io.ErrUnexpectedEOF
		if begins == int64(n) {
			want = io.EOF
		}
		if err != want {
			t.Fatalf("cut at %d: %v, want %v", n, err, want)
		}
		if d := equal(all[:whole], events); d != "" {
			t.Fatalf("cut at %d: %s", n, d)
		}
	}
}

// No flipped bit makes the reader panic.
func TestFlip(t *testing.T) {
	data := testdata(t, "kinds.cbor")
	for i := range data {
		for bit := range 8 {
			flipped := bytes.Clone(data)
			flipped[i] ^= 1 << bit
			readCBOR(flipped) // must not panic
		}
	}
}

func text(s string) string { return string(appendText(nil, s)) }

func TestCorrupt(t *testing.T) {
	entry := func(n int, rest string) string {
		return string(appendHead(nil, majorMap, uint64(n))) + text("call") + rest
	}
	for _, tt := range []struct{ name, data, want string }{
		{"no map", "\x01", "found an unsigned number, want a map"},
		{"indefinite map", "\xbf", "of unknown length"},
		{"reserved length", "\xbc", "of unknown length"},
		{"name not text", "\xa1\x01", "found an unsigned number, want a text"},
		{"byte string", entry(2, text("random_u64")+text("value")+"\x41a"), "found a byte string, want an unsigned number"},
		{"negative", entry(2, text("random_u64")+text("value")+"\x20"), "found a negative number"},
		{"float", entry(2, text("random_u64")+text("value")+"\xfa\x00\x00\x00\x00"), "found a simple value"},
		{"tag", "\xc1\xa0", "found a tag"},
		{"null", entry(2, text("random_u64")+text("value")+"\xf6"), "found a simple value"},
		{"no call", "\xa1" + text("value") + "\x01", `no member "call"`},
		{"empty map", "\xa0", `no member "call"`},
		{"unknown call", entry(1, text("clock_then")), `call "clock_then" is none of the 14 kinds`},
		{"member missing", entry(1, text("random_u64")), `random_u64 without its member "value"`},
		{"member of another kind", entry(3, text("random_u64")+text("value")+"\x01"+text("bytes")+text("")), `random_u64 with a member "bytes"`},
		{"unknown member", entry(2, text("read")+text("path2")+"\x01"), `unknown member "path2"`},
		{"member twice", entry(3, text("random_u64")+text("value")+"\x01"+text("value")+"\x01"), `"value" is there twice`},
		{"call twice", entry(2, text("read")+text("call")+text("read")), `"call" is there twice`},
		{"odd hex", entry(2, text("random_bytes")+text("bytes")+text("abc")), "pairs of hex digits"},
		{"no hex", entry(2, text("random_bytes")+text("bytes")+text("zz")), "pairs of hex digits"},
		{"not UTF-8", entry(2, text("initial_cwd")+text("path")+"\x61\xff"), "not UTF-8"},
		{"one of a pair", entry(2, text("environment")+text("entries")+"\x81\x81"+text("a")), "found 1 elements, want a tuple<string, string>"},
		{"three of a pair", entry(2, text("insecure_seed")+text("seed")+"\x83\x01\x02\x03"), "found more than 2 elements"},
		{"nanoseconds beyond u32", entry(3, text("clock_now")+text("seconds")+"\x01"+text("nanoseconds")+"\x1b\x00\x00\x00\x01\x00\x00\x00\x00"), `member "nanoseconds" is no u32`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole := entry(1, text("read"))
			events, _, err := readCBOR([]byte(whole + tt.data + whole))
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if len(events) != 1 {
				t.Errorf("%d events before it, want 1", len(events))
			}
		})
	}
}

// Sizes that are only declared allocate nothing.
func TestDeclaredSizes(t *testing.T) {
	size := func(major byte, n uint64) string {
		return string(binary.BigEndian.AppendUint64([]byte{major<<5 | 27}, n))
	}
	begin := "\xa2" + text("call") + text("arguments") + text("args")
	for _, tt := range []struct {
		name, data string
		want       error
	}{
		{"text beyond the limit", begin + "\x81" + size(majorText, 1<<62), format.ErrLimit},
		{"text beyond an int64", begin + "\x81" + size(majorText, 1<<63+5), format.ErrLimit},
		{"text within it", begin + "\x81" + size(majorText, testLimit-100), io.ErrUnexpectedEOF},
		{"array", begin + size(majorArray, 1<<63), io.ErrUnexpectedEOF},
		{"map", size(majorMap, 1<<63), io.ErrUnexpectedEOF},
		{"many elements", begin + size(majorArray, 1<<63) + strings.Repeat("\x60", testLimit), format.ErrLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := readCBOR([]byte(tt.data))
			runtime.ReadMemStats(&after)
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 16*testLimit {
				t.Errorf("%d bytes allocated", used)
			}
		})
	}
}

// randomEvent makes an event of a kind, by the types of its members.
func randomEvent(rng *rand.Rand, k *Kind) *Event {
	e := &Event{Kind: k}
	var params, result canon.Encoder
	for i, m := range k.Members {
		to := &result
		if i < k.params {
			to = &params
		}
		randomValue(rng, to, m.Type)
	}
	if k.sized {
		bytes := canon.NewDecoder(result.Bytes())
		params.U64(uint64(len(bytes.Blob())))
	}
	e.Params, e.Result = params.Bytes(), result.Bytes()
	return e
}

func randomValue(rng *rand.Rand, e *canon.Encoder, t *canon.Type) {
	switch t.Kind {
	case canon.U16:
		e.U16(uint16(rng.Uint32()))
	case canon.U32:
		e.U32(rng.Uint32() >> rng.IntN(32))
	case canon.U64:
		e.U64(rng.Uint64() >> rng.IntN(64))
	case canon.String:
		e.String(randomText(rng))
	case canon.Option:
		if rng.IntN(2) == 0 {
			e.None()
			return
		}
		e.Some()
		randomValue(rng, e, t.Elem)
	case canon.Tuple:
		for _, f := range t.Fields {
			randomValue(rng, e, f.Type)
		}
	case canon.List:
		n := rng.IntN(1 << rng.IntN(10))
		if t.Elem.Kind == canon.U8 {
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			e.Blob(data)
			return
		}
		n %= 20
		e.Len(n)
		for range n {
			randomValue(rng, e, t.Elem)
		}
	default:
		panic(t.String())
	}
}

func randomText(rng *rand.Rand) string {
	alphabet := []rune("ab\"\\/\n\r\t\x00\x1f\x7f<>&é世\u2028\U0001f600 ")
	var b strings.Builder
	for range rng.IntN(1 << rng.IntN(9)) {
		b.WriteRune(alphabet[rng.IntN(len(alphabet))])
	}
	return b.String()
}

func TestRandomEvents(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var events []*Event
	for range 200 {
		for _, k := range Kinds {
			events = append(events, randomEvent(rng, k))
		}
	}
	got, _, err := readCBOR(write(t, events, CBOR))
	if err != io.EOF {
		t.Fatal(err)
	}
	if d := equal(events, got); d != "" {
		t.Error(d)
	}
}

// What is not of its kind's types is not written.
func TestWriteMalformed(t *testing.T) {
	for _, e := range []*Event{
		{Kind: KindOf("random_u64")},
		{Kind: KindOf("random_u64"), Result: []byte{1, 1}},
		{Kind: KindOf("http_response"), Params: []byte{0, 0, 0, 0}, Result: []byte{0, 0, 0}},
		{Kind: KindOf("environment"), Result: []byte{1, 1, 0xff, 0}},
	} {
		if err := NewWriter(io.Discard, JSON).Write(e); !errors.Is(err, canon.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", e.Kind.Call, err)
		}
	}
}

func TestIsCBOR(t *testing.T) {
	data := testdata(t, "kinds.cbor")
	for n := range 20 {
		if got, want := IsCBOR(data[:n]), n >= 6; got != want {
			t.Errorf("%d bytes: %t, want %t", n, got, want)
		}
	}
	for _, other := range []string{"", "{}", "\xa1\x64call\x64none", "\xa1\x64name\x64read", "\xa1\x64call\x01"} {
		if IsCBOR([]byte(other)) {
			t.Errorf("%q is taken for a trace", other)
		}
	}
}

// Clocks at the limits do not overflow.
func TestClock(t *testing.T) {
	wall := func(s uint64, ns uint32) *Event {
		var e canon.Encoder
		e.U64(s)
		e.U32(ns)
		return &Event{Kind: KindOf("clock_now"), Result: e.Bytes()}
	}
	for _, tt := range []struct {
		s    uint64
		ns   uint32
		want int64
	}{{1, 2, 1000000002}, {0, 1<<32 - 1, 1<<32 - 1}, {9223372031, 1<<32 - 1, 9223372031e9 + 1<<32 - 1}, {9223372037, 0, 0}, {1<<64 - 1, 0, 0}} {
		if _, got := wall(tt.s, tt.ns).Clock(); got != tt.want || got < 0 {
			t.Errorf("%d.%d is %d, want %d", tt.s, tt.ns, got, tt.want)
		}
	}
}

// FuzzCBOR: any input gives an error, or events that are written and read as the
// same.
func FuzzCBOR(f *testing.F) {
	data := testdata(f, "kinds.cbor")
	f.Add(data)
	_, ends, _ := readCBOR(data)
	from := int64(0)
	for _, end := range ends {
		f.Add(data[from:end])
		from = end
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		events, _, _ := readCBOR(data)
		for _, enc := range []Encoding{CBOR, JSON} {
			again := write(t, events, enc)
			if enc == JSON {
				continue // package convert reads it
			}
			got, _, err := readCBOR(again)
			if err != io.EOF {
				t.Fatal(err)
			}
			if d := equal(events, got); d != "" {
				t.Fatal(d)
			}
		}
	})
}

func ExampleWriter() {
	var b bytes.Buffer
	w := NewWriter(&b, JSON)
	var seed canon.Encoder
	seed.U64(7)
	w.Write(&Event{Kind: KindOf("random_u64"), Result: seed.Bytes()})
	w.Close()
	fmt.Println(b.String())
	// Output:
	// {"events":[
	// {"call":"random_u64","value":7}
	// ]}
}
