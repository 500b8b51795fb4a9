package component

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
)

// examples are the components among the project's own programs.
func examples(t testing.TB) [][]byte {
	t.Helper()
	paths, err := filepath.Glob("../../examples/*/*.wasm")
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(data[:min(len(preamble), len(data))]) == preamble {
			list = append(list, data)
		}
	}
	if len(list) == 0 {
		t.Fatal("no component among the examples")
	}
	return list
}

func TestDecodeExamples(t *testing.T) {
	for _, data := range examples(t) {
		c, err := Decode(data)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(c.Imports()) == 0 || len(c.Exports()) == 0 {
			t.Errorf("%d imports, %d exports", len(c.Imports()), len(c.Exports()))
		}
	}
}

// TestCut: a component that is cut anywhere is malformed, unless what is left is
// one.
func TestCut(t *testing.T) {
	data := echoComponent(t, parseType(t, "record{a: string, b: option<enum{x, y}>}"), utf8Strings)
	for n := range data {
		if _, err := Decode(data[:n]); err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes of %d: %v", n, len(data), err)
		}
	}
	if _, err := Decode(data[:len(preamble)-1]); !errors.Is(err, ErrMalformed) {
		t.Errorf("7 bytes: %v", err)
	}
}

// FuzzDecode: bytes that decode can be compiled and instantiated, or not, without
// a panic.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{"string", "map<u8, string>", "list<option<u16>, 3>", "variant{a(list<u8>), b}", "record{a: u8}"} {
		f.Add(echoComponent(f, parseType(f, text), utf8Strings))
	}
	for _, data := range append(examples(f), load(f, "async.wasm"), load(f, "rules.wasm"), load(f, "resources.wasm")) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Decode(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		for _, it := range append(c.Imports(), c.Exports()...) {
			for _, fn := range it.Funcs {
				_ = fn.Type.String()
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(64).WithCloseOnContextDone(true))
		defer rt.Close(ctx)
		p, err := c.Compile(ctx, rt)
		if err != nil {
			return
		}
		if in, err := p.Instantiate(ctx, &echoHost{}); err == nil {
			in.Close(ctx)
		}
	})
}

// TestDecodeErrors: one line says what is wrong, or missing, and at which byte.
func TestDecodeErrors(t *testing.T) {
	const importF = "\x0a\x06\x01\x00\x01f\x01\x00"
	types := func(def string) string { return string(appendSection(nil, sectionType, 1, []byte(def))) }
	for _, tt := range []struct{ content, want string }{
		{"\x0d\x00", "malformed component at byte 10: a section of number 13"},
		{"\x07\x09\x01", "malformed component at byte 10: ends too early: 1 of 9 bytes"},
		{"\x07\x02\x00\x00", "malformed component at byte 11: 1 bytes too many in a section"},
		{"\x07\x01\x05", "malformed component at byte 11: 5 elements in 0 bytes"},
		{"\x01\x08\x00asm\x02\x00\x00\x00", "malformed component at byte 18: a core module that does not begin with \"\\x00asm\\x01\\x00\\x00\\x00\""},
		{types("\x72\x00"), "malformed component at byte 13: record type must have at least one field"},
		{types("\x72\x02\x01a\x7f\x01A\x7f"), "malformed component at byte 19: \"A\" conflicts with a previous name"},
		{types("\x72\x01\x02a_\x7f"), "malformed component at byte 16: \"a_\" is not a kebab-case name"},
		{types("\x70\x05"), "malformed component at byte 13: type 5 of 0"},
		{types("\x63\x76\x7d"), "malformed component at byte 14: the keys of a map are of a f32, expected a bool, an integer, char or string"},
		{types("\x67\x7d\x00"), "malformed component at byte 14: a list of fixed length of no elements"},
		{types("\x67\x7d\x80\x80\x80\x80\x01"), "malformed component at byte 18: a type whose values take 268435456 bytes, at most 268435455"},
		{string(appendSection(nil, sectionType, 2, []byte("\x67\x7d\xff\xff\xff\x7f\x63\x7d\x00"))), ""}, // a map of the largest lists
		{string(appendSection(nil, sectionType, 2, []byte("\x67\x7d\xff\xff\xff\x7f\x6f\x02\x7d\x00"))), "malformed component at byte 21: a type whose values take 268435456 bytes, at most 268435455"},
		{types("\x63\x73"), "malformed component at byte 13: ends too early"},
		{types("\x3f\x7e\x00"), "malformed component at byte 13: resources can only be represented by `i32`"},
		{types("\x00"), "malformed component at byte 12: a type index where a type is defined"},
		{types("\x43\x00\x01\x00") + importF, "unsupported at byte 23: an async function (WASI 0.3): \"f\""},
		{types("\x42\x02\x01\x43\x00\x01\x00\x04\x00\x01g\x01\x00") + "\x0a\x06\x01\x00\x01i\x05\x00", "unsupported at byte 32: an async function (WASI 0.3): \"i#g\""},
		{types("\x40\x00\x01\x00") + importF + "\x08\x06\x01\x01\x00\x00\x01\x06", "malformed component at byte 31: canonical option `async` is of a function that is not async"},
		{types("\x40\x00\x01\x00") + importF + "\x08\x09\x02\x24\x01\x00\x00\x02\x06\x05\x00", "malformed component at byte 34: canonical option `post-return` cannot be specified with `async`"},
		{types("\x40\x00\x01\x00") + importF + "\x08\x07\x01\x01\x00\x00\x01\x07\x00", "unsupported at byte 31: an async function with a callback (WASI 0.3)"},
		{types("\x43\x00\x01\x00") + "\x08\x07\x02\x24\x00\x00\x00\x00\x00", "unsupported at byte 24: backpressure for async functions (WASI 0.3)"},
		{types("\x43\x00\x00\x79") + "\x08\x0a\x03\x0a\x7f\x00\x00\x00\x00\x00\x00\x24", "unsupported at byte 27: backpressure for async functions (WASI 0.3)"},
		{"\x08\x04\x01\x0a\x7e\x00", "malformed component at byte 13: a number of i64 in the context of a task, want an i32"},
		{"\x08\x04\x01\x0b\x7f\x02", "malformed component at byte 14: number 2 of 2 in the context of a task"},
		{"\x08\x06\x01\x09\x01\x00\x01\x06", "malformed component at byte 16: task.return has options other than `memory` and the encoding of strings"},
		{"\x08\x05\x01\x09\x00\x73\x00", "malformed component at byte 15: canonical option `memory` is required"},
		{types("\x66\x00"), "unsupported at byte 12: a stream (WASI 0.3)"},
		{types("\x65\x00"), "unsupported at byte 12: a future (WASI 0.3)"},
		{types("\x3e\x7f\x00"), "malformed component at byte 12: a type index where a type is defined"},
		{types("\x71\x01\x01c\x00\x01"), "malformed component at byte 17: 0x1 behind a case, want 0"},
		{"\x08\x02\x01\x40", "unsupported at byte 12: threads (canonical definition 0x40)"},
		{"\x08\x02\x01\x05", "unsupported at byte 12: an async built-in of WASI 0.3 (canonical definition 0x5)"},
		{types("\x42\x00") + "\x0a\x12\x01\x02\x01i\x02\x00\x05a:b/c\x02\x02\xc3\xa9\x05\x00", ""},
		{types("\x40\x00\x01\x00") + "\x0a\x0e\x01\x02\x01i\x01\x00\x05a:b/c\x01\x00", "malformed component at byte 31: \"i\" is of sort func, only an instance implements an interface"},
		{types("\x42\x00") + "\x0a\x12\x01\x02\x05a:b/d\x01\x00\x05a:b/c\x05\x00", "malformed component at byte 33: \"a:b/d\" implements an interface, but is not a kebab-case name"},
		{types("\x42\x00") + "\x0a\x0c\x01\x02\x01i\x01\x00\x03a:b\x05\x00", "malformed component at byte 27: \"a:b\": expected NAMESPACE:PACKAGE/INTERFACE"},
		{types("\x42\x00") + "\x0a\x0d\x01\x02\x01i\x02\x02\x01x\x02\x01x\x05\x00", "malformed component at byte 24: a second attribute 0x2 of \"i\""},
		{types("\x42\x00") + "\x0a\x0d\x01\x02\x01i\x01\x01\x04.2.3\x05\x00", "unsupported at byte 21: the rest of a version beside the name \"i\""},
		{types("\x42\x00") + "\x0a\x06\x01\x02\x01i\x01\x03", "malformed component at byte 21: an attribute 0x3 of \"i\""},
		{"\x0a\x02\x01\x03", "unsupported at byte 12: a name of form 0x3"},
		{"\x09\x03\x00\x00\x00", "unsupported at byte 10: values and start functions of components"},
		{"\x05\x05\x01\x00\x07\x00\x00", "malformed component at byte 13: component 7 of 0"},
		{"\x0a\x08\x01\x00\x03Foo\x03\x01", "malformed component at byte 18: \"Foo\" is not a kebab-case name"},
		{coreModuleOf("\x05\x03\x01\x00\x01"), ""},
		{coreModuleOf("\x05\x04\x01\x03\x01\x01"), "unsupported at byte 24: threads: a core module with a shared memory"},
		{coreModuleOf("\x05\x03\x01\x04\x01"), "unsupported at byte 23: a core module with a memory of 64-bit addresses"},
		{coreModuleOf("\x05\x05\x02\x00\x01\x00\x01"), "unsupported at byte 25: a core module with several memories"},
		{coreModuleOf("\x02\x0c\x02\x00\x00\x02\x00\x01\x00\x01a\x02\x00\x01"), "unsupported at byte 32: a core module with several memories"},
		{coreModuleOf("\x01\x03\x01\x5f\x00"), "unsupported at byte 22: a core module with types of garbage collection (form 0x5f)"},
		{"\x03\x0b\x01\x50\x01\x00\x00\x00\x02\x00\xf0\xa2\x04", "malformed component at byte 21: a memory of 70000 pages, at most 65536"},
		{"\x03\x0f\x01\x50\x02\x00\x00\x00\x02\x00\x01\x00\x00\x00\x02\x00\x01", "malformed component at byte 25: a core module with a second import \"\" from \"\""},
		{"\x0a\x06\x01\x00\x01f\x01\x03", "malformed component at byte 16: type 3 of 0"},
		{"\x0b\x07\x01\x00\x01f\x01\x04\x00", "malformed component at byte 16: func 4 of 0"},
	} {
		_, err := Decode([]byte(preamble + tt.content))
		var at *DecodeError
		if tt.want == "" && err == nil {
			continue
		}
		if err == nil || err.Error() != tt.want || !errors.As(err, &at) {
			t.Errorf("%x:\n%v, want\n%s", tt.content, err, tt.want)
		}
	}
}

// coreModuleOf is a section with a core module of a section.
func coreModuleOf(section string) string {
	content := "\x00asm\x01\x00\x00\x00" + section
	return string(rune(sectionCoreModule)) + string(rune(len(content))) + content
}

// TestTypeName: errors have names for all types that a core function may have.
func TestTypeName(t *testing.T) {
	e := coreEntity{sort: coreFunc, params: []byte{0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f, 0x69}}
	if got, want := e.signature(), "(i32, i64, f32, f64, v128, funcref, externref, exnref) -> ()"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPreamble(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{"\x00asm\x0e\x00\x01\x00", "unsupported at byte 4: version 0xe of the format of components, expected 0xd"},
		{"\x00asm\x01\x00\x00\x00", `malformed component at byte 0: a component that does not begin with "\x00asm\r\x00\x01\x00"`},
		{"\x00asm\x0d", "malformed component at byte 0: ends too early: 5 of 8 bytes"},
	} {
		if _, err := Decode([]byte(tt.data)); err == nil || err.Error() != tt.want {
			t.Errorf("%q: %v, want %s", tt.data, err, tt.want)
		}
	}
}
