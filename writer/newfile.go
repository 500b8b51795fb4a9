package writer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// NewFile is a file other than a trace that gets its name when it is complete.
// It has mode 0600. The nil NewFile stands for a file that nobody asked for: it
// may be committed and aborted.
type NewFile struct {
	file  *os.File
	path  string
	force bool
	err   error // of a Write
}

// CreateNew creates the file under a temporary name, so that a directory that is
// missing or a file that exists is known beforehand: see [CheckNew].
func CreateNew(path string, force bool) (*NewFile, error) {
	if err := CheckNew(path, force); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, asPath(err, path)
	}
	return &NewFile{file: file, path: path, force: force}, nil
}

// asPath names the file that was asked for in an error of its temporary one.
func asPath(err error, path string) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		e.Path = path
	}
	return err
}

func (f *NewFile) Write(b []byte) (int, error) {
	n, err := f.file.Write(b)
	if err != nil {
		f.err = asPath(err, f.path)
	}
	return n, f.err
}

// Abort removes the file. After Commit it does nothing.
func (f *NewFile) Abort() {
	if f != nil {
		f.file.Close()
		os.Remove(f.file.Name())
	}
}

// Commit gives the file its name once the disk has it. If a Write has failed it
// returns that error and removes the file.
func (f *NewFile) Commit() error {
	if f == nil {
		return nil
	}
	err := f.err
	if err == nil {
		err = f.file.Sync()
	}
	if e := f.file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = f.publish()
	}
	os.Remove(f.file.Name())
	return asPath(err, f.path)
}

// publish names the file. A link fails where another process has created the
// file meanwhile; a rename would replace it.
func (f *NewFile) publish() error {
	if !f.force {
		err := os.Link(f.file.Name(), f.path)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		// The file system has no links.
	}
	if err := CheckNew(f.path, f.force); err != nil {
		return err
	}
	return os.Rename(f.file.Name(), f.path)
}
