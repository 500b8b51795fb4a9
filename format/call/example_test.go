package call_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
)

func ExampleFormat() {
	ev := &format.Event{
		P: [format.NumParams]int64{1, 4096, 1, 4104}, Input: []byte("Hello\n"), Value: 6, Duration: 12 * int64(time.Microsecond),
		Has: format.HasParams(4) | format.HasInput | format.HasErrno | format.HasValue | format.HasDuration,
	}
	fmt.Printf("%s\n", call.Format(nil, nil, call.Module, "fd_write", ev, call.Options{}))
	// Output: fd_write(1, "Hello\n") = 6 <12us>
}

// A function of an embedder's own is described by what memory it reads and
// writes. Its calls are then captured, replayed and shown like those of WASI.
func Example_ownFunction() {
	fn := &format.Function{
		Module: "env",
		Name:   "upper",
		Params: []format.Param{
			{Name: "in", Type: format.I32, Role: format.RolePointer},
			{Name: "len", Type: format.I32, Role: "size"},
			{Name: "out", Type: format.I32, Role: format.RolePointer},
		},
		Reads:  []format.Region{{Kind: format.RegionBytes, Role: "text", Ptr: 0, Len: 1}},
		Writes: []format.Region{{Kind: format.RegionBytes, Role: "text", Ptr: 2, Len: 1}},
	}
	if err := call.Validate(fn); err != nil {
		fmt.Println(err)
		return
	}
	h := &format.Header{Functions: []format.Function{*fn}}

	memory := []byte("tracetool ..........")
	ev := &format.Event{Has: format.HasInput | format.HasOutput}
	call.SetParams(ev, fn, []uint64{0, 9, 10})
	input, _, _ := call.InputViews(nil, fn, h, memory, ev.Params())
	ev.Input = bytes.Join(input, nil)
	copy(memory[10:], bytes.ToUpper(memory[:9])) // the call
	output, _, _ := call.OutputViews(nil, fn, h, memory, ev.Params(), 0, nil)
	ev.Output = bytes.Join(output, nil)
	fmt.Printf("%s\n", call.Format(nil, h, "env", "upper", ev, call.Options{}))

	replayed := []byte("tracetool ..........")
	if err := call.Apply(fn, h, ev, replayed, nil); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s\n", replayed)
	// Output:
	// upper("tracetool", "TRACETOOL")
	// tracetool TRACETOOL.
}
