package runner

import (
	"fmt"
	"os"
	"testing"
)

// cacheDir spares the tests to compile the same modules again.
var cacheDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "runner")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cacheDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}
