package writer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"
)

// target is the file that a trace is written to. A hidden one gets its name
// only when the trace is complete, any other as soon as it is an Arrow file.
type target struct {
	path   string
	file   *os.File
	force  bool
	hidden bool
	named  bool // the file is at path, and is ours to remove
}

// createTarget creates the file: under its own name, or under a temporary one
// beside it if it is to be hidden or to replace another.
func createTarget(path string, force, hidden bool) (*target, error) {
	if path == "" {
		return nil, errors.New("trace without a file name")
	}
	if info, err := os.Lstat(path); err == nil {
		if info.IsDir() {
			return nil, fmt.Errorf("%s: is a directory", path)
		}
		if !force {
			return nil, &os.PathError{Op: "create", Path: path, Err: os.ErrExist}
		}
	}
	t := &target{path: path, force: force, hidden: hidden}
	var err error
	if force || hidden {
		t.file, err = openTemp(path)
	} else {
		t.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		t.named = true
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// started: the file holds a complete Arrow file, if without events.
func (t *target) started() error {
	if t.hidden || t.named {
		return nil
	}
	return t.name()
}

// name moves the file to its place: over another one only with force.
func (t *target) name() error {
	temporary := t.file.Name()
	if t.force {
		if err := os.Rename(temporary, t.path); err != nil {
			return err
		}
		t.named = true
		return nil
	}
	if err := os.Link(temporary, t.path); err != nil {
		if errors.Is(err, os.ErrExist) {
			return err
		}
		// A file system without links: what is checked here may have changed
		// when the file is renamed, which is the best it offers.
		if _, err := os.Lstat(t.path); err == nil {
			return &os.PathError{Op: "create", Path: t.path, Err: os.ErrExist}
		}
		if err := os.Rename(temporary, t.path); err != nil {
			return err
		}
		t.named = true
		return nil
	}
	t.named = true
	return os.Remove(temporary)
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
	if err := t.file.Close(); err != nil {
		return err
	}
	if t.hidden {
		if err := t.name(); err != nil {
			return err
		}
	}
	if sync {
		return syncDir(filepath.Dir(t.path))
	}
	return nil
}

// abort removes the file.
func (t *target) abort() error {
	name := t.file.Name()
	if t.named {
		name = t.path
	}
	_ = t.file.Close() // it is removed whatever it says
	return os.Remove(name)
}

// syncDir makes a directory's entries durable, where the system can.
func syncDir(path string) error {
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

// openTemp creates the temporary file beside path that becomes it later.
func openTemp(path string) (*os.File, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return os.OpenFile(path+"."+id.String()+".tmp", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}
