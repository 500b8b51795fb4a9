package convert

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tracetool/tracetool/format"
)

var (
	testModules   = []string{"wasi_snapshot_preview1", "env", "", "quote\"\n\u2028é"}
	testFunctions = []string{"fd_write", "fd_read", "[method]fields.get", "clock_time_get"}
)

// pick returns one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

var extremes = []int64{0, 1, -1, 1 << 53, 1<<53 + 1, -1 << 53, -1<<53 - 1, math.MaxInt64, math.MinInt64, 1700000000123456789}

// randomEvent returns an event with any columns null and any values.
func randomEvent(r *rand.Rand) format.Event {
	integer := func() int64 {
		if r.IntN(2) == 0 {
			return int64(r.Uint64()) >> r.IntN(64)
		}
		return pick(r, extremes...)
	}
	e := format.Event{Time: integer(), Kind: format.Kind(r.IntN(len(format.KindNames()))), Task: int32(integer())}
	e.Has = format.Fields(r.Uint32()) & (format.HasOutput<<1 - 1)
	if r.IntN(2) == 0 { // as recordings have them: the first n
		e.Has = e.Has&^allParams | format.HasParams(r.IntN(format.NumParams+1))
	}
	has := func(f format.Fields) bool { return e.Has&f != 0 }
	if has(format.HasDuration) {
		e.Duration = integer()
	}
	if has(format.HasModule) {
		e.Module = int16(r.IntN(len(testModules)))
	}
	if has(format.HasFunction) {
		e.Function = int16(r.IntN(len(testFunctions)))
	}
	if has(format.HasErrno) {
		e.Errno = int32(integer())
	}
	if has(format.HasValue) {
		e.Value = integer()
	}
	if has(format.HasHash) {
		e.Hash = r.Uint64() >> r.IntN(64)
	}
	for i := range e.P {
		if has(format.HasP0 << i) {
			e.P[i] = integer()
		}
	}
	if has(format.HasInput) {
		e.Input = randomBytes(r)
	}
	if has(format.HasOutput) {
		e.Output = randomBytes(r)
	}
	return e
}

func randomBytes(r *rand.Rand) []byte {
	switch r.IntN(6) {
	case 0:
		return []byte{}
	case 1:
		return []byte("Hello, \"w\\orld\"\r\n\t\x1b[0m\x7f é \U0001F600 \u2028\uFEFF\uFFFD")
	case 2:
		return []byte{0xff, 0xfe, 'a', 0xc3}
	case 3:
		return []byte("\xed\xa0\x80") // half a surrogate pair in UTF-8
	case 4:
		return []byte("a\x00b")
	}
	b := make([]byte, r.IntN(300))
	for i := range b {
		b[i] = byte(r.Uint32() >> (r.IntN(2) * 2))
	}
	return b
}

func randomEvents(seed uint64, n int) []format.Event {
	r := rand.New(rand.NewPCG(seed, 1))
	events := make([]format.Event, n)
	for i := range events {
		events[i] = randomEvent(r)
		events[i].Seq = int64(i)
	}
	return events
}

func TestEventsRoundTrip(t *testing.T) {
	enc := NewEncoder(&format.Header{}, testModules, testFunctions, false)
	p := newEventParser(testModules, testFunctions)
	var line []byte
	for _, want := range randomEvents(1, 20000) {
		var err error
		if line, err = enc.AppendEvent(line[:0], &want); err != nil {
			t.Fatal(err)
		}
		if !complete(line) {
			t.Fatalf("not JSON: %s", line)
		}
		var got format.Event
		if err := p.parse(line, &got); err != nil {
			t.Fatalf("%s\n%v", line, err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%s\n%s", line, d)
		}
	}
}

// TestEventRecord pins the record's text, which SPEC.md shows.
func TestEventRecord(t *testing.T) {
	e := format.Event{
		Time: 1763930739000000012, Duration: 12000, Kind: format.KindCall, Task: 1, Errno: 8, Value: 1<<53 + 1, Hash: 0xabc,
		P: [format.NumParams]int64{1, 0, -3}, Input: []byte("Hi\n"), Output: []byte{0xff, 0}, Seq: 7,
	}
	enc := NewEncoder(&format.Header{}, testModules, testFunctions, false)
	tests := []struct {
		has  format.Fields
		want string
	}{
		{0, `{"seq":7,"time":"2025-11-23T20:45:39.000000012Z","kind":"call","task":1}`},
		{1<<17 - 1, `{"seq":7,"time":"2025-11-23T20:45:39.000000012Z","duration_ns":12000,"kind":"call",` +
			`"module":"wasi_snapshot_preview1","function":"fd_write","task":1,"errno":8,"value":"9007199254740993",` +
			`"hash":"0000000000000abc","p":[1,0,-3,0,0,0,0,0,0],"input":"Hi\n","output":{"base64":"/wA="}}`},
		{format.HasP0 << 2, `{"seq":7,"time":"2025-11-23T20:45:39.000000012Z","kind":"call","task":1,"p":[null,null,-3]}`},
	}
	for _, test := range tests {
		e.Has = test.has
		got, err := enc.AppendEvent(nil, &e)
		if err != nil || string(got) != test.want {
			t.Errorf("got  %s (%v)\nwant %s", got, err, test.want)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, ns := range append([]int64{-1, 951782400e9, 951868799e9 + 999999999, -2203891200e9}, extremes...) {
		text := appendTime(nil, ns)
		got, ok := parseTime(text[1 : len(text)-1])
		if !ok || got != ns {
			t.Errorf("%d: %s reads as %d, %v", ns, text, got, ok)
		}
	}
	r := rand.New(rand.NewPCG(2, 2))
	for range 10000 {
		ns := int64(r.Uint64())
		text := appendTime(nil, ns)
		if got, ok := parseTime(text[1 : len(text)-1]); !ok || got != ns {
			t.Fatalf("%d: %s reads as %d, %v", ns, text, got, ok)
		}
	}
	valid := map[string]int64{
		"1970-01-01T00:00:01Z":                1e9,
		"1970-01-01T02:00:00.5+02:00":         5e8,
		"2024-02-29T00:00:00.000000000Z":      1709164800e9,
		"1677-09-21T00:12:43.145224192Z":      math.MinInt64,
		"1970-01-01T00:00:00.000000001+00:00": 1,
	}
	for text, want := range valid {
		if got, ok := parseTime([]byte(text)); !ok || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "1970-01-01", "2023-02-29T00:00:00.000000000Z", "1970-01-01T00:00:00.0000000001Z",
		"1677-09-21T00:12:43.145224191Z", "2262-04-11T23:47:16.854775808Z", "9999-12-31T23:59:59Z", "1970-13-01T00:00:00.000000000Z",
		"1970-01-01T24:00:00.000000000Z"} {
		if got, ok := parseTime([]byte(text)); ok {
			t.Errorf("%q reads as %d", text, got)
		}
	}
}

func BenchmarkEncodeEvent(b *testing.B) {
	events := benchEvents()
	enc := NewEncoder(&format.Header{}, testModules, testFunctions, false)
	var buf []byte
	total := 0
	for i := 0; b.Loop(); i++ {
		buf, _ = enc.AppendEvent(buf[:0], &events[i%len(events)])
		total += len(buf)
	}
	b.SetBytes(int64(total / b.N))
}

func BenchmarkParseEvent(b *testing.B) {
	events := benchEvents()
	enc := NewEncoder(&format.Header{}, testModules, testFunctions, false)
	lines := make([][]byte, len(events))
	for i := range events {
		lines[i], _ = enc.AppendEvent(nil, &events[i])
	}
	p := newEventParser(testModules, testFunctions)
	var e format.Event
	for i := 0; b.Loop(); i++ {
		if err := p.parse(lines[i%len(lines)], &e); err != nil {
			b.Fatal(err)
		}
	}
}

// benchEvents are a mix as programs make it: clock readings, short writes,
// random bytes, reads of text.
func benchEvents() []format.Event {
	r := rand.New(rand.NewPCG(3, 3))
	const called = format.HasModule | format.HasFunction | format.HasErrno
	text := []byte("the quick brown fox jumps over the lazy dog\n")
	events := make([]format.Event, 1024)
	for i := range events {
		e := format.Event{Time: 1763930739000000000 + int64(i)*1000, Seq: int64(i), Function: int16(i % 4),
			Has: called | format.HasParams(4), P: [format.NumParams]int64{1, 65536 + int64(i), 1, 70000}}
		switch i % 4 {
		case 0:
			e.Has |= format.HasInput | format.HasDuration | format.HasValue
			e.Input, e.Duration, e.Value = text[:35], r.Int64N(9999), 35
		case 1:
			e.Has |= format.HasOutput | format.HasDuration | format.HasValue
			e.Output, e.Duration, e.Value = text, r.Int64N(9999), 44
		case 2:
			e.Has |= format.HasOutput
			e.Output = make([]byte, 16)
			for j := range e.Output {
				e.Output[j] = byte(r.Uint32())
			}
		}
		events[i] = e
	}
	return events
}
