package wasip2

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/tracetool/tracetool/runner/component"
)

// randomInterfaces are the functions of wasi:random. The insecure ones are as
// good as the others.
var randomInterfaces = []Interface{
	{"wasi:random/random", []Function{
		{"get-random-bytes", "(len: u64) -> list<u8>", (*Host).randomBytes},
		{"get-random-u64", "() -> u64", (*Host).randomU64},
	}},
	{"wasi:random/insecure", []Function{
		{"get-insecure-random-bytes", "(len: u64) -> list<u8>", (*Host).randomBytes},
		{"get-insecure-random-u64", "() -> u64", (*Host).randomU64},
	}},
	{"wasi:random/insecure-seed", []Function{
		{"insecure-seed", "() -> tuple<u64, u64>", (*Host).randomSeed},
	}},
}

// maxRandom is the most random bytes that a guest can ask for at a time.
const maxRandom = 64 << 20

func (h *Host) randomBytes(_ context.Context, c *component.Call) error {
	n := c.Args.U64()
	if n > maxRandom {
		return fmt.Errorf("%d random bytes at a time, want at most %d", n, maxRandom)
	}
	p := h.scratch
	if n > uint64(len(p)) {
		p = make([]byte, n)
	}
	p = p[:n]
	if _, err := io.ReadFull(h.random, p); err != nil {
		return err
	}
	c.Result.Blob(p)
	return nil
}

func (h *Host) randomU64(_ context.Context, c *component.Call) error {
	p := h.scratch[:8]
	if _, err := io.ReadFull(h.random, p); err != nil {
		return err
	}
	c.Result.U64(binary.LittleEndian.Uint64(p))
	return nil
}

// randomSeed gives the same each time.
func (h *Host) randomSeed(_ context.Context, c *component.Call) error {
	if h.seed == nil {
		seed := make([]byte, 16)
		if _, err := io.ReadFull(h.random, seed); err != nil {
			return err
		}
		h.seed = seed
	}
	c.Result.U64(binary.LittleEndian.Uint64(h.seed))
	c.Result.U64(binary.LittleEndian.Uint64(h.seed[8:]))
	return nil
}
