// Package memory reads the whole memory of a guest.
package memory

import (
	"unsafe"

	"github.com/tetratelabs/wazero/api"
)

// maxPages is how many pages of 64 KiB a memory of 4 GiB has.
const maxPages = 65536

// Bytes returns the whole memory, nil if there is none. It is valid until the
// guest goes on, which may move it.
func Bytes(mem api.Memory) []byte {
	if mem == nil {
		return nil
	}
	size := mem.Size()
	if size == 0 {
		return huge(mem)
	}
	b, _ := mem.Read(0, size)
	return b
}

// huge serves the memory of 4 GiB, the size of which wraps around to 0.
func huge(mem api.Memory) []byte {
	if pages, _ := mem.Grow(0); pages != maxPages {
		return nil
	}
	b, ok := mem.Read(0, 1)
	if !ok || ^uint(0)>>32 == 0 {
		return nil
	}
	return unsafe.Slice(&b[0], uint64(maxPages)<<16)
}
