package format

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTrailerRoundTrip(t *testing.T) {
	want := Trailer{Kind: FrameEvents, Flags: FlagMore, Frame: 7, Rows: 65536, Payload: 64, Segment: 3,
		BodyLength: 128, BodyCRC: 0x12345678, FirstEvent: 1 << 40, FirstTime: -5, LastTime: math.MaxInt64}
	message := []byte("a message of some length")
	for _, at := range []int64{FirstFrame, 64, 6400} {
		header := AppendFrameHeader(nil, at, message, &want)
		if (at+int64(len(header)))%FrameAlign != 0 {
			t.Errorf("at %d: the body starts at %d, want a multiple of %d", at, at+int64(len(header)), FrameAlign)
		}
		got, padded, err := ParseFrameHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("trailer (-want +got):\n%s", diff)
		}
		if string(padded[:len(message)]) != string(message) {
			t.Errorf("message %q, want %q", padded[:len(message)], message)
		}
	}
}

func TestTrailerNoticesEachBit(t *testing.T) {
	header := AppendFrameHeader(nil, FirstFrame, []byte("message"), &Trailer{Kind: FrameSchema, BodyLength: 64})
	for i := range header {
		for bit := range 8 {
			header[i] ^= 1 << bit
			if _, _, err := ParseFrameHeader(header); err == nil {
				t.Errorf("bit %d of byte %d went unnoticed", bit, i)
			}
			header[i] ^= 1 << bit
		}
	}
	for n := range header {
		if _, _, err := ParseFrameHeader(header[:n]); err == nil {
			t.Errorf("a header cut to %d of %d bytes went unnoticed", n, len(header))
		}
	}
}

func TestTailRoundTrip(t *testing.T) {
	for size := 1; size < 20; size++ {
		footer := make([]byte, size)
		tail := AppendTail([]byte("frames"), footer)
		n, ok := FooterLength(tail)
		if !ok {
			t.Fatalf("footer of %d bytes: no length", size)
		}
		end := len(tail) - 4 - len(Magic)
		got, err := CheckFooter(tail[end-int(n) : end])
		if err != nil || len(got) != size+(-size&7) {
			t.Errorf("footer of %d bytes: %d bytes, %v", size, len(got), err)
		}
		tail[end-int(n)/2] ^= 1
		if _, err := CheckFooter(tail[end-int(n) : end]); err == nil {
			t.Errorf("footer of %d bytes: a flipped bit went unnoticed", size)
		}
	}
	if _, err := CheckFooter(make([]byte, 64)); !errors.Is(err, ErrNotTrace) {
		t.Errorf("a footer without our mark: %v, want ErrNotTrace", err)
	}
	if _, ok := FooterLength([]byte("short")); ok {
		t.Error("a length was read from too few bytes")
	}
}

func TestHistogramBuckets(t *testing.T) {
	last := -1
	for _, ns := range []int64{0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 15, 16, 1000, 1 << 40, math.MaxInt64} {
		b := BucketOf(ns)
		if b < last || b >= NumBuckets {
			t.Errorf("%d ns is in bucket %d, after bucket %d of %d", ns, b, last, NumBuckets)
		}
		last = b
	}
	for b := range NumBuckets - 4 {
		if got := BucketOf(bucketMiddle(b)); got != b {
			t.Errorf("the middle of bucket %d, %d ns, is in bucket %d", b, bucketMiddle(b), got)
		}
	}
	if got := BucketOf(-1); got != 0 {
		t.Errorf("a negative duration is in bucket %d, want 0", got)
	}
}

func TestHistogramQuantile(t *testing.T) {
	var h Histogram
	r := rand.New(rand.NewPCG(1, 2)) // few fall below the first quantile: another draw may miss it
	for range 10_000 {
		h = h.Merge(Histogram{{int16(BucketOf(r.Int64N(1_000_000))), 1}})
	}
	for _, q := range []float64{0.01, 0.5, 0.99} {
		want := q * 1_000_000
		if got := float64(h.Quantile(q)); math.Abs(got-want) > 0.2*want {
			t.Errorf("quantile %g is %g, want about %g", q, got, want)
		}
	}
	if got := Histogram(nil).Quantile(0.5); got != 0 {
		t.Errorf("median of nothing is %d", got)
	}
	data, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var back Histogram
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h, back); diff != "" {
		t.Errorf("JSON round trip (-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`[[5,1],[3,1],[5,2],[99999,1],[6,-1],[7,2]]`), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Histogram{{5, 1}, {7, 2}}, back); diff != "" {
		t.Errorf("hostile buckets (-want +got):\n%s", diff)
	}
}

func TestIndexRoundTrip(t *testing.T) {
	want := []Frame{
		{Number: 0, Kind: FrameSchema, Offset: 8, Metadata: 3000, Segment: -1},
		{Number: 4, Kind: FrameAttachment, Flags: FlagMore, Offset: 6400, Metadata: 1024, StoredBytes: 128, RawBytes: 8, Segment: -1,
			Attachment: &Attachment{Name: "a.wasm", MediaType: MediaTypeWasm, Size: 9, SHA256: [32]byte{1, 2}}, Payload: 64, Chunk: 8},
		{Number: 5, Kind: FrameEvents, Offset: 8192, Metadata: 1024, StoredBytes: 64, RawBytes: 640, CRC: 0xFFFFFFFF, Rows: 5,
			FirstEvent: 10, FirstTimeNS: 100, LastTimeNS: 200, Functions: []FunctionStats{
				{Kind: "call", Module: "env", Function: "f", Count: 4, Errors: 1, Bytes: 9, Timed: 3, TotalNS: 300, MaxNS: 150,
					Times: Histogram{{3, 1}, {9, 2}}},
				{Kind: "exit", Count: 1},
			}},
	}
	rec := IndexRecord(want)
	defer rec.Release()
	got, err := IndexFrames(rec)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMergeStats(t *testing.T) {
	a := []FunctionStats{{Kind: "call", Function: "f", Count: 1, MaxNS: 5, TotalNS: 5, Timed: 1, Times: Histogram{{1, 1}}}}
	b := []FunctionStats{{Kind: "call", Function: "f", Count: 2, Errors: 1, Bytes: 3, MaxNS: 4, TotalNS: 8, Timed: 2, Times: Histogram{{0, 1}, {1, 1}}},
		{Kind: "call", Function: "g", Count: 1}}
	want := []FunctionStats{
		{Kind: "call", Function: "f", Count: 3, Errors: 1, Bytes: 3, Timed: 3, TotalNS: 13, MaxNS: 5, Times: Histogram{{0, 1}, {1, 2}}},
		{Kind: "call", Function: "g", Count: 1}}
	if diff := cmp.Diff(want, MergeStats(MergeStats(nil, a), b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRootIsTheSameForDetached(t *testing.T) {
	a := Attachment{Name: "a.wasm", MediaType: MediaTypeWasm, Size: 8, SHA256: [32]byte{9}}
	var embedded, detached, other Root
	embedded.Attachment(&a)
	a.Detached = true
	detached.Attachment(&a)
	a.SHA256[31] = 1
	other.Attachment(&a)
	if embedded != detached {
		t.Errorf("root %s detached, %s embedded", detached, embedded)
	}
	if embedded == other {
		t.Error("another digest gives the same root")
	}
	before := embedded
	embedded.Frame(FrameEvents, []byte("ab"), []byte("c"))
	before.Frame(FrameEvents, []byte("a"), []byte("bc"))
	if embedded == before {
		t.Error("the border between message and body is not in the root")
	}
}

func TestKindNames(t *testing.T) {
	for i, name := range KindNames() {
		k, ok := KindByName(name)
		if !ok || k != Kind(i) || k.String() != name {
			t.Errorf("kind %q is %d (%s), want %d", name, k, k, i)
		}
	}
	if _, ok := KindByName("nothing"); ok {
		t.Error("an unknown kind has a code")
	}
	if Kind(-1).String() != "unknown" || FrameKind(99).String() != "unknown" || FrameKindByName("x") != 0 {
		t.Error("unknown kinds have names")
	}
}

func TestEventParams(t *testing.T) {
	e := Event{P: [NumParams]int64{1, 2, 3}, Has: HasParams(2) | HasInput | HasHash}
	if diff := cmp.Diff([]int64{1, 2}, e.Params()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if HasParams(NumParams)&(HasInput|HasHash) != 0 || HasParams(0) != 0 {
		t.Error("the bits of parameters overlap others")
	}
}

func TestCorruptError(t *testing.T) {
	truncated := &CorruptError{Path: "t.arrow", Segment: 3, Offset: 8192, Detail: "checksum 1f, want 9c", Err: ErrTruncated}
	for target, want := range map[error]bool{ErrCorrupt: true, ErrTruncated: true, io.ErrUnexpectedEOF: true, ErrLimit: false, ErrNotTrace: false} {
		if errors.Is(truncated, target) != want {
			t.Errorf("errors.Is(truncated, %v) = %v, want %v", target, !want, want)
		}
	}
	if errors.Is(&CorruptError{Segment: -1, Err: ErrNotTrace}, ErrCorrupt) {
		t.Error("what is no trace counts as corrupt")
	}
	const want = "t.arrow: segment 3 at byte 8192: checksum 1f, want 9c: file ends too early"
	if got := truncated.Error(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSidecarRegion(t *testing.T) {
	r := NewSidecarRegion(1000, 4096, 100)
	end := int64(0)
	for c, at := range r.Columns {
		if at < end || at%64 != 0 {
			t.Errorf("column %d is at %d, after %d", c, at, end)
		}
		end = at + 1001*SideWidth(c)
	}
	if r.Input < end || r.Output < r.Input+4096 || r.Size < r.Output+100 || r.Size%4096 != 0 {
		t.Errorf("input at %d, output at %d, size %d, after %d", r.Input, r.Output, r.Size, end)
	}
}

func FuzzSidecarSlot(f *testing.F) {
	f.Add(make([]byte, SidecarSlotSize), int64(1<<20))
	f.Fuzz(func(t *testing.T, slot []byte, size int64) {
		header := make([]byte, SidecarHeaderSize)
		copy(header[SidecarSlotAt:SidecarSlotAt+SidecarSlotSize], slot)
		s, err := ParseSidecarSlot(header, 0, size)
		if err != nil || s.Segment < 0 {
			return
		}
		if r := NewSidecarRegion(s.Rows, s.Input, s.Output); s.Offset+r.Size > size || s.Count > s.Rows || s.Count < 0 {
			t.Errorf("slot %+v leads outside a file of %d bytes", s, size)
		}
	})
}

func FuzzFrameHeader(f *testing.F) {
	f.Add(AppendFrameHeader(nil, FirstFrame, []byte("message"), &Trailer{Kind: FrameSchema}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if trailer, message, err := ParseFrameHeader(data); err == nil {
			again := AppendFrameHeader(nil, int64(-len(data)&(FrameAlign-1)), message, trailer)
			if len(again) != len(data) {
				t.Errorf("%d bytes, written again %d", len(data), len(again))
			}
		}
	})
}

func TestRedactedAdd(t *testing.T) {
	a := &Redacted{Rules: []RedactedBy{{Rule: "env", Name: "A", Secrets: 1, Places: 2}}, Places: 2}
	b := &Redacted{Rules: []RedactedBy{{Rule: "regexp", Secrets: 3, Places: 4}}, Places: 4}
	both := &Redacted{Rules: []RedactedBy{a.Rules[0], b.Rules[0]}, Places: 6}
	for _, test := range []struct{ a, b, want *Redacted }{{nil, nil, nil}, {a, nil, a}, {nil, b, b}, {a, b, both}} {
		if got := test.a.Add(test.b); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v and %v: %v, want %v", test.a, test.b, got, test.want)
		}
	}
}
