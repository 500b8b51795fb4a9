package cli

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// errVersion ends parsing where --version stands.
var errVersion = errors.New("version asked for")

// Build is what is known of the running program.
type Build struct {
	Name     string        `json:"name"`
	Version  string        `json:"version"`          // "v1.2.3", or "devel"
	Commit   string        `json:"commit,omitempty"` // "-dirty" behind it where files had been changed
	Go       string        `json:"go"`               // "go1.25.0"
	Platform string        `json:"platform"`         // "linux/amd64"
	Modules  []BuildModule `json:"modules,omitempty"`
}

// BuildModule is the version of a module that the program was built with.
type BuildModule struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// Build returns what the toolchain recorded about this program.
func (a *App) Build() Build {
	b := Build{Name: a.Name, Version: a.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.fill(info, a.Modules)
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
	}
	return b
}

func (b *Build) fill(info *debug.BuildInfo, modules []string) {
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			b.Commit += "-dirty"
		}
	}
	for _, dep := range info.Deps {
		if slices.Contains(modules, dep.Path) {
			b.Modules = append(b.Modules, BuildModule{dep.Path, dep.Version})
		}
	}
}

func (b Build) writeText(w io.Writer) error {
	details := []string{b.Go, b.Platform}
	if b.Commit != "" {
		details = append([]string{"commit " + b.Commit}, details...)
	}
	text := fmt.Sprintf("%s %s (%s)\n", b.Name, b.Version, strings.Join(details, ", "))
	for _, m := range b.Modules {
		text += fmt.Sprintf("  %s %s\n", m.Path, m.Version)
	}
	_, err := io.WriteString(w, text)
	return err
}
