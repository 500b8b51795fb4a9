package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
)

// App is the table of commands of one program.
type App struct {
	Name    string // as typed
	Short   string // one line
	Long    string // as Command.Long
	Version string // empty: what the build recorded

	Commands  []*Command
	Groups    []string // order of the headings; the others follow as they come
	Topics    []Topic
	ExitCodes []ExitCode
	Modules   []string // module paths whose versions the version command tells

	// Global declares flags that every command has, besides --help, --quiet
	// and --color. It may be nil.
	Global func(fs *pflag.FlagSet)

	// Classify gives errors that are no [ExitError] a code and a hint, 0 and
	// "" where it knows none. It may be nil.
	Classify func(err error) (code int, hint string)
}

// Main runs the command that argv, without the program's name, asks for, and
// returns the exit code.
func (a *App) Main(ctx context.Context, io *IO, argv []string) int {
	if len(argv) > 0 && argv[0] == completeVerb {
		return a.root().finish(ctx, io, a.writeCompletions(io.Stdout, argv[1:]))
	}
	n, err := a.run(ctx, io, argv)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		err = n.writeHelp(io.Stdout)
	case errors.Is(err, errVersion):
		err = a.Build().writeText(io.Stdout)
	}
	return n.finish(ctx, io, err)
}

// run returns the node that was reached, also with an error.
func (a *App) run(ctx context.Context, io *IO, argv []string) (node, error) {
	globals := a.globals(io)
	n, rest, err := a.descend(io, globals, argv)
	if err != nil {
		return n, err
	}
	body, operands, err := n.parse(io, globals, rest)
	if err != nil {
		return n, err
	}
	io.applyColor()
	return n, body(ctx, io, operands)
}

// descend follows the verbs in argv down to a command with a body. Each level
// stops at the first operand, the next verb.
func (a *App) descend(io *IO, globals *pflag.FlagSet, argv []string) (node, []string, error) {
	n := a.root()
	for n.cmd().Sub != nil {
		fs := n.flagSet(globals, io.Stderr)
		fs.SetInterspersed(false)
		if err := fs.Parse(argv); err != nil {
			return n, nil, n.parseError(fs, err)
		}
		if fs.NArg() == 0 {
			return n, nil, n.missingVerb()
		}
		next := n.find(fs.Arg(0))
		if next == nil {
			return n, nil, n.unknownVerb(fs.Arg(0))
		}
		n, argv = n.child(next), fs.Args()[1:]
	}
	return n, argv, nil
}

// parse binds the command of n, reads its flags and checks its operands.
func (n node) parse(io *IO, globals *pflag.FlagSet, argv []string) (Body, []string, error) {
	fs, body := n.bind(globals, io.Stderr)
	if err := rejectTestFlag(argv); err != nil {
		return nil, nil, n.withGuestHint(err, nil, "...")
	}
	if err := fs.Parse(argv); err != nil {
		return nil, nil, n.parseError(fs, err)
	}
	operands := fs.Args()
	if at := fs.ArgsLenAtDash(); at >= 0 && n.cmd().GuestArgs {
		operands, io.Guest = operands[:at], operands[at:]
	}
	err := n.checkArgs(operands)
	if name := optionalValue(fs); err != nil && name != "" {
		err = WithHint(err, fmt.Sprintf("--%s takes a value only after an equals sign: --%s=VALUE", name, name))
	}
	return body, operands, err
}

// optionalValue returns the first flag given whose value may be left out: what
// follows it is an operand. It is empty if there is none.
func optionalValue(fs *pflag.FlagSet) (name string) {
	fs.Visit(func(f *pflag.Flag) {
		if name == "" && f.NoOptDefVal != "" && valueName(f) != "" {
			name = f.Name
		}
	})
	return name
}

// rejectTestFlag finds the flags of go test, which pflag drops without a word
// although they are meant for a guest that is a test.
func rejectTestFlag(argv []string) error {
	for _, arg := range argv {
		if arg == "--" {
			break
		}
		if strings.HasPrefix(arg, "-test.") {
			return Usagef("unknown flag %s", arg)
		}
	}
	return nil
}

// root is the App itself as the topmost command, with the ready-made ones.
func (a *App) root() node {
	root := &Command{Name: a.Name, Short: a.Short, Long: a.Long, Args: "COMMAND"}
	root.Sub = append(root.Sub, a.Commands...)
	root.Sub = append(root.Sub, a.builtins()...)
	return node{a, []*Command{root}}
}

// globals declares the flags that stand on both sides of the verb.
func (a *App) globals(io *IO) *pflag.FlagSet {
	fs := newFlagSet(io.Stderr)
	signalFlag(fs, "help", "h", "show this help", pflag.ErrHelp)
	fs.BoolVarP(&io.Quiet, "quiet", "q", false, "no progress and no notes on stderr")
	EnumVarP(fs, &io.color, "color", "", ui.ColorAuto, "colour on terminals that want it, always or never",
		ui.ColorAuto, ui.ColorAlways, ui.ColorNever)
	if a.Global != nil {
		a.Global(fs)
	}
	return fs
}

func newFlagSet(w io.Writer) *pflag.FlagSet {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.SetOutput(w) // deprecation notes; errors come back to us
	fs.Usage = func() {}
	fs.SortFlags = false
	return fs
}

// flagSet is the flags of a level without a body.
func (n node) flagSet(globals *pflag.FlagSet, w io.Writer) *pflag.FlagSet {
	fs := newFlagSet(w)
	fs.AddFlagSet(globals)
	if n.isRoot() {
		signalFlag(fs, "version", "", "show the version", errVersion)
	}
	return fs
}

// bind returns all flags of a command, its own first, and its body, nil for a
// family.
func (n node) bind(globals *pflag.FlagSet, w io.Writer) (*pflag.FlagSet, Body) {
	if n.cmd().Bind == nil {
		return n.flagSet(globals, w), nil
	}
	fs := newFlagSet(w)
	body := n.cmd().Bind(fs)
	fs.AddFlagSet(globals)
	return fs, body
}

func (n node) missingVerb() error {
	var names []string
	for _, c := range n.cmd().Sub {
		names = append(names, c.Name)
	}
	return Usagef("which command? One of %s", strings.Join(names, ", "))
}

func (n node) unknownVerb(name string) error {
	var names []string
	for _, c := range n.cmd().Sub {
		names = append(append(names, c.Name), c.Aliases...)
	}
	return WithHint(Usagef("unknown command %q", name), didYouMean(name, names))
}

// parseError words the errors of pflag.
func (n node) parseError(fs *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return pflag.ErrHelp
	case errors.Is(err, errVersion):
		return errVersion
	case errors.As(err, &unknown):
		return n.unknownFlag(fs, unknown)
	case errors.As(err, &missing):
		f := missing.GetFlag()
		return Usagef("--%s wants a value: --%s %s", f.Name, f.Name, valueName(f))
	case errors.As(err, &invalid):
		return Usagef("--%s: %w", invalid.GetFlag().Name, valueError(invalid))
	}
	return Usagef("%w", err)
}

func (n node) unknownFlag(fs *pflag.FlagSet, e *pflag.NotExistError) error {
	name := e.GetSpecifiedName()
	flag := "--" + name
	if e.GetSpecifiedShortnames() != "" {
		flag, name = "-"+name, e.GetSpecifiedShortnames()
	}
	err := Usagef("unknown flag %s", flag)
	var names []string
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	if hint := didYouMean("--"+name, names); hint != "" {
		return WithHint(err, hint)
	}
	return n.withGuestHint(err, fs.Args(), flag)
}

// signalFlag declares a flag that ends parsing with err, so that what follows
// it cannot be a mistake.
func signalFlag(fs *pflag.FlagSet, name, short, usage string, err error) {
	fs.VarP(signalValue{err}, name, short, usage)
	fs.Lookup(name).NoOptDefVal = "true"
}

type signalValue struct{ err error }

func (v signalValue) Set(string) error { return v.err }
func (v signalValue) String() string   { return "" }
func (v signalValue) Type() string     { return "bool" }

// Validate finds the faults of the table that only its author can mend. Call
// it in a test.
func (a *App) Validate() error {
	var faults []error
	a.root().walk(func(n node) {
		for _, fault := range n.faults() {
			faults = append(faults, fmt.Errorf("%s: %s", n.name(), fault))
		}
	})
	return errors.Join(faults...)
}
