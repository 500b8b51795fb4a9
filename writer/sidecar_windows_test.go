package writer

import (
	"testing"

	"github.com/tracetool/tracetool/format"
)

// TestFlushOfAReusedSlot: while rows of a new segment are written over those of
// an old one, the slot is unused, or a reader takes them for the old segment's.
func TestFlushOfAReusedSlot(t *testing.T) {
	path := tracePath(t)
	w := mustCreate(t, path, options)
	for range 2 {
		appendAll(t, w, clockEvents(1))
		settle(t, w)
		if err := w.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	appendAll(t, w, clockEvents(1))
	slot := w.cur.slot
	offset := slot.offset
	slot.offset = -1 << 40 // the rows cannot be written
	if err := w.sidecar.flush(); err == nil {
		t.Fatal("no error of the rows")
	}
	slot.offset = offset
	header := readFile(t, path+format.SidecarSuffix)
	got, err := format.ParseSidecarSlot(header, slot.index, int64(len(header)))
	if err != nil || got.Segment != -1 {
		t.Errorf("slot of segment %d, %v, want none", got.Segment, err)
	}
	mustClose(t, w)
}
