package writer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
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
// remove or the end of the process.
func createSidecar(path, id string, force bool) (*sidecar, error) {
	uid, err := uuid.Parse(id)
	if err != nil {
		return nil, fmt.Errorf("trace id %q: %w", id, err)
	}
	if force {
		if err := removeStale(path); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	s := &sidecar{file: f}
	if err := s.init(uid); err != nil {
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
	defer f.Close()
	if err := lock(f); err != nil {
		return fmt.Errorf("%s: a recording is in progress: %w", path, err)
	}
	return os.Remove(path)
}

func (s *sidecar) init(id uuid.UUID) error {
	if err := lock(s.file); err != nil {
		return fmt.Errorf("%s: lock: %w", s.file.Name(), err)
	}
	if err := s.file.Chmod(0o600); err != nil && !errors.Is(err, errors.ErrUnsupported) {
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
// file. The slot must not be in use.
func (s *sidecar) region(i int, rows, input, output int64) (*region, error) {
	sl := s.slots[i]
	offset := s.size
	m, err := s.extend(format.NewSidecarRegion(rows, input, output).Size)
	if err != nil {
		return nil, err
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

// retire marks a slot as unused.
func (s *sidecar) retire(sl *slot) {
	atomic.StoreInt64(sl.count, 0)
	sl.put(format.SlotSegment, 0)
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

func (sl *slot) put(field int, v int64) {
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&sl.header[field])), native(uint64(v)))
}

// native returns v such that storing it in the machine's byte order stores it
// in little-endian order.
func native(v uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	return binary.NativeEndian.Uint64(b[:])
}

// remove ends the recording: the file and its lock are gone afterwards.
func (s *sidecar) remove() error {
	for _, sl := range s.slots {
		if sl != nil && sl.memory != nil {
			unmap(sl.memory)
		}
	}
	if s.header != nil {
		unmap(s.header)
	}
	return removeOpen(s.file)
}
