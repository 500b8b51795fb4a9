package registry

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// Garbage is a file that nothing refers to.
type Garbage struct {
	Path string `json:"path"`
	Size int64  `json:"size"` // bytes
	What string `json:"what"` // "module", "unfinished file", "open segment" or "profile"
}

// Collect finds the modules that no recording refers to and what processes that
// died have left, and removes it unless it is only to be listed. Nobody adds to
// the registry meanwhile. Files of names that the registry does not give are left
// alone. A recording that cannot be read keeps all modules: one
// of them may be its own.
func (r *Registry) Collect(ctx context.Context, remove bool) ([]Garbage, error) {
	unlock, err := r.lock(true)
	if err != nil {
		return nil, err
	}
	defer unlock()
	list, err := r.garbage(ctx)
	if err != nil || !remove {
		return list, err
	}
	for _, g := range list {
		if err := os.Remove(g.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return list, errors.Join(writer.SyncDir(r.path(modulesDir)), writer.SyncDir(r.path(processesDir)))
}

// garbage lists it. The registry is locked.
func (r *Registry) garbage(ctx context.Context) ([]Garbage, error) {
	used, err := r.references(ctx)
	if err != nil {
		return nil, err
	}
	modules, err := r.look(modulesDir, func(name string) string {
		digest, isModule := strings.CutSuffix(name, moduleSuffix)
		if isModule && isDigest(digest) && used != nil && !used[digest] {
			return "module"
		}
		return ""
	})
	if err != nil {
		return nil, err
	}
	processes, err := r.look(processesDir, func(name string) string {
		trace, isSidecar := strings.CutSuffix(name, format.SidecarSuffix)
		id, isTrace := strings.CutSuffix(trace, format.Extension)
		if isSidecar && isTrace && isProcess(id) && !exists(r.path(processesDir, trace)) && !reader.Recording(r.path(processesDir, trace)) {
			return "open segment"
		}
		return ""
	})
	if err != nil {
		return nil, err
	}
	profiles, err := r.look(profilesDir, func(name string) string {
		process, _, _ := strings.Cut(name, ".")
		if strings.HasSuffix(name, profileSuffix) && isProcess(process) && !exists(r.TracePath(process)) {
			return "profile"
		}
		return ""
	})
	return slices.Concat(modules, processes, profiles), err
}

// references returns the digests of the modules that recordings refer to, also
// those under names that are no ids, nil if that cannot be told.
func (r *Registry) references(ctx context.Context) (map[string]bool, error) {
	ids, err := r.names(processesDir, format.Extension)
	if err != nil {
		return nil, err
	}
	processes, err := r.Processes(ctx, ids)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, p := range processes {
		if p.Status == Damaged {
			return nil, nil
		}
		used[p.moduleDigest()] = true
	}
	return used, nil
}

// look lists the files of a directory that are garbage: unfinished ones, and
// those that what names.
func (r *Registry) look(dir string, what func(name string) string) ([]Garbage, error) {
	entries, err := os.ReadDir(r.path(dir))
	if err != nil {
		return nil, err
	}
	var list []Garbage
	for _, e := range entries {
		why := what(e.Name())
		if isTemporary(e.Name()) {
			why = "unfinished file"
		}
		if why == "" {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, Garbage{Path: r.path(dir, e.Name()), Size: info.Size(), What: why})
	}
	return list, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// CheckModules returns what is wrong with each stored module, and which of the
// modules that processes refer to are missing.
func (r *Registry) CheckModules(processes []*Process) ([]error, error) {
	digests, err := r.digests()
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, d := range digests {
		if _, err := r.Module(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	for _, p := range processes {
		if d := p.moduleDigest(); d != "" && !slices.Contains(digests, d) && !exists(r.modulePath(d)) {
			problems = append(problems, &MissingModuleError{Process: p.ID, Name: p.Program.Name, SHA256: d})
		}
	}
	return problems, nil
}

// MissingModuleError is about a recording whose module is not in the registry.
type MissingModuleError struct{ Process, Name, SHA256 string }

func (e *MissingModuleError) Error() string {
	return "process " + e.Process + ": its module " + e.Name + ", sha256:" + e.SHA256 + ", is missing"
}
