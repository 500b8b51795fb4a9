package runner

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
)

// The exports that start a program, and a library.
const (
	exportStart      = "_start"
	exportInitialize = "_initialize"
)

// InvokeError says what is wrong with an export to call.
type InvokeError struct {
	Invoke string // as given
	Detail string
}

func (e *InvokeError) Error() string { return fmt.Sprintf("invoke %q: %s", e.Invoke, e.Detail) }

// Invocation is a call of a function that the guest exports.
type Invocation struct {
	Export  string
	Params  []uint64 // as wazero takes them
	Results []uint64

	params, results []api.ValueType
	result          *canon.Type // of a component's function
	output          []byte      // its canonical bytes
}

// String writes it as "add(1, 2) = 3".
func (c Invocation) String() string {
	s := c.Export + "(" + strings.Join(numbers(c.Params, c.params), ", ") + ")"
	if c.result != nil {
		s += " = " + string(canon.AppendText(nil, c.result, c.output, -1))
	}
	if len(c.Results) > 0 {
		s += " = " + strings.Join(numbers(c.Results, c.results), ", ")
	}
	return s
}

func numbers(values []uint64, types []api.ValueType) []string {
	list := make([]string, len(values))
	for i, v := range values {
		switch types[i] {
		case api.ValueTypeI32:
			list[i] = strconv.FormatInt(int64(int32(v)), 10)
		case api.ValueTypeF32:
			list[i] = strconv.FormatFloat(float64(api.DecodeF32(v)), 'g', -1, 32)
		case api.ValueTypeF64:
			list[i] = strconv.FormatFloat(api.DecodeF64(v), 'g', -1, 64)
		default:
			list[i] = strconv.FormatInt(int64(v), 10)
		}
	}
	return list
}

// plan returns the exports to call, in order.
func plan(m *Module, compiled wazero.CompiledModule, invoke []string) ([]Invocation, error) {
	exports := compiled.ExportedFunctions()
	if len(invoke) == 0 {
		for _, name := range []string{exportStart, exportInitialize} {
			if exports[name] != nil {
				inv, err := planned(m, name, exports[name])
				return []Invocation{inv}, err
			}
		}
		return nil, fmt.Errorf("%s: exports neither _start nor _initialize: name a function to invoke", m.Name)
	}
	var list []Invocation
	if def := exports[exportInitialize]; def != nil {
		inv, err := planned(m, exportInitialize, def)
		if err != nil {
			return nil, err
		}
		list = append(list, inv)
	}
	for _, text := range invoke {
		inv, err := parseInvocation(text, exports)
		if err != nil {
			return nil, err
		}
		list = append(list, inv)
	}
	return list, nil
}

// planned is the call of an export that nobody has named.
func planned(m *Module, name string, def api.FunctionDefinition) (Invocation, error) {
	inv, err := newInvocation(name, def, nil)
	if err != nil {
		err = fmt.Errorf("%s: %s: %w", m.Name, name, err)
	}
	return inv, err
}

func parseInvocation(text string, exports map[string]api.FunctionDefinition) (Invocation, error) {
	name, rest, called := strings.Cut(strings.TrimSpace(text), "(")
	name = strings.TrimSpace(name)
	def := exports[name]
	if def == nil {
		return Invocation{}, &InvokeError{text, fmt.Sprintf("the module exports no function %q", name)}
	}
	var args []string
	if called {
		list, ok := strings.CutSuffix(strings.TrimSpace(rest), ")")
		if !ok {
			return Invocation{}, &InvokeError{text, "expected a closing parenthesis"}
		}
		if strings.TrimSpace(list) != "" {
			args = strings.Split(list, ",")
		}
	}
	inv, err := newInvocation(name, def, args)
	if err != nil {
		return inv, &InvokeError{text, err.Error()}
	}
	return inv, nil
}

func newInvocation(name string, def api.FunctionDefinition, args []string) (Invocation, error) {
	inv := Invocation{Export: name, params: def.ParamTypes(), results: def.ResultTypes()}
	if len(args) != len(inv.params) {
		return inv, fmt.Errorf("expected %d parameters %s, found %d", len(inv.params), signature(def), len(args))
	}
	if err := recordable(def); err != nil {
		return inv, err
	}
	for i, arg := range args {
		v, err := parseNumber(strings.TrimSpace(arg), inv.params[i])
		if err != nil {
			return inv, fmt.Errorf("parameter %d: %w", i, err)
		}
		inv.Params = append(inv.Params, v)
	}
	return inv, nil
}

// recordable reports what a start or export event has no columns for.
func recordable(def api.FunctionDefinition) error {
	if n := len(def.ParamTypes()); n > format.NumParams {
		return fmt.Errorf("expected at most %d parameters, found %d", format.NumParams, n)
	}
	for _, types := range [][]api.ValueType{def.ParamTypes(), def.ResultTypes()} {
		for _, t := range types {
			if t != api.ValueTypeI32 && t != api.ValueTypeI64 && t != api.ValueTypeF32 && t != api.ValueTypeF64 {
				return fmt.Errorf("expected numbers, found %s", component.TypeName(t))
			}
		}
	}
	return nil
}

// parseNumber reads a decimal or 0x number; integers may be signed or not.
func parseNumber(s string, t api.ValueType) (uint64, error) {
	switch t {
	case api.ValueTypeF32:
		f, err := strconv.ParseFloat(s, 32)
		return api.EncodeF32(float32(f)), wrong(err, s, "f32")
	case api.ValueTypeF64:
		f, err := strconv.ParseFloat(s, 64)
		return api.EncodeF64(f), wrong(err, s, "f64")
	case api.ValueTypeI64:
		if v, err := strconv.ParseUint(s, 0, 64); err == nil {
			return v, nil
		}
		v, err := strconv.ParseInt(s, 0, 64)
		return uint64(v), wrong(err, s, "i64")
	}
	v, err := strconv.ParseInt(s, 0, 64)
	if err == nil && (v < math.MinInt32 || v > math.MaxUint32) {
		err = strconv.ErrRange
	}
	return uint64(uint32(v)), wrong(err, s, "i32")
}

func wrong(err error, s, want string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("expected an %s, found %q", want, s)
}
