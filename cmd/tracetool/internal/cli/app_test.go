package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
)

// asApp makes the test binary behave as the program of fakeApp, for shells that
// complete its command line.
const asApp = "CLI_TEST_AS_APP"

// longEcho makes that program take signals for echoes however late they are.
const longEcho = "CLI_TEST_LONG_ECHO"

func TestMain(m *testing.M) {
	if os.Getenv(longEcho) != "" {
		echo = time.Hour
	}
	if os.Getenv(asApp) != "" {
		ctx, stop := Signals(context.Background())
		code := fakeApp().Main(ctx, System(), os.Args[1:])
		stop()
		os.Exit(code)
	}
	os.Exit(m.Run())
}

var errFakeCorrupt = errors.New("t.arrow: segment 3 at byte 8192: checksum 1f, want 9c")

// fakeApp is a program of the shape of tracetool. Its verbs print what they
// were given.
func fakeApp() *App {
	return &App{
		Name:     "tracetool",
		Short:    "Record, replay and inspect WebAssembly programs",
		Long:     "A run is recorded into one file.\n\n  tracetool record app.wasm\n\nThat file is a table for notebooks too, which this sentence says at such length that it has to be wrapped.",
		Version:  "v1.2.3",
		Commands: []*Command{recordCommand(), inspectCommand(), moduleCommand(), failCommand(), waitCommand()},
		Groups:   []string{"Run programs", "Look into a trace"},
		Topics:   []Topic{{Name: "filters", Short: "How events are chosen", Long: "By function, time and number."}},
		ExitCodes: []ExitCode{
			{0, "success"}, {1, "failure"}, {2, "usage"}, {130, "interrupted"},
		},
		Global:  func(fs *pflag.FlagSet) { fs.CountP("verbose", "v", "say more; may be repeated") },
		Modules: []string{"github.com/google/go-cmp"},
		Classify: func(err error) (int, string) {
			if errors.Is(err, errFakeCorrupt) {
				return 5, "try tracetool recover"
			}
			return 0, ""
		},
	}
}

func recordCommand() *Command {
	return &Command{
		Name:      "record",
		Args:      "APP.wasm [-- ARGS...]",
		GuestArgs: true,
		Short:     "Record a program into one file",
		Long:      "The guest gets nothing unless it is given.",
		Group:     "Run programs",
		Complete:  []Completion{Files(".wasm")},
		Examples: []Example{
			{"tracetool record app.wasm", "Record into app.trace.arrow"},
			{"tracetool record -t x.arrow app.wasm -- -v 'in put' | cat", "Pass arguments to the guest"},
		},
		ExitCodes:   []ExitCode{{0, "the guest's own"}, {125, "failure of tracetool"}},
		FailureCode: 125,
		Bind: func(fs *pflag.FlagSet) Body {
			trace := fs.StringP("trace", "t", "", "write the trace to `FILE`")
			fs.Float64("ratio", 0.5, "share of calls")
			fs.String("name", "", "name of the run")
			fs.String("debug", "", "write details to `WHERE`")
			fs.Lookup("debug").NoOptDefVal = "stderr"
			fs.Bool("internal", false, "for tests")
			fs.Lookup("internal").Hidden = true
			CompleteFlag(fs, "trace", Files(".arrow", ".jsonl"))
			env := fs.StringArray("env", nil, "give the guest the variable `KEY[=VALUE]`, from ours without a value; may be repeated")
			fs.StringArray("mount", nil, "give the guest the directory `DIR`")
			var memory int64
			SizeVarP(fs, &memory, "max-memory", "", 64<<20, "limit of the guest's memory, 0 for none")
			var timeout time.Duration
			DurationVarP(fs, &timeout, "timeout", "", 0, "stop the guest after this time")
			engine := "compiler"
			EnumVarP(fs, &engine, "engine", "", "compiler", "engine that runs the guest", "compiler", "interpreter")
			return func(_ context.Context, io *IO, args []string) error {
				if args[0] == "missing.wasm" {
					return fmt.Errorf("missing.wasm: no such file")
				}
				if args[0] == "exit3.wasm" {
					return Exit(3)
				}
				fmt.Fprintf(io.Stdout, "record %q guest=%q trace=%s env=%q memory=%d timeout=%s engine=%s quiet=%t\n",
					args, io.Guest, *trace, *env, memory, timeout, engine, io.Quiet)
				return nil
			}
		},
	}
}

func inspectCommand() *Command {
	return &Command{
		Name:     "inspect",
		Aliases:  []string{"info"},
		Args:     "FILE [OTHER]",
		Short:    "Show what a trace holds",
		Group:    "Look into a trace",
		Complete: []Completion{Files(".arrow"), Words("left", "right")},
		Examples: []Example{{"tracetool inspect -o json app.arrow", "As JSON"}},
		Bind: func(fs *pflag.FlagSet) Body {
			var format ui.Format
			FormatVar(fs, &format)
			limit := fs.Int("limit", 10, "show the first `N` events")
			return func(_ context.Context, io *IO, args []string) error {
				fmt.Fprintf(io.Stdout, "inspect %q output=%s limit=%d color=%t\n", args, format, *limit, io.Stdout.Color())
				return nil
			}
		},
	}
}

func moduleCommand() *Command {
	ls := &Command{
		Name: "ls", Args: "FILE...", Short: "List the modules",
		Complete: []Completion{Files(".arrow")},
		Bind: func(fs *pflag.FlagSet) Body {
			long := fs.BoolP("long", "l", false, "show imports too")
			return func(_ context.Context, io *IO, args []string) error {
				fmt.Fprintf(io.Stdout, "ls %q long=%t quiet=%t\n", args, *long, io.Quiet)
				return nil
			}
		},
	}
	return &Command{Name: "module", Short: "Work with the modules of a trace", Group: "Look into a trace", Sub: []*Command{ls}}
}

// failCommand fails in the way its operand names.
func failCommand() *Command {
	failures := map[string]error{
		"plain":   errors.New("a.arrow: bad \x1b[31m name"),
		"corrupt": fmt.Errorf("reading: %w", errFakeCorrupt),
		"lost":    WithCode(3, errors.New("2 events lost")),
		"hinted":  WithHint(WithCode(4, errors.New("call 7 differs")), "see --until"),
		"shown":   &ExitError{Code: 4, Err: errors.New("already told"), Quiet: true},
		"silent":  Exit(4),
		"usage":   Usagef("--a and --b exclude each other"),
		"cancel":  fmt.Errorf("reading: %w", context.Canceled),
		"zero":    Exit(0),
	}
	return &Command{
		Name: "fail", Args: "HOW", Short: "Fail",
		Bind: func(*pflag.FlagSet) Body {
			return func(_ context.Context, io *IO, args []string) error {
				if args[0] == "binary" {
					_, err := io.BinaryStdout()
					return err
				}
				return failures[args[0]]
			}
		},
	}
}

// waitCommand writes lines until it is told to stop, or does not listen.
func waitCommand() *Command {
	return &Command{
		Name: "wait", Short: "Wait for a signal",
		Bind: func(fs *pflag.FlagSet) Body {
			deaf := fs.Bool("deaf", false, "do not listen")
			return func(ctx context.Context, io *IO, _ []string) error {
				for *deaf || ctx.Err() == nil {
					state := "waiting"
					if ctx.Err() != nil {
						state = "signalled"
					}
					if _, err := fmt.Fprintln(io.Stdout, state); err != nil {
						return err
					}
					time.Sleep(time.Millisecond)
				}
				return ctx.Err()
			}
		},
	}
}

// result is what a run leaves behind.
type result struct {
	code        int
	out, errOut string
}

func run(ctx context.Context, argv ...string) result {
	var out, errOut bytes.Buffer
	io := &IO{Stdin: strings.NewReader(""), Stdout: ui.NewStream(&out), Stderr: ui.NewStream(&errOut)}
	code := fakeApp().Main(ctx, io, argv)
	return result{code, out.String(), errOut.String()}
}

func TestParsing(t *testing.T) {
	const defaults = ` memory=67108864 timeout=0s engine=compiler quiet=`
	tests := []struct{ line, want string }{
		{"record a.wasm", `record ["a.wasm"] guest=[] trace= env=[]` + defaults + "false"},
		{"-q record a.wasm", `record ["a.wasm"] guest=[] trace= env=[]` + defaults + "true"},
		{"record -q a.wasm", `record ["a.wasm"] guest=[] trace= env=[]` + defaults + "true"},
		{"record a.wasm -t x --quiet", `record ["a.wasm"] guest=[] trace=x env=[]` + defaults + "true"},
		{"record a.wasm --", `record ["a.wasm"] guest=[] trace= env=[]` + defaults + "false"},
		{"record a.wasm -- -q -t x", `record ["a.wasm"] guest=["-q" "-t" "x"] trace= env=[]` + defaults + "false"},
		{"record a.wasm -- -- x", `record ["a.wasm"] guest=["--" "x"] trace= env=[]` + defaults + "false"},
		{"record a.wasm -- -test.v", `record ["a.wasm"] guest=["-test.v"] trace= env=[]` + defaults + "false"},
		{"record --env A=1,2 --env B a.wasm", `record ["a.wasm"] guest=[] trace= env=["A=1,2" "B"]` + defaults + "false"},
		{"record a.wasm --max-memory 1GB --timeout 2m --engine interpreter",
			`record ["a.wasm"] guest=[] trace= env=[] memory=1000000000 timeout=2m0s engine=interpreter quiet=false`},
		{"inspect -", `inspect ["-"] output=text limit=10 color=false`},
		{"info a b -o yaml", `inspect ["a" "b"] output=yaml limit=10 color=false`},
		{"inspect -- --odd-name", `inspect ["--odd-name"] output=text limit=10 color=false`},
		{"--color always inspect a", `inspect ["a"] output=text limit=10 color=true`},
		{"inspect a --color=always", `inspect ["a"] output=text limit=10 color=true`},
		{"-q module ls a b", `ls ["a" "b"] long=false quiet=true`},
		{"module -q ls a -l", `ls ["a"] long=true quiet=true`},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			got := run(t.Context(), strings.Fields(tt.line)...)
			if diff := cmp.Diff(result{0, tt.want + "\n", ""}, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	const (
		recordUsage = "usage: tracetool record [flags] APP.wasm [-- ARGS...]\nhelp:  tracetool record --help\n"
		guestHint   = "hint: arguments of the guest follow --: tracetool record a.wasm -- "
		rootUsage   = "usage: tracetool [flags] COMMAND ...\nhelp:  tracetool --help\n"
	)
	tests := []struct {
		line string
		code int
		want string // start of stderr
	}{
		{"", 2, "tracetool: which command? One of record, inspect, module, fail, wait, help, version, completion, man\n" + rootUsage},
		{"recrod a.wasm", 2, "tracetool: unknown command \"recrod\"\nhint: did you mean record?\n" + rootUsage},
		{"inf a", 2, "tracetool: unknown command \"inf\"\nhint: did you mean info?\n"},
		{"xyzzy", 2, "tracetool: unknown command \"xyzzy\"\n" + rootUsage},
		{"--colour always inspect a", 2, "tracetool: unknown flag --colour\nhint: did you mean --color?\n" + rootUsage},
		{"module", 2, "tracetool module: which command? One of ls\nusage: tracetool module COMMAND ...\n"},
		{"module lss a", 2, "tracetool module: unknown command \"lss\"\nhint: did you mean ls?\n"},
		{"record", 125, "tracetool record: missing APP.wasm\n" + recordUsage},
		{"record a.wasm b", 125, "tracetool record: unexpected argument \"b\"\n" + guestHint + "b\n" + recordUsage},
		{"record --debug a.wasm b", 125, "tracetool record: unexpected argument \"b\"\nhint: --debug takes a value only after an equals sign: --debug=VALUE\n" + recordUsage},
		{"record a.wasm --loud", 125, "tracetool record: unknown flag --loud\n" + guestHint + "--loud\n" + recordUsage},
		{"record a.wasm -x", 125, "tracetool record: unknown flag -x\n" + guestHint + "-x\n" + recordUsage},
		{"record a.wasm -test.v", 125, "tracetool record: unknown flag -test.v\nhint: arguments of the guest follow --: "},
		{"record a.wasm --tarce x", 125, "tracetool record: unknown flag --tarce\nhint: did you mean --trace?\n" + recordUsage},
		{"record a.wasm -t", 125, "tracetool record: --trace wants a value: --trace FILE\n"},
		{"record a.wasm --engine jit", 125, "tracetool record: --engine: \"jit\": want compiler or interpreter\n"},
		{"record a.wasm --timeout -3s", 125, "tracetool record: --timeout: \"-3s\": want a duration such as 500ms, 30s or 1h30m\n"},
		{"record a.wasm --max-memory much", 125, "tracetool record: --max-memory: \"much\": want a size such as 4096, 64MiB or 1GB\n"},
		{"record missing.wasm", 125, "tracetool: missing.wasm: no such file\n"},
		{"record exit3.wasm", 3, ""},
		{"inspect -o xml a", 2, "tracetool inspect: --output: \"xml\": want text, json, jsonl or yaml\n"},
		{"inspect --limit few a", 2, "tracetool inspect: --limit: \"few\": want a whole number\n"},
		{"inspect --limit 99999999999999999999 a", 2, "tracetool inspect: --limit: \"99999999999999999999\": want a number in the range of int\n"},
		{"inspect -q=7 a", 2, "tracetool inspect: --quiet: \"7\": want true or false\n"},
		{"inspect a b c", 2, "tracetool inspect: unexpected argument \"c\"\n"},
		{"module ls", 2, "tracetool module ls: missing FILE\n"},
		{"help nothing", 2, "tracetool help: unknown command \"nothing\"\n"},
		{"completion tcsh", 2, "tracetool completion: unknown shell \"tcsh\": want bash, zsh or fish\n"},
		{"fail plain", 1, "tracetool: a.arrow: bad \\x1b[31m name\n"},
		{"fail corrupt", 5, "tracetool: reading: " + errFakeCorrupt.Error() + "\nhint: try tracetool recover\n"},
		{"fail lost", 3, "tracetool: 2 events lost\n"},
		{"fail hinted", 4, "tracetool: call 7 differs\nhint: see --until\n"},
		{"fail shown", 4, ""},
		{"fail silent", 4, ""},
		{"fail usage", 2, "tracetool fail: --a and --b exclude each other\nusage: tracetool fail [flags] HOW\n"},
		{"fail cancel", 1, "tracetool: reading: context canceled\n"},
		{"fail zero", 0, ""},
		{"fail binary", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			got := run(t.Context(), strings.Fields(tt.line)...)
			if got.code != tt.code {
				t.Errorf("exit code %d, want %d", got.code, tt.code)
			}
			if !strings.HasPrefix(got.errOut, tt.want) || tt.want == "" && got.errOut != "" {
				t.Errorf("stderr:\n%s\nwant\n%s", got.errOut, tt.want)
			}
			if lines := strings.Count(got.errOut, "\n"); lines > 4 {
				t.Errorf("%d lines on stderr, want a few", lines)
			}
			if got.out != "" {
				t.Errorf("stdout %q, want none", got.out)
			}
		})
	}
}

func TestSignal(t *testing.T) {
	tests := []struct {
		name string
		sig  os.Signal
		line string
		want result
	}{
		{"interrupted", os.Interrupt, "fail cancel", result{130, "", ""}},
		{"terminated", syscall.SIGTERM, "fail cancel", result{143, "", ""}},
		{"hung up", syscall.SIGHUP, "fail cancel", result{129, "", ""}},
		{"other error is shown", os.Interrupt, "fail plain", result{130, "", "tracetool: a.arrow: bad \\x1b[31m name\n"}},
		{"own code stays", os.Interrupt, "fail silent", result{4, "", ""}},
		{"finished all the same", os.Interrupt, "fail zero", result{0, "", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(&signalError{tt.sig})
			got := run(ctx, strings.Fields(tt.line)...)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTerminal(t *testing.T) {
	tests := []struct {
		line, out, errOut string
		code              int
	}{
		{"fail binary", "", "\x1b[31mtracetool fail:\x1b[0m stdout: binary data is not written to a terminal\n" +
			"\x1b[36mhint:\x1b[0m redirect it to a file or into a pipe\nusage: tracetool fail [flags] HOW\nhelp:  tracetool fail --help\n", 2},
		{"--color=never fail lost", "", "tracetool: 2 events lost\n", 3},
		{"inspect a", "inspect [\"a\"] output=text limit=10 color=true\n", "", 0},
		{"help filters", "How events are chosen.\n\nBy function, time and\nnumber.\n", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			var out, errOut bytes.Buffer
			io := &IO{Stdout: ui.NewTerminal(&out, 22), Stderr: ui.NewTerminal(&errOut, 22)}
			code := fakeApp().Main(t.Context(), io, strings.Fields(tt.line))
			if code != tt.code || out.String() != tt.out || errOut.String() != tt.errOut {
				t.Errorf("exit code %d\n%q\n%q\nwant %d\n%q\n%q", code, &out, &errOut, tt.code, tt.out, tt.errOut)
			}
		})
	}
}

func TestEnv(t *testing.T) {
	io := &IO{}
	if got := io.Env("HOME"); got != "" {
		t.Errorf("without an environment: %q", got)
	}
	io.LookupEnv = func(key string) (string, bool) { return key + "!", true }
	if got := io.Env("HOME"); got != "HOME!" {
		t.Errorf("%q, want HOME!", got)
	}
}

func TestProgressOnStderr(t *testing.T) {
	for quiet, want := range map[bool]string{false: "convert: 3 events in ", true: ""} {
		var errOut bytes.Buffer
		io := &IO{Stderr: ui.NewStream(&errOut), Quiet: quiet}
		p := io.Progress("convert", 3, ui.Events)
		p.Add(3)
		p.Done()
		if got := errOut.String(); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("quiet %t: %q, want %q", quiet, got, want)
		}
	}
}

// Errors keep their chain and message, and no error stays none.
func TestErrorValues(t *testing.T) {
	err := WithHint(WithCode(3, fmt.Errorf("x: %w", errFakeCorrupt)), "hint")
	if !errors.Is(err, errFakeCorrupt) || err.Error() != "x: "+errFakeCorrupt.Error() {
		t.Errorf("%v", err)
	}
	if WithCode(3, nil) != nil || WithHint(nil, "x") != nil || Exit(0) != nil {
		t.Error("an error out of none")
	}
	if got := Exit(7).Error(); got != "exit code 7" {
		t.Errorf("%q", got)
	}
}

func TestNotes(t *testing.T) {
	for quiet, want := range map[bool]string{false: "wrote a\\x1b.arrow\nwarning: 2 lost\n", true: "warning: 2 lost\n"} {
		var errOut bytes.Buffer
		io := &IO{Stderr: ui.NewStream(&errOut), Quiet: quiet}
		io.Notef("wrote %s", "a\x1b.arrow")
		io.Warnf("%d lost", 2)
		if errOut.String() != want {
			t.Errorf("quiet %t: %q, want %q", quiet, &errOut, want)
		}
	}
}

// brokenWriter fails every write.
type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestStdoutFails(t *testing.T) {
	tests := []struct {
		name string
		err  error
		code int
		want string
	}{
		{"reader has gone", io.ErrClosedPipe, 0, ""},
		{"disk is full", errors.New("stdout: no space left on device"), 1, "tracetool: stdout: no space left on device\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// inspect ignores the error of its write.
			for _, line := range []string{"inspect a", "help", "version", "man", "completion bash", "__complete x"} {
				var errOut bytes.Buffer
				streams := &IO{Stdout: ui.NewStream(brokenWriter{tt.err}), Stderr: ui.NewStream(&errOut)}
				code := fakeApp().Main(t.Context(), streams, strings.Fields(line))
				if code != tt.code || errOut.String() != tt.want {
					t.Errorf("%s: exit code %d, stderr %q; want %d, %q", line, code, &errOut, tt.code, tt.want)
				}
			}
		})
	}
}

func TestValidate(t *testing.T) {
	if err := fakeApp().Validate(); err != nil {
		t.Errorf("the fake app: %v", err)
	}
	noop := func(*pflag.FlagSet) Body { return nil }
	broken := func(c Command) *App {
		if c.Name == "" {
			c.Name = "verb"
		}
		if c.Short == "" {
			c.Short = "Do it"
		}
		if c.Bind == nil && c.Sub == nil {
			c.Bind = noop
		}
		return &App{Name: "app", Short: "An app", Commands: []*Command{&c}, ExitCodes: []ExitCode{{0, "success"}}}
	}
	tests := []struct {
		name string
		cmd  Command
		want string
	}{
		{"sound", Command{}, ""},
		{"name", Command{Name: "Verb"}, "lower case"},
		{"short text", Command{Short: "do it."}, "short text"},
		{"both", Command{Bind: noop, Sub: []*Command{{Name: "x", Short: "X", Bind: noop}}}, "either Bind or Sub"},
		{"guest arguments", Command{Args: "X [-- ARGS...]"}, "GuestArgs"},
		{"duplicate", Command{Name: "help"}, `two commands are called "help"`},
		{"shadow", Command{Bind: func(fs *pflag.FlagSet) Body { fs.Bool("quiet", false, "x"); return nil }}, "global flag"},
		{"usage", Command{Bind: func(fs *pflag.FlagSet) Body { fs.Bool("x", false, ""); return nil }}, "--x: usage"},
		{"example", Command{Examples: []Example{{"app verb --nope", "Fail"}}}, "unknown flag --nope"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := broken(tt.cmd).Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
