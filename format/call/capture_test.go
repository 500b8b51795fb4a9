package call

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
	"github.com/zeebo/xxh3"
)

// ownFunctions are such as an embedder describes.
var ownFunctions = []format.Function{
	{Module: "env", Name: "lookup", Params: params(ptr("key"), size("key_len"), ptr("out"), size("out_cap"), ptr("out_len")),
		Result: params(i32("found", "")), Reads: []format.Region{buf("", 0, 1)},
		Writes: []format.Region{used(buf("", 2, 3), 4), fixed(4, roleCount, 4)}},
	{Module: "env", Name: "stats", Params: params(ptr("in"), size("n"), ptr("out")),
		Reads: []format.Region{fixed(16, "", 0), array(4, "", 2, 1)}, Writes: []format.Region{array(12, "", 2, 1), fixed(3, "", 0)}},
	{Module: "env", Name: "ratio", Params: params(format.Param{Name: "a", Type: format.F32}, format.Param{Name: "b", Type: format.F64}),
		Result: params(format.Param{Type: format.F64})},
}

const testMemory = 1 << 13

// capture records one call as a recorder does; host stands for the function.
func capture(fn *format.Function, h *format.Header, mem []byte, stack []uint64, host func(vectors []byte) int32) *format.Event {
	ev := &format.Event{Time: testStart + 5}
	SetParams(ev, fn, stack)
	p := ev.Params()
	views, hash, hashed := InputViews(nil, fn, h, mem, p)
	if hashed {
		ev.Hash, ev.Has = hash, ev.Has|format.HasHash
	}
	if len(views) > 0 {
		ev.Input, ev.Has = bytes.Join(views, nil), ev.Has|format.HasInput
	}
	vectors := AppendVectors(nil, fn, mem, p)
	errno := host(vectors)
	if fn.Errno {
		ev.Errno, ev.Has = errno, ev.Has|format.HasErrno
	}
	views, value, valued := OutputViews(nil, fn, h, mem, p, errno, vectors)
	if v, ok := DerivedValue(fn, h, ev); valued && !(ok && v == value) {
		ev.Value, ev.Has = value, ev.Has|format.HasValue
	}
	if len(views) > 0 {
		ev.Output, ev.Has = bytes.Join(views, nil), ev.Has|format.HasOutput
	}
	return ev
}

// randomCall makes up a call whose addresses are mostly inside the memory.
func randomCall(r *rand.Rand, fn *format.Function, mem []byte) []uint64 {
	for i := range mem {
		mem[i] = byte(r.Uint32())
	}
	stack := make([]uint64, len(fn.Params))
	for i, p := range fn.Params {
		stack[i] = uint64(r.IntN(20)) | r.Uint64()<<32
		if p.Role == format.RolePointer {
			stack[i] = uint64(r.IntN(testMemory + testMemory/16))
		}
	}
	for _, regions := range [][]format.Region{fn.Reads, fn.Writes} {
		for _, g := range regions {
			if g.Kind != format.RegionGather && g.Kind != format.RegionScatter {
				continue
			}
			for v := vector(mem, &g, toParams(stack)); len(v) > 0; v = v[iovecSize:] {
				le.PutUint32(v, uint32(r.IntN(testMemory+testMemory/32)))
				le.PutUint32(v[4:], uint32(r.IntN(300)*r.IntN(2)))
			}
		}
	}
	return stack
}

func toParams(stack []uint64) []int64 {
	p := make([]int64, len(stack))
	for i, v := range stack {
		p[i] = int64(v)
	}
	return p
}

// randomHost does to memory what some function of that description may do.
func randomHost(r *rand.Rand, fn *format.Function, h *format.Header, mem []byte, p []int64, vectors []byte) int32 {
	errno := int32(r.IntN(2) * r.IntN(30))
	if !fn.Errno {
		errno = 0
	}
	fill := func(views [][]byte) {
		for _, v := range views {
			for i := range v {
				v[i] = byte(r.Uint32())
			}
		}
	}
	var counts []func()
	for i := range fn.Writes {
		g := &fn.Writes[i]
		n, known := knownLen(g, p)
		switch {
		case !captured(fn, g, errno):
		case known:
			fill(appendInside(nil, mem, address(g, p), n))
		case g.Kind == format.RegionScatter:
			all := appendVectored(nil, mem, vectors, maxLen)
			moved := uint64(r.IntN(int(total(all)) + 1))
			if errno != 0 {
				moved = scatterLen(g, mem, p, errno, vectors)
			}
			fill(appendVectored(nil, mem, vectors, moved))
			counts = append(counts, func() { storeCount(mem, p[g.Used], uint32(moved)) })
		case g.Kind == format.RegionBytes:
			moved := uint32(r.IntN(int(uint32(p[g.Len])) + 1))
			fill(appendInside(nil, mem, address(g, p), uint64(moved)))
			counts = append(counts, func() { storeCount(mem, p[g.Used], moved) })
		default:
			fill(appendOpen(nil, h, g, mem, p, errno, vectors))
		}
	}
	if errno == 0 {
		for _, store := range counts {
			store()
		}
	}
	return errno
}

func storeCount(mem []byte, addr int64, n uint32) {
	for _, v := range appendInside(nil, mem, uint64(uint32(addr)), 4) {
		le.PutUint32(v, n)
	}
}

// TestCaptureRoundTrip: a recorded call applied to the memory before it gives
// the memory after it, and takes the same input there.
func TestCaptureRoundTrip(t *testing.T) {
	functions := append(slices.Clone(Preview1), ownFunctions...)
	h := testHeader()
	mem := make([]byte, testMemory)
	var outputs, values, inputs int
	for seed := range uint64(12000) {
		r := rand.New(rand.NewPCG(seed, 7))
		fn := &functions[r.IntN(len(functions))]
		stack := randomCall(r, fn, mem)
		before := bytes.Clone(mem)
		var p []int64
		ev := capture(fn, h, mem, stack, func(vectors []byte) int32 {
			e := &format.Event{}
			SetParams(e, fn, stack)
			p = e.Params()
			return randomHost(r, fn, h, mem, p, vectors)
		})
		if untouchedLength(fn, before, mem, p) {
			continue
		}
		checkReplay(t, seed, fn, h, ev, before, mem)
		outputs, values, inputs = outputs+min(1, len(ev.Output)), values+int(ev.Value&1), inputs+min(1, len(ev.Input))
	}
	if outputs < 500 || values < 500 || inputs < 500 {
		t.Errorf("%d outputs, %d odd values, %d inputs: the calls made up are too poor", outputs, values, inputs)
	}
}

// untouchedLength: the call stored no count where there was none to store, so
// that how much it wrote cannot be known.
func untouchedLength(fn *format.Function, before, after []byte, p []int64) bool {
	for i := range fn.Writes {
		if u := fn.Writes[i].Used; u != 0 && !within(after, uint64(uint32(p[u])), 4) {
			return true
		}
	}
	return false
}

func checkReplay(t *testing.T, seed uint64, fn *format.Function, h *format.Header, ev *format.Event, before, after []byte) {
	t.Helper()
	p := ev.Params()
	views, hash, _ := InputViews(nil, fn, h, before, p)
	if joined := bytes.Join(views, nil); !bytes.Equal(joined, ev.Input) || hash != ev.Hash {
		t.Fatalf("seed %d: %s: other input or hash", seed, fn.Name)
	}
	if d := Differ(fn, h, ev, ev, true); d != nil {
		t.Fatalf("seed %d: %s differs from itself: %v", seed, fn.Name, d)
	}
	if err := Apply(fn, h, ev, before, AppendVectors(nil, fn, before, p)); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if !bytes.Equal(before, after) {
		t.Fatalf("seed %d: %s: memory differs at %d", seed, fn.Name, commonPrefix(before, after))
	}
	checkSplit(t, seed, fn, h, ev)
}

// checkSplit: regions taken apart are the columns again.
func checkSplit(t *testing.T, seed uint64, fn *format.Function, h *format.Header, ev *format.Event) {
	t.Helper()
	var in, out []byte
	for _, b := range SplitInput(fn, ev) {
		in = append(in, b.Data...)
	}
	last := valueRegion(fn, ev.P[:], ev.Errno)
	for _, b := range SplitOutput(fn, h, ev) {
		if b.Index != last {
			out = append(out, b.Data...)
		}
	}
	if !bytes.Equal(in, ev.Input) || !bytes.Equal(out, ev.Output) {
		t.Fatalf("seed %d: %s: split loses bytes", seed, fn.Name)
	}
}

// iovecs lays out an iovec array.
func iovecs(pairs ...uint32) []byte { return pack(pairs) }

func TestTextLimit(t *testing.T) {
	mem := make([]byte, 8192)
	for i := range mem {
		mem[i] = byte(i * 7)
	}
	copy(mem, iovecs(1000, 1000, 3000, 1000))
	data := append(bytes.Clone(mem[1000:2000]), mem[3000:4000]...)
	vectors := xxh3.Hash(mem[:16])
	write, _ := Lookup(Module, "fd_write")
	for _, test := range []struct {
		name     string
		fd       uint64
		limit    int64
		kept     int
		wantHash uint64
	}{
		{"stdout", 1, 0, 2000, vectors},
		{"stderr", 2, 10, 2000, vectors},
		{"file", 4, 0, 1024, xxh3.Hash(data)},
		{"file, limit in first buffer", 4, 10, 10, xxh3.Hash(data)},
		{"file, limit at the end", 4, 2000, 2000, xxh3.Hash(data)},
		{"file, limit beyond", 4, 2001, 2000, vectors},
		{"file, no limit", 4, -1, 2000, vectors},
	} {
		ev := capture(write, &format.Header{TextLimit: test.limit}, bytes.Clone(mem), []uint64{test.fd, 0, 2, 16}, func([]byte) int32 { return 0 })
		if !bytes.Equal(ev.Input, data[:test.kept]) {
			t.Errorf("%s: %d bytes kept, want %d", test.name, len(ev.Input), test.kept)
		}
		if ev.Has&format.HasHash == 0 || ev.Hash != test.wantHash {
			t.Errorf("%s: hash %x, want %x", test.name, ev.Hash, test.wantHash)
		}
	}
}

func TestCaptureOnError(t *testing.T) {
	read, _ := Lookup(Module, "fd_read")
	h := testHeader()
	for _, test := range []struct {
		name   string
		iovecs []byte
		errno  int32
		want   string
	}{
		{"one buffer", iovecs(100, 4), 6, ""},
		{"one buffer between empty ones", iovecs(100, 0, 200, 4, 300, 0), 6, ""},
		{"first of two", iovecs(100, 4, 200, 4), 6, "AAAA"},
		{"EFAULT", iovecs(100, 4, 200, 4), errnoFault, "AAAABBBB"},
	} {
		mem := make([]byte, 512)
		copy(mem, test.iovecs)
		stack := []uint64{0, 0, uint64(len(test.iovecs) / iovecSize), 500}
		ev := capture(read, h, mem, stack, func([]byte) int32 {
			copy(mem[100:], "AAAA")
			copy(mem[200:], "BBBB")
			return test.errno
		})
		if string(ev.Output) != test.want || ev.Has&format.HasValue != 0 {
			t.Errorf("%s: output %q, value %d, want output %q alone", test.name, ev.Output, ev.Value, test.want)
		}
	}
}

// TestVectorsBeforeCall: a read that overwrites its own iovecs is captured and
// applied by those it was given.
func TestVectorsBeforeCall(t *testing.T) {
	read, _ := Lookup(Module, "fd_read")
	h := testHeader()
	mem := make([]byte, 128)
	copy(mem, iovecs(0, 8))
	before := bytes.Clone(mem)
	ev := capture(read, h, mem, []uint64{0, 0, 1, 64}, func([]byte) int32 {
		copy(mem, "overlaid")
		mem[64] = 8
		return 0
	})
	if string(ev.Output) != "overlaid" {
		t.Errorf("output %q", ev.Output)
	}
	if err := Apply(read, h, ev, before, AppendVectors(nil, read, before, ev.Params())); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(mem, before); diff != "" {
		t.Errorf("memory (-recorded +replayed):\n%s", diff)
	}
}

func TestDerivedClock(t *testing.T) {
	now, _ := Lookup(Module, "clock_time_get")
	h := testHeader()
	for id, reading := range map[uint64]int64{0: testStart + 5, 1: 5, 2: 5} {
		mem := make([]byte, 64)
		ev := capture(now, h, mem, []uint64{id, 1, 8}, func([]byte) int32 {
			le.PutUint64(mem[8:], uint64(reading))
			return 0
		})
		if null := ev.Has&format.HasValue == 0; null != (id < 2) {
			t.Errorf("clock %d: value null is %t", id, null)
		}
		other := make([]byte, 64)
		if err := Apply(now, h, ev, other, nil); err != nil || !bytes.Equal(mem, other) {
			t.Errorf("clock %d: applied %x, want %x: %v", id, other, mem, err)
		}
	}
}

func TestWrites(t *testing.T) {
	want := []Write{{Addr: 3, Data: []byte("abc")}, {Addr: 1 << 31, Data: []byte{}}, {Addr: 9, Data: []byte("z")}}
	var output []byte
	for _, w := range want {
		output = AppendWrite(output, w.Addr, w.Data)
	}
	got, err := ParseWrites(output)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for n := range output {
		if whole := n == 0 || n == 11 || n == 19; whole != (func() bool { _, err := ParseWrites(output[:n]); return err == nil })() {
			t.Errorf("cut at %d: error expected: %t", n, !whole)
		}
	}
	fn := &format.Function{Module: "env", Name: "f", Compare: true}
	mem := make([]byte, 16)
	if err := Apply(fn, nil, &format.Event{Output: output}, mem, nil); err != nil || string(mem[3:10]) != "abc\x00\x00\x00z" {
		t.Errorf("applied %q: %v", mem, err)
	}
	if err := Apply(fn, nil, &format.Event{Output: AppendWrite(nil, 15, []byte("ab"))}, mem, nil); err == nil {
		t.Error("a change outside memory: applied")
	}
}

func BenchmarkCapture(b *testing.B) {
	h := testHeader()
	for _, bench := range []struct {
		name  string
		stack []uint64
	}{
		{"clock_time_get", []uint64{1, 1, 64}},
		{"random_get", []uint64{64, 16}},
		{"fd_write", []uint64{4, 0, 1, 64}},
		{"fd_read", []uint64{4, 0, 1, 64}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			fn, _ := Lookup(Module, bench.name)
			mem := make([]byte, 256)
			copy(mem, iovecs(128, 35))
			mem[64] = 35
			var ev format.Event
			var views [][]byte
			var vectors []byte
			hasInput, hasVectors := HasInput(fn), HasVectors(fn)
			b.ReportAllocs()
			for b.Loop() {
				SetParams(&ev, fn, bench.stack)
				p := ev.P[:len(fn.Params)]
				if hasInput {
					views, ev.Hash, _ = InputViews(views[:0], fn, h, mem, p)
				}
				if hasVectors {
					vectors = AppendVectors(vectors[:0], fn, mem, p)
				}
				views, ev.Value, _ = OutputViews(views[:0], fn, h, mem, p, 0, vectors)
			}
		})
	}
}
