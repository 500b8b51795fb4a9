package runner

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/writer"
)

// dictionaries collects the names that events refer to.
type dictionaries struct {
	modules, functions []string
	codes              map[string]int16 // of functions
	moduleCodes        map[string]int16
}

func newDictionaries() *dictionaries {
	return &dictionaries{codes: map[string]int16{}, moduleCodes: map[string]int16{}}
}

func code(codes map[string]int16, list *[]string, name string) int16 {
	c, ok := codes[name]
	if !ok {
		c = int16(len(*list))
		codes[name] = c
		*list = append(*list, name)
	}
	return c
}

func (d *dictionaries) add(module, function string) (int16, int16) {
	return code(d.moduleCodes, &d.modules, module), code(d.codes, &d.functions, function)
}

func (d *dictionaries) export(name string) int16 { return code(d.codes, &d.functions, name) }

// create makes the writer and attaches the module, or names it.
func (d *dictionaries) create(create CreateFunc, h *format.Header, m *Module, detach bool) (*writer.Writer, error) {
	switch {
	case create == nil:
		return nil, errors.New("no function that creates the trace")
	case m.Name == "":
		return nil, errors.New("a module without a name, by which its trace would call it")
	}
	if n := len(d.functions); n > math.MaxInt16 {
		return nil, fmt.Errorf("%s: expected at most %d imports and exports, found %d", m.Name, math.MaxInt16, n)
	}
	w, err := create(writer.Options{Header: h, Modules: d.modules, Functions: d.functions})
	if err != nil {
		return nil, err
	}
	if detach {
		err = w.AttachDetached(m.attachment())
	} else {
		err = w.Attach(m.Name, format.MediaTypeWasm, m.Bytes)
	}
	if err == nil {
		err = w.Start()
	}
	if err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

// startEvent is the row before a call of an export.
func startEvent(ev *format.Event, function int16, params []uint64, types []api.ValueType) {
	ev.Kind, ev.Function = format.KindStart, function
	ev.Has = format.HasFunction | format.HasParams(len(params))
	for i, v := range params {
		ev.P[i] = int64(mask(v, types[i]))
	}
}

// exportEvent turns the start event of a call that returned into its export
// event. A single result is its Value; more are its Input, 8 bytes each.
func exportEvent(ev *format.Event, results []uint64, types []api.ValueType) {
	ev.Kind = format.KindExport
	switch len(results) {
	case 0:
	case 1:
		ev.Value = int64(mask(results[0], types[0]))
		ev.Has |= format.HasValue
	default:
		for i, v := range results {
			ev.Input = binary.LittleEndian.AppendUint64(ev.Input, mask(v, types[i]))
		}
		ev.Has |= format.HasInput
	}
}

// endEvent is the row that ends a guest: exit or trap. Module and function are
// those of the host function that ended it, if any.
func endEvent(ev *format.Event, result *Result, ender *function) {
	*ev = format.Event{Time: ev.Time, Task: ev.Task, Kind: format.KindExit, Value: int64(result.ExitCode), Has: format.HasValue}
	if result.Trap != nil {
		ev.Kind, ev.Input = format.KindTrap, result.Trap.text()
		ev.Has |= format.HasInput
	}
	if result.HasMemory {
		ev.Hash = result.MemoryHash
		ev.Has |= format.HasHash
	}
	if ender != nil {
		ev.Module, ev.Function = ender.module, ender.name
		ev.Has |= format.HasModule | format.HasFunction
	}
}
