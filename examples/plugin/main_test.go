package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/runner/tracetest"
)

func TestPlugin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin.trace.arrow")
	var out strings.Builder
	if err := run(t.Context(), &out, path, []string{"Ada"}); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^plugin says: request of 3 bytes
Good day, Ada! \(\d+ ms\)
replayed \d+ events without the host's functions: the same
$`)
	if !want.MatchString(out.String()) {
		t.Errorf("output %q, want %s", out.String(), want)
	}
	tracetest.Replay(t, path)
}
