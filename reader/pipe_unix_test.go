//go:build unix

package reader_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// TestNamedPipe: to open one lasts until somebody writes into it, so none is,
// whether it has the name of a trace or of its sidecar.
func TestNamedPipe(t *testing.T) {
	dir := t.TempDir()
	pipe, path := filepath.Join(dir, "pipe"), filepath.Join(dir, "t.trace.arrow")
	for _, p := range []string{pipe, path + format.SidecarSuffix} {
		if err := syscall.Mkfifo(p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, shared()[:2000], 0o600); err != nil {
		t.Fatal(err)
	}
	for what, open := range map[string]func() error{
		"Open":             func() error { _, err := reader.Open(pipe, reader.Options{}); return err },
		"ReadTail":         func() error { _, err := reader.ReadTail(pipe, reader.Options{}); return err },
		"SalvagePath":      func() error { _, err := reader.SalvagePath(pipe, reader.Options{}); return err },
		"Open its sidecar": func() error { _, err := reader.Open(path, reader.Options{}); return err },
	} {
		if err := open(); !errors.Is(err, format.ErrNotTrace) && !errors.Is(err, format.ErrCorrupt) {
			t.Errorf("%s: %v, want that it is no trace", what, err)
		}
	}
	if reader.Recording(path) {
		t.Error("a pipe is a recording in progress")
	}
}
