package component

import (
	"context"

	"github.com/tetratelabs/wazero/api"
)

// coreItem is something that a core instance exports: a function, table, memory
// or global of a module instance.
type coreItem struct {
	mod  api.Module // nil for a host function that is not yet in a module
	name string     // of the export
	typ  coreEntity
	host api.GoModuleFunc // for a canonical definition

	fn api.Function // made when it is first called from here
}

// call calls a core function. The stack has its parameters, and its results
// afterwards. Errors go up as panics, as those of host functions do.
func (c *coreItem) call(ctx context.Context, stack []uint64) {
	if c.host != nil {
		c.host(ctx, nil, stack)
		return
	}
	if c.fn == nil {
		c.fn = c.mod.ExportedFunction(c.name)
	}
	if err := c.fn.CallWithStack(ctx, stack); err != nil {
		panic(err)
	}
}

// allocate calls a realloc function.
func (c *coreItem) allocate(ctx context.Context, old, oldSize, align, size uint32) uint32 {
	stack := [4]uint64{uint64(old), uint64(oldSize), uint64(align), uint64(size)}
	c.call(ctx, stack[:])
	return uint32(stack[0])
}

// memory returns a memory that a module exports.
func (c *coreItem) memory() api.Memory { return c.mod.ExportedMemory(c.name) }
