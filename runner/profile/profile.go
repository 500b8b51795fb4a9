// Package profile replays a trace under a profiler of the functions of its
// guest, and writes what it finds in pprof's format.
//
// [CPU] tells where the time goes, [Memory] where memory is allocated. Both
// replay the trace on their own, so that neither disturbs the other: a replay
// can be repeated.
//
// # What is measured
//
// Every function of the guest reports to the profiler when it begins and when
// it ends. A ticker sets a mark some times a second, and the first report after
// a mark is a sample: the time since the last one counts for the stack that has
// been running. What a function does between two calls has the line of the call
// at its end. Reporting costs some 150 ns a call, and more on
// deep stacks, which weighs on functions that are short and called often; how
// often each was called is exact and the same in every replay.
//
// A replay does not wait for its host. How long the calls took when they were
// recorded is a column of its own, "host", on the stacks that made them.
//
// # Names and lines
//
// Names come from the module's name section, demangled, and source lines with
// inlined calls from DWARF. Programs of Go have neither DWARF nor a stack that
// the engine could see; both are read from the runtime's own tables (Go 1.20
// and later), from which also the names of stripped programs come. What Go has
// inlined counts for the function around it, at the line that it came from, and
// what runs on the system's stack (the garbage collector, say) has its callers
// on that one only.
package profile

import (
	"context"
	"io"
	"time"

	"github.com/google/pprof/profile"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner"
)

// DefaultRate is how many samples a second CPU takes unless told otherwise.
const DefaultRate = 1000

// MaxRate is the highest rate.
const MaxRate = 10_000

// maxDepth is how many functions of a stack are kept, innermost first.
const maxDepth = 512

// Profile is what a replay was found to do.
type Profile struct {
	*profile.Profile                  // its Write gives the file that "go tool pprof" opens
	Calls            map[string]int64 // how often each function was called; nil for Memory
}

// Write writes the profile in pprof's format, compressed with gzip.
func (p *Profile) Write(w io.Writer) error { return p.Profile.Write(w) }

// CPU replays a trace and samples what its guest does, rate times a second; 0
// stands for DefaultRate. The values of a sample are its count, nanoseconds of
// the replay, and nanoseconds that the recorded calls took.
//
// Result and error are those of the replay. There is a profile as far as it
// got, also when it diverged.
func CPU(ctx context.Context, f *reader.File, cfg runner.ReplayConfig, rate int) (*Profile, *runner.Result, error) {
	p, err := newProgram(f, &cfg)
	if err != nil {
		return nil, nil, err
	}
	if rate <= 0 {
		rate = DefaultRate
	}
	s := newSampler(p)
	cfg.Listeners, cfg.Observe = s, s.observe
	interval := time.Second / time.Duration(min(rate, MaxRate))
	stop := s.start(interval)
	result, err := runner.Replay(ctx, f, cfg)
	stop()
	if result == nil {
		return nil, nil, err
	}
	b := newBuilder(p, valueType("samples", "count"), valueType("cpu", "nanoseconds"), valueType("host", "nanoseconds"))
	b.p.PeriodType, b.p.Period, b.p.DurationNanos = valueType("cpu", "nanoseconds"), interval.Nanoseconds(), result.Duration.Nanoseconds()
	b.p.DefaultSampleType = "cpu"
	return &Profile{b.build(s.samples), b.calls(s.calls)}, result, err
}

var _ experimental.FunctionListenerFactory = (*sampler)(nil)
