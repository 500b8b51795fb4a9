package host

import (
	"io"
	"os"
	"path/filepath"
)

// Dir is an open directory: the place paths are relative to, and which none
// leaves. Its descendants opened through it are sandboxes of their own.
type Dir struct {
	root     *os.Root
	self     *os.File // the same directory, for its entries and its times
	readOnly bool
	wake     Signal // for the pipes and devices in it

	entries []DirEntry // read so far, without "." and ".."
	end     bool       // entries is complete
}

// DirEntry is one name in a directory.
type DirEntry struct {
	Name string
	Type FileType
	Ino  uint64 // 0: not known
}

// OpenDir opens a host directory. With readOnly set, whatever would change it
// or anything below fails with EROFS. The error is the library's own, for the
// person who named the directory.
func OpenDir(hostPath string, readOnly bool, wake Signal) (*Dir, error) {
	root, err := os.OpenRoot(hostPath)
	if err != nil {
		return nil, err
	}
	return newDir(root, readOnly, wake)
}

// newDir takes ownership of root.
func newDir(root *os.Root, readOnly bool, wake Signal) (*Dir, error) {
	self, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, fail(err)
	}
	return &Dir{root: root, self: self, readOnly: readOnly, wake: wake}, nil
}

// Type returns Directory.
func (d *Dir) Type() FileType { return Directory }

// Stat describes the directory itself.
func (d *Dir) Stat() (Stat, error) { return statFile(d.self) }

// Close closes the directory.
func (d *Dir) Close() error {
	d.self.Close()
	return fail(d.root.Close())
}

// Sync commits the directory to the disk.
func (d *Dir) Sync() error { return syncDir(d.self) }

// SetTimes sets the times of the directory itself.
func (d *Dir) SetTimes(t Times) error {
	if d.readOnly {
		return EROFS
	}
	return d.setTimes(name{full: "."}, t)
}

func (d *Dir) setTimes(n name, t Times) error {
	atime, mtime := t.times()
	return fail(d.root.Chtimes(n.full, atime, mtime))
}

// StatAt describes the file at a path; with follow unset, a link itself.
func (d *Dir) StatAt(path string, follow bool) (Stat, error) {
	n, err := parse(path)
	if err != nil {
		return Stat{}, err
	}
	look := d.root.Lstat
	if follow {
		look = d.root.Stat
	}
	info, err := look(n.full)
	if err != nil {
		return Stat{}, fail(err)
	}
	return d.statAt(n, info), nil
}

// SetTimesAt sets the times of the file at a path; with follow unset, those of
// a link itself.
func (d *Dir) SetTimesAt(path string, follow bool, t Times) error {
	n, err := d.parseToChange(path)
	if err != nil {
		return err
	}
	if follow || n.slash || n.dots() {
		return d.setTimes(n, t)
	}
	return d.setTimesNoFollow(n, t)
}

// Mkdir creates a directory.
func (d *Dir) Mkdir(path string) error {
	n, err := d.parseToChange(path)
	if err != nil {
		return err
	}
	return fail(d.root.Mkdir(n.bare, 0o777))
}

// Symlink creates a link that holds target, which must be relative: a link is
// never followed to the outside, but other programs would.
func (d *Dir) Symlink(target, path string) error {
	if _, err := parse(target); err != nil {
		return err
	}
	target = filepath.FromSlash(target) // what other programs can follow
	if filepath.VolumeName(target) != "" || os.IsPathSeparator(target[0]) {
		return EPERM
	}
	n, err := d.parseToChange(path)
	if err != nil {
		return err
	}
	if n.slash {
		return d.existsAlready(n)
	}
	return fail(d.root.Symlink(target, n.full))
}

// Readlink returns what a link holds.
func (d *Dir) Readlink(path string) (string, error) {
	n, err := parse(path)
	if err != nil {
		return "", err
	}
	target, err := d.root.Readlink(n.full)
	return filepath.ToSlash(target), fail(err)
}

// Link gives the file at oldPath one more name, newPath below newDir. A link at
// oldPath is not followed.
func (d *Dir) Link(oldPath string, newDir *Dir, newPath string) error {
	from, err := d.parseToChange(oldPath)
	if err != nil {
		return err
	}
	to, err := newDir.parseToChange(newPath)
	if err != nil {
		return err
	}
	switch {
	case from.slash || from.dots():
		if _, err := d.root.Lstat(from.full); err != nil {
			return fail(err)
		}
		return EPERM // a directory
	case to.slash || to.dots():
		return newDir.existsAlready(to)
	}
	return link(d, from, newDir, to)
}

// existsAlready is the outcome of creating something other than a directory
// under a name that only a directory can have.
func (d *Dir) existsAlready(n name) error {
	if _, err := d.root.Lstat(n.full); err != nil {
		return fail(err)
	}
	return EEXIST
}

// Rename moves the file at oldPath to newPath below newDir, replacing what is
// there as rename(2) does.
func (d *Dir) Rename(oldPath string, newDir *Dir, newPath string) error {
	from, err := d.parseToChange(oldPath)
	if err != nil {
		return err
	}
	to, err := newDir.parseToChange(newPath)
	if err != nil {
		return err
	}
	if from.dots() || to.dots() {
		return EBUSY
	}
	if from.slash || to.slash {
		// Only the error depends on this look, not what is touched.
		info, err := d.root.Lstat(from.bare)
		if err != nil {
			return fail(err)
		}
		if !info.IsDir() {
			return ENOTDIR
		}
	}
	return rename(d, from, newDir, to)
}

// Unlink removes a name that is not a directory's.
func (d *Dir) Unlink(path string) error {
	n, err := d.parseToChange(path)
	if err != nil {
		return err
	}
	if n.slash || n.dots() {
		if _, err := d.root.Lstat(n.full); err != nil {
			return fail(err)
		}
		return EISDIR
	}
	return d.unlink(n)
}

// Rmdir removes an empty directory.
func (d *Dir) Rmdir(path string) error {
	n, err := d.parseToChange(path)
	if err != nil {
		return err
	}
	if n.dots() {
		return EINVAL
	}
	return d.rmdir(n)
}

func (d *Dir) parseToChange(path string) (name, error) {
	if d.readOnly {
		return name{}, EROFS
	}
	return parse(path)
}

// Rewind begins a new reading of the directory: Entry sees it as it is now.
func (d *Dir) Rewind() error {
	_, err := d.self.Seek(0, io.SeekStart)
	d.entries, d.end = nil, false
	return fail(err)
}

// entryBatch is how many names are read from the host at a time.
const entryBatch = 256

// Entry returns the i-th entry since Rewind; 0 is "." and 1 is "..". Numbers
// stay what they are whatever is created or removed meanwhile. At the end ok is
// false.
func (d *Dir) Entry(i uint64) (e DirEntry, ok bool, err error) {
	switch i {
	case 0:
		s, err := d.Stat()
		return DirEntry{".", Directory, s.Ino}, err == nil, err
	case 1:
		// The parent's identity is not the guest's business.
		return DirEntry{"..", Directory, 0}, true, nil
	}
	i -= 2
	for i >= uint64(len(d.entries)) && !d.end {
		if err := d.readEntries(); err != nil {
			return DirEntry{}, false, err
		}
	}
	if i >= uint64(len(d.entries)) {
		return DirEntry{}, false, nil
	}
	return d.identify(&d.entries[i]), true, nil
}

func (d *Dir) readEntries() error {
	batch, err := d.self.ReadDir(entryBatch)
	for _, e := range batch {
		d.entries = append(d.entries, DirEntry{Name: e.Name(), Type: fileType(e.Type())})
	}
	if err == io.EOF {
		d.end = true
		return nil
	}
	return fail(err)
}

// identify fills in the inode, once; an entry that has gone keeps none.
func (d *Dir) identify(e *DirEntry) DirEntry {
	if e.Ino == 0 {
		if s, err := d.StatAt(e.Name, false); err == nil {
			e.Type, e.Ino = s.Type, s.Ino
		}
	}
	return *e
}
