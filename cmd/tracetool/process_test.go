//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const filesWasm = "../../examples/go-files/files.wasm"

// recorder is a recording in progress: the guest copies stdin to stdout.
type recorder struct {
	*exec.Cmd
	trace  string
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer
}

// startRecorder returns when the guest has copied two lines. The call that
// wrote the first has returned by then, so it is in the trace.
func startRecorder(t *testing.T, flags ...string) *recorder {
	t.Helper()
	r := &recorder{trace: filepath.Join(t.TempDir(), "app.trace.arrow")}
	args := append([]string{"record", filesWasm, "-t", r.trace}, flags...)
	r.Cmd = exec.Command("tracetool", append(args, "--", "cat")...)
	r.Stderr = &r.stderr
	r.stdin, _ = r.StdinPipe()
	stdout, _ := r.StdoutPipe()
	r.stdout = bufio.NewReader(stdout)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Process.Kill() })
	r.say(t, "first")
	r.say(t, "second")
	return r
}

// say gives the guest a line and waits until it has written it.
func (r *recorder) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(r.stdin, line+"\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := r.stdout.ReadString('\n'); err != nil || got != line+"\n" {
		t.Fatalf("guest wrote %q, %v; want %q; stderr: %s", got, err, line, r.stderr.String())
	}
}

// end waits for the recorder, which must not take long.
func (r *recorder) end(t *testing.T) int {
	t.Helper()
	timer := time.AfterFunc(20*time.Second, func() { r.Process.Kill() })
	defer timer.Stop()
	io.Copy(io.Discard, r.stdout)
	return exitCode(t, r.Wait())
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return exit.ExitCode()
	}
	return 0
}

// tool runs tracetool, which must exit with that code, and returns what it
// wrote.
func tool(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("tracetool", args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if got := exitCode(t, cmd.Run()); got != code {
		t.Fatalf("tracetool %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func wantContains(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Fatalf("got %q, want %q in it", text, want)
	}
}

func TestSignalCompletesTheTrace(t *testing.T) {
	for _, test := range []struct {
		signal syscall.Signal
		flags  []string
		code   int
	}{
		{syscall.SIGINT, nil, 130},
		{syscall.SIGTERM, nil, 143},
		{syscall.SIGINT, []string{"--exit-code", "tool"}, 130},
	} {
		r := startRecorder(t, test.flags...)
		r.Process.Signal(test.signal)
		if code := r.end(t); code != test.code {
			t.Fatalf("%v: exit code %d, want %d; stderr: %s", test.signal, code, test.code, r.stderr.String())
		}
		wantContains(t, r.stderr.String(), "until it was interrupted")
		if exists(r.trace + ".open") {
			t.Fatal("the sidecar is left")
		}
		tool(t, 0, "verify", r.trace)
		summary, _ := tool(t, 0, "inspect", r.trace)
		wantContains(t, summary, "cut short")
		replayed, notes := tool(t, 122, "replay", r.trace)
		wantContains(t, replayed, "first\n")
		wantContains(t, notes, "was cut short")
	}
}

// loopWasm is a program that makes no calls: (loop br 0).
var loopWasm = []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00" +
	"\x07\x0a\x01\x06_start\x00\x00\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b")

func TestSecondSignalKills(t *testing.T) {
	dir := t.TempDir()
	program, trace := filepath.Join(dir, "loop.wasm"), filepath.Join(dir, "loop.trace.arrow")
	if err := os.WriteFile(program, loopWasm, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("tracetool", "record", program, "-t", trace)
	// Compiled guest code cannot be preempted: were a collection to begin during
	// the loop, it would wait for ever, and the handling of signals with it.
	cmd.Env = append(os.Environ(), "GOGC=1")
	pipe, _ := cmd.StderrPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	for deadline := time.Now().Add(20 * time.Second); !exists(trace); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no trace")
		}
	}
	cmd.Process.Signal(syscall.SIGINT)
	lines := bufio.NewScanner(pipe)
	if !lines.Scan() || !strings.Contains(lines.Text(), "interrupt again to kill it") {
		t.Fatalf("stderr: %q", lines.Text())
	}
	cmd.Process.Signal(syscall.SIGINT)
	if code := exitCode(t, cmd.Wait()); code != 130 {
		t.Fatalf("exit code %d", code)
	}
	tool(t, 0, "recover", "--in-place", trace)
	tool(t, 0, "verify", trace)
}

func TestInterruptedTextIsComplete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.jsonl")
	r := startRecorder(t, "-t", path)
	r.Process.Signal(syscall.SIGINT)
	if code := r.end(t); code != 130 {
		t.Fatalf("exit code %d, stderr: %s", code, r.stderr.String())
	}
	replayed, _ := tool(t, 122, "replay", path)
	wantContains(t, replayed, "first\n")
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Fatalf("files left: %v, %v", entries, err)
	}
}

func TestKilledRecorderLosesNothing(t *testing.T) {
	r := startRecorder(t)
	r.say(t, "third")
	r.Process.Kill()
	r.end(t)
	events, _ := tool(t, 0, "cat", r.trace, "--function", "fd_write")
	wantContains(t, events, `"second\n"`)
	tool(t, 0, "recover", r.trace, r.trace+".copy")
	tool(t, 0, "recover", "--in-place", r.trace)
	if exists(r.trace + ".open") {
		t.Fatal("the sidecar is left")
	}
	for _, trace := range []string{r.trace, r.trace + ".copy"} {
		tool(t, 0, "verify", trace)
		replayed, _ := tool(t, 122, "replay", trace)
		wantContains(t, replayed, "first\nsecond\n")
	}
}

func TestRecordingInProgress(t *testing.T) {
	r := startRecorder(t)
	summary, _ := tool(t, 0, "inspect", r.trace)
	wantContains(t, summary, "recording")
	tool(t, 1, "recover", "--in-place", r.trace)
	_, errs := tool(t, 125, "record", filesWasm, "-t", r.trace, "--force", "--", "now")
	wantContains(t, errs, "a recording is in progress")
	if strings.Contains(errs, "hint") {
		t.Fatalf("stderr: %s", errs)
	}
	snapshot := r.trace + ".snapshot"
	tool(t, 0, "snapshot", r.trace, snapshot)
	tool(t, 0, "verify", snapshot)

	follow := exec.Command("tracetool", "inspect", r.trace, "--follow", "--function", "fd_write")
	pipe, _ := follow.StdoutPipe()
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	defer follow.Process.Kill()
	lines := bufio.NewScanner(pipe)
	for _, line := range []string{"first", "second", "third"} {
		if !lines.Scan() || !strings.Contains(lines.Text(), line) {
			t.Fatalf("follow: %q, want %s", lines.Text(), line)
		}
		if line == "second" {
			r.say(t, "third")
		}
	}
	r.stdin.Close()
	if code := r.end(t); code != 0 {
		t.Fatalf("exit code %d, stderr: %s", code, r.stderr.String())
	}
	for lines.Scan() {
		t.Fatalf("follow: unexpected %q", lines.Text())
	}
	if err := follow.Wait(); err != nil {
		t.Fatalf("follow: %v", err)
	}
	events, _ := tool(t, 0, "cat", snapshot)
	if strings.Contains(events, "third") {
		t.Fatal("the snapshot holds what came later")
	}
}

func TestInterruptedFollowEndsQuietly(t *testing.T) {
	r := startRecorder(t)
	follow := exec.Command("tracetool", "inspect", r.trace, "--follow")
	var errs bytes.Buffer
	follow.Stderr = &errs
	pipe, _ := follow.StdoutPipe()
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for lines.Scan() && !strings.Contains(lines.Text(), "first") {
	}
	follow.Process.Signal(syscall.SIGINT)
	for lines.Scan() {
	}
	if code := exitCode(t, follow.Wait()); code != 130 || errs.Len() > 0 {
		t.Fatalf("exit code %d, stderr: %q", code, errs.String())
	}
}

func TestInterruptedConversionLeavesNothing(t *testing.T) {
	for _, out := range []string{"out.arrow", "out.jsonl"} {
		dir, temporary := t.TempDir(), t.TempDir()
		cmd := exec.Command("tracetool", "convert", "-", filepath.Join(dir, out))
		cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		pipe, _ := cmd.StdinPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		io.WriteString(pipe, strings.Repeat("{\"a\":1}\n", 1<<17))
		cmd.Process.Signal(syscall.SIGINT)
		timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		code := exitCode(t, cmd.Wait())
		timer.Stop()
		if code != 130 || errs.Len() > 0 {
			t.Errorf("%s: exit code %d, stderr: %q", out, code, errs.String())
		}
		for _, d := range []string{dir, temporary} {
			if left, err := os.ReadDir(d); err != nil || len(left) > 0 {
				t.Errorf("%s: files left: %v, %v", out, left, err)
			}
		}
	}
}

func TestClosedStdoutEndsQuietly(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "app.trace.arrow")
	noise := filepath.Join(t.TempDir(), "noise")
	if err := os.WriteFile(noise, bytes.Repeat([]byte("0123456789abcdef\n"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, 0, "record", "-q", filesWasm, "-t", trace, "--stdin", noise, "--", "cat")
	for _, args := range [][]string{
		{"cat", trace, "--max-text", "0"},
		{"cat", trace, "-o", "json"},
		{"convert", "-q", trace, "-", "--to", "jsonl"},
		{"replay", "-q", trace},
	} {
		cmd := exec.Command("tracetool", args...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		pipe, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(pipe, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		pipe.Close()
		if code := exitCode(t, cmd.Wait()); code != 0 || errs.Len() > 0 {
			t.Errorf("%s: exit code %d, stderr: %q", strings.Join(args, " "), code, errs.String())
		}
	}
}

// More inputs than the system lets a process open are a mistake that is told so.
func TestMergeOfManyInputs(t *testing.T) {
	dir := t.TempDir()
	trace := filepath.Join(dir, "app.trace.arrow")
	tool(t, 0, "record", "-q", "../../examples/hello/hello.wasm", "-t", trace)
	args := append([]string{"-c", `ulimit -n 30; exec tracetool merge -t "$0".all "$@"`, trace}, slices.Repeat([]string{trace}, 40)...)
	out, err := exec.Command("sh", args...).CombinedOutput()
	if code := exitCode(t, err); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	wantContains(t, string(out), ": too many open files\nhint: merge holds all of its inputs open")
	if exists(trace + ".all") {
		t.Error("there is a trace")
	}
}
