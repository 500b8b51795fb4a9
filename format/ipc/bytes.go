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
	*blockEncoder
	packed  []byte // what s2 made of the data
	data    []byte
	dst     []byte
	start   int // of the block
	at      int // what is before is in the block
	pending int // literals since the last match
}

// minBytes is the length from which it gains: each block has tables of its own.
const minBytes = 8 << 10

// maxPiece bounds the memory of s2, and how far it looks back.
const maxPiece = 2 << 20

// append appends a frame with data. ok is false, and dst of no use, where data
// looks random: it is not worth a second look.
func (e *byteEncoder) append(dst, data []byte) (out []byte, ok bool) {
	e.dst, e.data = e.open(dst, len(data)), data
	e.start, e.at, e.pending = 0, 0, 0
	for len(data) > 0 {
		n := min(len(data), maxPiece)
		packed := e.pack(data[:n])
		if len(packed) >= n && n == len(e.data) && uniform(data) {
			return dst, false
		}
		e.split(packed[:len(packed)+overread])
		data = data[n:]
	}
	if e.at > e.start || len(e.data) == 0 {
		e.flush()
	}
	dst, e.dst, e.data = e.dst, nil, nil
	return dst, true
}

// pack returns what s2 makes of data, behind which overread bytes may be read.
func (e *byteEncoder) pack(data []byte) []byte {
	if need := s2.MaxEncodedLen(len(data)) + overread; cap(e.packed) < need {
		e.packed = make([]byte, need)
	}
	return s2.Encode(e.packed[:cap(e.packed)-overread], data)
}

// periodic reports whether data begins with the same few values again and again,
// as columns do whose calls are all alike.
func (e *byteEncoder) periodic(data []byte) bool {
	const sample, ratio = 4 << 10, 32
	head := data[:min(len(data), sample)]
	return len(e.pack(head)) < len(head)/ratio
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

// flush ends the block.
func (e *byteEncoder) flush() {
	e.dst = e.appendBlock(e.dst, e.data, e.start, e.at)
	e.start, e.pending = e.at, 0
}

// split takes an s2 block, behind which are overread bytes, apart: its length,
// then literals and matches.
func (e *byteEncoder) split(s []byte) {
	_, i := binary.Uvarint(s)
	end := len(s) - overread
	for distance := uint32(0); i < end; {
		if i, distance = e.short(s, i, distance); i < end {
			i, distance = e.element(s, i, distance)
		}
	}
}

// element takes one element of an s2 block, which begins at i, and returns
// where the next one begins and the last distance.
func (e *byteEncoder) element(s []byte, i int, distance uint32) (int, uint32) {
	tag := s[i]
	i++
	length := int(tag >> 2)
	switch tag & 3 {
	case 0: // literals; the longest have their length in up to 4 bytes
		if more := length - 59; more > 0 {
			length = int(little(s[i:], more))
			i += more
		}
		length++
		e.literal(s[i : i+length])
		return i + length, distance
	case 1: // a match of 4 to 11 bytes, or one that repeats the distance
		to := uint32(tag>>5)<<8 | uint32(s[i])
		i++
		if length &= 7; to != 0 {
			distance = to
		} else if more := length - 4; more > 0 {
			length = int(little(s[i:], more)) + [...]int{4, 1 << 8, 1 << 16}[more-1]
			i += more
		}
		length += 4
	case 2:
		distance, i = uint32(binary.LittleEndian.Uint16(s[i:])), i+2
		length++
	case 3:
		distance, i = binary.LittleEndian.Uint32(s[i:]), i+4
		length++
	}
	if distance < farDistance && length > longMatch {
		e.copyFar(distance, length)
	} else {
		e.copyAcross(distance, length)
	}
	return i, distance
}

// overread is how many bytes behind an s2 block may be read.
const overread = 16

// s2Tag is what follows from the first byte of an element that short takes:
// the length of literals or a match, the high bits of a match's distance and
// the number of bytes with the rest of it, 0 for literals.
type s2Tag struct {
	length, more uint8
	distance     uint16
}

// maxShort is the length of literals that are short.
const maxShort = 16

var s2Tags = func() (tags [256]s2Tag) {
	for tag := range 256 {
		length := uint8(tag >> 2)
		switch tag & 3 {
		case 0:
			if length < maxShort {
				tags[tag].length = length + 1
			}
		case 1:
			tags[tag] = s2Tag{length&7 + 4, 1, uint16(tag >> 5 << 8)}
		case 2:
			tags[tag] = s2Tag{length + 1, 2, 0}
		case 3:
			tags[tag] = s2Tag{length + 1, 4, 0}
		}
	}
	return tags
}()

// short does what element does with all elements up to one that is not short or
// that the block has no room for. With appendCodes it is most of what text
// costs: it does not branch on the kind of a match, and what is in e is in
// variables here.
func (e *byteEncoder) short(s []byte, i int, distance uint32) (int, uint32) {
	at, pending, limit := e.at, e.pending, e.start+maxBlock
	literals, l := e.literals[:cap(e.literals)], len(e.literals)
	sequences, n := e.sequences[:cap(e.sequences)], len(e.sequences)
	for end := len(s) - overread; i < end; {
		tag := s2Tags[s[i]]
		length := int(tag.length)
		if length == 0 || at+length >= limit {
			break
		}
		if tag.more == 0 {
			copy(literals[l:l+maxShort], s[i+1:i+1+maxShort])
			i += 1 + length
			at, l, pending = at+length, l+length, pending+length
			continue
		}
		to := uint32(tag.distance) | uint32(uint64(binary.LittleEndian.Uint32(s[i+1:]))&(1<<(8*tag.more&63)-1))
		if to == 0 { // the distance repeats, and the length may be in the next byte
			if length > 8 {
				length = 8 + int(s[i+2])
				if tag.length > 9 || at+length >= limit {
					break
				}
				i++
			}
			to = distance
		}
		i += 1 + int(tag.more)
		at += length
		distance = to
		if pending == 0 && n > 0 && sequences[n-1].distance == to {
			sequences[n-1].match += uint32(length)
			continue
		}
		q := &sequences[n]
		q.literals, q.match, q.distance = uint32(pending), uint32(length), to
		n++
		pending = 0
	}
	e.at, e.pending, e.literals, e.sequences = at, pending, literals[:l], sequences[:n]
	return i, distance
}

// A long match of a short period is copied from several periods before as soon
// as they are there: decoders take a third of the time if what they read is not
// what they have just written. A very long one is copied in parts, each from as
// far as its length: a sixth of the time, if a decoder writes what a match reads
// byte by byte.
const (
	farDistance = 64
	longMatch   = 4 * farDistance
	longerMatch = 32 << 10
)

// copyFar is copyAcross of a long match of a short period.
func (e *byteEncoder) copyFar(period uint32, n int) {
	far := (farDistance + period - 1) / period * period
	e.copyAcross(period, int(far-period))
	n -= int(far - period)
	for n >= longerMatch && far < maxBlock {
		part := min(n, int(far))
		e.copyAcross(far, part)
		n -= part
		far *= 2
	}
	e.copyAcross(far, n)
}

// little reads a little-endian number of n bytes.
func little(s []byte, n int) uint32 {
	v := uint32(0)
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint32(s[i])
	}
	return v
}

// literal takes bytes as they are.
func (e *byteEncoder) literal(data []byte) {
	for len(data) > 0 {
		part := min(len(data), e.start+maxBlock-e.at)
		e.literals = append(e.literals, data[:part]...)
		e.at += part
		e.pending += part
		if data = data[part:]; e.at == e.start+maxBlock {
			e.flush()
		}
	}
}

// copy takes n bytes that stand at a distance before, all of them in the block.
func (e *byteEncoder) copy(distance uint32, n int) {
	e.at += n
	if last := len(e.sequences) - 1; e.pending == 0 && last >= 0 && e.sequences[last].distance == distance {
		e.sequences[last].match += uint32(n)
		return
	}
	e.add(uint32(e.pending), uint32(n), distance)
	e.pending = 0
}

// copyAcross is copy that may reach beyond the end of the block: the rest is the
// next one's.
func (e *byteEncoder) copyAcross(distance uint32, n int) {
	for n > 0 {
		part := min(n, e.start+maxBlock-e.at)
		if part < minMatch {
			e.literal(e.data[e.at : e.at+part])
		} else {
			e.copy(distance, part)
		}
		if n -= part; e.at == e.start+maxBlock {
			e.flush()
		}
	}
}
