package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/reader/remote"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/writer"
)

var convertCommand = &cli.Command{
	Name:  "convert",
	Args:  "IN OUT",
	Short: "Convert a trace to JSONL, JSON and back, to HAR, or from and to wasm-rr",
	Group: groupChange,
	Long: `The form of IN is told by its content, that of OUT by its extension (.arrow, .jsonl, .ndjson, .json) or --to. Nothing is lost on the way: rows, programs, attachments and metadata come back bit by bit.

JSONL or a JSON array that another program wrote becomes a trace, too: a table with its columns, for inspect, filter and notebooks.

A session becomes a film for asciinema and other players with --to asciicast (version 3 of the format, asciicast-v2 is version 2), and such a film becomes a session.

With --to har, or the extension .har, the requests of HTTP/1.1 that the program sent or received, a component by wasi:http, become an HTTP archive, which developer tools of browsers open. It holds nothing else of the trace.

A trace of wasm-rr, in JSON or CBOR, becomes a partial trace: it has clocks, random numbers, environment and HTTP, and with --module the program, so that it can be replayed. What is whole of one that was cut is taken; then the exit code is 3. With --to wasm-rr or wasm-rr-cbor, or the extension .cbor, a trace becomes one of wasm-rr; what that cannot hold is counted, and the exit code is 3.

"-" is stdin or stdout.`,
	Examples: []cli.Example{
		{Command: "tracetool convert app.trace.arrow app.jsonl", What: "Make text of a trace"},
		{Command: "tracetool convert app.jsonl app.trace.arrow", What: "Make a trace of text"},
		{Command: "tracetool convert --to jsonl --plain --decode app.trace.arrow - | jq .args", What: "Only the events, with names for their arguments"},
		{Command: "tracetool convert server.trace.arrow server.har", What: "Look at its requests in a browser's developer tools"},
		{Command: "tracetool convert events.jsonl events.arrow", What: "Make a table of somebody else's records"},
		{Command: "tracetool convert old.json new.trace.arrow --module app.wasm", What: "Take over a trace of wasm-rr, with its program"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v convertVerb
		v.bind(fs)
		return v.run
	},
}

// targets are what traces of one kind become, in the values of --to.
var targets = map[convert.Form]func(*convertVerb, context.Context, *cli.IO, []string) error{
	filmForm:           (*convertVerb).toFilm,
	filmFormV2:         (*convertVerb).toFilm,
	convert.WasmRR:     (*convertVerb).toRR,
	convert.WasmRRCBOR: (*convertVerb).toRR,
}

// convertVerb is the flags of convert.
type convertVerb struct {
	source      source
	to          convert.Form
	compression codecName
	module      string
	options     convert.Options
}

func (v *convertVerb) bind(fs *pflag.FlagSet) {
	cli.EnumVarP(fs, &v.to, "to", "", "", "form of OUT, if not that of its extension", convert.Arrow, convert.JSONL, convert.JSON, filmForm, filmFormV2, formHAR, convert.WasmRR, convert.WasmRRCBOR)
	fs.BoolVar(&v.options.Plain, "plain", false, "write nothing but the rows to JSONL or JSON: no header, no attachments")
	fs.BoolVar(&v.options.Decode, "decode", false, "add to each call in JSONL or JSON what its arguments and results mean")
	fs.BoolVar(&v.options.Partial, "partial", false, "accept an input that was cut: convert what is there and exit with 3")
	cli.SizeVarP(fs, &v.options.MaxRecord, "max-record", "", 256<<20, "accept JSON records of `SIZE` at most")
	v.compression.bind(fs)
	fs.StringVarP(&v.module, "module", "m", "", "put the component `APP.wasm` into a trace made from one of wasm-rr, so that it can be replayed")
	cli.CompleteFlag(fs, "module", cli.Files(".wasm"))
	fs.BoolVarP(&v.options.Force, "force", "f", false, "replace a file that exists")
	v.source.bind(fs)
}

func (v *convertVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	if v.to == "" && strings.EqualFold(filepath.Ext(args[1]), ".cbor") {
		v.to = convert.WasmRRCBOR
	}
	if err := v.checkModule(args[1]); err != nil {
		return err
	}
	if v.toHAR(args[1]) {
		return v.writeHAR(ctx, streams, args[0], args[1])
	}
	if to := targets[v.to]; to != nil {
		return to(v, ctx, streams, args)
	}
	film, rest, err := openFilm(ctx, streams, args[0])
	switch {
	case err != nil:
		return err
	case film != nil:
		return v.fromFilm(ctx, streams, film, args)
	}
	in, out, opts := convert.Input{Path: args[0]}, convert.Output{Path: args[1]}, v.options
	opts.To, opts.Limits, opts.Compression = v.to, v.source.limits(), v.compression.codec()
	if err := v.checkOutput(streams, &out, &opts); err != nil {
		return err
	}
	switch {
	case rest != nil:
		in = convert.Input{Reader: rest}
	case remote.IsURL(args[0]):
		file, err := fetch(ctx, streams, args[0])
		if err != nil {
			return err
		}
		defer file.Close()
		in = convert.Input{Reader: io.NewSectionReader(file, 0, file.Size())}
	default:
		f, err := v.source.recording(args[0])
		if err != nil {
			return err
		}
		if f != nil {
			defer f.Close()
			in = convert.Input{File: f}
		}
	}
	if opts.Program, err = v.program(); err != nil {
		return err
	}
	meter := &meter{streams: streams}
	opts.Progress = meter.update
	report, err := convert.Convert(ctx, in, out, opts)
	meter.clear()
	if errors.Is(err, convert.ErrProgram) {
		return cli.Usagef("--module: %w", err)
	}
	if rest != nil {
		err = inPipe(args[0], err)
	}
	if err != nil {
		return err
	}
	return v.conclude(streams, args[1], report)
}

// checkModule: a program is for what becomes a trace.
func (v *convertVerb) checkModule(out string) error {
	if v.module != "" && (v.toHAR(out) || targets[v.to] != nil) {
		return cli.Usagef("--module: a program is only put into a trace")
	}
	return nil
}

// program loads what --module names.
func (v *convertVerb) program() (*convert.Program, error) {
	if v.module == "" {
		return nil, nil
	}
	m, err := runner.Load(v.module)
	if err == nil && !m.IsComponent() {
		err = fmt.Errorf("%s: %w", v.module, runner.ErrNoComponent)
	}
	return &convert.Program{Name: m.Name, Bytes: m.Bytes}, err
}

// checkOutput finds the form of the output and refuses what cannot be written.
func (v *convertVerb) checkOutput(streams *cli.IO, out *convert.Output, opts *convert.Options) (err error) {
	switch {
	case out.Path != stream && opts.To == "":
		if opts.To, err = convert.FormOf(out.Path); err != nil {
			return cli.Usagef("%w; or name the form with --to", err)
		}
	case out.Path == stream && opts.To == "":
		return cli.Usagef("stdout has no extension: name the form with --to")
	}
	if opts.To == convert.Arrow && (opts.Plain || opts.Decode) {
		return cli.Usagef("--plain and --decode are for JSONL and JSON")
	}
	switch {
	case out.Path != stream:
		return writer.CheckNew(out.Path, opts.Force)
	case opts.To == convert.Arrow:
		out.Writer, err = streams.BinaryStdout()
	default:
		out.Writer = streams.Stdout
	}
	out.Path = ""
	return err
}

func (v *convertVerb) conclude(streams *cli.IO, path string, r *convert.Report) error {
	line := plural(r.Rows, "row")
	if r.Attachments > 0 {
		line += ", " + plural(r.Attachments, "attachment")
	}
	if path == stream {
		path = "stdout"
	}
	streams.Notef("%s: %s from %s to %s", path, line, r.From, r.To)
	if r.Lost == "" {
		return nil
	}
	return cli.WithCode(codeLost, fmt.Errorf("something was lost: %s", r.Lost))
}

// passLabels name the passes over the input: only another program's records
// take a second one.
var passLabels = []string{"reading", "reading again"}

// meter shows the progress of a conversion, whose unit is not known before.
type meter struct {
	streams  *cli.IO
	pass     int
	progress *ui.Progress
}

func (m *meter) update(p convert.Progress) {
	if p.Pass != m.pass {
		m.clear()
		unit := ui.Events
		if p.Bytes {
			unit = ui.BytesUnit
		}
		m.pass, m.progress = p.Pass, m.streams.Progress(passLabels[min(p.Pass, len(passLabels))-1], p.Total, unit)
	}
	m.progress.Set(p.Done)
}

func (m *meter) clear() { m.progress.Abort() }
