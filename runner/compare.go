package runner

import (
	"bytes"

	"github.com/tracetool/tracetool/format/call"
)

const (
	compareBlock = 4096
	// compareGap is the number of equal bytes that end a change: fewer cost
	// less than the header of another one.
	compareGap = 8
)

// appendChanges appends the differences between two states of a memory to dst,
// as the Output of a function that is marked Compare. What now has more than
// old counts as having been zero.
func appendChanges(dst, old, now []byte) []byte {
	for at := 0; at < len(now); at += compareBlock {
		block := now[at:min(at+compareBlock, len(now))]
		was := old[min(at, len(old)):min(at+len(block), len(old))]
		if len(was) == len(block) && bytes.Equal(was, block) {
			continue
		}
		dst = appendBlockChanges(dst, at, was, block)
	}
	return dst
}

// appendBlockChanges appends the differences within one block, which is at the
// address base.
func appendBlockChanges(dst []byte, base int, was, block []byte) []byte {
	changed := func(i int) bool {
		if i < len(was) {
			return was[i] != block[i]
		}
		return block[i] != 0
	}
	for i := 0; i < len(block); {
		if !changed(i) {
			i++
			continue
		}
		first, last := i, i
		for i++; i < len(block) && i-last <= compareGap; i++ {
			if changed(i) {
				last = i
			}
		}
		dst = call.AppendWrite(dst, uint32(base+first), block[first:last+1])
	}
	return dst
}
