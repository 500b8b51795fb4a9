package reader

import (
	"bytes"
	"sync"

	"github.com/tracetool/tracetool/format/ipc"
)

// reuse remembers for each buffer of a batch what it was in the segment read
// last. Columns that never change compress to the same few bytes in every
// segment; they are decoded once and shared by the batches.
type reuse struct {
	mu      sync.Mutex
	buffers []decoded
}

type decoded struct{ packed, data []byte }

// A buffer is remembered if comparing it costs little beside decoding it, and
// keeping it does not weigh.
const (
	maxPacked  = 512
	maxDecoded = 8 << 20
)

// buffer returns a decoded buffer, which must not be changed unless e.own is
// set.
func (e *encoded) buffer(i int) ([]byte, error) {
	if e.own || e.m.Codec == ipc.None || i >= len(e.m.Buffers) {
		return e.Buffer(i)
	}
	span := e.m.Buffers[i]
	packed := e.data[span.Offset : span.Offset+span.Length]
	if len(packed) == 0 || len(packed) > maxPacked {
		return e.Buffer(i)
	}
	if data := e.reuse.get(i, packed); data != nil {
		return data, nil
	}
	data, err := e.shared(i)
	if err == nil && len(data) <= maxDecoded {
		e.reuse.put(i, packed, data)
	}
	return data, err
}

// shared returns a decoded buffer that is not in memory to be used again.
func (e *encoded) shared(i int) ([]byte, error) {
	if i >= len(e.Memory) {
		return e.Buffer(i)
	}
	memory := e.Memory[i]
	e.Memory[i] = nil
	data, err := e.Buffer(i)
	e.Memory[i] = memory
	return data, err
}

func (r *reuse) get(i int, packed []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i < len(r.buffers) && bytes.Equal(r.buffers[i].packed, packed) {
		return r.buffers[i].data
	}
	return nil
}

func (r *reuse) put(i int, packed, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i >= len(r.buffers) {
		r.buffers = append(r.buffers, decoded{})
	}
	r.buffers[i] = decoded{bytes.Clone(packed), data}
}

// scratch is what the columns of one batch after the other are decoded into.
type scratch struct {
	buffers [][]byte // by number
	masks   []uint32
}

// masksOf returns n masks of any content.
func (m *scratch) masksOf(n int) []uint32 {
	if m == nil {
		return make([]uint32, n)
	}
	if cap(m.masks) < n {
		m.masks = make([]uint32, n)
	}
	return m.masks[:n]
}
