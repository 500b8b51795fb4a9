package writer

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/windows"

	"github.com/tracetool/tracetool/format"
)

// mapped: the memory is on the heap, and flush brings it to the file.
const mapped = false

// renamesOpen: a file can be renamed and removed only when it is closed.
const renamesOpen = false

// flushed is how far the columns of a slot's segment are on file.
type flushed struct{ rows, input, output int64 }

// lock takes the lock on a byte far behind the file's end, so that it keeps
// nobody from reading the rows.
func lock(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	at := &windows.Overlapped{OffsetHigh: 1 << 30}
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, at)
}

func mapFile(_ *os.File, _, n int64) ([]byte, error) { return make([]byte, n), nil }

func unmap([]byte) {}

func (s *sidecar) flushHeader() error {
	_, err := s.file.WriteAt(s.header, 0)
	return err
}

// flush writes the rows that are new since the last flush, then the header
// with their count. A slot of a new segment is unused on file until then, so
// that no reader takes its rows for those of the segment before.
func (s *sidecar) flush() error {
	header := make([]byte, len(s.header))
	copy(header, s.header)
	for i, sl := range s.slots {
		slot, err := format.ParseSidecarSlot(header, i, s.size)
		if err != nil {
			return fmt.Errorf("%s: %w", s.file.Name(), err)
		}
		if slot.Segment < 0 {
			continue
		}
		if sl.flushed == (flushed{}) {
			segment := int64(format.SidecarSlotAt + i*format.SidecarSlotSize + format.SlotSegment)
			if _, err := s.file.WriteAt(make([]byte, 8), segment); err != nil {
				return err
			}
		}
		if err := s.flushSlot(sl, slot); err != nil {
			return err
		}
	}
	_, err := s.file.WriteAt(header, 0)
	return err
}

func (s *sidecar) flushSlot(sl *slot, to format.SidecarSlot) error {
	layout := format.NewSidecarRegion(to.Rows, to.Input, to.Output)
	rows := atomic.LoadInt64(sl.count)
	put := func(from, until int64) error {
		_, err := s.file.WriteAt(sl.memory[from:until], sl.offset+from)
		return err
	}
	for c, at := range layout.Columns {
		w := format.SideWidth(c)
		extra := int64(0)
		if c == format.SideInputEnd || c == format.SideOutputEnd {
			extra = 1
		}
		if err := put(at+sl.flushed.rows*w, at+(rows+extra)*w); err != nil {
			return err
		}
	}
	r := newRegion(sl.memory, to.Rows, to.Input, to.Output, false)
	in, out := r.inputEnd[rows], r.outputEnd[rows]
	if err := errors.Join(put(layout.Input+sl.flushed.input, layout.Input+in), put(layout.Output+sl.flushed.output, layout.Output+out)); err != nil {
		return err
	}
	sl.flushed = flushed{rows, in, out}
	return nil
}

// removeOpen closes the file first: an open file cannot be removed.
func removeOpen(f *os.File) error {
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
