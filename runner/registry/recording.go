package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tracetool/tracetool/writer"
)

// Recording is a recording that begins: Create its writer, call Started when
// the writer has started, record, close the writer, Commit. End is for all ways
// out of that.
type Recording struct {
	ID string // UUID v7 of process and trace

	registry *Registry
	unlock   func()
	once     sync.Once
}

// Begin gives a recording its id.
func (r *Registry) Begin() (*Recording, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return &Recording{ID: id.String(), registry: r, unlock: func() {}}, nil
}

// Import gives a recording that comes from elsewhere its place, under the id
// that it has. KeepModule, Commit and End are for its caller, and the writing of
// the file at Path. The error is fs.ErrExist if the recording is there.
func (r *Registry) Import(id string) (*Recording, error) {
	if !isProcess(id) {
		return nil, fmt.Errorf("id %q of the trace, want a UUID in lower case", id)
	}
	rec := &Recording{ID: id, registry: r, unlock: func() {}}
	if exists(rec.Path()) {
		return nil, &fs.PathError{Op: "import", Path: rec.Path(), Err: fs.ErrExist}
	}
	unlock, err := r.lock(false)
	if err != nil {
		return nil, err
	}
	rec.unlock = unlock
	return rec, nil
}

// KeepModule stores a module of the recording.
func (rec *Recording) KeepModule(data []byte) error { return rec.registry.putModule(data) }

// Path is where the trace is, or will be.
func (rec *Recording) Path() string { return rec.registry.TracePath(rec.ID) }

// Create stores the module and creates the trace, whose attachment is to be
// detached. From here until Started no module is collected.
func (rec *Recording) Create(module []byte, o writer.Options) (*writer.Writer, error) {
	unlock, err := rec.registry.lock(false)
	if err != nil {
		return nil, err
	}
	rec.unlock = unlock
	if err := rec.registry.putModule(module); err != nil {
		return nil, err
	}
	o.Header.ID, o.Mode, o.NameAtStart = rec.ID, rec.registry.FileMode(), true
	return writer.Create(rec.Path(), o)
}

// Started says that the trace has its name and refers to the module.
func (rec *Recording) Started() { rec.End() }

// End gives up what Create holds. It may be called at any time.
func (rec *Recording) End() { rec.once.Do(func() { rec.unlock() }) }

// Commit waits until the disk has the trace that was closed.
func (rec *Recording) Commit() error {
	f, err := os.OpenFile(rec.Path(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return writer.SyncDir(filepath.Dir(rec.Path()))
}

// startOf is the time in an id of version 7, zero in others.
func startOf(id string) time.Time {
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 7 {
		return time.Time{}
	}
	return time.Unix(u.Time().UnixTime()).UTC()
}
