package call

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/tracetool/tracetool/format"
)

// FuzzEvent: whatever an event and a table hold, taking it apart, showing it
// and applying it neither panics nor makes more than a multiple of it.
func FuzzEvent(f *testing.F) {
	for i, g := range goldens {
		f.Add(uint8(i), g.ev.P[0], g.ev.P[1], g.ev.P[2], g.ev.P[3], g.ev.Errno, g.ev.Value, uint32(g.ev.Has), g.ev.Input, g.ev.Output, []byte(nil))
	}
	own, err := json.Marshal(ownFunctions[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), int64(-1), int64(1)<<40, int64(2), int64(3), int32(0), int64(0), ^uint32(0), []byte("key"), []byte("out"), own)
	f.Fuzz(func(t *testing.T, n uint8, p0, p1, p2, p3 int64, errno int32, value int64, has uint32, input, output, table []byte) {
		known := append(slices.Clone(Preview1), Sockets...)
		fn := &known[int(n)%len(known)]
		var own format.Function
		if json.Unmarshal(table, &own) == nil && bounded(&own) {
			fn = &own
		}
		ev := &format.Event{Errno: errno, Value: value, Input: input, Output: output, Has: format.Fields(has), Kind: format.Kind(n >> 6)}
		for i := range ev.P {
			ev.P[i] = []int64{p0, p1, p2, p3}[i%4]
		}
		checkHostile(t, fn, ev)
	})
}

func checkHostile(t *testing.T, fn *format.Function, ev *format.Event) {
	h := testHeader()
	h.Functions = []format.Function{*fn}
	in, out := 0, 0
	for _, b := range SplitInput(fn, ev) {
		in += len(b.Data)
	}
	for _, b := range SplitOutput(fn, h, ev) {
		out += len(b.Data)
	}
	if in > len(ev.Input) || out > len(ev.Output)+maxValue {
		t.Fatalf("split %d and %d bytes, of %d and %d", in, out, len(ev.Input), len(ev.Output))
	}
	held := len(ev.Input) + len(ev.Output) + len(fn.Module) + len(fn.Name)
	for _, p := range fn.Params {
		held += len(p.Name)
	}
	line := Format(nil, h, fn.Module, fn.Name, ev, Options{MaxText: -1})
	if limit := 4096 + 64*held; len(line) > limit {
		t.Fatalf("%d bytes of text for an event of %d", len(line), held)
	}
	for _, c := range line {
		if c < ' ' {
			t.Fatalf("control character in %q", line)
		}
	}
	args, results := Decode(h, fn.Module, fn.Name, ev)
	if _, err := json.Marshal(Object(append(args, results...))); err != nil {
		t.Fatal(err)
	}
	other := *ev
	other.P[1]++
	other.Input, other.Output = append([]byte("x"), ev.Input...), append([]byte("y"), ev.Output...)
	Differ(fn, h, ev, &other, true)
	Differ(fn, h, ev, &other, false)
	DifferResults(fn, h, h, ev, &other)
	mem := make([]byte, 512)
	if Validate(fn) == nil {
		InputViews(nil, fn, h, mem, ev.P[:])
		OutputViews(nil, fn, h, mem, ev.P[:], ev.Errno, AppendVectors(nil, fn, mem, ev.P[:]))
	}
	_ = Apply(fn, h, ev, mem, mem[:64])
}
