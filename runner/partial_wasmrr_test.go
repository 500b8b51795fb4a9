package runner

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tracetool/tracetool/convert/wasmrr"
)

// WASM_RR names the program wasm-rr: what it records is replayed here as it
// replays it itself, and comes back byte by byte; what is recorded here and
// exported, it replays.
func TestWithWasmRR(t *testing.T) {
	program := os.Getenv("WASM_RR")
	if program == "" {
		t.Skip("WASM_RR does not name the program wasm-rr")
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(program, args...).Output()
		if err != nil {
			t.Fatalf("wasm-rr %v: %v", args, err)
		}
		return string(out)
	}
	app := example(t, "rust-world/world.wasm")
	file := filepath.Join(t.TempDir(), app.Name)
	if err := os.WriteFile(file, app.Bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	export := func(path string, enc wasmrr.Encoding) []byte {
		t.Helper()
		var b bytes.Buffer
		if _, err := wasmrr.Export(context.Background(), open(t, path), &b, enc); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, enc := range map[string]wasmrr.Encoding{"json": wasmrr.JSON, "cbor": wasmrr.CBOR} {
		theirs := filepath.Join(t.TempDir(), "theirs."+name)
		run("record", file, "-t", theirs, "-f", name, "--", "short")
		text, err := os.ReadFile(theirs)
		if err != nil {
			t.Fatal(err)
		}
		path := rr(t, string(text), &app)
		if _, stdout, _, err := replayed(t, path, ReplayConfig{}); err != nil || stdout != run("replay", file, theirs) {
			t.Errorf("%s: %v, stdout %s", name, err, stdout)
		}
		if again := export(path, enc); !bytes.Equal(again, text) {
			t.Errorf("%s: %q comes back as %q", name, text, again)
		}

		rec := record(t, app, Config{Args: []string{"short"}, Env: []string{"A=b"}})
		ours := filepath.Join(t.TempDir(), "ours."+name)
		if err := os.WriteFile(ours, export(rec.path, enc), 0o600); err != nil {
			t.Fatal(err)
		}
		if stdout := run("replay", file, ours); stdout != rec.stdout {
			t.Errorf("%s: wasm-rr replays %s, want %s", name, stdout, rec.stdout)
		}
	}
}
