package host

import (
	"io/fs"
	"os"
)

// OpenFlags say how to open a path.
type OpenFlags uint8

const (
	Create      OpenFlags = 1 << iota // a regular file, if nothing is there
	MustBeDir                         // fail with ENOTDIR otherwise
	Exclusive                         // with Create: fail with EEXIST if something is there
	Truncate                          // a regular file, to length 0
	FollowLinks                       // in the last component too; else a link there is ELOOP
	Read
	Write
)

// openAttempts bounds how often an open is tried again because the last
// component was replaced while it was being opened.
const openAttempts = 8

// Open opens what is at a path: a *Dir, a *File, or a *Stream for pipes and
// devices. A descriptor opened neither to read nor to write can still be
// described.
func (d *Dir) Open(path string, how OpenFlags) (Descriptor, error) {
	n, err := parse(path)
	if err != nil {
		return nil, err
	}
	if how, err = n.check(how); err != nil {
		return nil, err
	}
	if d.readOnly {
		return d.openReadOnly(n, how)
	}
	return d.openChecked(n, how)
}

// check refuses flags that contradict each other or the path's form.
func (n name) check(how OpenFlags) (OpenFlags, error) {
	switch {
	case how&Create != 0 && how&MustBeDir != 0:
		return 0, EINVAL
	case how&MustBeDir != 0 && how&(Write|Truncate) != 0:
		return 0, EISDIR
	case how&Create != 0 && n.slash:
		return 0, EISDIR
	case n.slash:
		return how | MustBeDir | FollowLinks, nil
	case n.dots():
		return how | FollowLinks, nil
	}
	return how, nil
}

func (d *Dir) openReadOnly(n name, how OpenFlags) (Descriptor, error) {
	if how&(Write|Truncate) != 0 {
		return nil, EROFS
	}
	if how&(Create|Exclusive) == Create|Exclusive {
		if _, err := d.root.Lstat(n.full); err == nil {
			return nil, EEXIST
		}
		return nil, EROFS
	}
	opened, err := d.openChecked(n, how&^Create)
	if err == ENOENT && how&Create != 0 {
		err = EROFS
	}
	return opened, err
}

func (d *Dir) openChecked(n name, how OpenFlags) (Descriptor, error) {
	if how&FollowLinks != 0 || how&(Create|Exclusive) == Create|Exclusive {
		return d.openOnce(n, how)
	}
	for range openAttempts {
		opened, err := d.openNoFollow(n, how)
		if err != errReplaced {
			return opened, err
		}
	}
	return nil, ELOOP
}

// errReplaced is never seen outside: another object took the name meanwhile.
const errReplaced = Errno(0xffff)

// openNoFollow opens n unless it is a link. Root would follow one, inside the
// sandbox, so the file opened is compared with the one looked at, and is
// created only exclusively and truncated only after that.
func (d *Dir) openNoFollow(n name, how OpenFlags) (Descriptor, error) {
	if how&Create != 0 {
		if opened, err := d.openOnce(n, how|Exclusive); err != EEXIST {
			return opened, err
		}
	}
	info, err := d.root.Lstat(n.full)
	switch {
	case err != nil && how&Create != 0 && ErrnoOf(err) == ENOENT:
		return nil, errReplaced
	case err != nil:
		return nil, fail(err)
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, ELOOP
	}
	truncate := how&Truncate != 0
	if how &^= Create | Truncate; truncate {
		how |= Write
	}
	opened, err := d.openOnce(n, how)
	if err != nil {
		return nil, err
	}
	if !same(opened, info) {
		opened.Close()
		return nil, errReplaced
	}
	if f, ok := opened.(*File); ok && truncate {
		if err := f.Truncate(0); err != nil {
			f.Close()
			return nil, err
		}
	}
	return opened, nil
}

func same(opened Descriptor, info os.FileInfo) bool {
	var f *os.File
	switch o := opened.(type) {
	case *Dir:
		f = o.self
	case *File:
		f = o.f
	case *Stream:
		f = o.file
	}
	got, err := f.Stat()
	return err == nil && os.SameFile(got, info)
}

// openOnce opens n, following links below the root.
func (d *Dir) openOnce(n name, how OpenFlags) (Descriptor, error) {
	if how&MustBeDir != 0 {
		return d.openDir(n)
	}
	f, err := d.root.OpenFile(n.full, how.osFlags(), 0o666)
	if err != nil {
		return nil, fail(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fail(err)
	}
	if info.IsDir() {
		f.Close()
		return d.openDir(n)
	}
	if !info.Mode().IsRegular() {
		return newDevice(f, info, d.wake), nil
	}
	return &File{f: f, readOnly: d.readOnly}, nil
}

// openDir opens a directory as a root of its own. It is opened twice: the first
// time only a directory is accepted, because opening a pipe could block.
func (d *Dir) openDir(n name) (Descriptor, error) {
	probe, err := d.root.OpenFile(n.full, os.O_RDONLY|directoryFlags, 0)
	if err != nil {
		return nil, fail(err)
	}
	probe.Close()
	root, err := d.root.OpenRoot(n.full)
	if err != nil {
		return nil, notDir(err)
	}
	opened, err := newDir(root, d.readOnly, d.wake)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// notDir classifies an error of OpenRoot, which has no errno for a file.
func notDir(err error) error {
	if errno := ErrnoOf(err); errno != EIO {
		return errno
	}
	return ENOTDIR
}

func (how OpenFlags) osFlags() int {
	flags := noWaitFlags
	switch {
	case how&(Write|Truncate) == 0:
		flags |= os.O_RDONLY
	case how&Read == 0:
		flags |= os.O_WRONLY
	default:
		flags |= os.O_RDWR
	}
	if how&Create != 0 {
		flags |= os.O_CREATE
	}
	if how&Exclusive != 0 {
		flags |= os.O_EXCL
	}
	if how&Truncate != 0 {
		flags |= os.O_TRUNC
	}
	return flags
}
