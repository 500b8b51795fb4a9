package wasi

import (
	"context"
	"math"

	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
)

// fd_fdstat_get(fd, stat)
func (s *System) fdFdstatGet(_ context.Context, mod api.Module, p []uint64) error {
	e, err := s.get(p[0], 0)
	if err != nil {
		return err
	}
	b, err := memory(mod, p[1], 24)
	if err != nil {
		return err
	}
	clear(b)
	b[0] = byte(e.d.Type())
	le.PutUint16(b[2:], uint16(e.flags))
	le.PutUint64(b[8:], uint64(e.base))
	le.PutUint64(b[16:], uint64(e.inheriting))
	return nil
}

// fd_fdstat_set_flags(fd, flags)
func (s *System) fdFdstatSetFlags(_ context.Context, _ api.Module, p []uint64) error {
	e, err := s.get(p[0], rightFdFdstatSetFlags)
	if err != nil {
		return err
	}
	return e.setFlags(fdflags(p[1]))
}

// fd_fdstat_set_rights(fd, fs_rights_base, fs_rights_inheriting) only takes
// rights away.
func (s *System) fdFdstatSetRights(_ context.Context, _ api.Module, p []uint64) error {
	e, err := s.get(p[0], 0)
	if err != nil {
		return err
	}
	base, inheriting := rights(p[1]), rights(p[2])
	if base&^e.base != 0 || inheriting&^e.inheriting != 0 {
		return host.ENOTCAPABLE
	}
	e.base, e.inheriting = base, inheriting
	return nil
}

// fd_filestat_get(fd, filestat)
func (s *System) fdFilestatGet(_ context.Context, mod api.Module, p []uint64) error {
	e, err := s.get(p[0], rightFdFilestatGet)
	if err != nil {
		return err
	}
	b, err := memory(mod, p[1], 64)
	if err != nil {
		return err
	}
	st, err := e.d.Stat()
	if err != nil {
		return err
	}
	putStat(b, st)
	return nil
}

// fd_filestat_set_size(fd, size)
func (s *System) fdFilestatSetSize(_ context.Context, _ api.Module, p []uint64) error {
	e, err := s.getFile(p[0], rightFdFilestatSetSize, host.EINVAL)
	if err != nil {
		return err
	}
	if p[1] > math.MaxInt64 {
		return host.EFBIG
	}
	return e.file.Truncate(int64(p[1]))
}

// fd_filestat_set_times(fd, atim, mtim, fst_flags)
func (s *System) fdFilestatSetTimes(_ context.Context, _ api.Module, p []uint64) error {
	e, err := s.get(p[0], rightFdFilestatSetTimes)
	if err != nil {
		return err
	}
	times, err := s.times(p[1], p[2], p[3])
	if err != nil {
		return err
	}
	if e.dir != nil {
		return e.dir.SetTimes(times)
	}
	return e.file.SetTimes(times) // nothing else has the right
}

const (
	setAtime = 1 << iota
	setAtimeNow
	setMtime
	setMtimeNow
)

// times decodes the arguments of the two functions that set times.
func (s *System) times(atim, mtim, flags uint64) (t host.Times, err error) {
	if flags = uint64(uint32(flags)); flags >= setMtimeNow<<1 {
		return t, host.EINVAL
	}
	if t.Atime, err = s.time(atim, flags&setAtime != 0, flags&setAtimeNow != 0); err != nil {
		return t, err
	}
	t.Mtime, err = s.time(mtim, flags&setMtime != 0, flags&setMtimeNow != 0)
	return t, err
}

func (s *System) time(given uint64, set, now bool) (*int64, error) {
	t := int64(given)
	switch {
	case set && now || set && t < 0:
		return nil, host.EINVAL
	case now:
		t = s.clock.Wall()
	case !set:
		return nil, nil
	}
	return &t, nil
}

// fd_prestat_get(fd, prestat)
func (s *System) fdPrestatGet(_ context.Context, mod api.Module, p []uint64) error {
	e, err := s.getPreopen(p[0])
	if err != nil {
		return err
	}
	b, err := memory(mod, p[1], 8)
	if err != nil {
		return err
	}
	le.PutUint32(b, 0) // the tag of a directory, the only kind there is
	le.PutUint32(b[4:], uint32(len(e.guest)))
	return nil
}

// fd_prestat_dir_name(fd, path, path_len)
func (s *System) fdPrestatDirName(_ context.Context, mod api.Module, p []uint64) error {
	e, err := s.getPreopen(p[0])
	if err != nil {
		return err
	}
	if uint32(p[2]) < uint32(len(e.guest)) {
		return host.ENAMETOOLONG
	}
	// The trace keeps the whole of the guest's buffer, so that all of it must be there.
	b, err := memory(mod, p[1], p[2])
	if err != nil {
		return err
	}
	copy(b, e.guest)
	return nil
}

// getPreopen returns a preopened directory. EBADF ends a guest's search for
// them.
func (s *System) getPreopen(fd uint64) (*entry, error) {
	e, err := s.get(fd, 0)
	if err != nil || !e.preopen {
		return nil, host.EBADF
	}
	return e, nil
}
