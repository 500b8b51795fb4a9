package reader

import (
	"bytes"
	"slices"
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
	packed := e.packed(i)
	if e.memory != nil {
		return e.memory.buffer(e, i, packed)
	}
	if packed == nil {
		return e.Buffer(i)
	}
	if data := e.table.reuse.get(i, packed); data != nil {
		return data, nil
	}
	data, err := e.Buffer(i)
	if err == nil && len(data) <= maxDecoded {
		e.table.reuse.put(i, packed, data)
	}
	return data, err
}

// packed returns a compressed buffer that is worth to be remembered with what it
// decodes to, nil for others.
func (e *encoded) packed(i int) []byte {
	if e.own || e.m.Codec == ipc.None || i >= len(e.m.Buffers) {
		return nil
	}
	span := e.m.Buffers[i]
	if span.Length == 0 || span.Length > maxPacked {
		return nil
	}
	return e.data[span.Offset : span.Offset+span.Length]
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

// scratch is the memory of one batch after the other, which are read and decoded
// into it: memory that was not used before costs more than what is decoded.
type scratch struct {
	body    []byte   // of the frame
	buffers [][]byte // by number
	packed  [][]byte // what buffers are decoded from still; empty where that is not known
	masks   []uint32
}

// bodyOf is what a frame's body may be read into.
func (m *scratch) bodyOf() []byte {
	if m == nil {
		return nil
	}
	return m.body
}

// serve has a body decoded into the memory, which keeps the body's own.
func (m *scratch) serve(c *content) {
	if m == nil {
		return
	}
	m.body = c.data
	n := len(c.m.Buffers)
	m.buffers = slices.Grow(m.buffers, max(0, n-len(m.buffers)))[:n]
	m.packed = slices.Grow(m.packed, max(0, n-len(m.packed)))[:n]
	c.Memory = m.buffers
}

// buffer returns a decoded buffer, as it is where it was decoded from the same
// bytes last.
func (m *scratch) buffer(e *encoded, i int, packed []byte) ([]byte, error) {
	if i >= len(m.packed) {
		return e.Buffer(i)
	}
	if packed != nil && bytes.Equal(m.packed[i], packed) {
		return m.buffers[i], nil
	}
	m.packed[i] = m.packed[i][:0]
	data, err := e.Buffer(i)
	if err == nil && m.holds(i, data) {
		m.buffers[i] = m.buffers[i][:len(data)]
		m.packed[i] = append(m.packed[i], packed...)
	}
	return data, err
}

// holds reports whether a buffer is in the memory: those that are not compressed
// are in the body.
func (m *scratch) holds(i int, data []byte) bool {
	return len(data) > 0 && len(m.buffers[i]) > 0 && &data[0] == &m.buffers[i][0]
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
