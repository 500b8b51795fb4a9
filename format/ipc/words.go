package ipc

import (
	"encoding/binary"
	"math/bits"
)

// wordEncoder writes zstd frames of columns of 64-bit words that rise or
// jitter: times, durations, ends of variable-length values. In such a column a
// word differs from one before in its low bytes only. Each row becomes one
// sequence: the low bytes as literals, then a match of the high bytes, always at
// the same distance. A general encoder finds the same sequences at three times the
// cost, and these columns are most of what an event costs to compress.
type wordEncoder struct{ *blockEncoder }

const maxLowBytes = 5 // more leave no match of at least 3 bytes

// append appends a frame with data, whose length is a multiple of 8. Each word
// is compared with the one that stands back words before it. ok is false, and
// dst of no use, where the column does not have the shape that this is for.
func (e *wordEncoder) append(dst, data []byte, back int) (out []byte, ok bool) {
	dst = e.open(dst, len(data))
	limit := len(dst) + len(data)/2
	for at := 0; at < len(data); {
		end := min(at+maxBlock, len(data))
		e.split(data, at, end, 8*back)
		if dst = e.appendBlock(dst, data, at, end); len(dst) > limit {
			return dst, false
		}
		at = end
	}
	return dst, len(data) > 0
}

// split fills in the sequences of the rows of data from at to end, whose
// matches stand distance bytes before.
func (e *wordEncoder) split(data []byte, at, end, distance int) {
	all := e.literals[:cap(e.literals)]
	n := 0                              // literals
	var pending, literals, match uint32 // since the last match; of the sequence that is still to be added
	for start := at; at < end; at += 8 {
		word, low := binary.LittleEndian.Uint64(data[at:]), 8
		if at >= distance {
			low = (bits.Len64(word^binary.LittleEndian.Uint64(data[at-distance:])) + 7) / 8
		}
		if low == 0 && match > 0 && pending == 0 {
			match += 8
			continue
		}
		if at == start {
			low = max(low, 1) // without literals the last distance cannot be meant
		}
		binary.LittleEndian.PutUint64(all[n:], word)
		if low > maxLowBytes {
			n += 8
			pending += 8
			continue
		}
		n += low
		if match > 0 {
			e.add(literals, match, uint32(distance))
		}
		literals, match, pending = pending+uint32(low), uint32(8-low), 0
	}
	if match > 0 {
		e.add(literals, match, uint32(distance))
	}
	e.literals = all[:n]
}
