// Package tracetest makes traces Go tests: a program that was recorded once must
// still do the same, call by call.
//
//	func TestPlugin(t *testing.T) {
//		tracetest.Replay(t, "testdata/plugin.trace.arrow")
//	}
package tracetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner"
)

// Replay replays the trace at path and fails the test if that diverges, if the
// trace is damaged or if it has no end. Warnings of a different engine or
// architecture are logged.
func Replay(t testing.TB, path string) {
	t.Helper()
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	result, err := runner.Replay(t.Context(), f, runner.ReplayConfig{})
	var diverged *runner.DivergenceError
	switch {
	case errors.As(err, &diverged):
		var report strings.Builder
		_ = diverged.Report(&report) // a Builder does not fail
		t.Fatalf("%s: %s", path, report.String())
	case err != nil:
		t.Fatalf("%s: %v", path, err)
	case result.Incomplete():
		t.Errorf("%s: %s after %d events, want a recording with its end", path, result.End, result.Events)
	}
	for _, w := range result.Warnings {
		t.Logf("%s: %s", path, w)
	}
}
