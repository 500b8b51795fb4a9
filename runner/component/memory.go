package component

import "github.com/tetratelabs/wazero/experimental"

// maxMemory is what the memories of an instance may take together, in bytes,
// where the program does not say otherwise.
const maxMemory = 1 << 32

// memories is what is left for the memories of the core modules of one run: each
// has a limit of its own in the runtime, but there may be thousands.
type memories struct{ left uint64 } // bytes

// Allocate implements experimental.MemoryAllocator.
func (m *memories) Allocate(_, _ uint64) experimental.LinearMemory { return &linearMemory{all: m} }

// linearMemory is one memory. It grows as the runtime's own do.
type linearMemory struct {
	all   *memories
	bytes []byte
}

// Reallocate returns nil where nothing is left: memory.grow fails.
func (l *linearMemory) Reallocate(size uint64) []byte {
	n := size - uint64(len(l.bytes))
	if n > l.all.left {
		return nil
	}
	l.all.left -= n
	if l.bytes == nil {
		l.bytes = make([]byte, n) // which touches none of it
	} else {
		l.bytes = append(l.bytes, make([]byte, n)...)
	}
	return l.bytes
}

// Free gives the memory back.
func (l *linearMemory) Free() {
	l.all.left += uint64(len(l.bytes))
	l.bytes = nil
}
