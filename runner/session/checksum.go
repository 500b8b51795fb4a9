package session

import "encoding/binary"

// FNV-1a of 64 bits.
const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// fold continues the FNV-1a hash h with b.
func fold(h uint64, b []byte) uint64 {
	for _, c := range b {
		h = (h ^ uint64(c)) * fnvPrime
	}
	return h
}

// foldWord continues h with the eight bytes of v, the lowest first.
func foldWord(h, v uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	return fold(h, b[:])
}

// Checksum is the FNV-1a hash of the frame's canonical bytes.
func (f *Frame) Checksum() uint64 { return fold(fnvOffset, f.AppendCanonical(nil)) }
