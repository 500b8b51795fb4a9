package runner

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/runner/component"
)

// Import is something that a module wants from its host.
type Import struct {
	Module, Name string
	Kind         string // "function", "table", "memory", "global" or "tag"; of a component "component" or "core module" too
	Signature    string // of a function: "(i32, i64) -> (i32)"
	Want         string // the signature of the function that there is under that name, if any
}

func (i Import) String() string {
	name := i.Name
	if i.Module != "" {
		name = i.Module + "." + name
	}
	if i.Kind == "function" {
		s := name + i.Signature
		if !ofWASI02(i.Module) {
			s += " (expected WASI 0.2)"
		}
		if i.Want != "" {
			s += fmt.Sprintf(" (which is %s)", i.Want)
		}
		return s
	}
	return i.Kind + " " + name
}

// ImportError lists what a module imports and nobody provides.
type ImportError struct {
	Program string
	Imports []Import
}

func (e *ImportError) Error() string {
	names := make([]string, len(e.Imports))
	for i, imp := range e.Imports {
		names[i] = imp.String()
	}
	return fmt.Sprintf("%s: unknown imports: %s", e.Program, strings.Join(names, ", "))
}

// signature writes a function's type as (i32, i64) -> (i32).
func signature(def api.FunctionDefinition) string {
	types := func(list []api.ValueType) string {
		names := make([]string, len(list))
		for i, t := range list {
			names[i] = component.TypeName(t)
		}
		return "(" + strings.Join(names, ", ") + ")"
	}
	s := types(def.ParamTypes())
	if len(def.ResultTypes()) > 0 {
		s += " -> " + types(def.ResultTypes())
	}
	return s
}

// described writes the type of a function of a table as signature does.
func described(fn *format.Function) string {
	types := func(list []format.Param) string {
		names := make([]string, len(list))
		for i, p := range list {
			names[i] = string(p.Type)
		}
		return "(" + strings.Join(names, ", ") + ")"
	}
	s := types(fn.Params)
	if len(fn.Result) > 0 {
		s += " -> " + types(fn.Result)
	}
	return s
}

// resolve returns the descriptions of the functions that a module imports, each
// once, or an *ImportError.
func resolve(m *Module, compiled wazero.CompiledModule, find func(module, name string) *format.Function) ([]*format.Function, error) {
	var found []*format.Function
	var missing []Import
	seen := map[[2]string]bool{}
	for _, def := range compiled.ImportedFunctions() {
		module, name, _ := def.Import()
		if seen[[2]string{module, name}] {
			continue
		}
		seen[[2]string{module, name}] = true
		fn := find(module, name)
		switch {
		case fn != nil && matches(fn, def):
			found = append(found, fn)
		case fn != nil:
			missing = append(missing, Import{module, name, "function", signature(def), described(fn)})
		default:
			missing = append(missing, Import{Module: module, Name: name, Kind: "function", Signature: signature(def)})
		}
	}
	missing = append(missing, otherImports(m.Bytes)...)
	if len(missing) > 0 {
		return nil, &ImportError{Program: m.Name, Imports: missing}
	}
	return found, nil
}

var importKinds = []string{"function", "table", "memory", "global", "tag"}

// needsMemory returns an error for a module without memory that imports a
// function that works on memory.
func needsMemory(m *Module, imports []*format.Function) error {
	if wasmSection(m.Bytes, memorySection).number() > 0 {
		return nil
	}
	for _, fn := range imports {
		if len(fn.Reads)+len(fn.Writes) > 0 {
			return fmt.Errorf("%s: imports %s.%s, which works on memory, and has none", m.Name, fn.Module, fn.Name)
		}
	}
	return nil
}

// otherImports lists what a module imports besides functions, which wazero does
// not tell.
func otherImports(module []byte) []Import { return wasmSection(module, importSection).imports() }

// Numbers of sections.
const (
	importSection = 2
	memorySection = 5
)

// wasmSection returns the content of the first section of that number, empty if
// there is none. The module has been found to be valid before.
func wasmSection(module []byte, number byte) *wasmReader {
	in := &wasmReader{data: module[min(8, len(module)):]}
	for len(in.data) > 0 {
		id := in.byte()
		content := in.take(in.number())
		if id == number {
			return &wasmReader{data: content}
		}
	}
	return &wasmReader{}
}

// wasmReader reads the binary format. It never fails: what is missing is zero.
type wasmReader struct{ data []byte }

func (r *wasmReader) take(n uint64) []byte {
	n = min(n, uint64(len(r.data)))
	taken := r.data[:n]
	r.data = r.data[n:]
	return taken
}

func (r *wasmReader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *wasmReader) number() uint64 {
	v, n := binary.Uvarint(r.data)
	r.take(uint64(max(n, 1)))
	return v
}

func (r *wasmReader) imports() []Import {
	var list []Import
	for range min(r.number(), uint64(len(r.data))) {
		i := Import{Module: string(r.take(r.number())), Name: string(r.take(r.number()))}
		kind := r.byte()
		r.skipType(kind)
		if int(kind) < len(importKinds) && kind != 0 {
			i.Kind = importKinds[kind]
			list = append(list, i)
		}
	}
	return list
}

func (r *wasmReader) skipType(kind byte) {
	switch kind {
	case 0: // index of the type
		r.number()
	case 1, 2: // a table's type of reference, and limits
		if kind == 1 {
			r.valueType()
		}
		flags := r.byte()
		r.number()
		if flags&1 != 0 {
			r.number()
		}
	case 3: // type and mutability
		r.valueType()
		r.byte()
	case 4: // attribute and index of the type
		r.byte()
		r.number()
	}
}

// valueType skips a type, which is one byte but for typed references.
func (r *wasmReader) valueType() {
	if t := r.byte(); t == 0x63 || t == 0x64 {
		r.number()
	}
}
