package registry

import (
	"fmt"
	"io/fs"
	"strings"
)

// Latest is what stands for the id of the process that began last.
const Latest = "latest"

// NotFoundError means that nothing has the id.
type NotFoundError struct {
	Kind string // "process", "module"
	ID   string // as asked for
	Dir  string // of the registry
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s: no %s in the registry %s has this id", e.ID, e.Kind, e.Dir)
}

// Is makes the error match fs.ErrNotExist.
func (e *NotFoundError) Is(target error) bool { return target == fs.ErrNotExist }

// AmbiguousError means that several ids begin so.
type AmbiguousError struct {
	Kind       string
	ID         string
	Candidates []string // at most three
	Count      int
}

func (e *AmbiguousError) Error() string {
	list := strings.Join(e.Candidates, ", ")
	if e.Count > len(e.Candidates) {
		list += ", ..."
	}
	return fmt.Sprintf("%s: %d ids of %s begin so: %s", e.ID, e.Count, e.Kind, list)
}

// FindProcess returns the id that begins with a prefix, with or without
// hyphens, or the newest for Latest. The error is a *NotFoundError or an
// *AmbiguousError.
func (r *Registry) FindProcess(prefix string) (string, error) {
	ids, err := r.IDs()
	if err != nil {
		return "", err
	}
	if prefix == Latest {
		if len(ids) == 0 {
			return "", &NotFoundError{"process", prefix, r.dir}
		}
		return ids[len(ids)-1], nil
	}
	return r.Find("process", ids, prefix)
}

// FindModule returns the digest that begins with a prefix, which may itself
// begin with "sha256:".
func (r *Registry) FindModule(prefix string) (string, error) {
	digests, err := r.digests()
	if err != nil {
		return "", err
	}
	return r.Find("module", digests, strings.TrimPrefix(prefix, "sha256:"))
}

// IsID reports whether text could be an id or the beginning of one.
func IsID(text string) bool {
	return text == Latest || text != "" && strings.Trim(text, "0123456789abcdefABCDEF-") == "" && bare(text) != ""
}

func bare(id string) string { return strings.ToLower(strings.ReplaceAll(id, "-", "")) }

// Find returns the one of several ids that begins with a prefix.
func (r *Registry) Find(kind string, ids []string, prefix string) (string, error) {
	want := bare(prefix)
	if want == "" {
		return "", &NotFoundError{kind, prefix, r.dir}
	}
	ambiguous := &AmbiguousError{Kind: kind, ID: prefix}
	for _, id := range ids {
		if b := bare(id); b == want {
			return id, nil
		} else if strings.HasPrefix(b, want) {
			if ambiguous.Count++; ambiguous.Count <= 3 {
				ambiguous.Candidates = append(ambiguous.Candidates, id)
			}
		}
	}
	switch ambiguous.Count {
	case 0:
		return "", &NotFoundError{kind, prefix, r.dir}
	case 1:
		return ambiguous.Candidates[0], nil
	}
	return "", ambiguous
}
