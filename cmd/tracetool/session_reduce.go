package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/guest"
	"github.com/tracetool/tracetool/writer"
)

var sessionBisectCommand = &cli.Command{
	Name:  "bisect",
	Args:  "FILE APP.wasm",
	Short: "Find the first step at which two builds of a program differ",
	Long:  `Gives two builds of a program what the session says, step by step, and shows the first frame that they draw differently: the screen of the good one as expected, that of APP.wasm as actual. The good build is the program inside the trace, or that of --good. What the trace has recorded does not matter, so that both may be newer than it.`,
	Examples: []cli.Example{
		{Command: "tracetool session bisect edit.trace.arrow broken.wasm", What: "Where does it begin to go wrong?"},
		{Command: "tracetool session bisect edit.trace.arrow --good v1.wasm v2.wasm", What: "Compare two other builds"},
	},
	Complete:  []cli.Completion{traceFiles, cli.Files(".wasm")},
	ExitCodes: sessionExitCodes,
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v sessionBuildsVerb
		v.bind(fs)
		cli.FormatVar(fs, &v.format)
		return v.bisect
	},
}

var sessionMinimizeCommand = &cli.Command{
	Name:  "minimize",
	Args:  "FILE APP.wasm OUT",
	Short: "Drop the inputs of a session that a difference does not need",
	Long:  `Writes a session to OUT in which the good build and APP.wasm still draw something else, with as few inputs as possible: with any one less both draw the same. The good build is the program inside the trace, or that of --good; it is what OUT is a recording of.`,
	Examples: []cli.Example{
		{Command: "tracetool session minimize edit.trace.arrow broken.wasm small.trace.arrow", What: "A small trace that shows the fault"},
	},
	Complete: []cli.Completion{traceFiles, cli.Files(".wasm"), traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v sessionBuildsVerb
		v.bind(fs)
		fs.BoolVarP(&v.force, "force", "f", false, "replace a file that exists")
		return v.minimize
	},
}

// sessionBuildsVerb is the flags of session bisect and session minimize.
type sessionBuildsVerb struct {
	build  sessionBuild
	good   string
	format ui.Format
	force  bool
}

func (v *sessionBuildsVerb) bind(fs *pflag.FlagSet) {
	v.build.bind(fs)
	fs.StringVar(&v.good, "good", "", "the good build is `APP.wasm`, not the program in the trace")
	cli.CompleteFlag(fs, "good", cli.Files(".wasm"))
}

// twoBuilds are a session and two builds of its program.
type twoBuilds struct {
	trace     *session.Trace
	good, bad *guest.Program
}

func (v *sessionBuildsVerb) open(ctx context.Context, streams *cli.IO, args []string) (*twoBuilds, error) {
	trace, err := loadSession(ctx, streams, args[0])
	if err != nil {
		return nil, err
	}
	good, err := v.build.open(ctx, trace, v.good)
	if err != nil {
		return nil, noProgram(args[0], err)
	}
	bad, err := v.build.open(ctx, trace, args[1])
	if err != nil {
		good.Close()
		return nil, noProgram(args[0], err)
	}
	return &twoBuilds{trace, good, bad}, nil
}

func (b *twoBuilds) close() {
	b.good.Close()
	b.bad.Close()
}

func (v *sessionBuildsVerb) bisect(ctx context.Context, streams *cli.IO, args []string) error {
	b, err := v.open(ctx, streams, args)
	if err != nil {
		return err
	}
	defer b.close()
	report, err := session.Bisect(ctx, b.good.Model(), b.bad.Model(), b.trace)
	if err != nil {
		return err
	}
	if v.format != ui.Text {
		err = ui.Encode(streams.Stdout, v.format, report)
	} else {
		err = session.WriteText(streams.Stdout, session.TextOptions{Color: streams.Stdout.Color()}, session.GateCase{Name: args[0], Report: report})
	}
	if err != nil || report.Passed {
		return err
	}
	return cli.Exit(codeDifferent)
}

func (v *sessionBuildsVerb) minimize(ctx context.Context, streams *cli.IO, args []string) error {
	if err := writer.CheckNew(args[2], v.force); err != nil {
		return err
	}
	b, err := v.open(ctx, streams, args)
	if err != nil {
		return err
	}
	defer b.close()
	small, err := session.Minimize(ctx, b.trace, session.MinimizeOptions{Reference: fresh(b.good), Candidate: fresh(b.bad)})
	if errors.Is(err, session.ErrNoFailure) {
		return fmt.Errorf("%s: %w: there is nothing to minimize", args[0], err)
	}
	if err != nil {
		return err
	}
	// What was the program of the trace need not be what OUT is of.
	small.Attachments = without(small.Attachments, small.Program.Name)
	b.good.Attach(small)
	if err := small.Save(args[2], v.force); err != nil {
		return err
	}
	streams.Notef("%s: %s and %s, of %s and %s", args[2],
		plural(inputsOf(small), "input"), plural(small.Frames(), "frame"), plural(inputsOf(b.trace), "input"), plural(b.trace.Frames(), "frame"))
	return nil
}

// inputsOf counts the events that the program of a session is given.
func inputsOf(t *session.Trace) (n int64) {
	for i := range t.Records {
		if t.Records[i].Event != nil {
			n++
		}
	}
	return n
}
