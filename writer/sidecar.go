package writer

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/google/uuid"

	"github.com/tracetool/tracetool/format"
)

// sidecar is the file that holds the open segment: see format.SidecarMagic.
// Where memory maps of files are not to be had, its memory is on the heap and
// flush writes what is new to the file.
type sidecar struct {
	file   *os.File
	header []byte
	size   int64
	slots  [format.SidecarSlots]*slot
}

// slot is one of the two places that segments take turns in.
type slot struct {
	header  []byte // the slot's fields
	count   *int64 // field SlotCount
	index   int
	offset  int64
	memory  []byte
	flushed flushed
}

// createSidecar creates the file and takes its lock, which it holds until
// remove, close or the end of the process.
func createSidecar(path, id string, opts *Options) (*sidecar, error) {
	uid, err := uuid.Parse(id)
	if err != nil {
		return nil, fmt.Errorf("trace id %q: %w", id, err)
	}
	if opts.Force {
		if err := removeStale(path); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, opts.Mode)
	if err != nil {
		return nil, err
	}
	if err := own(f); err != nil {
		return nil, errors.Join(err, f.Close()) // it is another recorder's
	}
	s := &sidecar{file: f}
	if err := s.init(uid, opts.Mode); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// removeStale removes a sidecar that no recorder holds.
func removeStale(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := own(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return removeOpen(f)
}

// own takes a sidecar's lock. Whoever holds the lock of the file that has the
// name may remove it: so the name is looked up again afterwards. Readers hold
// the lock for an instant, to learn whether there is a recorder.
func own(f *os.File) error {
	err := lock(f)
	for try := 0; err != nil && try < 20; try++ {
		time.Sleep(5 * time.Millisecond)
		err = lock(f)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: lock: %w", f.Name(), ErrRecording, err)
	}
	held, err := f.Stat()
	if err != nil {
		return err
	}
	if named, err := os.Stat(f.Name()); err != nil || !os.SameFile(held, named) {
		return fmt.Errorf("%s: another recording has begun", f.Name())
	}
	return nil
}

func (s *sidecar) init(id uuid.UUID, mode os.FileMode) error {
	if err := setMode(s.file, mode); err != nil {
		return err
	}
	var err error
	if s.header, err = s.extend(format.SidecarHeaderSize); err != nil {
		return err
	}
	copy(s.header, format.SidecarMagic)
	copy(s.header[format.SidecarIDAt:], id[:])
	for i := range s.slots {
		at := format.SidecarSlotAt + i*format.SidecarSlotSize
		h := s.header[at : at+format.SidecarSlotSize]
		s.slots[i] = &slot{index: i, header: h, count: (*int64)(unsafe.Pointer(&h[format.SlotCount]))}
	}
	return s.flushHeader()
}

// Regions are mapped each by itself, so that they begin where a page does: on
// every machine, of which the largest pages are those of 64 KiB that arm64 may
// have (16 KiB on macOS). Regions that are as large as alignLarge can be held by
// pages of that size, and begin where one does.
const (
	alignRegion = 64 << 10
	alignLarge  = 2 << 20
)

// extend makes the file longer by n bytes, on disk and not merely in length,
// and returns their memory.
func (s *sidecar) extend(n int64) ([]byte, error) {
	if err := preallocate(s.file, s.size, n); err != nil {
		return nil, fmt.Errorf("%s: reserve %d bytes: %w", s.file.Name(), n, err)
	}
	m, err := mapFile(s.file, s.size, n)
	if err != nil {
		return nil, fmt.Errorf("%s: map %d bytes: %w", s.file.Name(), n, err)
	}
	s.size += n
	return m, nil
}

// region gives slot i a region of the given capacities, at the end of the
// file. The slot must not be in use. What is about to be used of a large region
// is made ready.
func (s *sidecar) region(i int, rows, input, output int64, usage usage) (*region, error) {
	sl := s.slots[i]
	layout := format.NewSidecarRegion(rows, input, output)
	align := int64(alignRegion)
	if layout.Size >= alignLarge {
		align = alignLarge
	}
	s.size += -s.size & (align - 1)
	offset := s.size
	m, err := s.extend(layout.Size)
	if err != nil {
		return nil, err
	}
	if layout.Size >= alignLarge {
		err = errors.Join(populate(s.file, offset, layout.Input+min(input, rows*usage.input)),
			populate(s.file, offset+layout.Output, min(output, rows*usage.output)))
	}
	s.retire(sl)
	if sl.memory != nil {
		unmap(sl.memory)
	}
	sl.memory, sl.offset = m, offset
	r := newRegion(m, rows, input, output, false)
	r.slot = sl
	return r, nil
}

// retire marks a slot as unused. The load keeps what is stored afterwards, rows
// of the next segment, behind the mark: an atomic store alone lets plain stores
// pass it on arm64, and a reader would take those rows for the old segment's.
func (s *sidecar) retire(sl *slot) {
	atomic.StoreInt64(sl.count, 0)
	sl.put(format.SlotSegment, 0)
	atomic.LoadInt64(sl.count)
}

// open assigns the slot of a region to the region's segment.
func (s *sidecar) open(r *region) {
	sl := r.slot
	s.retire(sl)
	sl.put(format.SlotOffset, sl.offset)
	sl.put(format.SlotRows, r.capacity)
	sl.put(format.SlotInput, int64(len(r.input)))
	sl.put(format.SlotOutput, int64(len(r.output)))
	sl.put(format.SlotFirstEvent, r.firstEvent)
	sl.put(format.SlotSegment, r.segment+1)
	sl.flushed = flushed{}
}

// put stores a field in the machine's byte order: all that are supported are
// little-endian.
func (sl *slot) put(field int, v int64) {
	atomic.StoreInt64((*int64)(unsafe.Pointer(&sl.header[field])), v)
}

// remove ends the recording: the file and its lock are gone afterwards.
func (s *sidecar) remove() error {
	s.unmap()
	return removeOpen(s.file)
}

// close leaves the file for recovery, with all rows.
func (s *sidecar) close() {
	_, _ = s.flush(), s.file.Close() // there is an error already
	s.unmap()
}

func (s *sidecar) unmap() {
	for _, sl := range s.slots {
		if sl != nil && sl.memory != nil {
			unmap(sl.memory)
		}
	}
	if s.header != nil {
		unmap(s.header)
	}
}
