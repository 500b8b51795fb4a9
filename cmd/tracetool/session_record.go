package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/guest"
	"github.com/tracetool/tracetool/writer"
)

var sessionRecordCommand = &cli.Command{
	Name:  "record",
	Args:  "APP.wasm [-- ARGS...]",
	Short: "Run a terminal program and record the session",
	Long: `Runs a command of WASI preview1 that draws on a terminal, or a module that draws frames by itself, and writes a trace with the program, every input and every frame. The trace is APP.trace.arrow, as of "tracetool record".

On a terminal, the session is what you do; Ctrl-\ ends it. So do signals and the end of the terminal: what was recorded is kept. With --script it is what a file says, one input a line:

  text Hello, world         a key for each character
  key ctrl+shift+ArrowUp    a key by its name: Enter, Tab, Escape, Backspace, F5, ...
  mouse press left 10 5     column and row, from 0
  paste "two\nlines"        text in quotes may have escapes
  focus in
  wait 1.5s                 time passes, in steps of --tick
  resize 100x30
  # a comment

The program's clock is the session's, its random numbers follow from --seed, and it gets nothing but COLUMNS, LINES, TERM and what flags give it: the same inputs make the same frames, everywhere.`,
	Examples: []cli.Example{
		{Command: "tracetool session record editor.wasm", What: "Use the program, and record that"},
		{Command: "tracetool session record editor.wasm -t edit.trace.arrow --script edit.txt --size 80x24", What: "Record what a script does"},
		{Command: "tracetool session record game.wasm --seed 7 -- --level 3", What: "Other random numbers, and arguments"},
	},
	Complete:  []cli.Completion{cli.Files(".wasm")},
	GuestArgs: true,
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v sessionRecordVerb
		v.bind(fs)
		return v.run
	},
}

// sessionRecordVerb is the flags of session record.
type sessionRecordVerb struct {
	trace, size, script string
	seed                uint64
	env                 []string
	tick, timeout       time.Duration
	noCells             bool
	force               bool
	engine              engineFlags
}

func (v *sessionRecordVerb) bind(fs *pflag.FlagSet) {
	fs.StringVarP(&v.trace, "trace", "t", "", "write the trace to `FILE`")
	fs.StringVar(&v.size, "size", "", "size of the screen, `COLUMNSxROWS`; that of the terminal, or 80x24")
	fs.Uint64Var(&v.seed, "seed", 0, "random numbers of the program follow from `N`")
	fs.StringVar(&v.script, "script", "", "do what `FILE` says, - for stdin")
	fs.StringArrayVarP(&v.env, "env", "e", nil, "set `KEY[=VALUE]` for the program; a KEY alone takes its value from here")
	cli.DurationVarP(fs, &v.tick, "tick", "", 100*time.Millisecond, "a frame every `DURATION` while a script waits")
	cli.DurationVarP(fs, &v.timeout, "timeout", "", guest.DefaultTimeout, "give up when the program computes for `DURATION` without waiting; 0 never does, and makes it faster")
	fs.BoolVar(&v.noCells, "no-cells", false, "keep checksums of the frames, not what they show")
	fs.BoolVarP(&v.force, "force", "f", false, "replace a file that exists")
	v.engine.bind(fs, "engine that executes the program")
	cli.CompleteFlag(fs, "trace", traceFiles)
	cli.CompleteFlag(fs, "script", cli.AnyFile())
}

func (v *sessionRecordVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	r := &sessionRecording{verb: v, streams: streams}
	if err := r.prepare(ctx, args[0]); err != nil {
		return err
	}
	defer r.program.Close()
	trace, err := r.record(ctx)
	if err != nil {
		return err
	}
	r.program.Attach(trace)
	if err := r.save(trace, args[0]); err != nil {
		return err
	}
	r.note(trace)
	return r.cut
}

// sessionRecording is one run of session record.
type sessionRecording struct {
	verb    *sessionRecordVerb
	streams *cli.IO
	script  *guest.Script // nil: somebody at the terminal
	size    session.Size
	program *guest.Program
	model   *guest.Model
	cut     error // what ended it before its time; what was recorded is kept
	path    string
}

// prepare does everything that can fail because of what the user gave.
func (r *sessionRecording) prepare(ctx context.Context, app string) (err error) {
	v := r.verb
	if v.tick <= 0 {
		return cli.Usagef("--tick %s: time must pass", v.tick)
	}
	if err := r.readScript(); err != nil {
		return err
	}
	if r.size, err = r.chooseSize(); err != nil {
		return err
	}
	if v.trace != "" {
		if err := writer.CheckNew(v.trace, v.force); err != nil {
			return err
		}
	}
	module, err := runner.Load(app)
	if err != nil {
		return err
	}
	env, err := (&guestFlags{env: v.env}).environ(r.streams)
	if err != nil {
		return err
	}
	r.program, err = guest.Open(ctx, module, guest.Options{
		Args: r.streams.Guest, Env: env, Engine: v.engine.engine(), CacheDir: v.engine.cacheDir(), Timeout: v.computing(), Exclusive: true,
	})
	return err
}

// computing is the flag as guest.Options has it.
func (v *sessionRecordVerb) computing() time.Duration {
	if v.timeout == 0 {
		return -1
	}
	return v.timeout
}

func (r *sessionRecording) readScript() (err error) {
	name := r.verb.script
	var in io.Reader = r.streams.Stdin
	switch {
	case name == "" && !r.streams.StdinTerminal:
		return cli.Usagef("stdin is no terminal: say with --script what to do")
	case name == "":
		return nil
	case name != stream:
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	if r.script, err = guest.ParseScript(in); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (r *sessionRecording) chooseSize() (session.Size, error) {
	if r.verb.size != "" {
		size, err := session.ParseSize(r.verb.size)
		if err != nil {
			return size, cli.Usagef("--size: %w", err)
		}
		return size, nil
	}
	if r.script == nil {
		return terminalSize()
	}
	return session.Size{Columns: 80, Rows: 24}, nil
}

func (r *sessionRecording) record(ctx context.Context) (*session.Trace, error) {
	r.model = r.program.Model()
	recorder := session.NewRecorder(r.model, r.size, r.verb.seed, r.options())
	if err := recorder.Init(); err != nil {
		return nil, err
	}
	var err error
	if r.script != nil {
		if err = r.script.Play(ctx, recorder, r.verb.tick); err != nil {
			err = fmt.Errorf("%s: %w", r.verb.script, err)
		}
	} else {
		err = r.interact(ctx, recorder)
	}
	if err != nil {
		return nil, err
	}
	return recorder.Finish()
}

// options are what is recorded. Frames are timed where somebody waits for them;
// what a script does makes the same trace every time.
func (r *sessionRecording) options() session.Options {
	o := session.Options{Profile: guest.Term, Cells: !r.verb.noCells}
	if r.script == nil {
		began := time.Now()
		o.Stopwatch = func() time.Duration { return time.Since(began) }
	}
	return o
}

// save takes the first name that is free where none was given.
func (r *sessionRecording) save(t *session.Trace, app string) error {
	if r.path = r.verb.trace; r.path != "" {
		return t.Save(r.path, r.verb.force)
	}
	for n := 1; ; n++ {
		r.path = defaultTrace(filepath.Base(app), n)
		err := t.Save(r.path, r.verb.force)
		if !errors.Is(err, os.ErrExist) {
			return err
		}
	}
}

func (r *sessionRecording) note(t *session.Trace) {
	if trap := r.model.Trap(); trap != nil {
		fmt.Fprintf(r.streams.Stderr, "%s %s\n", r.streams.Stderr.Paint(ui.Red, "trap:"), ui.Escape(trap.Message))
		showStack(r.streams.Stderr, trap.Stack)
	}
	r.streams.Notef("recorded %s and %s; replay with: tracetool session replay %s",
		plural(inputsOf(t), "input"), plural(t.Frames(), "frame"), shellQuote(r.path))
}
