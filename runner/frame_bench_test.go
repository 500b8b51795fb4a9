package runner

import (
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
)

// What recording a call costs beside the clock and the writer.
func BenchmarkFrame(b *testing.B) {
	mem := make([]byte, 1<<16)
	copy(mem[64:], le32(128, 35))
	for _, bb := range []struct {
		name  string
		stack []uint64
	}{
		{"random_get", []uint64{256, 16}},
		{"fd_seek", []uint64{3, 0, 0, 256}},
		{"fd_write", []uint64{3, 64, 1, 256}},
		{"fd_read", []uint64{3, 64, 1, 256}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			fn, _ := call.Lookup(call.Module, bb.name)
			f, fr := newFunction(fn, 0, 0), new(frame)
			h := &format.Header{}
			result := []uint64{0}
			b.ReportAllocs()
			for b.Loop() {
				fr.before(f, h, mem, bb.stack)
				fr.after(f, h, mem, result)
			}
		})
	}
}
