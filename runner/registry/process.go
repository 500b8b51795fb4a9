package registry

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// Status says how far a recorded process has come.
type Status string

// The states of a process.
const (
	Running    Status = "running"    // its recorder is at work
	Exited     Status = "exited"     // with an exit code
	Trapped    Status = "trapped"    //
	Killed     Status = "killed"     // its recorder died; what it recorded until then is there
	Incomplete Status = "incomplete" // stopped before its end: a timeout, an interrupt, a size reached
	Damaged    Status = "damaged"    // its trace cannot be read
)

// Statuses lists all states.
func Statuses() []Status {
	return []Status{Running, Exited, Trapped, Killed, Incomplete, Damaged}
}

// Process is what is known of a recording without reading its events.
type Process struct {
	ID         string            `json:"id"` // UUID, that of the trace
	Status     Status            `json:"status"`
	ExitCode   *int64            `json:"exit_code,omitempty"` // 134 for a trap
	Start      time.Time         `json:"start"`
	DurationNS int64             `json:"duration_ns"` // from the first event to the last
	Events     int64             `json:"events"`
	Size       int64             `json:"size"` // of the trace's file, bytes
	Program    *format.Program   `json:"program,omitempty"`
	Host       *format.Host      `json:"host,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Source     string            `json:"source,omitempty"` // what the trace was made from
	Error      string            `json:"error,omitempty"`  // why it trapped, or cannot be read
}

// moduleDigest is the sha256 of the module, empty where it is not known.
func (p *Process) moduleDigest() string {
	if p.Program == nil {
		return ""
	}
	return p.Program.SHA256
}

// use notes that a recording refers to the module by a name.
func (m *Module) use(name string) {
	m.Processes++
	if i, found := slices.BinarySearch(m.Names, name); !found {
		m.Names = slices.Insert(m.Names, i, name)
	}
}

// TracePath is the file of a recording.
func (r *Registry) TracePath(id string) string { return r.path(processesDir, id+format.Extension) }

// IDs lists the recordings, oldest first: ids of version 7 begin with their
// time. Files whose names are no ids are somebody else's.
func (r *Registry) IDs() ([]string, error) {
	names, err := r.names(processesDir, format.Extension)
	return slices.DeleteFunc(names, func(name string) bool { return !isProcess(name) }), err
}

// isProcess reports whether a name is an id of a process as it is written: of the
// forms that UUIDs have elsewhere none is.
func isProcess(name string) bool {
	id, err := uuid.Parse(name)
	return err == nil && id.String() == name
}

// Readers is how many traces are read at once: while one waits for the disk
// others are parsed, as far as GOMAXPROCS lets them.
const Readers = 16

// Processes reads what the ends of the traces of these recordings tell, in
// their order. Those that are deleted meanwhile are left out.
func (r *Registry) Processes(ctx context.Context, ids []string) ([]*Process, error) {
	list, errs := make([]*Process, len(ids)), make([]error, len(ids))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(Readers, len(ids)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(ids)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				list[i], errs[i] = r.Process(ids[i])
			}
		})
	}
	wg.Wait()
	for _, err := range append(errs, ctx.Err()) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return slices.DeleteFunc(list, func(p *Process) bool { return p == nil }), nil
}

// Process reads what the end of a recording's trace tells. It is an error only
// if there is no such recording or the system refuses to read it.
func (r *Registry) Process(id string) (*Process, error) {
	path := r.TracePath(id)
	tail, err := reader.ReadTail(path, reader.Options{})
	if err == nil && tail.Summary.Closed {
		return describe(id, tail.Header, tail.Summary, tail.Size, false), nil
	}
	if err != nil && !errors.Is(err, format.ErrCorrupt) {
		return r.unreadable(id, err)
	}
	return r.open(id, path)
}

// open reads a recording that is in progress, or whose recorder died: its
// sidecar belongs to it then, and its tail may be torn.
func (r *Registry) open(id, path string) (*Process, error) {
	live := reader.Recording(path) // before the tail, which is final if not
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		return r.unreadable(id, err)
	}
	defer f.Close()
	return describe(id, f.Header(), f.Summary(), f.Size(), live), nil
}

// unreadable tells a trace that is damaged from a system that refuses.
func (r *Registry) unreadable(id string, err error) (*Process, error) {
	var system *fs.PathError
	if errors.As(err, &system) {
		return nil, err
	}
	return &Process{ID: id, Status: Damaged, Start: startOf(id), Error: err.Error()}, nil
}

// describe takes a process's facts from its header and summary.
func describe(id string, h *format.Header, s *format.Summary, size int64, live bool) *Process {
	p := &Process{
		ID: id, Status: StatusOf(h, s, live), Start: time.Unix(0, h.StartNS).UTC(), DurationNS: max(0, s.LastTimeNS-s.FirstTimeNS),
		Events: s.Events, Size: size, Program: h.Program, Host: h.Host, Tags: h.Tags, Source: h.Source,
	}
	if s.Exit != nil {
		code := s.Exit.Code
		p.ExitCode, p.Error = &code, s.Exit.Error
	}
	return p
}

// StatusOf tells from a trace how far its process has come; live says whether
// a recorder is at work on it.
func StatusOf(h *format.Header, s *format.Summary, live bool) Status {
	switch {
	case !s.Closed && live:
		return Running
	case !s.Closed:
		return Killed
	case s.Exit != nil && s.Exit.Status == "trapped":
		return Trapped
	case s.Exit != nil, h.Program != nil && h.Program.Embedded:
		return Exited
	case strings.HasPrefix(h.Source, "recover"): // completed after its recorder had died
		return Killed
	}
	return Incomplete
}

// OpenProcess opens the trace of a recording, with its modules.
func (r *Registry) OpenProcess(id string, limits format.Limits) (*reader.File, error) {
	return reader.Open(r.TracePath(id), r.ReaderOptions(limits))
}

// ReaderOptions have a trace of the registry find its modules.
func (r *Registry) ReaderOptions(limits format.Limits) reader.Options {
	return reader.Options{Limits: limits, Elsewhere: r.elsewhere}
}

// Delete removes a recording and its profiles. One that is in progress is an ErrRunning.
func (r *Registry) Delete(id string) error {
	path := r.TracePath(id)
	if reader.Recording(path) {
		return &fs.PathError{Op: "delete", Path: path, Err: ErrRunning}
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	if err := os.Remove(path + format.SidecarSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return r.deleteProfiles(id)
}

// ErrRunning is returned where a recording in progress would be removed.
var ErrRunning = errors.New("the process is running")
