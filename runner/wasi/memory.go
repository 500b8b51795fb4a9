package wasi

import (
	"encoding/binary"
	"math"

	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
)

// Limits of what one call may name. Beyond them it fails before anything is
// read or allocated.
const (
	maxIovecs        = 1024    // as IOV_MAX of Linux
	maxSubscriptions = 1 << 16 // of one poll_oneoff
	scratchSize      = 64 << 10
)

var le = binary.LittleEndian

// memory returns a region of guest memory, which stays valid during the call.
func memory(mod api.Module, ptr, size uint64) ([]byte, error) {
	b, ok := mod.Memory().Read(uint32(ptr), uint32(size))
	if !ok {
		return nil, host.EFAULT
	}
	return b, nil
}

// pathArg copies a path out of guest memory.
func pathArg(mod api.Module, ptr, size uint64) (string, error) {
	if uint32(size) > host.MaxPath {
		return "", host.ENAMETOOLONG
	}
	b, err := memory(mod, ptr, size)
	return string(b), err
}

// iovecs returns the non-empty buffers that an array of n vectors names, and
// their size together. They are valid until the next call.
func (s *System) iovecs(mod api.Module, ptr, n uint64) (bufs [][]byte, total int, err error) {
	if uint32(n) > maxIovecs {
		return nil, 0, host.EINVAL
	}
	vecs, err := memory(mod, ptr, 8*uint64(uint32(n)))
	if err != nil {
		return nil, 0, err
	}
	bufs = s.bufs[:0]
	for ; len(vecs) > 0; vecs = vecs[8:] {
		b, err := memory(mod, uint64(le.Uint32(vecs)), uint64(le.Uint32(vecs[4:])))
		if err != nil {
			return nil, 0, err
		}
		if len(b) == 0 {
			continue
		}
		if total += len(b); total > math.MaxInt32 {
			return nil, 0, host.EINVAL
		}
		bufs = append(bufs, b)
	}
	return bufs, total, nil
}

// scatter reads into bufs. Several buffers are filled by one read where they
// fit into the scratch space, as readv(2) does; beyond, by one each up to the
// first that comes short, and only the first if the next could have to wait.
// read gets the bytes read so far.
func (s *System) scatter(bufs [][]byte, total int, mayWait bool, read func(p []byte, done int) (int, error)) (int, error) {
	if len(bufs) == 1 {
		return read(bufs[0], 0)
	}
	if total <= scratchSize {
		n, err := read(s.scratch[:total], 0)
		spread(bufs, s.scratch[:n])
		return n, err
	}
	done := 0
	for _, b := range bufs {
		n, err := read(b, done)
		done += n
		if err != nil && done == n {
			return n, err
		}
		if err != nil || n < len(b) || mayWait {
			break
		}
	}
	return done, nil
}

func spread(bufs [][]byte, data []byte) {
	for _, b := range bufs {
		data = data[copy(b, data):]
	}
}

// gather writes bufs: by one write where they fit into the scratch space, as
// writev(2) does, else by one each up to the first that is not taken whole.
// write gets the bytes written so far.
func (s *System) gather(bufs [][]byte, total int, write func(p []byte, done int) (int, error)) (int, error) {
	if len(bufs) == 1 {
		return write(bufs[0], 0)
	}
	if total <= scratchSize {
		p := s.scratch[:0]
		for _, b := range bufs {
			p = append(p, b...)
		}
		return write(p, 0)
	}
	done := 0
	for _, b := range bufs {
		n, err := write(b, done)
		done += n
		if err != nil && done == n {
			return n, err
		}
		if err != nil || n < len(b) {
			break
		}
	}
	return done, nil
}

func putStat(b []byte, st host.Stat) {
	clear(b)
	le.PutUint64(b, st.Dev)
	le.PutUint64(b[8:], st.Ino)
	b[16] = byte(st.Type)
	le.PutUint64(b[24:], st.Links)
	le.PutUint64(b[32:], st.Size)
	le.PutUint64(b[40:], uint64(st.Atime))
	le.PutUint64(b[48:], uint64(st.Mtime))
	le.PutUint64(b[56:], uint64(st.Ctime))
}
