package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/writer"
)

var recordCommand = &cli.Command{
	Name:  "record",
	Args:  "APP.wasm [-- ARGS...]",
	Short: "Run a program and record it",
	Group: groupRun,
	Long: `Runs a module of WASI preview1 or a component of WASI 0.2 and writes a trace with the program and every call that it makes to its host. The trace is APP.trace.arrow in the current directory, or APP-2.trace.arrow and so on where that exists; -t names another file. A name that ends in .jsonl or .json makes it text.

The program gets nothing but stdin, stdout, stderr and what flags give it: no environment, no directory, no network. What it gets is in the trace, the values of --env too: do not share traces of secrets.

With "-t -" the trace goes to stdout as it grows, and what the program writes to stdout goes to stderr.

An interrupt ends the recording at the program's next call: the trace is completed, and it replays up to there. Even a recorder that is killed loses nothing: "tracetool recover" completes its trace.`,
	Examples: []cli.Example{
		{Command: "tracetool record app.wasm", What: "Record into app.trace.arrow"},
		{Command: "tracetool record app.wasm --dir . --env HOME -- -v input.txt", What: "Give it the current directory, a variable and arguments"},
		{Command: "tracetool record app.wasm --dir /srv/data::/data:ro", What: "Give it a directory under another name, for reading only"},
		{Command: "tracetool record server.wasm --listen 127.0.0.1:8080", What: "Give it a listener, its first descriptor after the directories"},
		{Command: "tracetool record app.wasm --allow-net=example.com:443", What: "Let sockets of its own use one host"},
		{Command: "tracetool record math.wasm --invoke 'add(1, 2)'", What: "Call a function of a library"},
		{Command: "tracetool record app.wasm -t - | ssh host tracetool inspect -", What: "Look at it elsewhere"},
	},
	Complete:    []cli.Completion{cli.Files(".wasm")},
	GuestArgs:   true,
	FailureCode: codeOurs,
	ExitCodes: append([]cli.ExitCode{
		{Code: 0, Meaning: "the program's own, as every code that is not below; with --exit-code tool: recorded, however it ended"},
	}, guestCodesTable...),
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var r recordVerb
		r.bind(fs)
		return r.run
	},
}

// guestCodesTable is the part that the exit codes of record and run share.
var guestCodesTable = []cli.ExitCode{
	{Code: codeFailed, Meaning: "with --exit-code tool: any failure of ours"},
	{Code: codeLost, Meaning: "with --exit-code tool: the recording was cut short, by time or size"},
	{Code: codeCut, Meaning: "the recording was cut short: the trace reached --max-trace-size"},
	{Code: codeTimeout, Meaning: "--timeout passed"},
	{Code: codeOurs, Meaning: "any failure of ours, mistakes on the command line included"},
	{Code: codeHungUp, Meaning: "its terminal was closed"},
	{Code: 130, Meaning: "interrupted"},
	{Code: runner.ExitCodeTrap, Meaning: "the program trapped"},
	{Code: 143, Meaning: "terminated"},
}

// recordVerb is the flags of record.
type recordVerb struct {
	guest guestFlags
	end   endFlags
	keep  keepFlags
	trace string
}

func (v *recordVerb) bind(fs *pflag.FlagSet) {
	v.bindTrace(fs)
	v.guest.bind(fs)
	v.end.bind(fs)
}

// bindTrace binds the flags that say where the trace goes, and how.
func (v *recordVerb) bindTrace(fs *pflag.FlagSet) {
	fs.StringVarP(&v.trace, "trace", "t", "", "write the trace to `FILE`, - for stdout")
	v.keep.bind(fs)
	cli.CompleteFlag(fs, "trace", traceFiles)
}

// keepFlags say what record and run keep, and how it is written.
type keepFlags struct {
	maxTrace     int64
	fullText     fullTextFlag
	compression  codecName
	sealInterval time.Duration
	sync         bool
}

func (k *keepFlags) bind(fs *pflag.FlagSet) {
	cli.SizeVarP(fs, &k.maxTrace, "max-trace-size", "", 0, "stop when the trace has reached `SIZE`")
	k.fullText.bind(fs)
	k.compression.bind(fs)
	cli.DurationVarP(fs, &k.sealInterval, "seal-interval", "", 0, "complete the file every `DURATION`, for other tools that watch it")
	fs.BoolVar(&k.sync, "sync", false, "wait until the disk has each segment: survives a power cut")
}

// config says in a recording's configuration what is kept of it.
func (k *keepFlags) config(cfg *runner.Config) {
	cfg.Tool, cfg.TextLimit = toolName(), k.fullText.limit()
}

// options completes those of a recording's writer.
func (k *keepFlags) options(o writer.Options) writer.Options {
	o.Compression, o.SealInterval, o.Sync, o.MaxBytes = k.compression.codec(), k.sealInterval, k.sync, k.maxTrace
	return o
}

// fullTextFlag is --full-text. Without it the runner decides.
type fullTextFlag struct {
	on   bool
	flag *pflag.Flag
}

func (f *fullTextFlag) bind(fs *pflag.FlagSet) {
	fs.BoolVar(&f.on, "full-text", false, "keep all that the program writes to files and sockets, not 1 KiB of each write and a hash; with a network this is the default, and =false turns it off")
	f.flag = fs.Lookup("full-text")
}

func (f *fullTextFlag) limit() int64 {
	switch {
	case f.on:
		return -1
	case f.flag.Changed:
		return call.DefaultTextLimit
	}
	return 0
}

// codecName is the value of --compression.
type codecName string

func (c *codecName) bind(fs *pflag.FlagSet) {
	names := []codecName{codecName(ipc.Zstd.String()), codecName(ipc.LZ4.String()), codecName(ipc.None.String())}
	cli.EnumVarP(fs, c, "compression", "", names[0], "compression of the trace", names...)
}

// codec returns the codec; the flag admits no other names.
func (c codecName) codec() ipc.Codec {
	codec, err := ipc.CodecByName(string(c))
	if err != nil {
		panic(err)
	}
	return codec
}

func (v *recordVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	o := &outcome{Command: "record", Module: args[0]}
	return v.end.guard(ctx, streams, o, func() (*runner.Result, error) {
		r := &recording{verb: v, streams: streams, app: args[0], force: v.end.force}
		result, err := r.record(ctx)
		o.Trace = r.path
		return result, err
	})
}

// recording is one run of record.
type recording struct {
	verb    *recordVerb
	streams *cli.IO
	app     string
	force   bool
	stdout  io.Writer          // the guest's
	pipe    io.Writer          // where the trace goes instead of a file
	text    *convert.Recording // nil unless the trace becomes text
	path    string             // of the trace; empty until it is created
	before  os.FileInfo        // of the file that was at path then, nil if there was none
}

func (r *recording) record(ctx context.Context) (*runner.Result, error) {
	module, err := runner.Load(r.app)
	if err != nil {
		return nil, err
	}
	cfg, closeStdin, err := r.verb.guest.config(r.streams)
	if err != nil {
		return nil, err
	}
	defer closeStdin()
	if err := r.prepare(&cfg); err != nil {
		return nil, err
	}
	result, err := runner.Record(ctx, module, cfg, r.create)
	if err != nil {
		return result, r.explain(err)
	}
	showEnd(r.stdout, r.streams.Stderr, result)
	if err := r.finish(ctx); err != nil {
		return result, err
	}
	r.note(result)
	return result, nil
}

// prepare finds out where the trace goes, and what that means for the guest's
// stdout.
func (r *recording) prepare(cfg *runner.Config) (err error) {
	r.verb.keep.config(cfg)
	if r.stdout = cfg.Stdout; r.verb.trace == stream {
		r.pipe, err = r.streams.BinaryStdout()
		r.stdout = cfg.Stderr
		cfg.Stdout = r.stdout
		return err
	}
	if form, formErr := convert.FormOf(r.verb.trace); formErr == nil && form != convert.Arrow {
		r.text, err = convert.NewRecording(r.verb.trace, convert.Options{Force: r.force})
	}
	return err
}

// toolName is what traces say wrote them: "tracetool v1.0.0".
func toolName() string {
	b := (&cli.App{Name: appName}).Build()
	return b.Name + " " + b.Version
}

// create is the runner's [runner.CreateFunc].
func (r *recording) create(o writer.Options) (*writer.Writer, error) {
	o = r.verb.keep.options(o)
	o.Force = r.force
	w, path, err := r.createAt(o)
	if err == nil {
		r.path = path
	}
	return w, err
}

// createAt also returns what the trace will be called.
func (r *recording) createAt(o writer.Options) (w *writer.Writer, path string, err error) {
	switch {
	case r.pipe != nil:
		w, err = writer.New(r.pipe, o)
	case r.text != nil:
		w, err = r.createFile(r.text.Trace(), o)
	case r.verb.trace == "":
		return r.createDefault(o)
	default:
		w, err = r.createFile(r.verb.trace, o)
	}
	return w, r.verb.trace, err
}

// createDefault takes the first name that is free. A recorder at work on the
// same name, and what a dead one left, count as well.
func (r *recording) createDefault(o writer.Options) (*writer.Writer, string, error) {
	for n := 1; ; n++ {
		path := defaultTrace(r.app, n)
		if !r.force && (exists(path) || exists(path+format.SidecarSuffix)) {
			continue
		}
		w, err := r.createFile(path, o)
		if errors.Is(err, fs.ErrExist) && !r.force {
			continue
		}
		return w, path, err
	}
}

func (r *recording) createFile(path string, o writer.Options) (*writer.Writer, error) {
	r.before, _ = os.Lstat(path)
	return writer.Create(path, o)
}

// defaultTrace is app.trace.arrow, app-2.trace.arrow and so on.
func defaultTrace(app string, n int) string {
	name := filepath.Base(app)
	if ext := filepath.Ext(name); strings.EqualFold(ext, ".wasm") {
		name = strings.TrimSuffix(name, ext)
	}
	if n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	return name + format.Extension
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// explain adds to a failure during the run where that much of it is. A file
// that was there before is not ours.
func (r *recording) explain(err error) error {
	path := r.path
	if r.text != nil {
		path = r.text.Trace()
	}
	if r.path == "" || r.pipe != nil {
		return err
	}
	info, statErr := os.Lstat(path)
	if statErr != nil || r.before != nil && os.SameFile(info, r.before) {
		return err
	}
	return cli.WithHint(err, "what was recorded until then is in "+path)
}

// finish makes text of the trace where that was asked for, also after an
// interrupt: the run cannot be repeated.
func (r *recording) finish(ctx context.Context) error {
	if r.text == nil {
		return nil
	}
	_, err := r.text.Finish(context.WithoutCancel(ctx))
	return err
}

// note tells how it went, in one line.
func (r *recording) note(result *runner.Result) {
	line := fmt.Sprintf("recorded %s in %s%s", plural(result.Events, "event"), ui.Duration(result.Duration), endNote(result))
	if r.pipe != nil {
		r.streams.Notef("%s", line)
		return
	}
	r.streams.Notef("%s; replay with: tracetool replay %s", line, shellQuote(r.path))
}

// endNote says why a recording is one of a part only.
func endNote(result *runner.Result) string {
	switch result.End {
	case runner.EndTimeout:
		return ", until --timeout passed"
	case runner.EndFull:
		return ", until the trace reached --max-trace-size"
	case runner.EndCancelled:
		return ", until it was interrupted"
	}
	return ""
}

// shellQuote quotes a file name for a shell, where that is necessary, so that it
// is no flag either.
func shellQuote(name string) string {
	if strings.HasPrefix(name, "-") {
		name = "." + string(filepath.Separator) + name
	}
	if escaped := ui.Escape(name); escaped != name { // as $'' has it
		return "$'" + strings.ReplaceAll(escaped, "'", `\'`) + "'"
	}
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./+:@%,", c) || c == filepath.Separator
	}
	if name != "" && strings.IndexFunc(name, func(c rune) bool { return !plain(c) }) < 0 {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
