package guest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/guest"
)

const probe = "testdata/probe.wasm"

var probeSize = session.Size{Columns: 60, Rows: 6}

// start runs the probe until it waits, or returns how it ended.
func start(t *testing.T, seed uint64, o guest.Options, args ...string) (*guest.Model, error) {
	t.Helper()
	o.Args = args
	m := open(t, probe, o).Model()
	return m, m.Start(probeSize, seed)
}

func wantExit(t *testing.T, err error, code int) {
	t.Helper()
	var exit *session.ExitError
	if !errors.As(err, &exit) || exit.Code != code {
		t.Errorf("error %v, want exit code %d", err, code)
	}
}

func TestWorld(t *testing.T) {
	// chacha8rand with the key 7, 0, ...
	for _, seed := range []uint64{7, 8} {
		var first []string
		for _, engine := range engines {
			m, err := start(t, seed, guest.Options{Engine: engine, Env: []string{"HOME=/h"}}, "world")
			wantExit(t, err, 0)
			lines := screenOf(t, m, probeSize)
			if !strings.HasPrefix(lines[0], "946684800000000000 0 ") || lines[1] != "60 6 xterm-256color /h 1" || lines[2] != "-1" {
				t.Errorf("%s: %q", engine, lines)
			}
			if first == nil {
				first = lines
			} else if first[0] != lines[0] {
				t.Errorf("%s: %q, before %q", engine, lines[0], first[0])
			}
		}
		if random := strings.Fields(first[0])[2]; (random == "0e42d4cae8864908") != (seed == 7) {
			t.Errorf("seed %d: random bytes %s", seed, random)
		}
	}
}

func TestTimePassesInAdvance(t *testing.T) {
	m, err := start(t, 0, guest.Options{}, "sleep")
	if err != nil {
		t.Fatal(err)
	}
	if got := screenOf(t, m, probeSize)[:2]; got[0] != "0" || got[1] != "" {
		t.Errorf("at the start: %q", got)
	}
	if err := m.Advance(29 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if at, ok := m.Due(); !ok || at != 30*time.Millisecond {
		t.Errorf("due at %s, %t", at, ok)
	}
	if got := screenOf(t, m, probeSize)[1]; got != "" {
		t.Errorf("after 29 ms: %q", got)
	}
	// One tick wakes it as often as it waits for.
	wantExit(t, m.Advance(time.Second), 0)
	if got := strings.Join(screenOf(t, m, probeSize)[:5], " "); got != "0 30 60 90 120" {
		t.Errorf("at the end: %q", got)
	}
	wantExit(t, m.Advance(2*time.Second), 0)
}

func TestBusyWaits(t *testing.T) {
	for _, c := range []struct{ what, want string }{{"clock", "50 ms"}, {"look", "read"}, {"yield", "ready"}} {
		t.Run(c.what, func(t *testing.T) {
			m, err := start(t, 0, guest.Options{}, c.what)
			if err != nil {
				t.Fatal(err)
			}
			if err = m.Advance(49 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
			ev, _ := session.ParseEvent("key a")
			if err = m.Handle(ev); err == nil {
				err = m.Advance(50 * time.Millisecond)
			}
			wantExit(t, err, 0)
			if got := screenOf(t, m, probeSize)[0]; got != c.want {
				t.Errorf("screen %q, want %q", got, c.want)
			}
		})
	}
}

func TestStuck(t *testing.T) {
	for _, c := range []struct {
		what    string
		timeout time.Duration
		advance bool
	}{{"loop", 50 * time.Millisecond, false}, {"nap", time.Minute, true}} {
		t.Run(c.what, func(t *testing.T) {
			m, err := start(t, 0, guest.Options{Timeout: c.timeout}, c.what)
			if c.advance {
				if err != nil {
					t.Fatal(err)
				}
				err = m.Advance(time.Hour)
			}
			var stuck *guest.StuckError
			if !errors.As(err, &stuck) {
				t.Fatalf("error %v, want a StuckError", err)
			}
			if err := m.Draw(session.NewFrame(probeSize)); !errors.As(err, &stuck) {
				t.Errorf("Draw: %v", err)
			}
		})
	}
}

func TestEnds(t *testing.T) {
	_, err := start(t, 0, guest.Options{}, "exit")
	wantExit(t, err, 3)
	m, err := start(t, 0, guest.Options{}, "trap")
	wantExit(t, err, runner.ExitCodeTrap)
	if trap := m.Trap(); trap == nil || trap.Message != "unreachable" {
		t.Errorf("trap %+v", trap)
	}
	screenOf(t, m, probeSize)
}

func TestTheTerminalAnswers(t *testing.T) {
	m, err := start(t, 0, guest.Options{}, "ask")
	wantExit(t, err, 0)
	if got := screenOf(t, m, probeSize)[0]; got != "1b5b313b3152" {
		t.Errorf("read %q", got)
	}
	m, err = start(t, 0, guest.Options{}, "sizes")
	if err == nil {
		err = m.Resize(session.Size{Columns: 100, Rows: 6})
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := screenOf(t, m, session.Size{Columns: 100, Rows: 6})[0]; got != "[48;6;60;0;0t|[48;6;100;0;0t|" {
		t.Errorf("read %q", got)
	}
}

func TestNoModule(t *testing.T) {
	for name, data := range map[string]string{
		"text":                    "hello",
		"neither start nor frame": "\x00asm\x01\x00\x00\x00",
		// (import "env" "f" (func)) (export "_start" (func 0))
		"foreign import": "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x02\x09\x01\x03env\x01f\x00\x00\x07\x0a\x01\x06_start\x00\x00",
	} {
		p, err := guest.Open(t.Context(), runner.Module{Name: "x.wasm", Bytes: []byte(data)}, guest.Options{CacheDir: runner.NoCache})
		if err == nil {
			p.Close()
			t.Errorf("%s: no error", name)
		}
	}
}
