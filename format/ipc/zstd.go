package ipc

import (
	"encoding/binary"
	"math/bits"

	"github.com/klauspost/compress/huff0"
)

// blockEncoder writes the blocks of zstd frames (RFC 8878) of sequences that
// somebody else has found. Any decoder reads them.
//
// A sequence is some literals followed by a match: bytes that stand already at
// a distance before it. Literals behind the last match of a block belong to no
// sequence.
type blockEncoder struct {
	repeats               [3]uint32 // the last distances
	literals              []byte
	sequences             []sequence
	huff                  huff0.Scratch
	litTable              fseTable
	matchTable, distTable fseTable
}

// sequence is the lengths of its literals and match and its distance, and their
// codes. count puts what zstd has for the distance in its place: 1 to 3 for one
// of the last three, else the distance plus 3.
type sequence struct {
	literals, match, distance uint32
	lc, mc, dc                uint8
}

const (
	maxBlock = 128 << 10 // bytes of data in a block
	minMatch = 3         // length of a match
)

// open begins a frame of n bytes, which is one segment.
func (e *blockEncoder) open(dst []byte, n int) []byte {
	e.repeats = [3]uint32{1, 4, 8}
	e.begin()
	dst = append(dst, 0x28, 0xB5, 0x2F, 0xFD, 2<<6|1<<5) // magic; single segment, content size of 4 bytes
	return binary.LittleEndian.AppendUint32(dst, uint32(n))
}

// begin begins a block.
func (e *blockEncoder) begin() {
	if e.literals == nil {
		e.literals, e.sequences = make([]byte, 0, maxBlock+maxShort), make([]sequence, 0, maxBlock/minMatch+1)
	}
	e.literals, e.sequences = e.literals[:0], e.sequences[:0]
}

// add adds a sequence, whose literals are there already.
func (e *blockEncoder) add(literals, match, distance uint32) {
	n := len(e.sequences)
	e.sequences = e.sequences[:n+1] // in place: to copy what was just written bytewise stalls the processor
	s := &e.sequences[n]
	s.literals, s.match, s.distance = literals, match, distance
}

// count finds the codes of the sequences, and how often each stands there.
func (e *blockEncoder) count() {
	lits, match, dist := &e.litTable.counts, &e.matchTable.counts, &e.distTable.counts
	*lits, *match, *dist = fseCounts{}, fseCounts{}, fseCounts{}
	last, second, third := e.repeats[0], e.repeats[1], e.repeats[2]
	for i := range e.sequences {
		s := &e.sequences[i]
		// Without literals the last distance cannot be meant, and what would
		// stand for it stands for the one before.
		bare := uint32(0)
		if s.literals == 0 {
			bare = 1
		}
		switch d := s.distance; {
		case d == last && bare == 0:
			s.distance = 1
		case d == second:
			s.distance, last, second = 2-bare, d, last
		case d == third:
			s.distance, last, second, third = 3-bare, d, last, second
		default:
			s.distance, last, second, third = d+3, d, last, second
		}
		s.lc, s.mc, s.dc = literalCode(s.literals), matchCode(s.match), distanceCode(s.distance)
		lits[s.lc%maxCodes]++
		match[s.mc%maxCodes]++
		dist[s.dc%maxCodes]++
	}
	e.repeats = [3]uint32{last, second, third}
}

// appendBlock appends the block of data from at to end, whose sequences are
// filled in, and begins the next one: compressed, or as it is where that is not
// longer.
func (e *blockEncoder) appendBlock(dst, data []byte, at, end int) []byte {
	last := 0
	if end == len(data) {
		last = 1
	}
	start, repeats := len(dst), e.repeats
	dst = append(dst, 0, 0, 0)
	if len(e.sequences) > 0 || len(e.literals) >= minHuffman {
		dst = e.appendLiterals(dst)
		dst = e.appendSequences(dst)
	}
	kind, size := 2, len(dst)-start-3
	if size == 0 || size >= end-at {
		kind, size = 0, end-at
		dst = append(dst[:start+3], data[at:end]...)
		e.repeats = repeats // decoders do not see the sequences
	}
	header := last | kind<<1 | size<<3
	dst[start], dst[start+1], dst[start+2] = byte(header), byte(header>>8), byte(header>>16)
	e.begin()
	return dst
}

// minHuffman is the number of literals from which a Huffman table is tried.
const minHuffman = 1024

// appendLiterals appends the section of literals.
func (e *blockEncoder) appendLiterals(dst []byte) []byte {
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
func (e *blockEncoder) appendSequences(dst []byte) []byte {
	n := len(e.sequences)
	switch {
	case n < 128:
		dst = append(dst, byte(n))
	case n < 0x7F00:
		dst = append(dst, byte(n>>8)+0x80, byte(n))
	default:
		dst = append(dst, 0xFF, byte(n-0x7F00), byte((n-0x7F00)>>8))
	}
	if n == 0 {
		return dst
	}
	e.count()
	lits, match, dist := &e.litTable, &e.matchTable, &e.distTable
	lits.prepare(n, maxLog)
	match.prepare(n, maxLog)
	dist.prepare(n, maxDistanceLog)
	dst = append(dst, lits.mode()<<6|dist.mode()<<4|match.mode()<<2)
	dst = lits.appendTable(dst)
	dst = dist.appendTable(dst)
	dst = match.appendTable(dst)
	return e.appendCodes(dst)
}

// appendCodes appends the codes and their additional bits, from the last
// sequence to the first. It is the inner loop of all compression: what a
// bitWriter has in memory is in variables here.
func (e *blockEncoder) appendCodes(dst []byte) []byte {
	lits, match, dist := &e.litTable, &e.matchTable, &e.distTable
	n := len(e.sequences) - 1
	s := &e.sequences[n]
	inMatch, inDist, inLits := match.first(s.mc), dist.first(s.dc), lits.first(s.lc)
	w := newBitWriter(dst, 12*(n+1))
	out, at, held, count := w.out, w.at, uint64(0), uint8(0)
	for {
		if s.lc >= firstLiteral {
			c := (s.lc - firstLiteral) % uint8(len(literalBits))
			held |= uint64(s.literals-literalBases[c]) << (count & 63)
			count += literalBits[c]
		}
		if s.mc >= firstMatch {
			c := (s.mc - firstMatch) % uint8(len(matchBits))
			held |= uint64(s.match-matchBases[c]) << (count & 63)
			count += matchBits[c]
		}
		if count > 24 { // there is room for a distance
			binary.LittleEndian.PutUint64(out[at:], held)
			at, held, count = at+int(count>>3), held>>(count&56), count&7
		}
		held |= uint64(s.distance&(1<<(s.dc&31)-1)) << (count & 63)
		count += s.dc
		binary.LittleEndian.PutUint64(out[at:], held)
		at, held, count = at+int(count>>3), held>>(count&56), count&7
		if n--; n < 0 {
			break
		}
		s = &e.sequences[n]
		held, count, inDist = dist.encode(held, count, inDist, s.dc)
		held, count, inMatch = match.encode(held, count, inMatch, s.mc)
		held, count, inLits = lits.encode(held, count, inLits, s.lc)
		if count > 31 { // there is room for both lengths
			binary.LittleEndian.PutUint64(out[at:], held)
			at, held, count = at+int(count>>3), held>>(count&56), count&7
		}
	}
	w.at, w.bits, w.n = at, held, count
	match.finish(&w, inMatch)
	dist.finish(&w, inDist)
	lits.finish(&w, inLits)
	return w.close()
}

// literalCode returns the code of a literal length.
func literalCode(n uint32) uint8 {
	if n < uint32(len(literalCodes)) {
		return literalCodes[n]
	}
	return uint8(bits.Len32(n)) + 18
}

// matchCode returns the code of a match length.
func matchCode(n uint32) uint8 {
	if n < uint32(len(matchCodes)) {
		return matchCodes[n]
	}
	return uint8(bits.Len32(n-minMatch)) + 35
}

// literalCodes and matchCodes are the codes of short lengths. Those of longer
// ones double from code to code.
var literalCodes, matchCodes = func() (l [64]uint8, m [128 + minMatch]uint8) {
	for n := range l {
		l[n] = lengthCode(uint32(n), firstLiteral, literalBases[:])
	}
	for n := minMatch; n < len(m); n++ {
		m[n] = lengthCode(uint32(n), firstMatch, matchBases[:])
		if n < int(matchBases[0]) {
			m[n] -= minMatch
		}
	}
	return l, m
}()

// lengthCode returns the length itself if it is below the first base.
func lengthCode(n uint32, first uint8, bases []uint32) uint8 {
	if n < bases[0] {
		return uint8(n)
	}
	for len(bases) > 1 && bases[1] <= n {
		first, bases = first+1, bases[1:]
	}
	return first
}

// distanceCode returns the code of a distance, which is also the number of its
// additional bits.
func distanceCode(n uint32) uint8 { return uint8(bits.Len32(n) - 1) }

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
