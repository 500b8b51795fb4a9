package runner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/format"
)

// TestWASITestsuite records the wasip1 programs of the public wasi-testsuite on
// one engine and replays them on the other, if WASI_TESTSUITE names a checkout;
// see the test of that name in package wasi.
func TestWASITestsuite(t *testing.T) {
	checkout := os.Getenv("WASI_TESTSUITE")
	if checkout == "" {
		t.Skip("WASI_TESTSUITE names no checkout of wasi-testsuite, branch prod/testsuite-base")
	}
	programs, err := filepath.Glob(filepath.Join(checkout, "tests/*/testsuite/wasm32-wasip1/*.wasm"))
	if err != nil || len(programs) == 0 {
		t.Fatalf("%s: found no tests/*/testsuite/wasm32-wasip1/*.wasm (%v)", checkout, err)
	}
	for _, path := range programs {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".wasm"), func(t *testing.T) {
			recordTestsuite(t, path)
		})
	}
}

func recordTestsuite(t *testing.T, path string) {
	var spec struct {
		Args     []string          `json:"args"`
		Root     string            `json:"root"`
		Env      map[string]string `json:"env"`
		ExitCode uint32            `json:"exit_code"`
		Stdout   *string           `json:"stdout"`
	}
	if text, err := os.ReadFile(strings.TrimSuffix(path, ".wasm") + ".json"); err == nil {
		if err := json.Unmarshal(text, &spec); err != nil {
			t.Fatal(err)
		}
	}
	m, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Args: spec.Args}
	for k, v := range spec.Env {
		cfg.Env = append(cfg.Env, k+"="+v)
	}
	if spec.Root != "" {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(filepath.Dir(path), spec.Root))); err != nil {
			t.Fatal(err)
		}
		cfg.Dirs = []format.Preopen{{Host: dir, Guest: "/"}}
	}
	rec := record(t, m, cfg)
	if rec.result.ExitCode != spec.ExitCode || spec.Stdout != nil && rec.stdout != *spec.Stdout {
		t.Errorf("exit code %d, stdout %q, stderr %q, want %d", rec.result.ExitCode, rec.stdout, rec.stderr, spec.ExitCode)
	}
	verify(t, rec, ReplayConfig{})
	verify(t, rec, ReplayConfig{Engine: EngineInterpreter})
}
