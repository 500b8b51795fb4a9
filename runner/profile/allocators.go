package profile

import (
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// allocator says what a function does with memory. Parameters are numbered
// from 0, and all are i32.
type allocator struct {
	size    int  // parameter with the bytes; none for one that only frees
	times   int  // parameter that they are multiplied by
	old     int  // parameter with the address of what is given back
	pointer int  // parameter with the address of where the result is put; none: it is the result
	golang  bool // parameters are on Go's stack
}

const none = -1

var (
	allocates = allocator{0, none, none, none, false}
	golang    = allocator{0, none, none, none, true}
)

// allocators knows functions by their names.
var allocators = map[string]allocator{
	"malloc":         allocates,
	"calloc":         {1, 0, none, none, false},
	"realloc":        {1, none, 0, none, false},
	"aligned_alloc":  {1, none, none, none, false},
	"memalign":       {1, none, none, none, false},
	"posix_memalign": {2, none, none, 0, false},
	"free":           {none, none, 0, none, false},

	"__rust_alloc":        allocates,
	"__rust_alloc_zeroed": allocates,
	"__rust_realloc":      {3, none, 0, none, false},
	"__rust_dealloc":      {none, none, 0, none, false},

	"runtime.alloc": allocates, // TinyGo

	"~lib/rt/itcms/__new":   allocates, // AssemblyScript
	"~lib/rt/tcms/__new":    allocates,
	"~lib/rt/stub/__new":    allocates,
	"~lib/rt/itcms/__renew": {1, none, 0, none, false},
}

// allocatorOf returns what a function does with memory, false for nothing. Go
// has many functions that allocate, for one size each, and all have the size
// first. Rust's have the name of a crate before theirs.
func allocatorOf(name string, def functionDefinition) (allocator, bool) {
	if strings.HasPrefix(name, "runtime.mallocgc") && goSignature(def) {
		return golang, true
	}
	if at := strings.LastIndex(name, "::__rust_"); at >= 0 {
		name = name[at+2:]
	}
	a, ok := allocators[name]
	return a, ok && a.fits(def)
}

// fits: the function has the parameters and the result that the table says.
func (a *allocator) fits(def functionDefinition) bool {
	if results := def.ResultTypes(); len(results) > 1 || len(results) == 0 && a.size != none {
		return false
	}
	for _, t := range append(def.ParamTypes(), def.ResultTypes()...) {
		if t != api.ValueTypeI32 {
			return false
		}
	}
	return len(def.ParamTypes()) > max(a.size, a.times, a.old, a.pointer)
}

// goSignature: the function is called as Go's are, with a place to resume at
// as its only parameter. Helpers of the runtime are not.
func goSignature(def functionDefinition) bool {
	return len(def.ParamTypes()) == 1 && len(def.ResultTypes()) == 1 &&
		def.ParamTypes()[0] == api.ValueTypeI32 && def.ResultTypes()[0] == api.ValueTypeI32
}
