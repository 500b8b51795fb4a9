package format

import (
	"encoding/binary"
	"fmt"
)

// The tail closes a file: end of stream, footer, mark and CRC32C of the
// footer, footer length and magic.
//
//	FF FF FF FF 00 00 00 00     end of stream
//	footer flatbuffer, zero padding to a multiple of 8
//	u32 mark "TTE1", u32 CRC32C of all from the footer's first byte up to the mark
//	i32 length of the footer, padding, mark and checksum
//	"ARROW1"
const (
	tailMark = 0x31_45_54_54 // "TTE1"
	// TailEnd is the length of what follows the footer's bytes: mark,
	// checksum, length and magic.
	TailEnd = 8 + 4 + len(Magic)
	// EndOfStreamSize is the length of the end-of-stream mark.
	EndOfStreamSize = 8
)

// AppendTail appends the tail with the given footer.
func AppendTail(dst, footer []byte) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, 0xFFFFFFFF)
	dst = le.AppendUint32(dst, 0)
	start := len(dst)
	dst = append(dst, footer...)
	for (len(dst)-start)%8 != 0 {
		dst = append(dst, 0)
	}
	crc := CRC(dst[start:])
	dst = le.AppendUint32(dst, tailMark)
	dst = le.AppendUint32(dst, crc)
	dst = le.AppendUint32(dst, uint32(len(dst)-start))
	return append(dst, Magic...)
}

// FooterLength reads the last 10 bytes of a file: the footer's length,
// checksum included. ok is false where no Arrow file ends.
func FooterLength(end []byte) (n int64, ok bool) {
	if len(end) < 4+len(Magic) || string(end[len(end)-len(Magic):]) != Magic {
		return 0, false
	}
	n = int64(int32(binary.LittleEndian.Uint32(end[len(end)-len(Magic)-4:])))
	return n, n > 8
}

// CheckFooter checks a footer of FooterLength bytes and returns its
// flatbuffer. ErrNotTrace is returned for an Arrow file of somebody else.
func CheckFooter(footer []byte) ([]byte, error) {
	le := binary.LittleEndian
	n := len(footer) - 8
	if n < 0 || le.Uint32(footer[n:]) != tailMark {
		return nil, ErrNotTrace
	}
	if got, want := CRC(footer[:n]), le.Uint32(footer[n+4:]); got != want {
		return nil, fmt.Errorf("footer checksum %08x, want %08x", got, want)
	}
	return footer[:n], nil
}
