package profile

import (
	"bytes"
	"encoding/binary"
	"math"
	"sort"

	"github.com/tetratelabs/wazero/experimental"
)

// goTable is the table of functions that Go's linker puts into a program for
// its runtime, package runtime's pclntab. A PC of WebAssembly is the number of
// the function and of a place in it where it can be resumed.
type goTable struct {
	data      []byte       // from the table's start on
	imports   uint32       // that the module has
	functions []goFunction // in the order of entry

	names, cutab, files, pctab, funcs uint64 // offsets in data
}

type goFunction struct {
	number uint32 // less the module's imports
	at     uint64 // of its record in data
	size   uint64 // bytes of its frame, once it was asked for
	sized  bool
}

const (
	// goFirst is what the linker adds to the numbers of functions. The lower
	// bits of a PC are the place in the function.
	goFirst  = 0x1000
	goShift  = 16
	goHeader = 8 + 8*8
	goRecord = 44 // bytes of a function's record
	// maxFunctions and maxTable bound what a table is believed.
	maxFunctions = 1 << 20
	maxTable     = 64 << 20

	topFrame = 1 // flag of functions that nothing called
)

// goMagic is that of Go 1.20 and later, with the smallest instruction and the
// size of a pointer.
var goMagic = []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8}

// findGo looks for the table in the memory that a program begins with.
func findGo(mem []byte) *goTable {
	for {
		at := bytes.Index(mem, goMagic)
		if at < 0 {
			return nil
		}
		if g := readGo(mem[at:]); g != nil {
			return g
		}
		mem = mem[at+1:]
	}
}

// readGo reads a table, nil if it is none.
func readGo(data []byte) *goTable {
	if len(data) < goHeader {
		return nil
	}
	g := &goTable{data: data}
	n := g.u64(8)
	g.names, g.cutab, g.files, g.pctab, g.funcs = g.u64(32), g.u64(40), g.u64(48), g.u64(56), g.u64(64)
	if n == 0 || n > maxFunctions || g.funcs > uint64(len(data)) || 8*n > uint64(len(data))-g.funcs {
		return nil
	}
	// Since Go 1.26 entries are without a place in the function.
	shift := uint(0)
	switch g.u32(g.funcs) {
	case goFirst:
	case goFirst << goShift:
		shift = goShift
	default:
		return nil
	}
	for i := range n {
		entry := g.u32(g.funcs + 8*i)
		f := goFunction{number: entry>>shift - goFirst, at: g.funcs + uint64(g.u32(g.funcs+8*i+4))}
		if f.at+goRecord > uint64(len(data)) || f.number >= maxFunctions || i > 0 && f.number <= g.functions[i-1].number || g.u32(f.at) != entry {
			return nil
		}
		g.functions = append(g.functions, f)
	}
	return g
}

func (g *goTable) u32(at uint64) uint32 {
	if at > uint64(len(g.data)) || len(g.data)-int(at) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(g.data[at:])
}

func (g *goTable) u64(at uint64) uint64 { return uint64(g.u32(at)) | uint64(g.u32(at+4))<<32 }

// text returns the string at an offset, which ends in a zero byte.
func (g *goTable) text(at uint64) string {
	if at >= uint64(len(g.data)) {
		return ""
	}
	text, _, _ := bytes.Cut(g.data[at:min(at+4096, uint64(len(g.data)))], []byte{0})
	return string(text)
}

// frameSize returns how many bytes of its stack a function takes where it may
// be put aside: the most of all places.
func (g *goTable) frameSize(f *goFunction) uint64 {
	if !f.sized {
		f.sized = true
		g.values(g.u32(f.at+16), func(v int32, _ uint64) bool {
			f.size = max(f.size, uint64(max(v, 0)))
			return true
		})
	}
	return f.size
}

// values goes through a table of values by place in a function: each holds up
// to an end, as long as yield returns true.
func (g *goTable) values(table uint32, yield func(value int32, end uint64) bool) {
	if table == 0 {
		return
	}
	at, value, place := g.pctab+uint64(table), int32(-1), uint64(0)
	for first := true; place < 1<<goShift; first = false {
		delta, ok := g.varint(&at)
		if !ok || delta == 0 && !first {
			return
		}
		value += int32(delta>>1) ^ -int32(delta&1)
		step, ok := g.varint(&at)
		if !ok || step == 0 {
			return
		}
		if place += uint64(step); !yield(value, place) {
			return
		}
	}
}

func (g *goTable) varint(at *uint64) (uint32, bool) {
	if *at >= uint64(len(g.data)) {
		return 0, false
	}
	v, n := binary.Uvarint(g.data[*at:])
	*at += uint64(max(n, 0))
	return uint32(v), n > 0
}

// value returns the value of a table at a PC.
func (g *goTable) value(table uint32, pc uint64) (found int32) {
	g.values(table, func(v int32, end uint64) bool {
		found = v
		return pc&(1<<goShift-1) >= end
	})
	return found
}

// find returns the function at a PC, nil if there is none.
func (g *goTable) find(pc uint64) *goFunction {
	number := int64(pc>>goShift) - goFirst
	i := sort.Search(len(g.functions), func(i int) bool { return int64(g.functions[i].number) >= number })
	if i == len(g.functions) || int64(g.functions[i].number) != number {
		return nil
	}
	return &g.functions[i]
}

// entry returns the PC of a function by its number in the module.
func (g *goTable) entry(function uint32) uint64 {
	return (goFirst + uint64(function-g.imports)) << goShift
}

func (g *goTable) number(f *goFunction) uint32 { return g.imports + f.number }

func (g *goTable) name(f *goFunction) string { return g.text(g.names + uint64(g.u32(f.at+4))) }

// describe names a location.
func (g *goTable) describe(out *frame, l location) {
	pc := l.at
	if pc == 0 {
		pc = g.entry(l.function)
	}
	f := g.find(pc)
	if f == nil {
		return
	}
	if name := g.name(f); name != "" {
		out.name, out.system = name, name
	}
	out.start = int(int32(g.u32(f.at + 36)))
	out.line = int(g.value(g.u32(f.at+24), pc))
	if l.at == 0 {
		out.line = out.start
	}
	unit, file := g.u32(f.at+32), g.value(g.u32(f.at+20), pc)
	if unit == math.MaxUint32 || file < 0 {
		return
	}
	if at := g.u32(g.cutab + 4*(uint64(unit)+uint64(file))); at != math.MaxUint32 {
		out.file = g.text(g.files + uint64(at))
	}
}

// initialMemory returns what a module's data segments put into its memory, as
// far as their places are constants and not beyond maxTable.
func initialMemory(data []byte) []byte {
	const constant, end = 0x41, 0x0b
	var mem []byte
	n, size := binary.Uvarint(data)
	in := data[max(size, 0):]
	for range n {
		if len(in) < 2 || in[0] != 0 || in[1] != constant {
			return mem // passive or computed: linkers put those last
		}
		at, size := signed(in[2:])
		if in = in[2+size:]; size == 0 || len(in) == 0 || in[0] != end {
			return mem
		}
		content, rest := prefixed(in[1:])
		in = rest
		if at = int64(uint32(at)); at+int64(len(content)) > maxTable {
			continue
		}
		if grown := int(at) + len(content); grown > len(mem) {
			mem = append(mem, make([]byte, grown-len(mem))...)
		}
		copy(mem[at:], content)
	}
	return mem
}

// signed reads a number of the form that constants have, and its size.
func signed(in []byte) (v int64, size int) {
	for shift := 0; size < len(in) && shift < 64; shift += 7 {
		b := in[size]
		size++
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if b&0x40 != 0 && shift+7 < 64 {
				v |= -1 << (shift + 7)
			}
			return v, size
		}
	}
	return 0, 0
}

// stack returns the stack of a goroutine. Go's functions return whenever their
// goroutine is put aside, so that the engine's stack often has the innermost
// only; the others are on the goroutine's own.
func (g *goTable) stack(s *stacks, m moment, other uint32) []location {
	frames := s.frames[:0]
	i := len(s.active) - 1
	for ; i >= 0 && !s.program.isGo(s.active[i].function); i-- {
		frames = append(frames, location{function: s.active[i].function})
		m = within
	}
	if i < 0 {
		return frames
	}
	sp, ok := stackPointer(s.mod)
	running := s.active[i].function
	switch {
	case !ok:
		return append(frames, location{function: running})
	case m == calling && s.program.isGo(other):
		return g.unwind(frames, s.mod, sp)
	case m == returning:
		frames = append(frames, location{function: running})
		if other != 0 {
			return frames // the stack is another goroutine's by now
		}
		return g.unwind(frames, s.mod, sp-8) // the address is still there
	}
	frames = append(frames, location{function: running})
	if f := g.find(g.entry(running)); f != nil {
		return g.unwind(frames, s.mod, sp+g.frameSize(f))
	}
	return frames
}

// unwind adds the callers from the one on to which the return address at sp
// points.
func (g *goTable) unwind(frames []location, mod module, sp uint64) []location {
	for len(frames) < maxDepth && sp < math.MaxUint32 {
		pc, ok := mod.Memory().ReadUint64Le(uint32(sp))
		f := g.find(pc)
		if !ok || f == nil {
			break
		}
		if g.data[f.at+41]&topFrame != 0 && g.name(f) == "runtime.goexit" {
			break // it begins every goroutine
		}
		frames = append(frames, location{function: g.number(f), at: pc - 1})
		if g.data[f.at+41]&topFrame != 0 {
			break
		}
		sp += 8 + g.frameSize(f)
	}
	return frames
}

func (p *program) isGo(n uint32) bool {
	return n < hostBase && n < uint32(len(p.functions)) && p.functions[n].def != nil && goSignature(p.functions[n].def)
}

// stackPointer returns Go's, which is the first global.
func stackPointer(mod module) (uint64, bool) {
	m, ok := mod.(experimental.InternalModule)
	if !ok || m.NumGlobal() == 0 {
		return 0, false
	}
	return uint64(uint32(m.Global(0).Get())), true
}
