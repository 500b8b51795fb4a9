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
	for _, text := range []string{"string", "variant{a(list<u8>), b}", "record{a: u8}"} {
		f.Add(echoComponent(f, parseType(f, text), utf8Strings))
	}
	for _, data := range examples(f) {
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
