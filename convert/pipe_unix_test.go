//go:build unix

package convert

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tracetool/tracetool/format"
)

// TestOpenNamedPipe: to tell its form would use it up, if somebody writes at all.
func TestOpenNamedPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(t.Context(), pipe, Options{}); !errors.Is(err, format.ErrNotTrace) {
		t.Errorf("error %v, want that it is no trace", err)
	}
}
