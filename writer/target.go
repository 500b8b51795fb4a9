package writer

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
)

// file is what a trace is written to: an *os.File, or one that fails in tests.
type file interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
	Name() string
}

// target is the file that a trace is written to. A hidden one gets its name
// only when the trace is complete, any other as soon as it is an Arrow file.
type target struct {
	path   string
	file   file
	force  bool
	hidden bool
	named  bool // the file is at path, and is ours to remove
	closed bool
	old    *oldTail // of a trace that was opened to add to it
}

// oldTail is the end of a trace that was opened: what Abort puts back.
type oldTail struct {
	at   int64
	data []byte
}

// createTarget creates the file: under its own name, or under a temporary one
// beside it if it is to be hidden, to replace another or to be named at Start.
func createTarget(path string, opts *Options, hidden bool) (*target, error) {
	if path == "" {
		return nil, errors.New("trace without a file name")
	}
	if err := CheckNew(path, opts.Force); err != nil {
		return nil, err
	}
	_, err := os.Lstat(path)
	exists := err == nil
	if exists && !hidden && !renamesOpen {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		exists = false
	}
	late := hidden || exists || opts.NameAtStart && renamesOpen
	t := &target{path: path, force: opts.Force, hidden: hidden, named: !late}
	name := path
	if !t.named {
		if name, err = temporaryName(path); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, opts.Mode)
	if err != nil {
		return nil, err
	}
	t.file = f
	if err := setMode(f, opts.Mode); err != nil {
		return nil, errors.Join(err, t.abort())
	}
	return t, nil
}

// CheckNew fails where no new file may be created at path: where there is a
// directory, a pipe or a device, which nothing replaces, or a link to one, and
// without force where there is a file, with an error that matches fs.ErrExist.
// Of a link to a file the link is what is replaced.
func CheckNew(path string, force bool) error {
	info, err := os.Lstat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if led, err := os.Stat(path); err == nil {
		info = led // a link that leads nowhere counts as a file
	}
	switch {
	case info.IsDir():
		err = errors.New("is a directory")
	case info.Mode()&fs.ModeType&^fs.ModeSymlink != 0:
		err = errors.New("is a pipe or device, want the name of a file")
	case !force:
		err = fs.ErrExist
	default:
		return nil
	}
	return &fs.PathError{Op: "create", Path: path, Err: err}
}

// setMode gives a file its mode whatever the umask.
func setMode(f *os.File, mode os.FileMode) error {
	if err := f.Chmod(mode); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// temporaryName is a name beside path for the file that becomes it later.
func temporaryName(path string) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	return path + "." + id.String() + ".tmp", nil
}

// started: the file holds a complete Arrow file, if without events.
func (t *target) started(sync bool) error {
	if t.hidden {
		return nil
	}
	if !t.named {
		if err := t.name(); err != nil {
			return err
		}
	}
	if sync {
		return errors.Join(t.file.Sync(), SyncDir(filepath.Dir(t.path)))
	}
	return nil
}

// name moves the file to its place: over another one only with force.
func (t *target) name() error {
	temporary := t.file.Name()
	if !t.force {
		err := os.Link(temporary, t.path)
		if err == nil {
			t.named = true
			return os.Remove(temporary)
		}
		// A file system without links: what is checked here may have changed
		// when the file is renamed, which is the best it offers.
		if _, missing := os.Lstat(t.path); missing == nil || errors.Is(err, os.ErrExist) {
			return &os.PathError{Op: "create", Path: t.path, Err: os.ErrExist}
		}
	}
	if err := os.Rename(temporary, t.path); err != nil {
		return err
	}
	t.named = true
	return nil
}

// finish cuts the file to its size and gives it its name.
func (t *target) finish(size int64, sync bool) error {
	if err := t.file.Truncate(size); err != nil {
		return err
	}
	if sync {
		if err := t.file.Sync(); err != nil {
			return err
		}
	}
	t.closed = true
	if err := t.file.Close(); err != nil {
		return err
	}
	if t.hidden {
		if err := t.name(); err != nil {
			return err
		}
	}
	if sync {
		return SyncDir(filepath.Dir(t.path))
	}
	return nil
}

// close gives the file up as it is.
func (t *target) close() {
	if !t.closed {
		t.closed = true
		_ = t.file.Close() // there is an error already
	}
}

// abort removes the file, or puts back what it was when it was opened.
func (t *target) abort() error {
	var err error
	if t.old != nil {
		err = t.restore()
	}
	t.close()
	if t.old != nil {
		return err
	}
	if t.named {
		return os.Remove(t.path)
	}
	return os.Remove(t.file.Name())
}

func (t *target) restore() error {
	if _, err := t.file.WriteAt(t.old.data, t.old.at); err != nil {
		return err
	}
	return t.file.Truncate(t.old.at + int64(len(t.old.data)))
}

// SyncDir makes a directory's entries durable, where the system can.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) && !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}
