package runner

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
)

// The shapes that have a way of their own are captured as the general rules
// say, inside of memory and outside, with every text limit.
func TestFrameFollowsRules(t *testing.T) {
	mem := make([]byte, 1<<12)
	for i := range mem {
		mem[i] = byte(i*7 + i>>8)
	}
	copy(mem[64:], le32(128, 35, 200, 9, 0, 0, 4090, 100, 300, 2000))
	numbers := []uint64{0, 1, 2, 3, 5, 8, 9, 64, 72, 80, 88, 96, 2000, 4088, 4090, 4095, 4096, 1 << 31, 1<<32 - 1}
	for _, name := range []string{"random_get", "fd_seek", "fd_filestat_get", "path_open", "fd_write", "fd_pwrite", "sock_send", "args_sizes_get"} {
		fn, _ := call.Lookup(call.Module, name)
		f, fr := newFunction(fn, 0, 0), new(frame)
		for n := range 3000 {
			h := &format.Header{TextLimit: []int64{0, -1, 10, 35, 36, 2000}[n%6]}
			stack := make([]uint64, len(fn.Params))
			for i := range stack {
				stack[i] = numbers[(n*(i+3)+n>>(i+2))%len(numbers)] | 0xabcd<<32
			}
			fr.before(f, h, mem, stack)
			errno := []uint64{0, 0, 28}[n%3]
			fr.after(f, h, mem, []uint64{errno})
			got := fr.ev
			got.Kind, got.Module, got.Function = 0, 0, 0
			got.Has &^= f.has &^ format.HasParams(len(fn.Params))
			if diff := cmp.Diff(general(fn, h, mem, stack, int32(errno)), got); diff != "" {
				t.Fatalf("%s%v, text limit %d: %s", name, stack, h.TextLimit, diff)
			}
		}
	}
}

// general captures a call by the rules of package call alone.
func general(fn *format.Function, h *format.Header, mem []byte, stack []uint64, errno int32) format.Event {
	var ev format.Event
	call.SetParams(&ev, fn, stack)
	p := ev.P[:len(fn.Params)]
	views, hash, hashed := call.InputViews(nil, fn, h, mem, p)
	if ev.Input = bytes.Join(views, nil); len(ev.Input) > 0 {
		ev.Has |= format.HasInput
	} else {
		ev.Input = nil
	}
	if hashed {
		ev.Hash = hash
		ev.Has |= format.HasHash
	}
	ev.Errno = errno
	ev.Has |= format.HasErrno
	views, value, valued := call.OutputViews(nil, fn, h, mem, p, errno, nil)
	if ev.Output = bytes.Join(views, nil); len(ev.Output) > 0 {
		ev.Has |= format.HasOutput
	} else {
		ev.Output = nil
	}
	if valued {
		ev.Value = value
		ev.Has |= format.HasValue
	}
	return ev
}

func ExampleInvocation_String() {
	c := Invocation{Export: "add", Params: []uint64{1, 2}, Results: []uint64{3}, params: []byte{i32, i32}, results: []byte{i32}}
	fmt.Println(c)
	// Output: add(1, 2) = 3
}
