package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/registry"
	"github.com/tracetool/tracetool/writer"
)

var runCommand = &cli.Command{
	Name:  "run",
	Args:  "APP.wasm [-- ARGS...]",
	Short: "Run a program and record it into the registry",
	Group: groupRun,
	Long: `Runs a program as record does, and keeps the recording in the registry, where it is found by its id. The first line on stderr is that id, before the program starts. The registry keeps a program once, however often it is run.

Every verb that reads a trace takes the id, any beginning of it that no other id has, or "latest". "tracetool get process" lists what there is.

--keep-on failure and --keep-last keep less. What --keep-on failure keeps is whole and replays. What --keep-last keeps is for looking at and does not replay, since a replay needs all events; the whole recording takes its room until the program ends.`,
	Examples: []cli.Example{
		{Command: "tracetool run app.wasm --dir . -- input.txt", What: "Run a program and record it"},
		{Command: "tracetool replay latest", What: "Run it again, as it was"},
		{Command: "tracetool run app.wasm --tag build=1042 --keep-on failure", What: "Keep the recording only if it fails, and find it by a tag"},
		{Command: "tracetool run app.wasm --no-record", What: "Only run it"},
	},
	Complete:    []cli.Completion{cli.Files(".wasm")},
	GuestArgs:   true,
	FailureCode: codeOurs,
	ExitCodes: append([]cli.ExitCode{
		{Code: 0, Meaning: "the program's own, as every code that is not below; with --exit-code tool: run, however it ended"},
	}, guestCodesTable...),
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v runVerb
		v.bind(fs)
		return v.run
	},
}

// runVerb is the flags of run.
type runVerb struct {
	guest    guestFlags
	keep     keepFlags
	end      endFlags
	registry newRegistryFlags
	tags     []string
	noRecord bool
	keepOn   keepOn
	keepLast time.Duration
}

// keepOn is the value of --keep-on.
type keepOn string

const (
	keepAlways  keepOn = "always"
	keepFailure keepOn = "failure"
)

func (v *runVerb) bind(fs *pflag.FlagSet) {
	v.guest.bind(fs)
	v.registry.bind(fs)
	fs.StringArrayVar(&v.tags, "tag", nil, "find the recording later by `KEY=VALUE`")
	fs.BoolVar(&v.noRecord, "no-record", false, "record nothing")
	cli.EnumVarP(fs, &v.keepOn, "keep-on", "", keepAlways, "keep the recording always, or unless the program exits with 0", keepAlways, keepFailure)
	cli.DurationVarP(fs, &v.keepLast, "keep-last", "", 0, "keep only the last `DURATION` of the recording, which then does not replay")
	v.keep.bind(fs)
	v.end.bind(fs)
}

func (v *runVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	o := &outcome{Command: "run", Module: args[0]}
	return v.end.guard(ctx, streams, o, func() (*runner.Result, error) {
		tags, err := parseTags(v.tags)
		if err != nil {
			return nil, err
		}
		if v.keepLast < 0 {
			return nil, cli.Usagef("--keep-last: want a positive duration")
		}
		module, err := runner.Load(args[0])
		if err != nil {
			return nil, err
		}
		if v.noRecord {
			return v.runOnly(ctx, streams, module)
		}
		r := &process{verb: v, streams: streams, module: module, tags: tags}
		result, err := r.record(ctx)
		if r.started {
			o.Process = r.ID
		}
		return result, err
	})
}

func (v *runVerb) runOnly(ctx context.Context, streams *cli.IO, module runner.Module) (*runner.Result, error) {
	cfg, closeStdin, err := v.guest.config(streams)
	if err != nil {
		return nil, err
	}
	defer closeStdin()
	result, err := runner.Run(ctx, module, cfg)
	if err == nil {
		showEnd(cfg.Stdout, streams.Stderr, result)
	}
	return result, err
}

// parseTags reads the values of --tag.
func parseTags(list []string) (map[string]string, error) {
	var tags map[string]string
	for _, tag := range list {
		key, value, ok := strings.Cut(tag, "=")
		if !ok || key == "" {
			return nil, cli.Usagef("--tag: %q: want KEY=VALUE", tag)
		}
		if _, twice := tags[key]; twice {
			return nil, cli.Usagef("--tag: %s is given twice", key)
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[key] = value
	}
	return tags, nil
}

// process is one run of run.
type process struct {
	*registry.Recording
	verb     *runVerb
	streams  *cli.IO
	module   runner.Module
	tags     map[string]string
	registry *registry.Registry
	warnings bytes.Buffer // about flags, which follow the id
	started  bool
}

func (p *process) record(ctx context.Context) (*runner.Result, error) {
	defer p.flushWarnings()
	held := *p.streams
	held.Stderr = ui.NewStream(&p.warnings)
	cfg, closeStdin, err := p.verb.guest.config(&held)
	if err != nil {
		return nil, err
	}
	defer closeStdin()
	if err := p.begin(); err != nil {
		return nil, cli.WithHint(err, "--no-record runs the program without recording it")
	}
	defer p.End()
	p.verb.keep.config(&cfg)
	cfg.Stderr, cfg.Tags, cfg.Detach, cfg.Started = p.streams.Stderr.Underlying(), p.tags, true, p.announce
	result, err := runner.Record(ctx, p.module, cfg, p.create)
	if err != nil {
		return result, p.explain(err)
	}
	showEnd(cfg.Stdout, p.streams.Stderr, result)
	return result, p.finish(ctx, result)
}

func (p *process) begin() (err error) {
	if p.registry, err = p.verb.registry.create(); err != nil {
		return err
	}
	p.Recording, err = p.registry.Begin()
	return err
}

// create is the runner's [runner.CreateFunc].
func (p *process) create(o writer.Options) (*writer.Writer, error) {
	w, err := p.Create(p.module.Bytes, p.verb.keep.options(o))
	return w, cli.WithHint(err, "--no-record runs the program without recording it")
}

// announce tells the id before the program starts.
func (p *process) announce() {
	p.Started()
	p.started = true
	fmt.Fprintln(p.streams.Stderr, p.ID)
	p.flushWarnings()
}

func (p *process) flushWarnings() { p.warnings.WriteTo(p.streams.Stderr) }

// explain says what became of the program and its recording.
func (p *process) explain(err error) error {
	if !p.started {
		return fmt.Errorf("the program was not started: %w", err)
	}
	if !exists(p.Path()) {
		return err
	}
	return cli.WithHint(fmt.Errorf("the program was stopped: %w", err), "what was recorded until then is there: tracetool describe process "+p.ID)
}

// finish keeps of the recording what was asked for.
func (p *process) finish(ctx context.Context, result *runner.Result) error {
	line := fmt.Sprintf("recorded %s in %s%s", plural(result.Events, "event"), ui.Duration(result.Duration), endNote(result))
	if p.verb.keepOn == keepFailure && result.End == runner.EndExit && result.ExitCode == 0 {
		p.streams.Notef("%s; not kept, since it exited with 0", line)
		return p.registry.Delete(p.ID)
	}
	if p.verb.keepLast > 0 {
		return p.keepLast(ctx, line)
	}
	if err := p.Commit(); err != nil {
		return err
	}
	p.streams.Notef("%s; replay with: tracetool replay %s", line, p.ID)
	return nil
}

// keepLast leaves only the last part of the recording, under the same id.
func (p *process) keepLast(ctx context.Context, line string) error {
	kept, err := edit.Replace(p.Path(), edit.Output{Source: "run --keep-last " + p.verb.keepLast.String(), Mode: p.registry.FileMode(), Sync: true, KeepID: true,
		Compression: p.verb.keep.compression.codec()}, func(in *reader.File, out edit.Output) (*edit.Result, error) {
		return edit.Filter(ctx, in, reader.Query{FromTime: in.Summary().LastTimeNS - p.verb.keepLast.Nanoseconds()}, out)
	})
	if err != nil {
		return err
	}
	if err := p.Commit(); err != nil {
		return err
	}
	p.streams.Notef("%s; kept the last %s: tracetool inspect --events %s", line, ui.Count(kept.Events), p.ID)
	return nil
}
