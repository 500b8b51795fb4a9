package ipc

import (
	"encoding/binary"
	"math/bits"

	"github.com/klauspost/compress/huff0"
)

// wordEncoder writes zstd frames of columns of 64-bit words that rise or
// jitter: times, durations, ends of variable-length values. In such a column a
// word differs from the one before in its low bytes only. Each row becomes one
// sequence: the low bytes as literals, then a match of the high bytes at
// distance 8. A general encoder finds the same sequences at three times the
// cost, and these columns are most of what an event costs to compress.
//
// The frame is plain zstd (RFC 8878): any decoder reads it.
type wordEncoder struct {
	literals   []byte
	lits, ml   []uint32 // literal length and match length of each sequence
	lc, mc     []uint8  // their codes
	huff       huff0.Scratch
	litTable   fseTable
	matchTable fseTable
}

const (
	wordBlock   = 128 << 10 // largest block that zstd allows
	maxLowBytes = 5         // more leave no match of at least 3 bytes
)

// append appends a frame with data, whose length is a multiple of 8. ok is
// false, and dst of no use, where the column does not have the shape that this
// is for.
func (e *wordEncoder) append(dst, data []byte) (out []byte, ok bool) {
	dst = append(dst, 0x28, 0xB5, 0x2F, 0xFD, 2<<6|1<<5) // magic; single segment, content size of 4 bytes
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(data)))
	limit := len(dst) + len(data)/2
	// zstd begins with the distances 1, 4 and 8 as those that repeat. The first
	// sequence picks the third; it has a block of its own, so that in all others
	// the distance is always the last one and costs nothing.
	first := e.firstSequence(data)
	if first == 0 {
		return dst, false
	}
	dst = e.block(dst, data, 0, first, 3)
	for at := first; at < len(data); {
		end := min(at+wordBlock, len(data))
		e.sequences(data, at, end)
		dst = e.block(dst, data, at, end, 1)
		if len(dst) > limit {
			return dst, false
		}
		at = end
	}
	return dst, true
}

// firstSequence fills in the rows up to the first match, and returns their
// length in bytes; 0 if there is no match within the first rows or none of
// them is followed by others.
func (e *wordEncoder) firstSequence(data []byte) int {
	for end := 16; end <= 512 && end < len(data); end += 8 {
		e.sequences(data, 0, end)
		if len(e.lits) == 1 {
			return end
		}
	}
	return 0
}

// sequences splits the rows of data from at to end.
func (e *wordEncoder) sequences(data []byte, at, end int) {
	if cap(e.literals) < end-at+8 {
		e.literals = make([]byte, wordBlock+8)
		e.lits, e.ml = make([]uint32, 0, wordBlock/8), make([]uint32, 0, wordBlock/8)
	}
	literals, lits, ml := e.literals[:cap(e.literals)], e.lits[:0], e.ml[:0]
	n := 0               // literals
	pending := uint32(0) // literals since the last match
	matched := false     // the last row ended in a match
	prev := ^binary.LittleEndian.Uint64(data)
	if at > 0 {
		prev = binary.LittleEndian.Uint64(data[at-8:])
	}
	for start := at; at < end; at += 8 {
		word := binary.LittleEndian.Uint64(data[at:])
		low := (bits.Len64(word^prev) + 7) / 8
		prev = word
		if low == 0 && matched {
			ml[len(ml)-1] += 8
			continue
		}
		if at == start {
			low = max(low, 1) // without literals the last distance cannot be meant
		}
		binary.LittleEndian.PutUint64(literals[n:], word)
		if low > maxLowBytes {
			n += 8
			pending, matched = pending+8, false
			continue
		}
		n += low
		lits = append(lits, pending+uint32(low))
		ml = append(ml, uint32(8-low))
		pending, matched = 0, true
	}
	e.literals, e.lits, e.ml = literals[:n], lits, ml
}

// block appends the block of data from at to end, whose sequences are filled
// in: compressed, or as it is where that is shorter. distance is the code of all
// sequences' distance: 1 for the last one, 3 for the third.
func (e *wordEncoder) block(dst, data []byte, at, end, distance int) []byte {
	last := 0
	if end == len(data) {
		last = 1
	}
	start := len(dst)
	dst = append(dst, 0, 0, 0)
	if len(e.lits) > 0 {
		dst = e.appendLiterals(dst)
		dst = e.appendSequences(dst, distance)
	}
	kind, size := 2, len(dst)-start-3
	if len(e.lits) == 0 || size >= end-at && distance == 1 {
		// A raw block leaves the repeating distances as they were, so that the
		// first block, which sets them, must not be one.
		kind, size = 0, end-at
		dst = append(dst[:start+3], data[at:end]...)
	}
	header := last | kind<<1 | size<<3
	dst[start], dst[start+1], dst[start+2] = byte(header), byte(header>>8), byte(header>>16)
	return dst
}

// minHuffman is the number of literals from which a Huffman table is tried.
const minHuffman = 1024

// appendLiterals appends the section of literals.
func (e *wordEncoder) appendLiterals(dst []byte) []byte {
	n := uint64(len(e.literals))
	if n >= minHuffman {
		e.huff.Reuse = huff0.ReusePolicyNone
		if packed, _, err := huff0.Compress4X(e.literals, &e.huff); err == nil {
			return appendHuffman(dst, packed, n)
		}
	}
	switch {
	case n < 32:
		dst = append(dst, byte(n<<3))
	case n < 1<<12:
		dst = append(dst, byte(n<<4|1<<2), byte(n>>4))
	default:
		dst = append(dst, byte(n<<4|3<<2), byte(n>>4), byte(n>>12))
	}
	return append(dst, e.literals...)
}

// appendHuffman appends four Huffman streams that stand for n literals.
func appendHuffman(dst, packed []byte, n uint64) []byte {
	format, size, length := uint64(3), 18, 5
	if n < 1<<14 {
		format, size, length = 2, 14, 4
	}
	header := 2 | format<<2 | n<<4 | uint64(len(packed))<<(4+size)
	for range length {
		dst = append(dst, byte(header))
		header >>= 8
	}
	return append(dst, packed...)
}

// appendSequences appends the section of sequences.
func (e *wordEncoder) appendSequences(dst []byte, distance int) []byte {
	n := len(e.lits)
	if n < 128 {
		dst = append(dst, byte(n))
	} else {
		dst = append(dst, byte(n>>8)+0x80, byte(n)) // at most 16 Ki, one a row
	}
	e.lc, e.mc = e.lc[:0], e.mc[:0]
	for i, n := range e.lits {
		e.lc = append(e.lc, literalCode(n))
		e.mc = append(e.mc, matchCode(e.ml[i]))
	}
	lits, ml := &e.litTable, &e.matchTable
	lits.count(e.lc)
	ml.count(e.mc)
	const rle = 1
	dst = append(dst, lits.mode()<<6|rle<<4|ml.mode()<<2)
	dst = lits.appendTable(dst)
	dst = append(dst, byte(bits.Len(uint(distance))-1))
	dst = ml.appendTable(dst)

	w := newBitWriter(dst, 8*n)
	ml.first(e.mc[n-1])
	lits.first(e.lc[n-1])
	for i := n - 1; ; {
		if c := e.lc[i]; c >= firstLiteral {
			w.add(uint64(e.lits[i]-literalBases[c-firstLiteral]), literalBits[c-firstLiteral])
		}
		if c := e.mc[i]; c >= firstMatch {
			w.add(uint64(e.ml[i]-matchBases[c-firstMatch]), matchBits[c-firstMatch])
		}
		w.flush()
		if i--; i < 0 {
			break
		}
		ml.encode(&w, e.mc[i])
		lits.encode(&w, e.lc[i])
	}
	if distance == 3 {
		w.add(1, 1) // the distance's code 1 has one more bit
	}
	ml.finish(&w)
	lits.finish(&w)
	return w.close()
}

// literalCode returns the code of a literal length.
func literalCode(n uint32) uint8 {
	if n < literalBases[0] {
		return uint8(n)
	}
	return firstLiteral + lastNotAbove(literalBases[:], n)
}

// matchCode returns the code of a match length.
func matchCode(n uint32) uint8 {
	if n < matchBases[0] {
		return uint8(n - 3)
	}
	return firstMatch + lastNotAbove(matchBases[:], n)
}

func lastNotAbove(bases []uint32, n uint32) uint8 {
	i := len(bases) - 1
	for bases[i] > n {
		i--
	}
	return uint8(i)
}

// The first codes with extra bits.
const (
	firstLiteral = 16
	firstMatch   = 32
)

// The codes with extra bits, from RFC 8878 section 3.1.1.3.2.1.1: literal
// lengths from code 16 on, match lengths from code 32 on.
var (
	literalBases = [...]uint32{16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536}
	literalBits  = [...]uint8{1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	matchBases   = [...]uint32{35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539}
	matchBits    = [...]uint8{1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
)
