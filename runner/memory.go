package runner

import (
	"io"
	"reflect"

	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/runner/memory"
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

// hashMemory returns the XXH3-64 of the memory, false if there is none.
func hashMemory(mod api.Module) (uint64, bool) {
	mem := memoryOf(mod)
	if mem == nil {
		return 0, false
	}
	return xxh3.Hash(memory.Bytes(mem)), true
}

// hashMemories returns the XXH3-64 of memories one after the other, false if
// there are none.
func hashMemories(list []api.Memory) (uint64, bool) {
	switch len(list) {
	case 0:
		return 0, false
	case 1:
		return xxh3.Hash(memory.Bytes(list[0])), true
	}
	h := xxh3.New()
	for _, m := range list {
		h.Write(memory.Bytes(m))
	}
	return h.Sum64(), true
}

// dumpMemories writes memories one after the other, if there is a w.
func dumpMemories(w io.Writer, list []api.Memory) error {
	for _, m := range list {
		if w == nil {
			break
		}
		if err := writeWhole(w, memory.Bytes(m)); err != nil {
			return err
		}
	}
	return nil
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
	return memory.Bytes(c.mem)
}
