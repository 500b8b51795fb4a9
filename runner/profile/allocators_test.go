package profile_test

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/tracetool/tracetool/runner"
)

// TestAllocators: what is freed is not in use, and what an allocator gets from
// another one counts once.
func TestAllocators(t *testing.T) {
	const (
		malloc, calloc, realloc, free = 0, 1, 2, 3
		get, set, add, mul, drop      = 0x20, 0x24, 0x6a, 0x6c, 0x1a
		global, call, constant        = 0x23, 0x10, 0x41
	)
	bump := []byte{global, 0, global, 0, get, 0, add, set, 0}
	code := [][]byte{
		bump,
		{get, 0, get, 1, mul, call, malloc},
		{get, 1, call, malloc, get, 0, call, free},
		{},
		{ // leaks
			constant, 10, call, malloc, drop,
			constant, 3, constant, 4, call, calloc, drop,
		},
		{ // _start
			call, 4,
			constant, 20, call, malloc, call, free,
			constant, 8, call, malloc, constant, 50, call, realloc, drop,
		},
	}
	m := runner.Module{Name: "made.wasm", Bytes: module(
		[]string{"malloc", "calloc", "realloc", "free", "leaks", "_start"},
		[]string{"\x60\x00\x00", "\x60\x01\x7f\x01\x7f", "\x60\x02\x7f\x7f\x01\x7f", "\x60\x01\x7f\x00"},
		[]byte{1, 2, 2, 3, 0, 0}, code)}
	p := memory(t, recorded(t, m, runner.Config{}))
	got := map[string][]int64{}
	for _, s := range p.Sample {
		name := stackOf(s)[0]
		if got[name] == nil {
			got[name] = make([]int64, 4)
		}
		for i, v := range s.Value {
			got[name][i] += v
		}
	}
	want := map[string][]int64{"leaks": {2, 22, 2, 22}, "_start": {3, 78, 1, 50}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestGrowth: without an allocator that has a name, the memory's own size is
// watched.
func TestGrowth(t *testing.T) {
	const grow, drop, call, constant = 0x40, 0x1a, 0x10, 0x41
	m := runner.Module{Name: "made.wasm", Bytes: module(
		[]string{"grows", "still", "_start"}, []string{"\x60\x00\x00"}, []byte{0, 0, 0},
		[][]byte{
			{constant, 2, grow, 0, drop},
			{},
			{call, 1, call, 0, call, 1, constant, 1, grow, 0, drop, call, 1},
		})}
	p := memory(t, recorded(t, m, runner.Config{}))
	if diff := cmp.Diff(map[string]int64{"grows _start": 2 << 16, "_start": 1 << 16}, grown(p)); diff != "" {
		t.Error(diff)
	}
}

func grown(p *profile.Profile) map[string]int64 {
	m := map[string]int64{}
	for _, s := range p.Sample {
		key := stackOf(s)[0]
		if names := stackOf(s); len(names) > 1 {
			key += " " + names[1]
		}
		m[key] += s.Value[0]
	}
	return m
}

// TestStacksAfterExceptions: functions that an exception has ended are on no
// stack.
func TestStacksAfterExceptions(t *testing.T) {
	const grow, drop, call, constant, block, try, throw, end = 0x40, 0x1a, 0x10, 0x41, 0x02, 0x1f, 0x08, 0x0b
	const void, catchAll = 0x40, 2
	m := runner.Module{Name: "made.wasm", Bytes: module(
		[]string{"throws", "passes", "grows", "_start"}, []string{"\x60\x00\x00"}, []byte{0, 0, 0, 0},
		[][]byte{
			{throw, 0},
			{call, 0},
			{constant, 2, grow, 0, drop},
			{block, void, try, void, 1, catchAll, 0, call, 1, end, end, call, 2},
		}, 0)}
	p := memory(t, recorded(t, m, runner.Config{}))
	if diff := cmp.Diff(map[string]int64{"grows _start": 2 << 16}, grown(p)); diff != "" {
		t.Error(diff)
	}
}

// module assembles a module of named functions, the last one _start, with a
// memory of a page, a global of 1024, and tags of the given types.
func module(names, types []string, typeOf []byte, code [][]byte, tags ...byte) []byte {
	uleb := func(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }
	text := func(s string) []byte { return append(uleb(len(s)), s...) }
	section := func(id byte, content []byte) []byte {
		return append(append([]byte{id}, uleb(len(content))...), content...)
	}
	vector := func(items [][]byte) []byte {
		v := uleb(len(items))
		for _, item := range items {
			v = append(v, item...)
		}
		return v
	}
	var typed, indexed, bodies, named [][]byte
	for _, t := range types {
		typed = append(typed, []byte(t))
	}
	for i, name := range names {
		indexed = append(indexed, []byte{typeOf[i]})
		body := append(append([]byte{0}, code[i]...), 0x0b)
		bodies = append(bodies, append(uleb(len(body)), body...))
		named = append(named, append(uleb(i), text(name)...))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, vector(typed))...)
	out = append(out, section(3, vector(indexed))...)
	out = append(out, section(5, []byte{1, 0, 1})...)
	if len(tags) > 0 {
		out = append(out, section(13, append([]byte{byte(len(tags)), 0}, tags...))...)
	}
	out = append(out, section(6, []byte{1, 0x7f, 1, 0x41, 0x80, 0x08, 0x0b})...)
	out = append(out, section(7, vector([][]byte{append(text("_start"), 0, byte(len(names)-1)), append(text("memory"), 2, 0)}))...)
	out = append(out, section(10, vector(bodies))...)
	return append(out, section(0, append(text("name"), section(1, vector(named))...))...)
}
