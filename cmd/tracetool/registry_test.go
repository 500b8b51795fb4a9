//go:build unix

package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// rounds is how often a test repeats: few times, or as often as the environment
// says.
func rounds(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv("TRACETOOL_ROUNDS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Eight runs and a collection of garbage at once lose no process and no module.
func TestRegistryAtOnce(t *testing.T) {
	const runs = 8
	reg := filepath.Join(t.TempDir(), "reg")
	n := rounds(t, 3)
	programs := []string{"hello/hello.wasm", "reactor/reactor.wasm", "c-trap/trap.wasm"}
	for range n {
		var wg sync.WaitGroup
		for i := range runs {
			wg.Go(func() {
				cmd := exec.Command("tracetool", "run", "-q", "--registry", reg, "../../examples/"+programs[i%len(programs)])
				if err := cmd.Run(); err != nil && exitCode(t, err) != 134 {
					t.Errorf("run: %v", err)
				}
			})
		}
		wg.Go(func() {
			cmd := exec.Command("tracetool", "gc", "--registry", reg)
			if out, err := cmd.CombinedOutput(); err != nil && !strings.Contains(string(out), "there is no registry") {
				t.Errorf("gc: %v: %s", err, out)
			}
		})
		wg.Wait()
	}
	ids, _ := tool(t, 0, "get", "process", "-q", "--registry", reg)
	if got := strings.Count(ids, "\n"); got != n*runs {
		t.Errorf("%d processes, want %d", got, n*runs)
	}
	said, _ := tool(t, 0, "verify", "--registry", reg)
	if want := fmt.Sprintf(" %d modules: ok", len(programs)); !strings.Contains(said, want) {
		t.Errorf("%q, want %q in it", said, want)
	}
	left, _ := filepath.Glob(filepath.Join(reg, "*", "*.tmp"))
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A run that is killed is listed as killed, described, and replays up to its
// last call, even if it was killed while it wrote a segment.
func TestRegistryKilled(t *testing.T) {
	reg := filepath.Join(t.TempDir(), "reg")
	n := rounds(t, 4)
	for range n {
		cmd := exec.Command("tracetool", "run", "--registry", reg, "../../bench/guest/clock.wasm", "--", "4000000000")
		pipe, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(pipe)
		if !lines.Scan() {
			t.Fatal("no id")
		}
		id := lines.Text()
		time.Sleep(time.Duration(rand.N(int64(50 * time.Millisecond))))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		killed, _ := tool(t, 0, "get", "process", "-q", "--status", "killed", "--registry", reg, "--limit", "1")
		if strings.TrimSpace(killed) != id {
			t.Fatalf("killed: %q, want %s", killed, id)
		}
		page, _ := tool(t, 0, "describe", "process", id, "--registry", reg)
		wantContains(t, page, "State:       killed")
		_, notes := tool(t, 122, "replay", id, "--registry", reg)
		wantContains(t, notes, "was cut short")
	}
	tool(t, 0, "gc", "-q", "--registry", reg)
	ids, _ := tool(t, 0, "get", "process", "-q", "--registry", reg)
	if got := strings.Count(ids, "\n"); got != n {
		t.Errorf("%d processes, want %d", got, n)
	}
	for id := range strings.FieldsSeq(ids) {
		tool(t, 0, "delete", id, "--registry", reg)
	}
	if left, _ := os.ReadDir(filepath.Join(reg, "processes")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
