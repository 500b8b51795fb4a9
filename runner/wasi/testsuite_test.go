package wasi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"

	"github.com/tracetool/tracetool/runner/wasi"
)

// engines are what every guest must run on alike.
var engines = []struct {
	name   string
	config func() wazero.RuntimeConfig
}{
	{"compiler", wazero.NewRuntimeConfigCompiler},
	{"interpreter", wazero.NewRuntimeConfigInterpreter},
}

// TestWASITestsuite runs the wasip1 programs of the public wasi-testsuite, if
// WASI_TESTSUITE names a checkout of it with the programs built:
//
//	git clone -b prod/testsuite-base https://github.com/WebAssembly/wasi-testsuite
//	WASI_TESTSUITE=$PWD/wasi-testsuite go test -run WASITestsuite ./runner/wasi
func TestWASITestsuite(t *testing.T) {
	checkout := os.Getenv("WASI_TESTSUITE")
	if checkout == "" {
		t.Skip("WASI_TESTSUITE names no checkout of wasi-testsuite, branch prod/testsuite-base")
	}
	programs, err := filepath.Glob(filepath.Join(checkout, "tests/*/testsuite/wasm32-wasip1/*.wasm"))
	if err != nil || len(programs) == 0 {
		t.Fatalf("%s: found no tests/*/testsuite/wasm32-wasip1/*.wasm (%v)", checkout, err)
	}
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			for _, program := range programs {
				t.Run(strings.TrimSuffix(filepath.Base(program), ".wasm"), func(t *testing.T) {
					runTestsuiteProgram(t, engine.config(), program)
				})
			}
		})
	}
}

// testsuiteSpec is the file beside a program; see doc/specification.md there.
type testsuiteSpec struct {
	Args     []string          `json:"args"`
	Root     string            `json:"root"`
	Env      map[string]string `json:"env"`
	ExitCode uint32            `json:"exit_code"`
	Stdout   *string           `json:"stdout"`
}

func runTestsuiteProgram(t *testing.T, engine wazero.RuntimeConfig, program string) {
	var spec testsuiteSpec
	text, err := os.ReadFile(strings.TrimSuffix(program, ".wasm") + ".json")
	if err == nil {
		err = json.Unmarshal(text, &spec)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cfg := wasi.Config{Args: append([]string{filepath.Base(program)}, spec.Args...), Stdout: &stdout, Stderr: &stderr}
	for k, v := range spec.Env {
		cfg.Env = append(cfg.Env, k+"="+v)
	}
	if spec.Root != "" {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(filepath.Dir(program), spec.Root))); err != nil {
			t.Fatal(err)
		}
		cfg.Dirs = []wasi.Dir{{Host: dir, Guest: "/"}}
	}
	if code := runProgram(t, engine, program, cfg); code != spec.ExitCode {
		t.Errorf("exit code %d, want %d\n%s", code, spec.ExitCode, stderr.String())
	}
	if spec.Stdout != nil {
		if diff := cmp.Diff(*spec.Stdout, stdout.String()); diff != "" {
			t.Errorf("stdout (-want +got):\n%s", diff)
		}
	}
}

// runProgram runs a command and returns its exit code.
func runProgram(t *testing.T, engine wazero.RuntimeConfig, program string, cfg wasi.Config) uint32 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	rt := wazero.NewRuntimeWithConfig(ctx, engine)
	defer rt.Close(ctx)
	system, err := wasi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer system.Close()
	if err := system.Instantiate(ctx, rt); err != nil {
		t.Fatal(err)
	}
	wasm, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rt.Instantiate(ctx, wasm)
	var exit *sys.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		t.Error(err)
		return 134 // as a shell shows a trap
	}
	return 0
}
