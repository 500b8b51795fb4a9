package session

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Variables of TestReplaysAgainAndAgain. SESSION_EVENTS=100000
// SESSION_REPLAYS=100 is what a release is tried with.
const (
	eventsVariable  = "SESSION_EVENTS"
	replaysVariable = "SESSION_REPLAYS"
	traceVariable   = "SESSION_TRACE" // the process is one of the two that replay it
)

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text, set := os.LookupEnv(variable)
	if !set {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// TestReplaysAgainAndAgain replays a session many times in two processes at
// once: every time all frames are as recorded.
func TestReplaysAgainAndAgain(t *testing.T) {
	if path := os.Getenv(traceVariable); path != "" {
		replayAgain(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "long.trace.arrow")
	must(t, record(t, number(t, eventsVariable, 2000), Options{}).Save(path, false))
	var processes []*exec.Cmd
	for range 2 {
		c := exec.Command(os.Args[0], "-test.run=^TestReplaysAgainAndAgain$", "-test.timeout=0", fmt.Sprintf("-test.v=%t", testing.Verbose()))
		c.Env = append(os.Environ(), traceVariable+"="+path)
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		must(t, c.Start())
		processes = append(processes, c)
	}
	for _, c := range processes {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func replayAgain(t *testing.T, path string) {
	trace, err := Load(context.Background(), path)
	must(t, err)
	replays := number(t, replaysVariable, 3)
	for i := range replays {
		if i > 0 && i%10 == 0 {
			t.Logf("process %d: %d replays", os.Getpid(), i)
		}
		result, err := Replay(context.Background(), &board{}, trace)
		must(t, err)
		if result.Mismatch != nil || result.Chain != trace.Records[len(trace.Records)-1].Chain {
			t.Fatalf("replay %d: chain %016x, mismatch %+v", i, result.Chain, result.Mismatch)
		}
	}
	t.Logf("process %d: %d replays of %d frames, chain %016x", os.Getpid(), replays, trace.Frames(), trace.Records[len(trace.Records)-1].Chain)
}
