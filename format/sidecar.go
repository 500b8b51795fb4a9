package format

import (
	"encoding/binary"
	"fmt"
)

// The sidecar NAME.open holds the open segment of a recording in progress, and
// while that is being compressed the one before it. Its columns are appended
// to in place through a memory map, so that every row whose event had returned
// to the guest is on file when the recorder dies.
//
//	0    "TTOPEN01"
//	8    16 bytes: id of the trace
//	64   slot 0, 64 bytes
//	128  slot 1
//	4096 the slots' regions
//
// A slot, all integers little-endian:
//
//	0   u64 offset of its region in the file
//	8   u64 capacity in rows
//	16  u64 capacity of its input bytes
//	24  u64 capacity of its output bytes
//	32  u64 number of its segment plus 1, 0 if the slot is unused
//	40  u64 number of its first event
//	48  u64 count of complete rows, stored after a row is complete
//
// A slot whose segment the main file already holds is stale. A slot is taken
// for the next segment by storing count 0, then segment 0, then the other
// fields, then the new segment: a reader copies rows, then checks that the
// segment has stayed the same.
const (
	SidecarMagic      = "TTOPEN01"
	SidecarIDAt       = 8
	SidecarSlots      = 2
	SidecarSlotAt     = 64
	SidecarSlotSize   = 64
	SidecarHeaderSize = 4096

	SlotOffset     = 0
	SlotRows       = 8
	SlotInput      = 16
	SlotOutput     = 24
	SlotSegment    = 32
	SlotFirstEvent = 40
	SlotCount      = 48
)

// Columns of a sidecar's region, in the order in which they lie there.
// SideHas is the event's Has; SideInputEnd and SideOutputEnd are ends of the
// row's bytes in the heaps, with one more element at the front that is 0.
const (
	SideTime = iota
	SideDuration
	SideValue
	SideHash
	SideP0
	SideInputEnd  = SideP0 + NumParams
	SideOutputEnd = SideInputEnd + 1
	SideHas       = SideInputEnd + 2
	SideTask      = SideInputEnd + 3
	SideErrno     = SideInputEnd + 4
	SideModule    = SideInputEnd + 5
	SideFunction  = SideInputEnd + 6
	SideKind      = SideInputEnd + 7
	NumSide       = SideInputEnd + 8
)

// SideWidth returns the width in bytes of an element of a region's column.
func SideWidth(column int) int64 {
	switch {
	case column <= SideOutputEnd:
		return 8
	case column <= SideErrno:
		return 4
	case column <= SideFunction:
		return 2
	}
	return 1
}

// SidecarRegion is the layout of a region: offsets from the region's start.
type SidecarRegion struct {
	Columns [NumSide]int64
	Input   int64
	Output  int64
	Size    int64
}

// sideStagger moves each column on, so that elements of the same row do not
// compete for the same set of the processor's cache.
const sideStagger = 5 * 64

// NewSidecarRegion lays out a region of the given capacities.
func NewSidecarRegion(rows, input, output int64) SidecarRegion {
	var r SidecarRegion
	at := int64(0)
	for c := range r.Columns {
		r.Columns[c] = at
		at += (rows+1)*SideWidth(c) + sideStagger
		at += -at & 63
	}
	r.Input = at
	at += input
	at += -at & 63
	r.Output = at
	at += output
	r.Size = at + (-at & 4095)
	return r
}

// SidecarSlot is a slot as read from a sidecar's header.
type SidecarSlot struct {
	Offset, Rows, Input, Output int64
	Segment                     int64 // -1 if unused
	FirstEvent, Count           int64
}

// ParseSidecarSlot reads slot i of a sidecar's header and checks that its
// region lies within a file of the given size.
func ParseSidecarSlot(header []byte, i int, size int64) (SidecarSlot, error) {
	b := header[SidecarSlotAt+i*SidecarSlotSize:]
	u := func(at int) int64 { return int64(binary.LittleEndian.Uint64(b[at:])) }
	s := SidecarSlot{u(SlotOffset), u(SlotRows), u(SlotInput), u(SlotOutput), u(SlotSegment) - 1, u(SlotFirstEvent), u(SlotCount)}
	if s.Segment < 0 {
		return s, nil
	}
	const huge = 1 << 32
	for _, v := range []int64{s.Rows, s.Input, s.Output} {
		if v < 0 || v > huge {
			return s, fmt.Errorf("slot %d: capacity %d", i, v)
		}
	}
	region := NewSidecarRegion(s.Rows, s.Input, s.Output)
	if s.Offset < SidecarHeaderSize || s.Offset > size || region.Size > size-s.Offset || s.Count < 0 || s.Count > s.Rows || s.FirstEvent < 0 {
		return s, fmt.Errorf("slot %d: region of %d bytes at %d with %d of %d rows, in a file of %d bytes",
			i, region.Size, s.Offset, s.Count, s.Rows, size)
	}
	return s, nil
}
