package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/guest"
)

// The exit codes of verbs that compare frames.
var sessionExitCodes = []cli.ExitCode{
	{Code: 0, Meaning: "every frame as recorded"},
	{Code: codeFailed, Meaning: "failed"},
	{Code: codeUsage, Meaning: "mistake on the command line"},
	{Code: codeDifferent, Meaning: "a frame differs"},
	{Code: codeCorrupt, Meaning: "corrupt or no session"},
	{Code: codeHungUp, Meaning: "its terminal was closed"},
	{Code: 130, Meaning: "interrupted"},
	{Code: 143, Meaning: "terminated"},
}

var sessionReplayCommand = &cli.Command{
	Name:  "replay",
	Args:  "FILE",
	Short: "Run the program of a session again and compare its frames",
	Long: `Runs the program that is in the trace, gives it what it was given and compares the checksum of every frame. Nothing of this machine is used, and waiting takes no time. For a picture of what differs, and for another build of the program, see "tracetool session gate".

"-" reads the trace from stdin.`,
	Examples:  []cli.Example{{Command: "tracetool session replay edit.trace.arrow", What: "Does it still draw the same?"}},
	Complete:  []cli.Completion{traceFiles},
	ExitCodes: sessionExitCodes,
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v sessionReplayVerb
		v.build.bind(fs)
		cli.FormatVar(fs, &v.format)
		return v.run
	},
}

// sessionReplayVerb is the flags of session replay.
type sessionReplayVerb struct {
	build  sessionBuild
	format ui.Format
}

// replayOutcome is the result of session replay for programs.
type replayOutcome struct {
	Frames  int64  `json:"frames"`          // that are as recorded
	Chain   string `json:"chain"`           // of the replay, 16 hex digits
	Matches bool   `json:"matches"`         // all frames are as recorded
	Differs *int64 `json:"frame,omitempty"` // the first that is not
}

func (v *sessionReplayVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	trace, err := loadSession(ctx, streams, args[0])
	if err != nil {
		return err
	}
	program, err := v.build.open(ctx, trace, "")
	if err != nil {
		return noProgram(args[0], err)
	}
	defer program.Close()
	result, err := session.Replay(ctx, program.Model(), trace)
	if err != nil {
		return err
	}
	if err := v.show(streams, result); err != nil || result.Mismatch == nil {
		return err
	}
	return cli.Exit(codeDifferent)
}

func (v *sessionReplayVerb) show(streams *cli.IO, r *session.ReplayResult) error {
	out := replayOutcome{Frames: r.Frames, Chain: fmt.Sprintf("%016x", r.Chain), Matches: r.Mismatch == nil}
	if !out.Matches {
		out.Differs = &r.Mismatch.Frame
	}
	if v.format != ui.Text {
		return ui.Encode(streams.Stdout, v.format, out)
	}
	if out.Matches {
		_, err := fmt.Fprintf(streams.Stdout, "replayed %s as recorded, chain %s\n", plural(r.Frames, "frame"), out.Chain)
		return err
	}
	_, err := fmt.Fprintf(streams.Stdout, "frame %d differs, %s before it as recorded\n", *out.Differs, plural(r.Frames, "frame"))
	if err == nil && r.Mismatch.Err != nil {
		_, err = fmt.Fprintln(streams.Stdout, ui.Escape(r.Mismatch.Err.Error()))
	}
	return err
}

// noProgram says what to do about a session of a model in Go.
func noProgram(path string, err error) error {
	err = fmt.Errorf("%s: %w", path, err)
	if errors.Is(err, guest.ErrNoProgram) {
		return cli.WithHint(err, "a session of a Go program is replayed by that program, with package runner/session; one made of a film can only be watched: tracetool session play")
	}
	return err
}

// sessionBuild is how the builds of a session's program are run.
type sessionBuild struct{ engine engineFlags }

func (b *sessionBuild) bind(fs *pflag.FlagSet) { b.engine.bind(fs, "engine that executes the program") }

// open opens a build of a session's program: a module, or without a name the
// one inside the trace.
func (b *sessionBuild) open(ctx context.Context, t *session.Trace, path string) (*guest.Program, error) {
	options := guest.Options{Engine: b.engine.engine(), CacheDir: b.engine.cacheDir()}
	if path == "" {
		return guest.OpenTrace(ctx, t, nil, options)
	}
	module, err := runner.Load(path)
	if err != nil {
		return nil, err
	}
	return guest.OpenTrace(ctx, t, &module, options)
}

// fresh returns models one after another, of which the last is open.
func fresh(p *guest.Program) func() (session.Model, error) {
	var last *guest.Model
	return func() (session.Model, error) {
		if last != nil {
			last.Close()
		}
		last = p.Model()
		return last, nil
	}
}

var sessionGateCommand = &cli.Command{
	Name:  "gate",
	Args:  "FILE...",
	Short: "Test that a program still draws what was recorded",
	Long: `Replays sessions and reports the first frame that differs: what the program was given before it, and both screens with the cells that differ marked. Of a trace without cells the program inside it draws the expected screen.

--module runs another build of the program. --update writes the traces anew with what that draws, after showing the differences: what they are held to from then on.

With -o junit each trace is a test of one suite, with -o html a section of one page.`,
	Examples: []cli.Example{
		{Command: "tracetool session gate sessions/*.trace.arrow --module editor.wasm", What: "A test in CI"},
		{Command: "tracetool session gate edit.trace.arrow --module editor.wasm -o html > report.html", What: "See the difference"},
		{Command: "tracetool session gate edit.trace.arrow --module editor.wasm --update", What: "Accept it"},
	},
	Complete:  []cli.Completion{traceFiles},
	ExitCodes: sessionExitCodes,
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v sessionGateVerb
		v.build.bind(fs)
		fs.StringVarP(&v.module, "module", "m", "", "run `APP.wasm` instead of the program in the trace")
		fs.BoolVar(&v.update, "update", false, "accept the frames of the program: write traces that differ anew")
		cli.EnumVarP(fs, &v.format, "output", "o", gateText, "format of the result", gateText, gateJSON, gateJUnit, gateHTML)
		cli.CompleteFlag(fs, "module", cli.Files(".wasm"))
		return v.run
	},
}

// gateFormat is a form of reports.
type gateFormat string

const (
	gateText  gateFormat = "text"
	gateJSON  gateFormat = "json"
	gateJUnit gateFormat = "junit"
	gateHTML  gateFormat = "html"
)

// sessionGateVerb is the flags of session gate.
type sessionGateVerb struct {
	build  sessionBuild
	module string
	update bool
	format gateFormat
}

func (v *sessionGateVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	var cases []session.GateCase
	var failed []error
	differ := false
	for _, path := range args {
		g := sessionGate{verb: v, streams: streams, path: path}
		report, err := g.run(ctx)
		if ctx.Err() != nil {
			return err
		}
		c := session.GateCase{Name: path, Report: report}
		if err != nil {
			c.Error = err.Error()
			failed = append(failed, err)
		}
		differ = differ || report != nil && !report.Passed
		cases = append(cases, c)
	}
	if err := v.show(streams.Stdout, cases); err != nil {
		return err
	}
	switch {
	case len(failed) > 0:
		return errors.Join(failed...)
	case differ && v.update:
		return v.rewrite(ctx, streams, cases)
	case differ:
		return cli.Exit(codeDifferent)
	}
	return nil
}

func (v *sessionGateVerb) show(out *ui.Stream, cases []session.GateCase) error {
	var b bytes.Buffer
	var err error
	switch v.format {
	case gateJSON:
		err = ui.Encode(&b, ui.JSON, cases)
	case gateJUnit:
		err = session.WriteJUnit(&b, cases...)
	case gateHTML:
		err = session.WriteHTML(&b, cases...)
	default:
		// Those that failed are told on stderr.
		cases = slices.DeleteFunc(slices.Clone(cases), func(c session.GateCase) bool { return c.Report == nil })
		err = session.WriteText(&b, session.TextOptions{Color: out.Color()}, cases...)
	}
	if err != nil {
		return err
	}
	_, err = out.Write(b.Bytes())
	return err
}

// sessionGate is the gate of one trace.
type sessionGate struct {
	verb    *sessionGateVerb
	streams *cli.IO
	path    string
}

func (g *sessionGate) run(ctx context.Context) (*session.GateReport, error) {
	if g.verb.update && g.path == stream {
		return nil, cli.Usagef("--update: a trace from stdin cannot be written anew")
	}
	trace, err := loadSession(ctx, g.streams, g.path)
	if err != nil {
		return nil, err
	}
	program, err := g.verb.build.open(ctx, trace, g.verb.module)
	if err != nil {
		return nil, noProgram(g.path, err)
	}
	defer program.Close()
	var o session.GateOptions
	if g.verb.module != "" {
		reference, err := g.verb.build.open(ctx, trace, "")
		if err != nil {
			return nil, noProgram(g.path, err)
		}
		defer reference.Close()
		o.Reference = fresh(reference)
	}
	report, err := session.Gate(ctx, program.Model(), trace, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.path, err)
	}
	return report, nil
}

// rewrite accepts what the program draws.
func (v *sessionGateVerb) rewrite(ctx context.Context, streams *cli.IO, cases []session.GateCase) error {
	for _, c := range cases {
		if c.Report.Passed {
			continue
		}
		frames, err := v.accept(ctx, streams, c.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		streams.Notef("%s: accepted, %s", c.Name, plural(frames, "frame"))
	}
	return nil
}

func (v *sessionGateVerb) accept(ctx context.Context, streams *cli.IO, path string) (int64, error) {
	trace, err := loadSession(ctx, streams, path)
	if err != nil {
		return 0, err
	}
	program, err := v.build.open(ctx, trace, v.module)
	if err != nil {
		return 0, err
	}
	defer program.Close()
	again, err := session.Rerecord(ctx, program.Model(), trace)
	if err != nil {
		return 0, err
	}
	again.Attachments = without(again.Attachments, again.Program.Name)
	program.Attach(again)
	return again.Frames(), again.Save(path, true)
}

// without is a list of attachments without that of a name.
func without(list []session.Attachment, name string) []session.Attachment {
	var rest []session.Attachment
	for _, a := range list {
		if a.Name != name {
			rest = append(rest, a)
		}
	}
	return rest
}
