package ipc

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// fseTable encodes the codes of one kind, literal or match lengths, by finite
// state entropy as zstd has it (RFC 8878 section 4.1). A single code needs no
// table: it is repeated.
type fseTable struct {
	counts fseCounts
	norm   fseCounts
	log    uint8 // of the number of states
	single bool
	top    uint8 // largest code
	states [1 << maxLog]uint16
	delta  [1 << 8]struct { // by code, as bytes are: which spares checks of bounds
		bits  uint32
		state int32
	}
	symbols [1 << maxLog]uint8
}

// fseCounts are the numbers of times that each code stands in a block.
type fseCounts [maxCodes]uint32

const (
	maxCodes = 64 // match lengths have 53; a power of 2, which spares checks of bounds
	minLog   = 5
	maxLog   = 9
	// maxDistanceLog is what zstd allows for distances.
	maxDistanceLog = 8
)

// prepare builds the table for total codes that are counted, with at most
// 1<<log states.
func (t *fseTable) prepare(total, log int) {
	used := 0
	for c, n := range t.counts {
		if n > 0 {
			used++
			t.top = uint8(c)
		}
	}
	if t.single = used == 1; t.single { // one state, which takes no bits
		t.log, t.states[0] = 0, 0
		t.delta[t.top].bits, t.delta[t.top].state = 0, 0
		return
	}
	t.log = uint8(min(log, max(minLog, bits.Len(uint(total))-2, bits.Len(uint(used))+1)))
	t.normalize(uint32(total))
	t.build()
}

// normalize scales the counts to the number of states, at least 1 each.
func (t *fseTable) normalize(total uint32) {
	size := uint32(1) << t.log
	left, largest := int(size), 0
	for c, n := range t.counts {
		t.norm[c] = 0
		if n == 0 {
			continue
		}
		t.norm[c] = max(1, uint32(uint64(n)*uint64(size)/uint64(total)))
		left -= int(t.norm[c])
		if t.norm[c] > t.norm[largest] {
			largest = c
		}
	}
	// Rounding leaves states over, or takes too many where rare codes were
	// raised to 1; the most frequent codes have enough to settle it.
	for left < 0 {
		for c := range t.norm {
			if t.norm[c] > t.norm[largest] {
				largest = c
			}
		}
		t.norm[largest]--
		left++
	}
	t.norm[largest] += uint32(left)
}

// build spreads the codes over the states and prepares the transitions.
func (t *fseTable) build() {
	size := 1 << t.log
	step, position := size>>1+size>>3+3, 0
	var next [maxCodes]int
	total := 0
	for c := range int(t.top) + 1 {
		n := int(t.norm[c])
		next[c] = total
		for range n {
			t.symbols[position] = uint8(c)
			position = (position + step) & (size - 1)
		}
		if n > 0 {
			out := uint32(t.log) - uint32(bits.Len(uint(n-1))-1)
			if n == 1 {
				out = uint32(t.log)
			}
			t.delta[c].bits = out<<16 - uint32(n)<<out
			t.delta[c].state = int32(total - n)
		}
		total += n
	}
	for u, c := range t.symbols[:size] {
		t.states[next[c]] = uint16(size + u)
		next[c]++
	}
}

// mode is the table's compression mode in the header of a section.
func (t *fseTable) mode() byte {
	if t.single {
		return 1
	}
	return 2
}

// appendTable appends the description of the table.
func (t *fseTable) appendTable(dst []byte) []byte {
	if t.single {
		return append(dst, t.top)
	}
	w := newBitWriter(dst, 2*maxCodes)
	w.add(uint64(t.log-minLog), 4)
	remaining, width := int(1)<<t.log+1, t.log+1
	threshold := 1 << t.log
	previousZero := false
	for c := 0; c <= int(t.top) && remaining > 1; {
		if previousZero {
			start := c
			for t.norm[c] == 0 {
				c++
			}
			zeros := c - start
			for ; zeros >= 3; zeros -= 3 {
				w.add(3, 2)
				w.flush()
			}
			w.add(uint64(zeros), 2)
		}
		n := int(t.norm[c])
		c++
		high := 2*threshold - 1 - remaining
		remaining -= n
		n++ // 0 stands for a code that is less frequent than one state
		if n >= threshold {
			n += high
		}
		bitsUsed := width
		if n < high {
			bitsUsed--
		}
		w.add(uint64(n), bitsUsed)
		w.flush()
		previousZero = n == 1
		for remaining < threshold {
			width--
			threshold >>= 1
		}
	}
	return w.end()
}

// first returns the state that the last code of the sequence leads to: codes
// are encoded from the last to the first.
func (t *fseTable) first(code uint8) uint32 {
	d := t.delta[code]
	out := (d.bits + 1<<15) >> 16
	value := out<<16 - d.bits
	return uint32(t.states[int32(value>>out)+d.state])
}

// encode adds what leads from the state of a code to that of the next one to
// the count bits held.
func (t *fseTable) encode(held uint64, count uint8, state uint32, code uint8) (uint64, uint8, uint32) {
	d := t.delta[code]
	out := (state + d.bits) >> 16
	held |= uint64(state&(1<<(out&31)-1)) << (count & 63)
	return held, count + uint8(out), uint32(t.states[uint32(int32(state>>(out&31))+d.state)%(1<<maxLog)])
}

func (t *fseTable) finish(w *bitWriter, state uint32) {
	w.add(uint64(state), t.log)
	w.flush()
}

// bitWriter appends bits to a slice, the lowest first.
type bitWriter struct {
	out  []byte // with room for 8 more bytes after what is written
	at   int
	bits uint64
	n    uint8 // bits held; flush keeps it below 8
}

// newBitWriter returns a writer that appends at most size bytes to dst.
func newBitWriter(dst []byte, size int) bitWriter {
	dst = slices.Grow(dst, size+16)
	return bitWriter{out: dst[:len(dst)+size+16], at: len(dst)}
}

// add takes the lowest width bits of v. Between flushes there is room for 56.
func (w *bitWriter) add(v uint64, width uint8) {
	w.bits |= v & (1<<(width&63) - 1) << (w.n & 63)
	w.n += width
}

func (w *bitWriter) flush() {
	binary.LittleEndian.PutUint64(w.out[w.at:], w.bits)
	w.at += int(w.n >> 3)
	w.bits >>= w.n & 56
	w.n &= 7
}

// end fills the last byte with zeros and returns the slice.
func (w *bitWriter) end() []byte {
	w.n += 7
	w.flush()
	return w.out[:w.at]
}

// close marks the end: the reader starts there.
func (w *bitWriter) close() []byte {
	w.add(1, 1)
	return w.end()
}
