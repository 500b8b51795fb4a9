package guest_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/guest"
)

// Variables of TestReplaysAgainAndAgain, as of the test of that name in package
// session.
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
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestReplaysAgainAndAgain replays sessions of WebAssembly programs many times in
// two processes at once, each on both engines: every time all frames are as
// recorded.
func TestReplaysAgainAndAgain(t *testing.T) {
	if path := os.Getenv(traceVariable); path != "" {
		replayAgain(t, path)
		return
	}
	for name, path := range map[string]string{"command": editor, "text": life, "bytes": "testdata/fold.wasm"} {
		t.Run(name, func(t *testing.T) { twoProcesses(t, path) })
	}
}

func twoProcesses(t *testing.T, module string) {
	path := filepath.Join(t.TempDir(), "long.trace.arrow")
	if err := typeAway(t, open(t, module, guest.Options{}), number(t, eventsVariable, 100)).Save(path, false); err != nil {
		t.Fatal(err)
	}
	var processes []*exec.Cmd
	for range 2 {
		c := exec.Command(os.Args[0], "-test.run=^TestReplaysAgainAndAgain$", "-test.timeout=0", fmt.Sprintf("-test.v=%t", testing.Verbose()))
		c.Env = append(os.Environ(), traceVariable+"="+path)
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		processes = append(processes, c)
	}
	for _, c := range processes {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// typeAway records a session of that many events: keys, above all, and whatever
// else there is.
func typeAway(t *testing.T, p *guest.Program, events int) *session.Trace {
	t.Helper()
	m := p.Model()
	defer m.Close()
	r := session.NewRecorder(m, session.Size{Columns: 40, Rows: 10}, 7, session.Options{Profile: guest.Term})
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(r.Init())
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "é", "世", "Space", "Enter", "Backspace", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End"}
	others := []string{"key ctrl+k", "key ctrl+v", "key ctrl+z", "mouse press left 7 3", "paste \"x y\"", "focus in", "key PageUp", "key F5"}
	for i := range events {
		at := time.Duration(i) * 20 * time.Millisecond
		check(r.Advance(at, 0))
		text := "key " + names[random.IntN(len(names))]
		if random.IntN(8) == 0 {
			text = others[random.IntN(len(others))]
		}
		ev, err := session.ParseEvent(text)
		check(err)
		check(r.Push(at, ev))
		if i%500 == 499 {
			check(r.Resize(at, session.Size{Columns: 30 + i/500%20, Rows: 10}))
		}
		_, err = r.Step()
		check(err)
	}
	trace, err := r.Finish()
	check(err)
	p.Attach(trace)
	return trace
}

func replayAgain(t *testing.T, path string) {
	trace, err := session.Load(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	want := trace.Records[len(trace.Records)-1].Chain
	for _, engine := range engines {
		p, err := guest.OpenTrace(t.Context(), trace, nil, guest.Options{Engine: engine, CacheDir: runner.NoCache, Timeout: -1})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		replays, began := number(t, replaysVariable, 2), time.Now()
		for i := range replays {
			if i > 0 && i%10 == 0 {
				t.Logf("process %d: %d replays", os.Getpid(), i)
			}
			m := p.Model()
			result, err := session.Replay(t.Context(), m, trace)
			if err != nil {
				t.Fatal(err)
			}
			if result.Mismatch != nil || result.Chain != want {
				t.Fatalf("%s, replay %d: chain %016x, mismatch %+v", engine, i, result.Chain, result.Mismatch)
			}
			m.Close()
		}
		t.Logf("process %d: %d replays of %d frames of %s on the %s in %.0f s, chain %016x",
			os.Getpid(), replays, trace.Frames(), trace.Program.Name, engine, time.Since(began).Seconds(), want)
	}
}
