// Package registry keeps recordings: a directory of traces, in which a module
// is stored once however many recordings there are of it.
//
//	registry.json             version of the layout; whether a group may read
//	processes/ID.trace.arrow  a recording, its modules detached
//	processes/ID.trace.arrow.open  the open segment of one in progress, or of one that was killed
//	modules/SHA256.wasm       a module by the sha256 of its bytes
//	profiles/ID.TYPE.pb.gz    a profile of a recording
//	lock                      held while something is added, or collected
//
// There is no database: what is listed is read from the ends of the traces.
// Start with Create or Open, Begin for a new recording, Processes and
// OpenProcess for those there are.
//
// Any number of processes may use a registry at once. Files appear under their
// names when they are complete, or, recordings, when they are Arrow files
// already. Modules are checked against their names whenever they are read. A
// Registry may be used by many goroutines.
package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// Version is the version of the layout that this package writes.
const Version = 1

// Names in a registry.
const (
	infoFile     = "registry.json"
	lockFile     = "lock"
	processesDir = "processes"
	modulesDir   = "modules"
	profilesDir  = "profiles"
)

// ErrVersion is returned for a registry of a later version.
var ErrVersion = errors.New("registry of a later version")

// Registry is a directory of recordings.
type Registry struct {
	dir  string
	info info
}

// info is the file registry.json.
type info struct {
	Version int  `json:"version"`
	Shared  bool `json:"shared"` // files are 0640 and directories 2770 instead of 0600 and 0700
}

// Options are what a new registry is like.
type Options struct {
	// Shared lets the directory's group add recordings and read all of them.
	// An existing registry cannot become shared.
	Shared bool
}

// DefaultDir is where the user's registry is: in the data directory by the
// convention of the platform.
func DefaultDir() (string, error) {
	data, err := dataDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(data, "tracetool"), nil
}

func dataDir() (string, error) {
	switch runtime.GOOS {
	case "windows":
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return dir, nil
		}
		return "", errors.New("%LocalAppData% is not defined")
	case "darwin":
		home, err := os.UserHomeDir()
		return filepath.Join(home, "Library", "Application Support"), err
	}
	// A relative path is to be ignored, says the XDG Base Directory Specification.
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "share"), err
}

// Open opens a registry. The error matches fs.ErrNotExist if there is none.
func Open(dir string) (*Registry, error) {
	data, err := os.ReadFile(filepath.Join(dir, infoFile))
	if err != nil {
		return nil, err
	}
	r := &Registry{dir: dir}
	if err := json.Unmarshal(data, &r.info); err != nil || r.info.Version < 1 {
		return nil, fmt.Errorf("%s: not that of a registry", filepath.Join(dir, infoFile))
	}
	if r.info.Version > Version {
		return nil, fmt.Errorf("%s: %w: %d, this program knows %d", dir, ErrVersion, r.info.Version, Version)
	}
	return r, nil
}

// Create opens a registry, which it makes if there is none. The error matches
// fs.ErrExist if there is one that is not shared and should be.
func Create(dir string, o Options) (*Registry, error) {
	r, err := Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		r, err = create(dir, o)
	}
	if err != nil {
		return nil, err
	}
	if o.Shared && !r.info.Shared {
		return nil, fmt.Errorf("%s: %w and is not shared", dir, fs.ErrExist)
	}
	return r, nil
}

// create makes the directories, and last the file that makes them a registry.
func create(dir string, o Options) (*Registry, error) {
	r := &Registry{dir: dir, info: info{Version: Version, Shared: o.Shared}}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	for _, path := range []string{dir, r.path(processesDir), r.path(modulesDir), r.path(profilesDir)} {
		if err := r.makeDir(path); err != nil {
			return nil, err
		}
	}
	data, err := json.Marshal(r.info)
	if err != nil {
		return nil, err
	}
	if err := r.writeFile(r.path(infoFile), append(data, '\n')); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return Open(dir) // another process may have been the first, with other options
}

func (r *Registry) makeDir(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(path, r.dirMode())
}

// Dir is the registry's directory.
func (r *Registry) Dir() string { return r.dir }

// Shared reports whether the directory's group may read and add.
func (r *Registry) Shared() bool { return r.info.Shared }

func (r *Registry) path(names ...string) string {
	return filepath.Join(append([]string{r.dir}, names...)...)
}

// FileMode is the mode of the registry's files, whatever the umask.
func (r *Registry) FileMode() fs.FileMode {
	if r.info.Shared {
		return 0o640
	}
	return 0o600
}

// dirMode has files inherit the group of a shared registry.
func (r *Registry) dirMode() fs.FileMode {
	if r.info.Shared {
		return 0o770 | fs.ModeSetgid
	}
	return 0o700
}

// lock waits for the registry's lock: shared for those who add files that
// refer to each other, exclusive for one who looks for files that nothing
// refers to. The function returned gives it back.
func (r *Registry) lock(exclusive bool) (unlock func(), err error) {
	flag := os.O_RDONLY
	if exclusive {
		flag = os.O_RDWR
	}
	mode := fs.FileMode(0o600)
	if r.info.Shared {
		mode = 0o660
	}
	f, err := lockedfile.OpenFile(r.path(lockFile), flag|os.O_CREATE, mode)
	if err != nil {
		return nil, err
	}
	// Whoever created it may have a umask; all others are not its owner.
	if info, err := f.Stat(); err == nil && info.Mode().Perm() != mode {
		_ = os.Chmod(f.Name(), mode)
	}
	return func() { f.Close() }, nil
}

// Containing returns the registry whose recording the file at path is, nil if
// it is in none.
func Containing(path string) *Registry {
	path, err := filepath.Abs(path)
	if err != nil || filepath.Base(filepath.Dir(path)) != processesDir {
		return nil
	}
	r, err := Open(filepath.Dir(filepath.Dir(path)))
	if err != nil {
		return nil
	}
	return r
}
