package main

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// mount gives a test a small file system of its own.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no file system of %s can be mounted: %v", size, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A full disk is an error that tells what became of the program, and harms no
// other recording.
func TestRegistryFullDisk(t *testing.T) {
	reg := filepath.Join(mount(t, "2m"), "reg")
	tool(t, 0, "run", "-q", "--registry", reg, "../../examples/hello/hello.wasm")
	_, notes := tool(t, 125, "run", "--registry", reg, "../../bench/guest/random.wasm", "--", "1000000")
	wantContains(t, notes, "the program was stopped: ")
	wantContains(t, notes, "no space left on device")
	wantContains(t, notes, "what was recorded until then is there: tracetool describe process ")
	tool(t, 0, "describe", "process", "latest", "--registry", reg)
	if err := os.WriteFile(filepath.Join(reg, "fill"), make([]byte, 4<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	_, notes = tool(t, 125, "run", "--registry", reg, "../../examples/hello/hello.wasm")
	wantContains(t, notes, "the program was not started: ")
	wantContains(t, notes, "no space left on device")
	ids, _ := tool(t, 0, "get", "process", "-q", "--registry", reg, "--status", "exited")
	tool(t, 0, "replay", "-q", ids[:36], "--registry", reg)
	os.Remove(filepath.Join(reg, "fill"))
	tool(t, 0, "verify", "--registry", reg)
}

// What a full disk does not take whole is not there, under its name or another.
func TestFullDiskLeavesNothing(t *testing.T) {
	dir := mount(t, "1m")
	trace := filepath.Join(t.TempDir(), "app.trace.arrow")
	tool(t, 0, "record", "-q", "../../examples/hello/hello.wasm", "-t", trace)
	fill := filepath.Join(dir, "fill")
	if err := os.WriteFile(fill, make([]byte, 4<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	for _, test := range []struct {
		code int
		args []string
		file string
	}{
		{125, []string{"replay", trace, "--report"}, "report.json"},
		{125, []string{"replay", trace, "--dump-memory"}, "memory.bin"},
		{1, []string{"profile", trace, "--cpu"}, "cpu.pb.gz"},
		{1, []string{"module", "get", trace, "hello.wasm"}, "hello.wasm"},
		{1, []string{"convert", trace}, "app.jsonl"},
	} {
		path := filepath.Join(dir, test.file)
		_, notes := tool(t, test.code, append(test.args, path)...)
		wantContains(t, notes, "tracetool: write "+path+": no space left on device\n")
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Fatalf("%s leaves %v, %v", test.args, left, err)
		}
	}
}

// In a registry that cannot be written everything can be read.
func TestRegistryReadOnly(t *testing.T) {
	dir := mount(t, "8m")
	reg := filepath.Join(dir, "reg")
	tool(t, 0, "run", "-q", "--registry", reg, "../../examples/hello/hello.wasm")
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skip(err)
	}
	_, notes := tool(t, 125, "run", "--registry", reg, "../../examples/hello/hello.wasm")
	wantContains(t, notes, "the program was not started: ")
	wantContains(t, notes, "read-only file system")
	wantContains(t, notes, "--no-record runs the program without recording it")
	tool(t, 0, "replay", "-q", "latest", "--registry", reg)
	tool(t, 0, "describe", "process", "latest", "--registry", reg)
	tool(t, 0, "verify", "--registry", reg)
	tool(t, 1, "delete", "latest", "--registry", reg)
	tool(t, 1, "gc", "--registry", reg)
}
