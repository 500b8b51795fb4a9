//go:build unix

package runner

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tracetool/tracetool/format"
)

// The trace that a process of its own replays, and the stdout of the program.
const (
	hermeticTrace = "HERMETIC_TRACE"
	hermeticWant  = "HERMETIC_WANT"
)

// A replay needs neither the files and sockets of its recording nor an
// environment: it succeeds where nothing can be opened any more.
func TestHermetic(t *testing.T) {
	if path := os.Getenv(hermeticTrace); path != "" {
		replayConfined(t, path)
		return
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text.txt"), []byte("one two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rec := record(t, example(t, "go-files/files.wasm"), Config{
		Args: []string{"cat", "/text.txt"}, Env: []string{"HOME=/"}, Dirs: []format.Preopen{{Host: dir, Guest: "/"}},
		Listen: []string{"127.0.0.1:0"}, Stdin: strings.NewReader("input")})
	if rec.stdout != "one two\n" {
		t.Fatalf("stdout %q", rec.stdout)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	confine(t, rec.path, rec.stdout)
	app := example(t, "rust-world/world.wasm")
	confine(t, rr(t, worldTrace, &app), worldOutput)
}

// confine replays a trace in a process that can open nothing.
func confine(t *testing.T, path, want string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run", "^TestHermetic$", "-test.v")
	cmd.Dir, cmd.Env = t.TempDir(), []string{hermeticTrace + "=" + path, hermeticWant + "=" + want}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestHermetic") {
		t.Errorf("%v\n%s", err, out)
	}
}

// replayConfined replays a trace, in a process of its own.
func replayConfined(t *testing.T, path string) {
	f := open(t, path)
	none := syscall.Rlimit{}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Skip(err)
	}
	if f, err := os.Open("."); err == nil {
		f.Close()
		t.Fatal("files can be opened")
	}
	var out strings.Builder
	result, err := Replay(t.Context(), f, ReplayConfig{Stdout: &out, CacheDir: NoCache})
	if err != nil || result.End != EndExit || out.String() != os.Getenv(hermeticWant) {
		t.Errorf("%+v, %v, stdout %q", result, err, out.String())
	}
}
