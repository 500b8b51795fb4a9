package component

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tracetool/tracetool/format/canon"
)

// suiteDirs are the tests of the component-model repository that are run: those
// of async functions are not.
var suiteDirs = []string{"values", "resources", "linking", "validation", "binary"}

// suiteFeatures are those of core modules that the recorder enables.
const suiteFeatures = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall |
	experimental.CoreFeaturesExtendedConst | experimental.CoreFeaturesExceptionHandling

// command is one command of a .wast file, as `wasm-tools json-from-wast` has it.
type command struct {
	Type, Filename, Name, Instance, Module, Text string
	Line                                         int
	ModuleType                                   string `json:"module_type"`
	Action                                       struct {
		Field string
		Args  []constant
	}
	Expected []constant
}

// constant is a value in a .wast file.
type constant struct {
	Type  string
	Value json.RawMessage
}

// TestComponentModel runs the tests of the component-model repository, if
// COMPONENT_MODEL names a checkout; it needs wasm-tools. Each command counts: a
// component that decodes and links, and an assertion that holds.
func TestComponentModel(t *testing.T) {
	checkout := os.Getenv("COMPONENT_MODEL")
	if checkout == "" {
		t.Skip("COMPONENT_MODEL names no checkout of the component-model repository")
	}
	for _, dir := range suiteDirs {
		files, err := filepath.Glob(filepath.Join(checkout, "test", dir, "*.wast"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: found no test/%s/*.wast (%v)", checkout, dir, err)
		}
		passed, total := 0, 0
		for _, file := range files {
			p, n := runWast(t, dir, file)
			passed, total = passed+p, total+n
		}
		t.Logf("%s: %d of %d", dir, passed, total)
	}
}

// runWast runs the commands of one file.
func runWast(t *testing.T, dir, file string) (passed, total int) {
	t.Helper()
	scratch := t.TempDir()
	script := filepath.Join(scratch, "commands.json")
	if out, err := exec.Command("wasm-tools", "json-from-wast", file, "-o", script, "--wasm-dir", scratch).CombinedOutput(); err != nil {
		t.Fatalf("wasm-tools: %v\n%s", err, out)
	}
	data, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Commands []command }
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	w := &wast{dir: scratch, definitions: map[string]*Program{}}
	defer w.close()
	name := dir + "/" + filepath.Base(file)
	for i := range list.Commands {
		c := &list.Commands[i]
		total++
		err := w.run(c)
		why, known := exceptionOf(name, c.Line)
		switch {
		case err == nil && known:
			t.Errorf("%s:%d: passes, although %s", name, c.Line, why)
		case err != nil && !known:
			t.Errorf("%s:%d: %s: %v", name, c.Line, c.Type, err)
		case err != nil:
			t.Logf("%s:%d: %s: %s: %v", name, c.Line, c.Type, why, err)
		}
		if err == nil {
			passed++
		}
	}
	return passed, total
}

// wast is the state between the commands of a file.
type wast struct {
	dir         string
	definitions map[string]*Program
	last        *Program
	runtimes    []wazero.Runtime
	current     *Instance
}

func (w *wast) close() {
	for _, rt := range w.runtimes {
		rt.Close(context.Background())
	}
}

func (w *wast) run(c *command) error {
	switch c.Type {
	case "module":
		if err := w.define(c); err != nil {
			return err
		}
		return w.instantiate(w.last)
	case "module_definition":
		return w.define(c)
	case "module_instance":
		if p := w.definitions[c.Module]; p != nil {
			return w.instantiate(p)
		}
		return fmt.Errorf("%q is not defined", c.Module)
	case "assert_invalid", "assert_malformed":
		return w.refuse(c)
	case "assert_return":
		return w.assertReturn(c)
	case "assert_trap":
		return w.assertTrap(c)
	}
	return fmt.Errorf("a command of type %q", c.Type)
}

// define decodes and compiles a component. The state before it is left behind.
func (w *wast) define(c *command) error {
	w.current, w.last = nil, nil
	data, err := os.ReadFile(filepath.Join(w.dir, c.Filename))
	if err != nil {
		return err
	}
	decoded, err := Decode(data)
	if err != nil {
		return err
	}
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(1024).WithCoreFeatures(suiteFeatures))
	w.runtimes = append(w.runtimes, rt)
	if w.last, err = decoded.Compile(ctx, rt); err != nil {
		return err
	}
	w.definitions[c.Name] = w.last
	return nil
}

func (w *wast) instantiate(p *Program) (err error) {
	w.current, err = p.Instantiate(context.Background(), missingHost{})
	var link *LinkError
	if errors.As(err, &link) { // what imports something is only to be linked
		return nil
	}
	return err
}

// refuse requires that a component is refused.
func (w *wast) refuse(c *command) error {
	if c.ModuleType == "text" {
		return nil // of the text format, which wasm-tools has refused
	}
	w2 := &wast{dir: w.dir, definitions: map[string]*Program{}}
	defer w2.close()
	if err := w2.define(c); err == nil {
		return fmt.Errorf("it is not refused: %s", c.Text)
	}
	return nil
}

func (w *wast) invoke(c *command) (result []byte, typ *canon.Func, err error) {
	if w.current == nil {
		return nil, nil, errors.New("no component to call")
	}
	_, fn, err := w.current.export("", c.Action.Field)
	if err != nil {
		return nil, nil, err
	}
	typ = fn.signature()
	if len(typ.Params) != len(c.Action.Args) {
		return nil, nil, fmt.Errorf("%d arguments for %s", len(c.Action.Args), typ)
	}
	var args canon.Encoder
	for i, p := range typ.Params {
		if err := encodeConstant(&args, p.Type, c.Action.Args[i].Value); err != nil {
			return nil, nil, err
		}
	}
	result, err = w.current.Call(context.Background(), "", c.Action.Field, args.Bytes())
	return result, typ, err
}

func (w *wast) assertReturn(c *command) error {
	result, typ, err := w.invoke(c)
	if err != nil {
		return err
	}
	var want canon.Encoder
	if typ.Result != nil && len(c.Expected) == 1 {
		if err := encodeConstant(&want, typ.Result, c.Expected[0].Value); err != nil {
			return err
		}
	}
	if !bytes.Equal(result, want.Bytes()) {
		return fmt.Errorf("%s returned %x, want %x", c.Action.Field, result, want.Bytes())
	}
	return nil
}

func (w *wast) assertTrap(c *command) error {
	_, typ, err := w.invoke(c)
	switch {
	case err == nil:
		return fmt.Errorf("%s returned, want a trap: %s", c.Action.Field, c.Text)
	case typ == nil, errors.Is(err, canon.ErrMalformed):
		return err
	}
	return nil
}

// encodeConstant appends the canonical form of a value.
func encodeConstant(e *canon.Encoder, t *canon.Type, value json.RawMessage) error {
	switch t.Kind {
	case canon.Bool:
		return decoded(value, e.Bool)
	case canon.Char:
		return decoded(value, func(s string) { r, _ := utf8.DecodeRuneInString(s); e.Char(r) })
	case canon.String:
		return decoded(value, func(s string) { e.String(s) })
	case canon.U8, canon.U16, canon.U32, canon.U64, canon.S8, canon.S16, canon.S32, canon.S64, canon.F32, canon.F64:
		return encodeNumber(e, t.Kind, value)
	case canon.List, canon.Tuple:
		return encodeElements(e, t, value)
	case canon.Record:
		return encodeRecord(e, t, value)
	case canon.Enum:
		return decoded(value, func(s string) { e.Case(caseOf(t, s)) })
	case canon.Flags:
		return decoded(value, func(labels []string) {
			var set uint64
			for _, l := range labels {
				set |= 1 << caseOf(t, l)
			}
			e.Flags(set)
		})
	}
	return encodeCase(e, t, value)
}

// decoded passes a JSON value on.
func decoded[T any](value json.RawMessage, to func(T)) error {
	var v T
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	to(v)
	return nil
}

func caseOf(t *canon.Type, name string) int {
	return slices.IndexFunc(t.Fields, func(f canon.Field) bool { return f.Name == name })
}

// encodeNumber encodes a number, which is in decimal; floats are their bits.
func encodeNumber(e *canon.Encoder, k canon.Kind, value json.RawMessage) error {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return err
	}
	u, err := strconv.ParseUint(text, 10, 64)
	if strings.HasPrefix(text, "-") {
		var s int64
		s, err = strconv.ParseInt(text, 10, 64)
		u = uint64(s)
	}
	switch k {
	case canon.U8, canon.S8:
		e.U8(uint8(u))
	case canon.U16, canon.U32, canon.U64:
		e.U64(u)
	case canon.S16, canon.S32, canon.S64:
		e.S64(int64(u))
	case canon.F32:
		e.Raw(canon.AppendF32(nil, uint32(u)))
	case canon.F64:
		e.Raw(canon.AppendF64(nil, u))
	}
	return err
}

func encodeElements(e *canon.Encoder, t *canon.Type, value json.RawMessage) error {
	var list []constant
	if err := json.Unmarshal(value, &list); err != nil {
		return err
	}
	if t.Kind == canon.List {
		e.Len(len(list))
	}
	for i, v := range list {
		elem := t.Elem
		if t.Kind == canon.Tuple {
			elem = t.Fields[i].Type
		}
		if err := encodeConstant(e, elem, v.Value); err != nil {
			return err
		}
	}
	return nil
}

func encodeRecord(e *canon.Encoder, t *canon.Type, value json.RawMessage) error {
	var fields [][2]json.RawMessage
	if err := json.Unmarshal(value, &fields); err != nil {
		return err
	}
	for i, f := range fields {
		var c constant
		if err := json.Unmarshal(f[1], &c); err != nil {
			return err
		}
		if err := encodeConstant(e, t.Fields[i].Type, c.Value); err != nil {
			return err
		}
	}
	return nil
}

// encodeCase encodes a variant, an option or a result.
func encodeCase(e *canon.Encoder, t *canon.Type, value json.RawMessage) error {
	var n int
	var payload *canon.Type
	var v *constant
	switch t.Kind {
	case canon.Option:
		if err := json.Unmarshal(value, &v); err != nil {
			return err
		}
		if v != nil {
			n, payload = 1, t.Elem
		}
	case canon.Result:
		var r struct{ Ok, Err *constant }
		if err := json.Unmarshal(value, &r); err != nil {
			return err
		}
		payload, v = t.Elem, r.Ok
		if strings.Contains(string(value[:min(len(value), 6)]), "Err") {
			n, payload, v = 1, t.Err, r.Err
		}
	case canon.Variant:
		var r struct {
			Case    string
			Payload *constant
		}
		if err := json.Unmarshal(value, &r); err != nil {
			return err
		}
		n, v = caseOf(t, r.Case), r.Payload
		payload = t.Fields[n].Type
	default:
		return fmt.Errorf("a value of type %s", t)
	}
	e.Case(n)
	if payload == nil || v == nil {
		return nil
	}
	return encodeConstant(e, payload, v.Value)
}

// exception is why commands of a file fail, those from a line to another.
type exception struct {
	file     string
	from, to int
	why      string
}

const (
	waiting = "what async functions may wait for, of WASI 0.3"
	engine  = "not in the engine"
)

// exceptions are those of the repository at commit 6d28164, of August 2026.
var exceptions = []exception{
	{"values/post-return.wast", 4, 256, waiting},
	{"linking/unit.wast", 261, 375, "several memories in a core module, " + engine},
	{"validation/indicies.wast", 236, 267, waiting},
	{"validation/instantiation.wast", 342, 342, "several memories in a core module, " + engine},
	{"validation/max-value-size.wast", 6, 6, waiting},
	{"binary/binary.wast", 557, 557, waiting},
	{"binary/binary.wast", 892, 892, "subtypes of core types, " + engine},
	{"binary/binary.wast", 974, 974, waiting},
}

func exceptionOf(file string, line int) (why string, known bool) {
	for _, e := range exceptions {
		if e.file == file && line >= e.from && line <= e.to {
			return e.why, true
		}
	}
	return "", false
}
