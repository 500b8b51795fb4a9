package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/reader/remote"
	"github.com/tracetool/tracetool/runner"
)

var replayCommand = &cli.Command{
	Name:  "replay",
	Args:  "[APP.wasm] FILE",
	Short: "Run a recorded program again, with the trace as its host",
	Group: groupRun,
	Long: `Runs the program that is in the trace. Every call gets the answer that was recorded: no file, clock, network, environment or randomness of this machine is used, and sleeps take no time. Stdout, stderr and exit code are those of the recording.

Each call is compared with the recorded one. The first that differs ends the replay with a report: the call as recorded and as it is now, the calls before it and the stack of the program. Calls left over at the end and a different final memory are differences too.

A recording that was cut short replays up to its end. APP.wasm before the trace is --module. A trace of wasm-rr, which needs it unless convert has put the program in, has clocks, random numbers, environment and HTTP only: the program gets these, runs without files, network and stdin for the rest, and its output is not compared.

Of a trace with several tasks, such as the requests that "serve" answered, all are replayed, or with --task one of them. One that trapped then ends with the code of a trap.

"-" reads the trace from stdin, an http or https address from a server.`,
	Examples: []cli.Example{
		{Command: "tracetool replay app.trace.arrow", What: "Replay a recording"},
		{Command: "tracetool replay app.trace.arrow --module fixed.wasm", What: "Hold a changed program to what the old one did"},
		{Command: "tracetool replay app.wasm wasm-rr-trace.json", What: "Replay what is in a trace of wasm-rr"},
		{Command: "tracetool replay app.trace.arrow --until 42 --dump-memory memory.bin", What: "See where the program is before event 42"},
		{Command: "tracetool replay server.trace.arrow --task 3", What: "Answer the fourth request again, and compare the response"},
		{Command: "tracetool replay app.trace.arrow -q --exit-code tool --report outcome.json", What: "Use it as a test"},
	},
	Complete:    []cli.Completion{traceFiles},
	FailureCode: codeOurs,
	ExitCodes: []cli.ExitCode{
		{Code: 0, Meaning: "the program's own, as every code that is not below; with --exit-code tool: replayed as recorded, however it ended"},
		{Code: codeFailed, Meaning: "with --exit-code tool: any failure of ours"},
		{Code: codeLost, Meaning: "with --exit-code tool: the recording was cut short, or --timeout passed"},
		{Code: codeDifferent, Meaning: "with --exit-code tool: diverged"},
		{Code: codeCorrupt, Meaning: "with --exit-code tool: corrupt or not a trace"},
		{Code: codeDiverged, Meaning: "diverged: the program did something else than recorded"},
		{Code: codeCut, Meaning: "the recording was cut short; it replayed up to its end"},
		{Code: codeTimeout, Meaning: "--timeout passed"},
		{Code: codeOurs, Meaning: "any failure of ours, mistakes on the command line included"},
		{Code: codeHungUp, Meaning: "its terminal was closed"},
		{Code: 130, Meaning: "interrupted"},
		{Code: runner.ExitCodeTrap, Meaning: "the program trapped, as recorded"},
		{Code: 143, Meaning: "terminated"},
	},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v replayVerb
		v.bind(fs)
		return v.run
	},
}

// replayVerb is the flags of replay.
type replayVerb struct {
	source  source
	engine  engineFlags
	strace  straceFlag
	end     endFlags
	module  string
	task    int32
	single  func() bool // --task was given
	until   int64
	stops   func() bool // --until was given
	memory  string
	context int
	timeout time.Duration
}

func (v *replayVerb) bind(fs *pflag.FlagSet) {
	fs.StringVarP(&v.module, "module", "m", "", "run `APP.wasm` instead: decoded values are compared, not addresses or memory")
	fs.Int32Var(&v.task, "task", 0, "replay task `N` alone, as in one of the requests that were served")
	v.single = func() bool { return fs.Changed("task") }
	fs.Int64Var(&v.until, "until", 0, "stop before event `N` and print the stack of the program")
	v.stops = func() bool { return fs.Changed("until") }
	fs.StringVar(&v.memory, "dump-memory", "", "write the memory of the program, as it is at the end or at --until, to `FILE`")
	fs.IntVar(&v.context, "context", 5, "show `N` calls before one that differs")
	v.engine.bind(fs, "engine that executes the program; auto takes the one of the recording")
	cli.DurationVarP(fs, &v.timeout, "timeout", "", 0, "stop after `DURATION`")
	v.strace.bind(fs)
	v.source.bind(fs)
	v.end.bind(fs)
	cli.CompleteFlag(fs, "module", cli.Files(".wasm"))
}

func (v *replayVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	if len(args) == 2 {
		if v.module != "" {
			return cli.Usagef("APP.wasm and --module: want one of them")
		}
		v.module, args = args[0], args[1:]
	}
	o := &outcome{Command: "replay", Module: v.module, Trace: remote.Redact(args[0])}
	return v.end.guard(ctx, streams, o, func() (*runner.Result, error) {
		return v.replay(ctx, streams, args[0])
	})
}

func (v *replayVerb) replay(ctx context.Context, streams *cli.IO, path string) (*runner.Result, error) {
	if v.until < 0 || v.until == 0 && v.stops() {
		return nil, cli.Usagef("--until: want 1 or more: event 0 is the start of the program")
	}
	if v.context < 0 {
		return nil, cli.Usagef("--context: want 0 or more")
	}
	f, closeTrace, err := v.source.openWhole(ctx, streams, path)
	if errors.Is(err, format.ErrNotTrace) && isProgram(path) {
		err = cli.WithHint(err, "a trace follows the program: tracetool replay APP.wasm FILE")
	}
	if err != nil {
		return nil, err
	}
	defer closeTrace()
	var held ui.Held // programs write lines, and a replay is quicker than one write of each
	cfg, err := v.config(held.Writer(streams.Stdout), held.Writer(streams.Stderr))
	if err != nil {
		return nil, err
	}
	dump, err := createIfNamed(v.memory, v.end.force)
	if err != nil {
		return nil, err
	}
	defer dump.Abort()
	if dump != nil {
		cfg.DumpMemory = dump
	}
	result, err := runner.Replay(ctx, f, cfg)
	held.Flush()
	if errors.As(err, new(*runner.TaskError)) {
		return nil, cli.Usagef("--task: %v", err)
	}
	v.show(streams, f, remote.Redact(path), result, err)
	if result != nil {
		if dumped := dump.Commit(); dumped != nil && !errors.Is(err, dumped) { // that a write failed is known
			err = errors.Join(err, dumped)
		}
	}
	return result, err
}

func isProgram(path string) bool {
	_, err := runner.Load(path)
	return err == nil
}

// openWhole opens a trace that is to be replayed.
func (s *source) openWhole(ctx context.Context, streams *cli.IO, path string) (*reader.File, func() error, error) {
	f, closeTrace, err := s.open(ctx, streams, path)
	if err != nil {
		return nil, nil, err
	}
	if err := checkWhole(f); err != nil {
		closeTrace()
		return nil, nil, fmt.Errorf("%s: %w", remote.Redact(path), err)
	}
	return f, closeTrace, nil
}

// checkWhole refuses a session, and a trace without some of the events of its recording, which
// the program would miss. Only traces with numbers of their own are such.
func checkWhole(f *reader.File) error {
	if f.Header().Session != nil {
		return cli.WithHint(errors.New("a session of a program that draws frames"), "tracetool session replay replays it")
	}
	if !f.IsEvents() || f.Schema().NumFields() == format.NumColumns {
		return nil
	}
	var want int64
	for e, err := range f.Events(reader.Query{RawParts: true}) {
		if err != nil {
			return err
		}
		if e.Seq != want {
			return fmt.Errorf("event %d of the recording is missing, as in filtered and merged traces: it cannot be replayed", want)
		}
		want++
	}
	return nil
}

func (v *replayVerb) config(stdout, stderr io.Writer) (runner.ReplayConfig, error) {
	cfg := runner.ReplayConfig{
		Stdout: stdout, Stderr: stderr,
		Engine: v.engine.engine(), CacheDir: v.engine.cacheDir(),
		Timeout: v.timeout, Exclusive: true, Until: v.until, Context: v.context,
		Observe: v.strace.observer(stderr),
	}
	if v.context == 0 {
		cfg.Context = -1
	}
	if v.single() {
		cfg.Task = &v.task
	}
	if v.module == "" {
		return cfg, nil
	}
	module, err := runner.Load(v.module)
	cfg.Module = &module
	return cfg, err
}

// show tells how the replay went.
func (v *replayVerb) show(streams *cli.IO, f *reader.File, path string, r *runner.Result, err error) {
	if r != nil {
		for _, w := range r.Warnings {
			streams.Warnf("%s", w)
		}
	}
	var d *runner.DivergenceError
	if errors.As(err, &d) {
		showDivergence(streams.Stderr, d)
		return
	}
	if err != nil {
		return
	}
	showEnd(streams.Stdout, streams.Stderr, r)
	switch r.End {
	case runner.EndUntil:
		showStop(streams.Stderr, f, v.until)
		showStack(streams.Stderr, r.Stack)
		return
	case runner.EndCut:
		if p := f.Header().Program; p != nil && p.Embedded {
			streams.Warnf("%s: replayed %s; the guest was stopped or its recording cut short in task %s", path, plural(r.Events, "event"), runner.TasksText(r.Cut))
			break
		}
		streams.Warnf("%s was cut short: it ends after %s", path, plural(r.Events, "event"))
	case runner.EndTimeout:
		streams.Warnf("stopped after %s: --timeout passed", plural(r.Events, "event"))
	case runner.EndExit, runner.EndTrap:
		as := "as recorded"
		if f.Header().Partial != nil {
			as = "as far as they were recorded"
		}
		streams.Notef("replayed %s in %s, %s", plural(r.Events, "event"), ui.Duration(r.Duration), as)
	}
	if v.until > 0 {
		streams.Warnf("event %d was not reached: there are %s", v.until, ui.Count(r.Events))
	}
}

func showDivergence(w io.Writer, d *runner.DivergenceError) {
	fmt.Fprintln(w)
	d.Report(w)
}

// showStop names the event that --until was reached at.
func showStop(w io.Writer, f *reader.File, number int64) {
	line := []byte(ui.Count(number))
	if e, err := f.EventAt(number); err == nil {
		line = inspect.AppendLine(nil, f, e, inspect.LineOptions{Number: true})
	}
	fmt.Fprintf(w, "stopped before event %s\n", line)
}
