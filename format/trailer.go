package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// FrameKind is the kind of a frame.
type FrameKind uint8

// The kinds of frame.
const (
	FrameSchema FrameKind = iota + 1
	FrameDictionary
	FrameEvents
	FrameAttachment
	FrameIndex
)

var frameNames = [...]string{"", "schema", "dictionary", "events", "attachment", "index"}

func (k FrameKind) String() string {
	if k == 0 || int(k) >= len(frameNames) {
		return "unknown"
	}
	return frameNames[k]
}

// FrameKindByName is the inverse of FrameKind.String; 0 for an unknown name.
func FrameKindByName(name string) FrameKind {
	for i, n := range frameNames {
		if n == name {
			return FrameKind(i)
		}
	}
	return 0
}

// Flags of a frame.
const (
	FlagMore     = 1 << 0 // more chunks of this attachment follow
	FlagDetached = 1 << 1 // the attachment's bytes are kept elsewhere, under their sha256
)

// TrailerSize is the length of a trailer in bytes.
const TrailerSize = 64

const trailerMark = 0x31_46_54_54 // "TTF1"

// Trailer guards a frame. It is the last 64 bytes of the frame's metadata,
// where Arrow readers see padding:
//
//	0  u32 mark "TTF1"           24 u32 payload offset in the body (attachment, index)
//	4  u32 CRC32C of the header  28 u32 segment number (events)
//	8  u32 CRC32C of the body    32 u64 body length
//	12 u32 frame number          40 u64 number of the first event
//	16 u8  kind, u8 flags, 0, 0  48 i64 first time, ns
//	20 u32 rows                  56 i64 last time, ns
//
// The header's checksum covers the frame from its first byte to the end of the
// trailer, with the checksum itself as 0.
type Trailer struct {
	Kind       FrameKind
	Flags      uint8
	Frame      uint32 // number of the frame, from 0
	Rows       uint32
	Payload    uint32 // offset in the body
	Segment    uint32
	BodyLength int64
	BodyCRC    uint32
	FirstEvent int64
	FirstTime  int64
	LastTime   int64
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CRC returns the CRC32C of the parts one after the other.
func CRC(parts ...[]byte) uint32 {
	crc := uint32(0)
	for _, part := range parts {
		crc = crc32.Update(crc, castagnoli, part)
	}
	return crc
}

// AppendFrameHeader appends everything of a frame but its body: prefix,
// message, padding and trailer. at is the offset of the frame in the file, or
// any number congruent to it modulo FrameAlign.
func AppendFrameHeader(dst []byte, at int64, message []byte, t *Trailer) []byte {
	start := len(dst)
	bodyAt := at + 8 + int64(len(message)) + TrailerSize
	bodyAt += -bodyAt & (FrameAlign - 1)
	size := bodyAt - at - 8
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, 0xFFFFFFFF)
	dst = le.AppendUint32(dst, uint32(size))
	dst = append(dst, message...)
	dst = append(dst, make([]byte, size-int64(len(message)))...)
	b := dst[len(dst)-TrailerSize:]
	le.PutUint32(b[0:], trailerMark)
	le.PutUint32(b[8:], t.BodyCRC)
	le.PutUint32(b[12:], t.Frame)
	b[16], b[17] = byte(t.Kind), t.Flags
	le.PutUint32(b[20:], t.Rows)
	le.PutUint32(b[24:], t.Payload)
	le.PutUint32(b[28:], t.Segment)
	le.PutUint64(b[32:], uint64(t.BodyLength))
	le.PutUint64(b[40:], uint64(t.FirstEvent))
	le.PutUint64(b[48:], uint64(t.FirstTime))
	le.PutUint64(b[56:], uint64(t.LastTime))
	le.PutUint32(b[4:], CRC(dst[start:]))
	return dst
}

// ErrNoTrailer is returned for a header that does not end in a trailer: the
// bytes are no frame of ours.
var ErrNoTrailer = errors.New("no frame trailer")

// ParseFrameHeader checks the header of a frame, from its prefix to the end of
// its trailer, and returns the trailer and the message with its padding.
func ParseFrameHeader(header []byte) (*Trailer, []byte, error) {
	le := binary.LittleEndian
	if len(header) < 8+TrailerSize || le.Uint32(header) != 0xFFFFFFFF {
		return nil, nil, ErrNoTrailer
	}
	b := header[len(header)-TrailerSize:]
	if le.Uint32(b) != trailerMark || int64(le.Uint32(header[4:])) != int64(len(header)-8) {
		return nil, nil, ErrNoTrailer
	}
	want := le.Uint32(b[4:])
	got := crc32.Update(0, castagnoli, header[:len(header)-TrailerSize+4])
	got = crc32.Update(got, castagnoli, make([]byte, 4))
	got = crc32.Update(got, castagnoli, b[8:])
	if got != want {
		return nil, nil, fmt.Errorf("header checksum %08x, want %08x", got, want)
	}
	t := &Trailer{
		BodyCRC:    le.Uint32(b[8:]),
		Frame:      le.Uint32(b[12:]),
		Kind:       FrameKind(b[16]),
		Flags:      b[17],
		Rows:       le.Uint32(b[20:]),
		Payload:    le.Uint32(b[24:]),
		Segment:    le.Uint32(b[28:]),
		BodyLength: int64(le.Uint64(b[32:])),
		FirstEvent: int64(le.Uint64(b[40:])),
		FirstTime:  int64(le.Uint64(b[48:])),
		LastTime:   int64(le.Uint64(b[56:])),
	}
	if t.BodyLength < 0 || t.BodyLength%FrameAlign != 0 || int64(t.Payload) > t.BodyLength || t.FirstEvent < 0 {
		return nil, nil, fmt.Errorf("trailer with body of %d bytes, payload at %d, first event %d", t.BodyLength, t.Payload, t.FirstEvent)
	}
	return t, header[8 : len(header)-TrailerSize], nil
}
