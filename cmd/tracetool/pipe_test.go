//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// namedPipe makes one, into which text is written when it is opened.
func namedPipe(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	go os.WriteFile(path, []byte(text), 0)
	return path
}

// TestNamedPipes: what <(COMMAND) of a shell passes is read once, whatever the
// form is that it turns out to have.
func TestNamedPipes(t *testing.T) {
	const rows = 5000 // more than what is looked at to tell the form
	text := strings.Repeat("{\"a\":1}\n", rows)
	dir := t.TempDir()
	table, app := filepath.Join(dir, "t.trace.arrow"), filepath.Join(dir, "app.trace.arrow")
	if err := os.WriteFile(table+".jsonl", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, 0, "convert", table+".jsonl", table)
	tool(t, 0, "record", "-q", "../../examples/hello/hello.wasm", "-t", app)
	read := func(path string) string {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for form, data := range map[string]string{"jsonl": text, "arrow": read(table)} {
		for _, args := range [][]string{
			{"cat", namedPipe(t, data)},
			{"convert", "--to", "jsonl", "--plain", namedPipe(t, data), "-"},
		} {
			out, _ := tool(t, 0, args...)
			if lines := strings.Count(out, "\n"); lines != rows {
				t.Errorf("%s of %s: %d lines, want %d", args[0], form, lines, rows)
			}
		}
	}
	tool(t, 0, "diff", namedPipe(t, text), namedPipe(t, read(table)))
	tool(t, 0, "replay", namedPipe(t, read(app)))

	pipe := namedPipe(t, "Hello\n")
	_, notes := tool(t, 5, "inspect", pipe)
	wantContains(t, notes, "tracetool: "+pipe+": input: not a trace: a text file, nor JSON")
}

// Whoever waits for the writer of a pipe is interrupted, and leaves nothing.
func TestNamedPipeInterrupted(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.jsonl")
	for _, args := range [][]string{{"inspect"}, {"convert", none}} {
		pipe := filepath.Join(t.TempDir(), "pipe")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{args[0], pipe}, args[1:]...)
		cmd := exec.CommandContext(t.Context(), "tracetool", args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // when it reads
		if err != nil {
			t.Fatal(err)
		}
		cmd.Process.Signal(syscall.SIGINT)
		timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		if code := exitCode(t, cmd.Wait()); code != 130 {
			t.Errorf("%s: exit code %d, want 130", args, code)
		}
		timer.Stop()
		w.Close()
	}
	if exists(none) {
		t.Error("what was interrupted left a file")
	}
}

// What must be a file is not waited for where it is a pipe.
func TestNamedPipeInsteadOfFile(t *testing.T) {
	dir := t.TempDir()
	reg, out := filepath.Join(dir, "reg"), filepath.Join(dir, "out")
	tool(t, 0, "run", "-q", "--registry", reg, "../../examples/hello/hello.wasm")
	const id = "0193594e-0000-7000-8000-000000000000"
	pipe := filepath.Join(reg, "processes", id+".trace.arrow")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"recover", pipe, out}, {"verify", pipe}, {"inspect", "--registry", reg, id}} {
		_, notes := tool(t, 5, args...)
		wantContains(t, notes, "not a file but a named pipe")
	}
	problems, _ := tool(t, 5, "verify", "--registry", reg)
	wantContains(t, problems, "process "+id+": "+pipe+" at byte 0: not a trace: not a file but a named pipe\n")
	_, notes := tool(t, 5, "recover", "/dev/null", out)
	wantContains(t, notes, "not a file but a device")
}
