package runner

import (
	"reflect"
	"unsafe"

	"github.com/tetratelabs/wazero/api"
	"github.com/zeebo/xxh3"
)

// memoryOf returns a module's memory, nil if it has none.
func memoryOf(mod api.Module) api.Memory {
	if mod == nil {
		return nil
	}
	mem := mod.Memory()
	// A module without memory has a nil pointer in the interface.
	if mem == nil || reflect.ValueOf(mem).IsNil() {
		return nil
	}
	return mem
}

// view returns the whole memory. It is valid until the guest goes on, which may
// move it.
func view(mem api.Memory) []byte {
	if mem == nil {
		return nil
	}
	size := mem.Size()
	if size == 0 {
		return hugeView(mem)
	}
	b, _ := mem.Read(0, size)
	return b
}

// hugeView serves the memory of 4 GiB, the size of which wraps around to 0.
func hugeView(mem api.Memory) []byte {
	if pages, _ := mem.Grow(0); pages != maxPages {
		return nil
	}
	b, ok := mem.Read(0, 1)
	if !ok || ^uint(0)>>32 == 0 {
		return nil
	}
	return unsafe.Slice(&b[0], uint64(maxPages)<<16)
}

// hashMemory returns the XXH3-64 of the memory, false if there is none.
func hashMemory(mod api.Module) (uint64, bool) {
	mem := memoryOf(mod)
	if mem == nil {
		return 0, false
	}
	return xxh3.Hash(view(mem)), true
}

// memoryCache finds the memory of the module that calls a host function, which
// is nearly always the one that called before.
type memoryCache struct {
	mod api.Module
	mem api.Memory
}

func (c *memoryCache) view(mod api.Module) []byte {
	if c.mod != mod {
		c.mod, c.mem = mod, memoryOf(mod)
	}
	return view(c.mem)
}
