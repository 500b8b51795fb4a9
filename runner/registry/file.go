package registry

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/tracetool/tracetool/writer"
)

// temporarySuffix ends the names of files that are not complete.
const temporarySuffix = ".tmp"

// temporary is a name beside path for the file that becomes it.
func temporary(path string) (string, error) {
	id, err := uuid.NewV7()
	return path + "." + id.String() + temporarySuffix, err
}

func isTemporary(name string) bool { return strings.HasSuffix(name, temporarySuffix) }

// writeFile makes a file that is on disk, whole, when it has its name. The
// error is fs.ErrExist if there is one of that name.
func (r *Registry) writeFile(path string, data []byte) error {
	name, err := temporary(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, r.FileMode())
	if err != nil {
		return err
	}
	err = fill(f, data, r.FileMode())
	if err == nil {
		err = publish(name, path)
	}
	if err != nil {
		os.Remove(name)
		return named(err, path)
	}
	return writer.SyncDir(filepath.Dir(path))
}

// fill writes, syncs and closes a file.
func fill(f *os.File, data []byte, mode fs.FileMode) error {
	err := f.Chmod(mode)
	if errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// publish gives a file its name, which must be free: a link fails where another
// process was first, a rename would replace its file.
func publish(name, path string) error {
	err := os.Link(name, path)
	if err == nil {
		return os.Remove(name)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(path); err == nil { // a file system without links
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return os.Rename(name, path)
}

// named names the file that was asked for in an error of its temporary one.
func named(err error, path string) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		e.Path = path
	}
	return err
}

// names lists the files of a directory that end in suffix, without it, sorted.
// It reads the directory and none of the files.
func (r *Registry) names(dir, suffix string) ([]string, error) {
	entries, err := os.ReadDir(r.path(dir))
	if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !e.IsDir() {
			list = append(list, name)
		}
	}
	return list, nil
}
