package registry

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const profileSuffix = ".pb.gz"

// Profile is a profile of a recording that is kept with it, as pprof reads it.
type Profile struct {
	ID         string    `json:"id"` // PROCESS.TYPE
	Process    string    `json:"process"`
	Type       string    `json:"type"`        // "cpu" or "memory"
	Start      time.Time `json:"start"`       // of the process
	DurationNS int64     `json:"duration_ns"` // of the process
	Size       int64     `json:"size"`        // bytes
}

func (r *Registry) profilePath(id string) string { return r.path(profilesDir, id+profileSuffix) }

// PutProfile keeps a profile of a recording in place of an older one of that
// type, and returns its id.
func (r *Registry) PutProfile(process, kind string, data []byte) (id string, err error) {
	id = process + "." + kind
	unlock, err := r.lock(false)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := os.Remove(r.profilePath(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return id, r.writeFile(r.profilePath(id), data)
}

// Profiles lists the profiles of some processes, in their order.
func (r *Registry) Profiles(processes []*Process) ([]*Profile, error) {
	ids, err := r.names(profilesDir, profileSuffix)
	if err != nil {
		return nil, err
	}
	kept := map[string][]string{}
	for _, id := range ids {
		process, kind, _ := strings.Cut(id, ".")
		kept[process] = append(kept[process], kind)
	}
	var list []*Profile
	for _, p := range processes {
		for _, kind := range kept[p.ID] {
			id := p.ID + "." + kind
			info, err := os.Stat(r.profilePath(id))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			list = append(list, &Profile{ID: id, Process: p.ID, Type: kind, Start: p.Start, DurationNS: p.DurationNS, Size: info.Size()})
		}
	}
	return list, nil
}

// ReadProfile returns a profile by its id. The error matches fs.ErrNotExist if
// there is none.
func (r *Registry) ReadProfile(id string) ([]byte, error) {
	if filepath.Base(id) != id {
		return nil, &NotFoundError{"profile", id, r.dir}
	}
	return os.ReadFile(r.profilePath(id))
}

// FindProfile returns the id that begins with a prefix.
func (r *Registry) FindProfile(prefix string) (string, error) {
	ids, err := r.names(profilesDir, profileSuffix)
	if err != nil {
		return "", err
	}
	return r.Find("profile", ids, prefix)
}

// deleteProfiles removes the profiles of a recording.
func (r *Registry) deleteProfiles(process string) error {
	paths, err := filepath.Glob(r.path(profilesDir, process+".*"+profileSuffix))
	for _, path := range paths {
		if e := os.Remove(path); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
