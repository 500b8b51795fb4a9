package wasm

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// join builds a binary of sections, each given as its id and content.
func join(preamble string, sections ...[]byte) []byte {
	b := []byte(preamble)
	for _, s := range sections {
		b = append(b, s[0], byte(len(s)-1))
		b = append(b, s[1:]...)
	}
	return b
}

func text(s string) []byte { return append([]byte{byte(len(s))}, s...) }

func cat(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case string:
			b = append(b, text(p)...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

// sample declares one of everything.
func sample() []byte {
	return join(preambleModule,
		cat(sectionType, 3, 0x60, 2, 0x7f, 0x7e, 1, 0x7f, 0x60, 0, 0, 0x60, 1, 0x7d, 2, 0x7c, 0x70),
		cat(sectionImport, 4,
			"env", "f", 0, 0,
			"env", "m", 2, 0x03, 1, 16,
			"env", "g", 3, 0x7f, 1,
			"env", "t", 1, 0x70, 0, 2),
		cat(sectionFunction, 2, 1, 2),
		cat(sectionMemory, 1, 0, 2),
		cat(sectionGlobal, 1, 0x7e, 0, opI64Const, 42, opEnd),
		cat(sectionExport, 5, "run", 0, 1, "pair", 0, 2, "memory", 2, 1, "g", 3, 1, "far", 0, 99),
		cat(10, 1, 2, 3), // code, which is not looked at
		cat(sectionCustom, ".debug_line", 1, 2, 3),
		cat(sectionCustom, "name", 0, 5, "demo"))
}

func read(data []byte) (*Binary, error) { return Read(bytes.NewReader(data), int64(len(data))) }

func TestReadModule(t *testing.T) {
	got, err := read(sample())
	if err != nil {
		t.Fatal(err)
	}
	want := &Binary{
		Name: "demo",
		Imports: []Import{
			{"env", "f", "func", "(i32, i64) -> i32"},
			{"env", "m", "memory", "1 page, max 16, shared"},
			{"env", "g", "global", "mut i32"},
			{"env", "t", "table", "2 funcref"},
		},
		Exports: []Export{
			{"run", "func", "()"},
			{"pair", "func", "(f32) -> (f64, funcref)"},
			{"memory", "memory", "2 pages"},
			{"g", "global", "i64"},
			{"far", "func", ""},
		},
		Memories: []Memory{{Min: 1, Max: 16, HasMax: true, Shared: true, PageBits: 16, Imported: true}, {Min: 2, PageBits: 16}},
		Customs:  []Custom{{".debug_line", 3}, {"name", 7}},
		DWARF:    true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadComponent(t *testing.T) {
	got, err := read(join(preambleComponent,
		cat(componentImport, 3, 0, "wasi:clocks/wall-clock@0.2.0", 5, 0, 0, "log", 1, 3, 1, "t", 3, 1),
		cat(componentExport, 1, 0, "run", 1, 0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	want := &Binary{
		Component: true,
		Imports:   []Import{{Name: "wasi:clocks/wall-clock@0.2.0", Kind: "instance"}, {Name: "log", Kind: "func"}, {Name: "t", Kind: "type"}},
		Exports:   []Export{{Name: "run", Kind: "func"}}, Memories: []Memory{}, Customs: []Custom{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadErrors(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"section beyond the end", []byte(preambleModule + "\x01\x7f"), "section 1 at byte 8: 127 bytes declared, 0 left"},
		{"huge count", join(preambleModule, cat(sectionType, 0xff, 0xff, 0xff, 0xff, 0x0f)), "section 1 at byte 8: 4294967295 elements in 0 bytes"},
		{"number too long", join(preambleModule, cat(sectionType, 0xff, 0xff, 0xff, 0xff, 0xff, 0)), "section 1 at byte 8: number of more than 32 bits"},
		{"unknown form", join(preambleModule, cat(sectionType, 1, 0x5f)), "section 1 at byte 8: type 0: form 0x5f is not a function's"},
		{"unknown import", join(preambleModule, cat(sectionImport, 1, "a", "b", 9, 0)), "section 2 at byte 8: import of kind 9"},
		{"name not UTF-8", join(preambleModule, cat(sectionCustom, "\xff")), "section 0 at byte 8: name is not UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := read(tt.data)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestReadNotWasm(t *testing.T) {
	for _, s := range []string{"", "\x00asm", "ARROW1\x00\x00more", "\x00asm\x02\x00\x00\x00"} {
		if _, err := read([]byte(s)); !errors.Is(err, ErrNotWasm) {
			t.Errorf("%q: error %v, want ErrNotWasm", s, err)
		}
	}
}

// Too many custom sections are refused, and what came before is returned.
func TestCustomLimit(t *testing.T) {
	data := append([]byte(preambleModule), strings.Repeat("\x00\x01\x00", maxCustoms+1)...)
	b, err := read(data)
	if err == nil || len(b.Customs) != maxCustoms {
		t.Errorf("error %v with %d sections, want an error with %d", err, len(b.Customs), maxCustoms)
	}
}

// A module that is cut or damaged anywhere gives an error or a binary, but
// never a panic.
func TestReadDamaged(t *testing.T) {
	data := sample()
	for n := range data {
		read(data[:n])
	}
	for i := range data {
		for bit := range 8 {
			damaged := bytes.Clone(data)
			damaged[i] ^= 1 << bit
			if b, err := read(damaged); b == nil && err == nil {
				t.Fatalf("byte %d bit %d: neither binary nor error", i, bit)
			}
		}
	}
}

func TestReadExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/*.wasm")
	if err != nil || len(files) == 0 {
		t.Fatalf("no example modules: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := read(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(b.Exports) == 0 || len(b.Memories) == 0 && data[6] == 0 { // components have none of their own
			t.Errorf("%s: %d exports and %d memories, want some", name, len(b.Exports), len(b.Memories))
		}
		for _, im := range b.Imports {
			if im.Kind == "func" && im.Type == "" {
				t.Errorf("%s: import %s without a type", name, im.Name)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample())
	f.Add(join(preambleComponent, cat(componentImport, 1, 0, "a", 5, 0)))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := read(data)
		if b == nil && err == nil {
			t.Error("neither binary nor error")
		}
	})
}
