package wasi

import (
	"context"

	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
)

// symlinkFollow is the only lookup flag.
const symlinkFollow = 1

// getPath returns a directory that has the rights needed, and a path below it.
func (s *System) getPath(mod api.Module, fd uint64, need rights, ptr, size uint64) (*host.Dir, string, error) {
	e, err := s.getDir(fd, need)
	if err != nil {
		return nil, "", err
	}
	path, err := pathArg(mod, ptr, size)
	return e.dir, path, err
}

// lookup decodes lookup flags.
func lookup(flags uint64) (follow bool, err error) {
	if uint32(flags) > symlinkFollow {
		return false, host.EINVAL
	}
	return uint32(flags) == symlinkFollow, nil
}

// path_create_directory(fd, path, path_len)
func (s *System) pathCreateDirectory(_ context.Context, mod api.Module, p []uint64) error {
	dir, path, err := s.getPath(mod, p[0], rightPathCreateDirectory, p[1], p[2])
	if err != nil {
		return err
	}
	return dir.Mkdir(path)
}

// path_filestat_get(fd, flags, path, path_len, filestat)
func (s *System) pathFilestatGet(_ context.Context, mod api.Module, p []uint64) error {
	dir, path, err := s.getPath(mod, p[0], rightPathFilestatGet, p[2], p[3])
	if err != nil {
		return err
	}
	follow, err := lookup(p[1])
	if err != nil {
		return err
	}
	b, err := memory(mod, p[4], 64)
	if err != nil {
		return err
	}
	st, err := dir.StatAt(path, follow)
	if err != nil {
		return err
	}
	putStat(b, st)
	return nil
}

// path_filestat_set_times(fd, flags, path, path_len, atim, mtim, fst_flags)
func (s *System) pathFilestatSetTimes(_ context.Context, mod api.Module, p []uint64) error {
	dir, path, err := s.getPath(mod, p[0], rightPathFilestatSetTimes, p[2], p[3])
	if err != nil {
		return err
	}
	follow, err := lookup(p[1])
	if err != nil {
		return err
	}
	times, err := s.times(p[4], p[5], p[6])
	if err != nil {
		return err
	}
	return dir.SetTimesAt(path, follow, times)
}

// path_link(old_fd, old_flags, old_path, old_path_len, new_fd, new_path, new_path_len)
//
// A link is not followed: asked to, the call fails with EINVAL.
func (s *System) pathLink(_ context.Context, mod api.Module, p []uint64) error {
	from, oldPath, err := s.getPath(mod, p[0], rightPathLinkSource, p[2], p[3])
	if err != nil {
		return err
	}
	to, newPath, err := s.getPath(mod, p[4], rightPathLinkTarget, p[5], p[6])
	if err != nil {
		return err
	}
	if uint32(p[1]) != 0 {
		return host.EINVAL
	}
	return from.Link(oldPath, to, newPath)
}

const (
	oflagCreat = 1 << iota
	oflagDirectory
	oflagExcl
	oflagTrunc
)

// path_open(fd, dirflags, path, path_len, oflags, fs_rights_base, fs_rights_inheriting, fdflags, opened_fd)
func (s *System) pathOpen(_ context.Context, mod api.Module, p []uint64) error {
	oflags := uint32(p[4])
	e, err := s.getDir(p[0], openRights(oflags))
	if err != nil {
		return err
	}
	path, err := pathArg(mod, p[2], p[3])
	if err != nil {
		return err
	}
	follow, err := lookup(p[1])
	if err != nil || oflags >= oflagTrunc<<1 || fdflags(p[7])&^allFlags != 0 {
		return host.EINVAL
	}
	base, inheriting := rights(p[5])&allRights, rights(p[6])&allRights
	if (base|inheriting)&^e.inheriting != 0 {
		return host.ENOTCAPABLE
	}
	result, err := memory(mod, p[8], 4)
	if err != nil {
		return err
	}
	d, err := e.dir.Open(path, openFlags(oflags, follow, base))
	if err != nil {
		return err
	}
	fd, err := s.insertOpened(newEntry(d, base, inheriting), fdflags(p[7]))
	if err != nil {
		return err
	}
	le.PutUint32(result, fd)
	return nil
}

func (s *System) insertOpened(e *entry, flags fdflags) (uint32, error) {
	if err := e.setFlags(flags); err != nil {
		e.d.Close()
		return 0, err
	}
	return s.insert(e)
}

// openRights are the rights a directory needs for an open.
func openRights(oflags uint32) rights {
	need := rightPathOpen
	if oflags&oflagCreat != 0 {
		need |= rightPathCreateFile
	}
	if oflags&oflagTrunc != 0 {
		need |= rightPathFilestatSetSize
	}
	return need
}

func openFlags(oflags uint32, follow bool, base rights) (how host.OpenFlags) {
	for _, f := range []struct {
		on  bool
		how host.OpenFlags
	}{
		{oflags&oflagCreat != 0, host.Create},
		{oflags&oflagDirectory != 0, host.MustBeDir},
		{oflags&oflagExcl != 0, host.Exclusive},
		{oflags&oflagTrunc != 0, host.Truncate},
		{follow, host.FollowLinks},
		{base&rightFdRead != 0, host.Read},
		{base&rightFdWrite != 0, host.Write},
	} {
		if f.on {
			how |= f.how
		}
	}
	return how
}

// path_readlink(fd, path, path_len, buf, buf_len, bufused)
func (s *System) pathReadlink(_ context.Context, mod api.Module, p []uint64) error {
	dir, path, err := s.getPath(mod, p[0], rightPathReadlink, p[1], p[2])
	if err != nil {
		return err
	}
	buf, err := memory(mod, p[3], p[4])
	if err != nil {
		return err
	}
	used, err := memory(mod, p[5], 4)
	if err != nil {
		return err
	}
	target, err := dir.Readlink(path)
	if err != nil {
		return err
	}
	le.PutUint32(used, uint32(copy(buf, target)))
	return nil
}

// path_remove_directory(fd, path, path_len)
func (s *System) pathRemoveDirectory(_ context.Context, mod api.Module, p []uint64) error {
	dir, path, err := s.getPath(mod, p[0], rightPathRemoveDirectory, p[1], p[2])
	if err != nil {
		return err
	}
	return dir.Rmdir(path)
}

// path_rename(fd, old_path, old_path_len, new_fd, new_path, new_path_len)
func (s *System) pathRename(_ context.Context, mod api.Module, p []uint64) error {
	from, oldPath, err := s.getPath(mod, p[0], rightPathRenameSource, p[1], p[2])
	if err != nil {
		return err
	}
	to, newPath, err := s.getPath(mod, p[3], rightPathRenameTarget, p[4], p[5])
	if err != nil {
		return err
	}
	return from.Rename(oldPath, to, newPath)
}

// path_symlink(old_path, old_path_len, fd, new_path, new_path_len)
func (s *System) pathSymlink(_ context.Context, mod api.Module, p []uint64) error {
	target, err := pathArg(mod, p[0], p[1])
	if err != nil {
		return err
	}
	dir, path, err := s.getPath(mod, p[2], rightPathSymlink, p[3], p[4])
	if err != nil {
		return err
	}
	return dir.Symlink(target, path)
}

// path_unlink_file(fd, path, path_len)
func (s *System) pathUnlinkFile(_ context.Context, mod api.Module, p []uint64) error {
	dir, path, err := s.getPath(mod, p[0], rightPathUnlinkFile, p[1], p[2])
	if err != nil {
		return err
	}
	return dir.Unlink(path)
}
