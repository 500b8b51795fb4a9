package wasi

import (
	"slices"
	"testing"

	"github.com/tracetool/tracetool/runner/host"
)

func TestTableOfFaults(t *testing.T) {
	for name, list := range faults {
		if !slices.ContainsFunc(Functions, func(f Function) bool { return f.Name == name }) {
			t.Errorf("%s: no such function", name)
		}
		if len(list) == 0 {
			t.Errorf("%s: no faults", name)
		}
		for _, f := range list {
			if (f.do == fail) != (f.errno != host.Success) || (f.do == drift) != (f.on == 0) {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
	for _, name := range []string{"proc_exit", "proc_raise", "fd_close", "poll_oneoff", "random_get"} {
		if faults[name] != nil {
			t.Errorf("%s has faults", name)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add(uint64(1), uint16(3), uint16(4))
	f.Add(uint64(1<<63), uint16(0), uint16(2))
	f.Fuzz(func(t *testing.T, short uint64, a, b uint16) {
		s := &System{short: short | 1}
		var bufs [][]byte
		for _, n := range []uint16{a, b} {
			if n > 0 { // as iovecs leaves them
				bufs = append(bufs, make([]byte, n))
			}
		}
		total := int(a) + int(b)
		cut, left := s.cut(bufs, total)
		sum := 0
		for _, c := range cut {
			if len(c) == 0 {
				t.Error("an empty buffer")
			}
			sum += len(c)
		}
		if sum != left || total >= 2 && (left < 1 || left >= total) || total < 2 && left != total {
			t.Errorf("%d bytes in buffers, %d of %d", sum, left, total)
		}
	})
}
