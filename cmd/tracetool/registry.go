package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/runner/registry"
)

// registryFlags say which registry a verb works on.
type registryFlags struct{ dir string }

func (r *registryFlags) bind(fs *pflag.FlagSet) {
	fs.StringVar(&r.dir, "registry", "", "use the registry in `DIR`")
	cli.CompleteFlag(fs, "registry", cli.Dirs())
}

// location is where the registry is: by the flag, the settings or the
// platform's convention.
func (r *registryFlags) location() (string, error) {
	if r.dir != "" {
		return r.dir, nil
	}
	dir, err := registry.DefaultDir()
	if err != nil {
		return "", cli.WithHint(fmt.Errorf("the registry: %w", err), "--registry names its directory")
	}
	return dir, nil
}

// open opens a registry that exists.
func (r *registryFlags) open() (*registry.Registry, error) {
	dir, err := r.location()
	if err != nil {
		return nil, err
	}
	reg, err := registry.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, cli.WithHint(fmt.Errorf("%s: there is no registry", dir), "tracetool run makes it; --registry names another")
	}
	return reg, err
}

// newRegistryFlags are registryFlags of verbs that make a registry where there
// is none.
type newRegistryFlags struct {
	registryFlags
	shared bool
}

func (r *newRegistryFlags) bind(fs *pflag.FlagSet) {
	r.registryFlags.bind(fs)
	fs.BoolVar(&r.shared, "shared", false, "make a new registry one that the directory's group reads and adds to")
}

func (r *newRegistryFlags) create() (*registry.Registry, error) {
	dir, err := r.location()
	if err != nil {
		return nil, err
	}
	return registry.Create(dir, registry.Options{Shared: r.shared})
}
