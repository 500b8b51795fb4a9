// Package component decodes WebAssembly components of the first version of the
// component model, on which WASI 0.2 is built, and runs them on wazero; of later
// ones it has maps, lists of fixed length and attributes of names.
//
// Decode reads and validates a component, Compile compiles its core modules,
// Program.Instantiate links it with a Host and Instance.Call calls what it
// exports. Values cross every border as the canonical bytes of package canon:
// a Host reads its arguments and writes its results in that form.
//
// What wazero lacks is refused: several memories in one core module, memories
// with addresses of 64 bits, garbage collection. So are async functions of WASI
// 0.3 that a component imports or exports, what others might wait for, threads,
// and values of components.
package component

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tracetool/tracetool/format/canon"
)

// Component is a component that was decoded and found to be valid, but for the
// code of its core modules, which Compile checks.
type Component struct{ root *definition }

// Decode reads a component. The bytes are kept and must not change. Its errors
// are of type *DecodeError.
func Decode(data []byte) (*Component, error) {
	work := maxWork
	in := &reader{data: data}
	root := newDefinition(nil, &work)
	root.decode(in)
	if work < 0 {
		in.fail("%s", errComplex)
	}
	if in.err != nil {
		return nil, in.err
	}
	return &Component{root: root}, nil
}

// Item is what a component imports or exports.
type Item struct {
	Name string // "wasi:io/streams@0.2.3", "run"
	Sort string // "instance", "func", "type", "component", "core module"
	// Funcs are the functions of an instance, or a function itself under an
	// empty interface, in their order.
	Funcs []Func
	// Resources are the resource types of an instance, or one itself:
	// "wasi:io/streams.input-stream".
	Resources []string
}

// Func is a function that a component imports or exports.
type Func struct {
	Interface string // "wasi:io/streams@0.2.3", empty for one outside of any
	Name      string // "[method]input-stream.read"
	Type      *canon.Func
}

// Imports lists what the component imports.
func (c *Component) Imports() []Item { return items(c.root.typ.imports) }

// Exports lists what the component exports.
func (c *Component) Exports() []Item { return items(c.root.typ.exports) }

func items(list namedEntities) []Item {
	var all []Item
	for _, name := range list.names {
		e := list.types[name]
		it := Item{Name: name, Sort: e.sort.String()}
		switch e.sort {
		case sortFunc:
			it.Funcs = []Func{{Name: name, Type: e.fn.signature()}}
		case sortType:
			it.resource(e)
		case sortInstance:
			it.contents(name, e.inst.exports)
		}
		all = append(all, it)
	}
	return all
}

func (it *Item) contents(iface string, list namedEntities) {
	for _, name := range list.names {
		switch e := list.types[name]; e.sort {
		case sortFunc:
			it.Funcs = append(it.Funcs, Func{Interface: iface, Name: name, Type: e.fn.signature()})
		case sortType:
			it.resource(e)
		}
	}
}

func (it *Item) resource(e entity) {
	if e.typ.res != nil {
		it.Resources = append(it.Resources, e.typ.res.name)
	}
}

// Host implements what a component imports.
type Host interface {
	// Func returns the implementation of an imported function. iface is
	// "wasi:io/streams@0.2.3" as it is imported, name is
	// "[method]input-stream.read". An error means that it is not provided.
	Func(iface, name string, sig *canon.Func) (HostFunc, error)
	// Drop tells that the guest dropped its own handle of a resource, which is
	// "wasi:io/streams.input-stream", without a version. An error ends the
	// guest as a trap.
	Drop(ctx context.Context, resource string, rep uint32) error
}

// HostFunc is an imported function. It must read all arguments of the call and
// write its result. An error ends the guest: *ExitError with an exit code,
// others as a trap.
type HostFunc func(ctx context.Context, c *Call) error

// Call is one call of a HostFunc, which must not keep it.
type Call struct {
	Args   canon.Decoder // the parameters, one after the other
	Result canon.Encoder // of the result, if the function has one
	Note   canon.Encoder // what the host may add for a recorder: the guest is not told
}

// TypeError says that an imported function has another type than the one that a
// host has under that name.
type TypeError struct {
	Interface, Name string
	Imported, Want  *canon.Func
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("%s#%s is imported as %s, want %s", e.Interface, e.Name, e.Imported, e.Want)
}

// LinkError lists what a component imports and its host does not provide.
type LinkError struct{ Missing []string }

func (e *LinkError) Error() string { return "missing imports: " + strings.Join(e.Missing, ", ") }

// ErrNoExport is matched where a component does not export what is called.
var ErrNoExport = errors.New("no such export")

func noExport(iface, name string) error {
	if iface == "" {
		return fmt.Errorf("%w: function %q", ErrNoExport, name)
	}
	return fmt.Errorf("%w: function %q of %q", ErrNoExport, name, iface)
}
