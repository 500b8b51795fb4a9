package ipc

import (
	"encoding/binary"

	"github.com/klauspost/compress/s2"
)

// byteEncoder writes zstd frames of text and other bytes. The matches are those
// that s2 finds, in assembly where the processor has it: three times as fast as
// the general encoder does, which spends nearly all of its time on that. Their
// entropy is then coded as zstd does it, to about the same size.
type byteEncoder struct {
	blockEncoder
	packed  []byte    // what s2 made of the data
	repeats [3]uint32 // the distances that repeat
	before  [3]uint32 // the same at the beginning of the block
	data    []byte
	dst     []byte
	start   int // of the block
	at      int // what is before is in the block
	pending int // literals since the last match
	// The match that ends at at, if its length is not 0, and its literals: the
	// next one may make it longer.
	lits, match, distance uint32
}

// minBytes is the length from which it gains: each block has tables of its own.
const minBytes = 8 << 10

// maxPiece bounds the memory of s2, and how far it looks back.
const maxPiece = 4 << 20

// append appends a frame with data. ok is false, and dst of no use, where data
// looks random: it is not worth a second look.
func (e *byteEncoder) append(dst, data []byte) (out []byte, ok bool) {
	e.dst, e.data = appendFrameHeader(dst, len(data)), data
	e.start, e.at, e.pending, e.repeats = 0, 0, 0, [3]uint32{1, 4, 8}
	e.open()
	for len(data) > 0 {
		n := min(len(data), maxPiece)
		if need := s2.MaxEncodedLen(n); cap(e.packed) < need {
			e.packed = make([]byte, need)
		}
		packed := s2.Encode(e.packed[:cap(e.packed)], data[:n])
		if len(packed) >= n && n == len(e.data) && uniform(data) {
			return dst, false
		}
		e.split(packed)
		data = data[n:]
	}
	if e.at > e.start || len(e.data) == 0 {
		e.flush()
	}
	dst, e.dst, e.data = e.dst, nil, nil
	return dst, true
}

// uniform reports whether a sample of data has all bytes about equally often.
func uniform(data []byte) bool {
	const size = 4 << 10
	if len(data) < size {
		return false
	}
	var counts [256]int
	for _, b := range data[len(data)/2-size/2:][:size] {
		counts[b]++
	}
	squares := 0
	for _, n := range counts {
		squares += n * n
	}
	const random = size + size*size/256
	return squares < random+random/8
}

// open begins a block.
func (e *byteEncoder) open() {
	e.begin()
	e.before, e.match = e.repeats, 0
}

// flush ends the block.
func (e *byteEncoder) flush() {
	e.settle()
	e.keep(e.pending)
	var compressed bool
	if e.dst, compressed = e.appendBlock(e.dst, e.data, e.start, e.at, false); !compressed {
		e.repeats = e.before
	}
	e.start, e.pending = e.at, 0
	e.open()
}

// split takes an s2 block apart: its length, then literals and matches.
func (e *byteEncoder) split(s []byte) {
	_, n := binary.Uvarint(s)
	distance := 0
	for s = s[n:]; len(s) > 0; {
		tag := int(s[0])
		length := tag >> 2
		switch tag & 3 {
		case 0: // literals; the longest have their length in up to 4 bytes
			more := max(0, length-59)
			if more > 0 {
				length = int(little(s[1:], more))
			}
			length++
			e.literal(length)
			s = s[1+more+length:]
			continue
		case 1: // a match of 4 to 11 bytes, or one that repeats the distance
			to := tag>>5<<8 | int(s[1])
			s = s[2:]
			if length &= 7; to != 0 {
				distance = to
			} else if more := length - 4; more > 0 {
				length = int(little(s, more)) + [...]int{4, 1 << 8, 1 << 16}[more-1]
				s = s[more:]
			}
			length += 4
		case 2:
			distance, s = int(binary.LittleEndian.Uint16(s[1:])), s[3:]
			length++
		case 3:
			distance, s = int(binary.LittleEndian.Uint32(s[1:])), s[5:]
			length++
		}
		if distance < farDistance && length > longMatch {
			e.copyFar(distance, length)
		} else {
			e.copyAny(uint32(distance), length)
		}
	}
}

// A long match of a short period is copied from several periods before as soon
// as they are there: decoders take a third of the time if what they read is not
// what they have just written.
const (
	farDistance = 64
	longMatch   = 4 * farDistance
)

// copyFar is copyAny of a long match of a short period.
func (e *byteEncoder) copyFar(period, n int) {
	far := (farDistance + period - 1) / period * period
	e.copyAny(uint32(period), far-period)
	e.copyAny(uint32(far), n-far+period)
}

// copyAny takes n bytes that stand at a distance before.
func (e *byteEncoder) copyAny(distance uint32, n int) {
	if e.at+n < e.start+maxBlock {
		e.copy(distance, n)
	} else {
		e.copyAcross(distance, n)
	}
}

// little reads a little-endian number of n bytes.
func little(s []byte, n int) uint32 {
	v := uint32(0)
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint32(s[i])
	}
	return v
}

// literal takes n bytes as they are.
func (e *byteEncoder) literal(n int) {
	for n > 0 {
		part := min(n, e.start+maxBlock-e.at)
		e.at += part
		e.pending += part
		if n -= part; e.at == e.start+maxBlock {
			e.flush()
		}
	}
}

// copy takes n bytes that stand at a distance before, all of them in the block.
func (e *byteEncoder) copy(distance uint32, n int) {
	e.at += n
	if e.pending == 0 && e.match > 0 && distance == e.distance {
		e.match += uint32(n)
		return
	}
	e.settle()
	e.lits, e.match, e.distance = uint32(e.pending), uint32(n), distance
	if e.pending > 0 {
		end := e.at - n
		e.literals = append(e.literals, e.data[end-e.pending:end]...)
		e.pending = 0
	}
}

// copyAcross is copy beyond the end of the block: the rest is the next one's.
func (e *byteEncoder) copyAcross(distance uint32, n int) {
	for n > 0 {
		part := min(n, e.start+maxBlock-e.at)
		if part < minMatch {
			e.literal(part)
		} else {
			e.copy(distance, part)
		}
		if n -= part; e.at == e.start+maxBlock {
			e.flush()
		}
	}
}

// keep adds the last n bytes to the literals.
func (e *byteEncoder) keep(n int) {
	e.literals = append(e.literals, e.data[e.at-n:e.at]...)
}

// settle adds the sequence of the last match.
func (e *byteEncoder) settle() {
	if e.match > 0 {
		e.add(e.lits, e.match, e.number(e.distance, e.lits == 0))
		e.match = 0
	}
}

// number returns what stands for a distance, and remembers that. Without
// literals the last distance cannot be meant, and what would stand for it
// stands for the one before.
func (e *byteEncoder) number(distance uint32, bare bool) uint32 {
	r := &e.repeats
	shift := uint32(0)
	if bare {
		shift = 1
	}
	switch {
	case distance == r[0] && !bare:
		return 1
	case distance == r[1]:
		r[0], r[1] = distance, r[0]
		return 2 - shift
	case distance == r[2]:
		r[0], r[1], r[2] = distance, r[0], r[1]
		return 3 - shift
	}
	r[0], r[1], r[2] = distance, r[0], r[1]
	return distance + 3
}
