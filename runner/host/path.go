package host

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// MaxPath is the longest path in bytes that is looked at; longer ones fail with
// ENAMETOOLONG.
const MaxPath = 4096

// name is a guest's path, taken apart but not resolved.
type name struct {
	full  string // as given
	bare  string // full without trailing slashes
	dir   string // all but the last component, "." if there is none
	base  string // the last component
	slash bool   // full ends in a slash, so it must name a directory
}

func parse(path string) (name, error) {
	switch {
	case path == "":
		return name{}, ENOENT
	case len(path) > MaxPath:
		return name{}, ENAMETOOLONG
	case strings.IndexByte(path, 0) >= 0:
		return name{}, EINVAL
	case path[0] == '/':
		return name{}, EPERM
	}
	n := name{full: path, bare: strings.TrimRight(path, "/"), dir: "."}
	n.slash = len(n.bare) < len(path)
	n.base = n.bare
	if i := strings.LastIndexByte(n.bare, '/'); i >= 0 {
		n.dir, n.base = n.bare[:i], n.bare[i+1:]
	}
	return n, nil
}

// dots tells whether the last component is "." or "..", which is resolved like
// the rest of the path, is a directory and never a link.
func (n name) dots() bool { return n.base == "." || n.base == ".." }

// escapeError is the error os.Root gives for a path that leads outside. It has
// no exported name, so it is asked for once.
var escapeError = sync.OnceValue(func() error {
	root, err := os.OpenRoot(".")
	if err != nil {
		return nil
	}
	defer root.Close()
	_, err = root.Lstat("..")
	var pathErr *fs.PathError
	if !errors.As(err, &pathErr) {
		return nil
	}
	return pathErr.Err
})
