package wasi

import (
	"context"
	"io"
	"math"

	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
)

// fd_advise(fd, offset, len, advice)
func (s *System) fdAdvise(_ context.Context, _ api.Module, p []uint64) error {
	e, err := s.getFile(p[0], rightFdAdvise, host.ESPIPE)
	if err != nil {
		return err
	}
	if p[1] > math.MaxInt64 || p[2] > math.MaxInt64 || uint32(p[3]) > uint32(host.AdviseNoReuse) {
		return host.EINVAL
	}
	return e.file.Advise(int64(p[1]), int64(p[2]), host.Advice(p[3]))
}

// fd_allocate(fd, offset, len)
func (s *System) fdAllocate(_ context.Context, _ api.Module, p []uint64) error {
	e, err := s.getFile(p[0], rightFdAllocate, host.ESPIPE)
	if err != nil {
		return err
	}
	switch {
	case p[2] == 0 || p[1] > math.MaxInt64 || p[2] > math.MaxInt64:
		return host.EINVAL
	case p[1]+p[2] > math.MaxInt64:
		return host.EFBIG
	}
	return e.file.Allocate(int64(p[1]), int64(p[2]))
}

// fd_close(fd)
func (s *System) fdClose(_ context.Context, _ api.Module, p []uint64) error {
	e, ok := s.fds.Remove(uint32(p[0]))
	if !ok {
		return host.EBADF
	}
	return e.d.Close()
}

// fd_datasync(fd)
func (s *System) fdDatasync(_ context.Context, _ api.Module, p []uint64) error {
	e, err := s.getSync(p[0], rightFdDatasync)
	if err != nil {
		return err
	}
	if e.dir != nil {
		return e.dir.Sync()
	}
	return e.file.SyncData()
}

// fd_sync(fd)
func (s *System) fdSync(_ context.Context, _ api.Module, p []uint64) error {
	e, err := s.getSync(p[0], rightFdSync)
	if err != nil {
		return err
	}
	if e.dir != nil {
		return e.dir.Sync()
	}
	return e.file.Sync()
}

// getSync returns a file or directory; nothing else has anything to commit.
func (s *System) getSync(fd uint64, need rights) (*entry, error) {
	e, err := s.get(fd, 0)
	switch {
	case err != nil:
		return nil, err
	case e.file == nil && e.dir == nil:
		return nil, host.EINVAL
	case e.base&need != need:
		return nil, host.ENOTCAPABLE
	}
	return e, nil
}

// fd_read(fd, iovs, iovs_len, nread)
func (s *System) fdRead(ctx context.Context, mod api.Module, p []uint64) error {
	e, err := s.getIO(p[0], rightFdRead)
	if err != nil {
		return err
	}
	return s.readInto(mod, p[1], p[2], p[3], e.file == nil, func(b []byte, _ int) (int, error) {
		return e.io.Read(ctx, b)
	})
}

// fd_pread(fd, iovs, iovs_len, offset, nread)
func (s *System) fdPread(_ context.Context, mod api.Module, p []uint64) error {
	e, err := s.getFile(p[0], rightFdRead|rightFdSeek, host.ESPIPE)
	if err != nil {
		return err
	}
	if p[3] > math.MaxInt64-math.MaxInt32 {
		return host.EINVAL
	}
	return s.readInto(mod, p[1], p[2], p[4], false, func(b []byte, done int) (int, error) {
		return e.file.ReadAt(b, int64(p[3])+int64(done))
	})
}

// readInto reads into the vectors and writes the count. The place of the count
// is looked at first: a read cannot be taken back.
func (s *System) readInto(mod api.Module, iovs, n, nread uint64, mayWait bool, read func([]byte, int) (int, error)) error {
	count, err := memory(mod, nread, 4)
	if err != nil {
		return err
	}
	bufs, total, err := s.iovecs(mod, iovs, n)
	if err != nil {
		return err
	}
	bufs, total = s.cut(bufs, total)
	got, err := s.scatter(bufs, total, mayWait, read)
	if err != nil {
		return err
	}
	le.PutUint32(count, uint32(got))
	return nil
}

// fd_write(fd, iovs, iovs_len, nwritten)
func (s *System) fdWrite(ctx context.Context, mod api.Module, p []uint64) error {
	e, err := s.getIO(p[0], rightFdWrite)
	if err != nil {
		return err
	}
	return s.writeFrom(mod, p[1], p[2], p[3], func(b []byte, _ int) (int, error) {
		return e.io.Write(ctx, b)
	})
}

// fd_pwrite(fd, iovs, iovs_len, offset, nwritten)
func (s *System) fdPwrite(_ context.Context, mod api.Module, p []uint64) error {
	e, err := s.getFile(p[0], rightFdWrite|rightFdSeek, host.ESPIPE)
	if err != nil {
		return err
	}
	if p[3] > math.MaxInt64-math.MaxInt32 {
		return host.EINVAL
	}
	return s.writeFrom(mod, p[1], p[2], p[4], func(b []byte, done int) (int, error) {
		return e.file.WriteAt(b, int64(p[3])+int64(done))
	})
}

func (s *System) writeFrom(mod api.Module, iovs, n, nwritten uint64, write func([]byte, int) (int, error)) error {
	count, err := memory(mod, nwritten, 4)
	if err != nil {
		return err
	}
	bufs, total, err := s.iovecs(mod, iovs, n)
	if err != nil {
		return err
	}
	bufs, total = s.cut(bufs, total)
	put, err := s.gather(bufs, total, write)
	if err != nil {
		return err
	}
	le.PutUint32(count, uint32(put))
	return nil
}

// fd_renumber(fd, to)
func (s *System) fdRenumber(_ context.Context, _ api.Module, p []uint64) error {
	old, ok := s.fds.Renumber(uint32(p[0]), uint32(p[1]))
	if !ok {
		return host.EBADF
	}
	if uint32(p[0]) == uint32(p[1]) {
		return nil
	}
	return old.d.Close()
}

// fd_seek(fd, offset, whence, newoffset)
func (s *System) fdSeek(_ context.Context, mod api.Module, p []uint64) error {
	need := rightFdSeek
	if p[1] == 0 && uint32(p[2]) == io.SeekCurrent {
		need = 0 // either right does
	}
	e, err := s.getFile(p[0], need, host.ESPIPE)
	switch {
	case err != nil:
		return err
	case need == 0 && e.base&(rightFdSeek|rightFdTell) == 0:
		return host.ENOTCAPABLE
	case uint32(p[2]) > io.SeekEnd:
		return host.EINVAL
	}
	return seek(e, mod, int64(p[1]), int(uint32(p[2])), p[3])
}

// fd_tell(fd, offset)
func (s *System) fdTell(_ context.Context, mod api.Module, p []uint64) error {
	e, err := s.getFile(p[0], 0, host.ESPIPE)
	if err != nil {
		return err
	}
	if e.base&(rightFdSeek|rightFdTell) == 0 {
		return host.ENOTCAPABLE
	}
	return seek(e, mod, 0, io.SeekCurrent, p[1])
}

func seek(e *entry, mod api.Module, offset int64, whence int, result uint64) error {
	out, err := memory(mod, result, 8)
	if err != nil {
		return err
	}
	pos, err := e.file.Seek(offset, whence)
	if err != nil {
		return err
	}
	le.PutUint64(out, uint64(pos))
	return nil
}

// direntSize is what precedes a name in the buffer of fd_readdir.
const direntSize = 24

// fd_readdir(fd, buf, buf_len, cookie, bufused)
//
// A cookie is the number of the next entry. 0 begins anew and sees changes; the
// others stay valid whatever is created or removed.
func (s *System) fdReaddir(_ context.Context, mod api.Module, p []uint64) error {
	e, err := s.getDir(p[0], rightFdReaddir)
	if err != nil {
		return err
	}
	buf, err := memory(mod, p[1], p[2])
	if err != nil {
		return err
	}
	used, err := memory(mod, p[4], 4)
	if err != nil {
		return err
	}
	if p[3] == 0 {
		if err := e.dir.Rewind(); err != nil {
			return err
		}
	}
	list := s.scratch // a failure must not leave half of it in the guest
	if len(buf) > len(list) {
		list = make([]byte, len(buf))
	}
	n, err := putEntries(list[:len(buf)], e.dir, p[3])
	if err != nil {
		return err
	}
	copy(buf, list[:n])
	le.PutUint32(used, uint32(n))
	return nil
}

// putEntries fills buf; the last entry may be cut off, which tells the guest
// that there are more.
func putEntries(buf []byte, dir *host.Dir, cookie uint64) (used int, err error) {
	var head [direntSize]byte
	for used < len(buf) {
		entry, ok, err := dir.Entry(cookie)
		if err != nil || !ok {
			return used, err
		}
		cookie++
		le.PutUint64(head[0:], cookie)
		le.PutUint64(head[8:], entry.Ino)
		le.PutUint32(head[16:], uint32(len(entry.Name)))
		head[20] = byte(entry.Type)
		used += copy(buf[used:], head[:])
		used += copy(buf[used:], entry.Name)
	}
	return used, nil
}
