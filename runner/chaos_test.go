package runner

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
)

// TestChaosReplays: what chaos did to a program is in its trace, which replays
// without.
func TestChaosReplays(t *testing.T) {
	programs := map[string]Config{
		"hello/hello.wasm":        {},
		"go-files/files.wasm":     {Args: []string{"write", "/a", "some text"}},
		"rust-report/report.wasm": {},
		"c-trap/trap.wasm":        {},
		"reactor/reactor.wasm":    {},
	}
	for name, cfg := range programs {
		t.Run(name, func(t *testing.T) {
			failed := false
			for seed := range uint64(6) {
				cfg.Stdin = strings.NewReader("3 apples\n4 pears\n")
				cfg.Dirs = []format.Preopen{{Host: t.TempDir(), Guest: "/"}}
				cfg.Chaos = format.Chaos{Ratio: 0.4, Seed: seed}
				rec := record(t, example(t, name), cfg)
				verify(t, rec, ReplayConfig{})
				if diff := cmp.Diff(&cfg.Chaos, open(t, rec.path).Header().Program.Chaos); diff != "" {
					t.Errorf("seed %d: header: %s", seed, diff)
				}
				for _, ev := range eventsOf(t, rec.path) {
					failed = failed || ev.Errno != 0
				}
			}
			if !failed && name != "reactor/reactor.wasm" { // which makes no calls
				t.Error("nothing failed in 6 runs")
			}
		})
	}
}

func TestChaosOfNoRatioIsNone(t *testing.T) {
	m := example(t, "hello/hello.wasm")
	plain := record(t, m, Config{})
	none := record(t, m, Config{Chaos: format.Chaos{Seed: 9}})
	if open(t, none.path).Header().Program.Chaos != nil {
		t.Error("the header tells of chaos")
	}
	calls := func(rec recording) (list []int16) {
		for _, ev := range eventsOf(t, rec.path) {
			list = append(list, ev.Function)
			if ev.Errno != 0 && ev.Errno != 8 { // EBADF: looking for directories ends so
				t.Errorf("errno %d", ev.Errno)
			}
		}
		return list
	}
	if diff := cmp.Diff(calls(plain), calls(none)); diff != "" {
		t.Error(diff)
	}
}
