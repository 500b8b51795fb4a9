package runner

import "encoding/binary"

// Guests for tests are assembled here, from raw instructions.

const (
	i32 = 0x7f
	i64 = 0x7e
	f64 = 0x7c
)

type wasmFunc struct {
	module, name    string // of an import; name alone is an export
	params, results []byte
	body            []byte // without the final end
}

type wasmModule struct {
	imports []wasmFunc
	funcs   []wasmFunc // numbered after the imports
	start   int        // number of the start function, 0 for none: imports come first
	data    map[uint32]string

	noMemory bool
}

// bytes assembles the module. It has two pages of memory, exported as "memory",
// unless it is to have none.
func (m wasmModule) bytes() []byte {
	var types, imports, funcs, exports, code, data [][]byte
	for i, f := range m.imports {
		types = append(types, funcType(f))
		imports = append(imports, cat(str(f.module), str(f.name), []byte{0}, uleb(i)))
	}
	memories := [][]byte{{0, 2}}
	if m.noMemory {
		memories = nil
	} else {
		exports = append(exports, cat(str("memory"), []byte{2, 0}))
	}
	for i, f := range m.funcs {
		types = append(types, funcType(f))
		n := len(m.imports) + i
		funcs = append(funcs, uleb(n))
		exports = append(exports, cat(str(f.name), []byte{0}, uleb(n)))
		body := cat([]byte{0}, f.body, []byte{0x0b})
		code = append(code, cat(uleb(len(body)), body))
	}
	for addr, text := range m.data {
		data = append(data, cat([]byte{0}, i32Const(int32(addr)), []byte{0x0b}, str(text)))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range []struct {
		id    byte
		items [][]byte
	}{{1, types}, {2, imports}, {3, funcs}, {5, memories}, {7, exports}, {8, nil}, {10, code}, {11, data}} {
		content := cat(uleb(len(s.items)), cat(s.items...))
		if s.id == 8 {
			if m.start == 0 {
				continue
			}
			content = uleb(m.start)
		}
		out = append(out, cat([]byte{s.id}, uleb(len(content)), content)...)
	}
	return out
}

func (m wasmModule) module() Module { return Module{Name: "test.wasm", Bytes: m.bytes()} }

func funcType(f wasmFunc) []byte {
	return cat([]byte{0x60}, uleb(len(f.params)), f.params, uleb(len(f.results)), f.results)
}

func cat(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func str(s string) []byte { return cat(uleb(len(s)), []byte(s)) }

func uleb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func sleb(v int64) []byte {
	var out []byte
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func i32Const(v int32) []byte { return append([]byte{0x41}, sleb(int64(v))...) }
func i64Const(v int64) []byte { return append([]byte{0x42}, sleb(v)...) }
func localGet(n int) []byte   { return append([]byte{0x20}, uleb(n)...) }
func invoke(n int) []byte     { return append([]byte{0x10}, uleb(n)...) }

var (
	drop        = []byte{0x1a}
	unreachable = []byte{0x00}
	i32Load     = []byte{0x28, 2, 0}
	i32Store    = []byte{0x36, 2, 0}
	i32Add      = []byte{0x6a}
	forever     = []byte{0x03, 0x40, 0x0c, 0, 0x0b}
)

// call is a call of function n with constants: an int is an i32, an int64 an
// i64. Its one result is dropped.
func callDrop(n int, args ...any) []byte {
	return cat(callWith(n, args...), drop)
}

func callWith(n int, args ...any) []byte {
	var out []byte
	for _, a := range args {
		switch a := a.(type) {
		case int:
			out = append(out, i32Const(int32(a))...)
		case int64:
			out = append(out, i64Const(a)...)
		}
	}
	return append(out, invoke(n)...)
}

func le32(values ...uint32) string {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	return string(out)
}

// preview1 is an import of WASI; its numbers of parameters are written as a
// string of i and I, as in the table of functions.
func preview1(name, params string) wasmFunc {
	f := wasmFunc{module: "wasi_snapshot_preview1", name: name}
	for _, c := range params {
		if c == 'I' {
			f.params = append(f.params, i64)
		} else {
			f.params = append(f.params, i32)
		}
	}
	if name != "proc_exit" {
		f.results = []byte{i32}
	}
	return f
}

// program is a command with these imports and the body of _start.
func program(imports []wasmFunc, data map[uint32]string, body ...[]byte) Module {
	return wasmModule{imports: imports, data: data, funcs: []wasmFunc{{name: "_start", body: cat(body...)}}}.module()
}
