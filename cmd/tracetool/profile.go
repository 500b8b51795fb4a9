package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/profile"
	"github.com/tracetool/tracetool/writer"
)

var profileCommand = &cli.Command{
	Name:  "profile",
	Args:  "FILE",
	Short: "Show where a recorded program spends its time and memory",
	Group: groupLook,
	Long: `Replays the trace under a profiler of the program's functions. Without --cpu and --memory the functions that took most time are printed; with them, profiles are written that "go tool pprof" opens, with names, source lines and inlined calls as far as the module tells them. What the program prints is left out.

SELF and TOTAL are time of the replay, sampled --rate times a second. Every call is reported to the profiler, which takes some 150 ns and weighs on small functions that are called often; CALLS is exact. A replay does not wait: HOST is how long the calls to the host took when they were recorded.

--memory counts each call of malloc and its like in C, Rust, Go, TinyGo and AssemblyScript, with its stack: all that was allocated and, where the program frees, what was not freed at the end. Of a program without an allocator that has a known name it is where its memory grew.`,
	Examples: []cli.Example{
		{Command: "tracetool profile app.trace.arrow", What: "Functions by time"},
		{Command: "tracetool profile app.trace.arrow --cpu cpu.pb.gz && go tool pprof -http : cpu.pb.gz", What: "Look at a flame graph"},
		{Command: "tracetool profile app.trace.arrow --memory memory.pb.gz", What: "Find out who allocates"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v profileVerb
		v.bind(fs)
		return v.run
	},
}

// profileVerb is the flags of profile.
type profileVerb struct {
	source      source
	engine      engineFlags
	cpu, memory string
	rate        int
	limit       int
	module      string
	timeout     time.Duration
	output      ui.Format
	force       bool
	keep        bool
}

func (v *profileVerb) bind(fs *pflag.FlagSet) {
	fs.StringVar(&v.cpu, "cpu", "", "write where the time goes to `FILE`")
	fs.StringVar(&v.memory, "memory", "", "write where memory is allocated to `FILE`")
	fs.IntVar(&v.rate, "rate", profile.DefaultRate, "take `N` samples of the time a second")
	fs.IntVarP(&v.limit, "limit", "n", 20, "print `N` functions at most; 0: all")
	fs.StringVarP(&v.module, "module", "m", "", "run `APP.wasm` instead: the same program with names and lines, say")
	v.engine.bind(fs, "engine that executes the program; auto takes the one of the recording")
	cli.DurationVarP(fs, &v.timeout, "timeout", "", 0, "stop after `DURATION`")
	cli.FormatVar(fs, &v.output)
	fs.BoolVar(&v.keep, "keep", false, "keep both profiles in the registry, beside the recording")
	fs.BoolVarP(&v.force, "force", "f", false, "replace files that exist")
	v.source.bind(fs)
	cli.CompleteFlag(fs, "module", cli.Files(".wasm"))
}

func (v *profileVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	switch {
	case v.rate < 1 || v.rate > profile.MaxRate:
		return cli.Usagef("--rate: want 1 to %d", profile.MaxRate)
	case v.keep && (v.cpu != "" || v.memory != ""):
		return cli.Usagef("--keep: not with --cpu and --memory")
	case v.limit < 0:
		return cli.Usagef("--limit: want 0 or more")
	}
	f, closeTrace, err := v.source.openWhole(ctx, streams, args[0])
	if err != nil {
		return err
	}
	defer closeTrace()
	cfg := runner.ReplayConfig{Engine: v.engine.engine(), CacheDir: v.engine.cacheDir(), Timeout: v.timeout, Exclusive: true}
	if v.module != "" {
		module, err := runner.Load(v.module)
		if err != nil {
			return err
		}
		cfg.Module = &module
	}
	return v.profile(ctx, streams, args[0], f, cfg)
}

// profile makes the profiles that were asked for, each by a replay.
func (v *profileVerb) profile(ctx context.Context, streams *cli.IO, operand string, f *reader.File, cfg runner.ReplayConfig) error {
	cpu := func() (*profile.Profile, *runner.Result, error) { return profile.CPU(ctx, f, cfg, v.rate) }
	memory := func() (*profile.Profile, *runner.Result, error) { return profile.Memory(ctx, f, cfg) }
	if v.keep {
		return errors.Join(v.store(ctx, streams, operand, "cpu", cpu), v.store(ctx, streams, operand, "memory", memory))
	}
	if v.cpu == "" && v.memory == "" {
		p, result, err := cpu()
		if err := v.ended(ctx, streams, result, err); err != nil {
			return err
		}
		return v.print(streams.Stdout, p.Top())
	}
	for _, wanted := range []struct {
		path string
		make func() (*profile.Profile, *runner.Result, error)
	}{{v.cpu, cpu}, {v.memory, memory}} {
		if wanted.path == "" {
			continue
		}
		if err := v.write(ctx, streams, wanted.path, wanted.make); err != nil {
			return err
		}
	}
	return nil
}

// store makes a profile and keeps it in the registry.
func (v *profileVerb) store(ctx context.Context, streams *cli.IO, operand, kind string, make func() (*profile.Profile, *runner.Result, error)) error {
	at, err := v.source.find(operand)
	if err != nil {
		return err
	}
	if at.registry == nil {
		return cli.Usagef("--keep: %s is in no registry", operand)
	}
	p, result, err := make()
	if err := v.ended(ctx, streams, result, err); err != nil {
		return err
	}
	var data bytes.Buffer
	if err := p.Write(&data); err != nil {
		return err
	}
	id, err := at.registry.PutProfile(strings.TrimSuffix(filepath.Base(at.path), format.Extension), kind, data.Bytes())
	if err != nil {
		return err
	}
	return writeLine(streams, id)
}

func (v *profileVerb) write(ctx context.Context, streams *cli.IO, path string, make func() (*profile.Profile, *runner.Result, error)) error {
	out, err := writer.CreateNew(path, v.force)
	if err != nil {
		return err
	}
	defer out.Abort()
	p, result, err := make()
	if err := v.ended(ctx, streams, result, err); err != nil {
		return err
	}
	if err := p.Write(out); err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	streams.Notef("%s: %s; look at it with: go tool pprof %s", path, plural(int64(len(p.Sample)), "stack"), shellQuote(path))
	return nil
}

// ended says why a profile is not that of the whole recording.
func (v *profileVerb) ended(ctx context.Context, streams *cli.IO, r *runner.Result, err error) error {
	var d *runner.DivergenceError
	switch {
	case errors.As(err, &d):
		showDivergence(streams.Stderr, d)
		return cli.Exit(codeDifferent)
	case err != nil:
		return err
	}
	switch r.End {
	case runner.EndCancelled:
		return ctx.Err()
	case runner.EndCut:
		streams.Warnf("the recording was cut short: the profile is up to its end")
	case runner.EndTimeout:
		streams.Warnf("the profile is of %s: --timeout passed", plural(r.Events, "event"))
	}
	return nil
}

func (v *profileVerb) print(out *ui.Stream, rows []profile.Row) error {
	if v.limit > 0 {
		rows = rows[:min(v.limit, len(rows))]
	}
	if v.output != ui.Text {
		return ui.Encode(out, v.output, rows)
	}
	return writeTop(out, rows)
}

func writeTop(out io.Writer, rows []profile.Row) error {
	table := ui.NewTable(ui.Right("SELF"), ui.Right("TOTAL"), ui.Right("HOST"), ui.Right("CALLS"), ui.Left("FUNCTION"))
	for _, r := range rows {
		table.Row(ui.Duration(time.Duration(r.SelfNS)), ui.Duration(time.Duration(r.TotalNS)), ui.Duration(time.Duration(r.HostNS)), ui.Count(r.Calls), r.Function)
	}
	return table.Write(out)
}
