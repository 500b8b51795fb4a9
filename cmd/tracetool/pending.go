package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tracetool/tracetool/writer"
)

// pendingFile is a file that gets its name when it is complete. The nil
// pendingFile stands for a file that nobody asked for.
type pendingFile struct {
	file  *os.File
	path  string
	force bool
}

// createPending creates the file, mode 0600, under a temporary name, so that a
// directory that is missing or a file that exists is known beforehand.
func createPending(path string, force bool) (*pendingFile, error) {
	if path == "" {
		return nil, nil
	}
	if err := writer.CheckNew(path, force); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, asPath(err, path)
	}
	return &pendingFile{file, path, force}, nil
}

// Write names the file that was asked for in its errors.
func (p *pendingFile) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	return n, asPath(err, p.path)
}

// asPath names the file that was asked for in an error of its temporary one.
func asPath(err error, path string) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		e.Path = path
	}
	return err
}

// abort removes the file. After commit it does nothing.
func (p *pendingFile) abort() {
	if p != nil {
		p.file.Close()
		os.Remove(p.file.Name())
	}
}

// commit gives the file its name. It must not follow a Write that has failed.
func (p *pendingFile) commit() error {
	if p == nil {
		return nil
	}
	if err := p.file.Close(); err != nil {
		return err
	}
	if err := writer.CheckNew(p.path, p.force); err != nil {
		return err
	}
	return os.Rename(p.file.Name(), p.path)
}
