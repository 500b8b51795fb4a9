//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
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

// TestNamedPipes: what <(command) of a shell passes is read once, whatever the
// form is that it turns out to have.
func TestNamedPipes(t *testing.T) {
	const rows = 5000 // more than what is looked at to tell the form
	text := strings.Repeat("{\"a\":1}\n", rows)
	trace := filepath.Join(t.TempDir(), "t.trace.arrow")
	if err := os.WriteFile(trace+".jsonl", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tracetool", "convert", trace+".jsonl", trace).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	arrow, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for form, data := range map[string]string{"jsonl": text, "arrow": string(arrow)} {
		for _, args := range [][]string{
			{"cat", namedPipe(t, data)},
			{"convert", "--to", "jsonl", "--plain", namedPipe(t, data), "-"},
		} {
			out, err := exec.Command("tracetool", args...).Output()
			if lines := strings.Count(string(out), "\n"); err != nil || lines != rows {
				t.Errorf("%s of %s: %d lines, %v, want %d", args[0], form, lines, err, rows)
			}
		}
	}
	out, err := exec.Command("tracetool", "diff", namedPipe(t, text), namedPipe(t, string(arrow))).CombinedOutput()
	if err != nil {
		t.Errorf("diff of two pipes: %v, %s", err, out)
	}
}
