package profile

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// goTableOf makes a table of two functions as Go's linker does. Entries are
// numbers, or PCs as before Go 1.26.
func goTableOf(pcs bool) []byte {
	const names, cutab, files, pctab, funcs = goHeader, goHeader + 32, goHeader + 40, goHeader + 64, goHeader + 96
	data := make([]byte, funcs+16+2*goRecord+8)
	copy(data, goMagic)
	put := func(at int, v uint32) { binary.LittleEndian.PutUint32(data[at:], v) }
	for at, v := range map[int]uint32{8: 2, 32: names, 40: cutab, 48: files, 56: pctab, 64: funcs} {
		put(at, v)
	}
	copy(data[names:], "main.a\x00main.b\x00")
	copy(data[files:], "a.go\x00b.go\x00")
	put(cutab, 0)
	put(cutab+4, 5) // the second file of the unit
	// Values as differences, zigzag, each with the places that it holds for.
	copy(data[pctab+1:], []byte{
		2, 1, 32, 9, 0, // 0 for one place, then 16
		22, 1, 4, 1, 0, // 10 for one place, then 12
		4, 10, 0, // 1
	})
	for i := range 2 {
		entry, at := uint32(goFirst+i), 16+i*goRecord
		if pcs {
			entry <<= goShift
		}
		put(funcs+8*i, entry)
		put(funcs+8*i+4, uint32(at))
		record := funcs + at
		for field, v := range map[int]uint32{0: entry, 4: uint32(7 * i), 16: 1, 20: 11, 24: 6, 32: 0, 36: uint32(9 + i)} {
			put(record+field, v)
		}
	}
	return data
}

func TestGoTables(t *testing.T) {
	for _, pcs := range []bool{false, true} {
		t.Run(fmt.Sprintf("pcs %t", pcs), func(t *testing.T) {
			g := findGo(append(make([]byte, 100), goTableOf(pcs)...))
			if g == nil || len(g.functions) != 2 {
				t.Fatal("no table of two functions")
			}
			g.imports = 5
			if size := g.frameSize(&g.functions[1]); size != 16 {
				t.Errorf("a frame of %d bytes, want 16", size)
			}
			var out frame
			g.describe(&out, location{function: 6, at: g.entry(6) + 1})
			want := frame{name: "main.b", system: "main.b", file: "b.go", line: 12, start: 10}
			if diff := cmp.Diff(want, out, cmp.AllowUnexported(frame{})); diff != "" {
				t.Error(diff)
			}
			if g.find(g.entry(7)) != nil || g.find(1) != nil {
				t.Error("a function where there is none")
			}
		})
	}
}

// TestGoTablesCut: a table that was cut anywhere is none, or has less.
func TestGoTablesCut(t *testing.T) {
	whole := goTableOf(false)
	for n := range whole {
		if g := findGo(whole[:n]); g != nil {
			for i := range g.functions {
				g.describe(new(frame), location{at: g.entry(uint32(i)) + 1})
				g.frameSize(&g.functions[i])
			}
		}
	}
}
