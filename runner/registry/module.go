package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/format"
)

const moduleSuffix = ".wasm"

// ErrDamaged is returned for a module whose bytes are not those that its name
// says.
var ErrDamaged = errors.New("damaged module")

func (r *Registry) modulePath(digest string) string { return r.path(modulesDir, digest+moduleSuffix) }

// putModule stores a module, unless it is there. One that is there and damaged
// is replaced. The registry's lock is held.
func (r *Registry) putModule(data []byte) error {
	sum := sha256.Sum256(data)
	path := r.modulePath(hex.EncodeToString(sum[:]))
	err := r.writeModule(path, data)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if stored, err := os.ReadFile(path); err != nil || bytes.Equal(stored, data) {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.writeFile(path, data); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil // another process has put it right
}

// writeModule looks first, so that a module is not written again for each run.
func (r *Registry) writeModule(path string, data []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	return r.writeFile(path, data)
}

// digests lists the modules that are stored. Files whose names are no sha256 in
// hex are somebody else's.
func (r *Registry) digests() ([]string, error) {
	names, err := r.names(modulesDir, moduleSuffix)
	return slices.DeleteFunc(names, func(name string) bool { return !isDigest(name) }), err
}

func isDigest(name string) bool {
	return len(name) == 2*sha256.Size && strings.Trim(name, "0123456789abcdef") == ""
}

// Module returns the bytes of a module by its sha256 in hex, checked against
// it. The error matches fs.ErrNotExist if there is none and ErrDamaged if it
// has other bytes.
func (r *Registry) Module(digest string) ([]byte, error) {
	path := r.modulePath(digest)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a file", path, ErrDamaged)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("%s: %w: sha256 %x", path, ErrDamaged, sum)
	}
	return data, nil
}

// elsewhere opens the modules of recordings, as reader.Options want it.
func (r *Registry) elsewhere(a format.Attachment) (io.ReaderAt, error) {
	data, err := r.Module(hex.EncodeToString(a.SHA256[:]))
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(data), nil
}

// Module of a registry.
type Module struct {
	SHA256    string   `json:"sha256"`
	Names     []string `json:"names"`     // what recordings call it, sorted; none if nothing refers to it
	Size      int64    `json:"size"`      // bytes
	Processes int      `json:"processes"` // how many recordings refer to it
}

// Modules lists the modules that are stored, by digest; their names and uses
// are those in the given processes.
func (r *Registry) Modules(processes []*Process) ([]*Module, error) {
	digests, err := r.digests()
	if err != nil {
		return nil, err
	}
	list := make([]*Module, 0, len(digests))
	bySHA := map[string]*Module{}
	for _, d := range digests {
		info, err := os.Stat(r.modulePath(d))
		if errors.Is(err, fs.ErrNotExist) {
			continue // collected meanwhile
		}
		if err != nil {
			return nil, err
		}
		m := &Module{SHA256: d, Names: []string{}, Size: info.Size()}
		list, bySHA[d] = append(list, m), m
	}
	for _, p := range processes {
		if m := bySHA[p.moduleDigest()]; m != nil {
			m.use(p.Program.Name)
		}
	}
	return list, nil
}

// Name is what the recordings call the module, "(none)" where there is none.
func (m *Module) Name() string {
	if len(m.Names) == 0 {
		return "(none)"
	}
	return strings.Join(m.Names, ", ")
}
