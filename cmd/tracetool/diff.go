package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/inspect"
)

var diffCommand = &cli.Command{
	Name:  "diff",
	Args:  "A B",
	Short: "Compare two traces",
	Group: groupLook,
	Long: `Compares the events of two traces pair by pair and shows the first that differ, with those before; then the functions that were called more or less often.

What decides a run is compared: which calls were made, with what arguments, and what they gave back. When and how long is not, and neither are readings of clocks and times of files, unless --times asks for them. Between different programs addresses are not compared.`,
	Examples: []cli.Example{
		{Command: "tracetool diff before.trace.arrow after.trace.arrow", What: "Find the first difference"},
		{Command: "tracetool diff a.trace.arrow b.trace.arrow --arguments --function fd_write", What: "Compare what was written, whatever the host answered"},
	},
	ExitCodes: []cli.ExitCode{
		{Code: 0, Meaning: "no difference"},
		{Code: codeFailed, Meaning: "failed"},
		{Code: codeUsage, Meaning: "mistake on the command line"},
		{Code: codeDifferent, Meaning: "the traces differ"},
		{Code: codeCorrupt, Meaning: "corrupt or not a trace"},
		{Code: codeHungUp, Meaning: "its terminal was closed"},
		{Code: 130, Meaning: "interrupted"},
		{Code: 143, Meaning: "terminated"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v diffVerb
		v.bind(fs)
		return v.run
	},
}

// diffVerb is the flags of diff.
type diffVerb struct {
	source    source
	filter    filterFlags
	format    ui.Format
	arguments bool
	times     bool
	context   int
	maxText   int64
}

func (v *diffVerb) bind(fs *pflag.FlagSet) {
	fs.BoolVar(&v.arguments, "arguments", false, "compare what the program asked for, not what it got")
	fs.BoolVar(&v.times, "times", false, "also compare readings of clocks and times of files")
	fs.IntVar(&v.context, "context", 3, "show `N` events before the difference")
	cli.SizeVarP(fs, &v.maxText, "max-text", "", 64, "print `SIZE` of a text at most; 0: all")
	v.filter.bind(fs)
	cli.FormatVar(fs, &v.format)
	v.source.bind(fs)
}

func (v *diffVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	if v.context < 0 {
		return cli.Usagef("--context: want 0 or more")
	}
	a, closeA, err := v.source.open(ctx, streams, args[0])
	if err != nil {
		return err
	}
	defer closeA()
	b, closeB, err := v.source.open(ctx, streams, args[1])
	if err != nil {
		return err
	}
	defer closeB()
	filter, err := v.filter.filter(a)
	if err != nil {
		return err
	}
	result, err := inspect.Diff(ctx, a, b, v.options(filter))
	if err != nil {
		return err
	}
	if err := v.show(streams.Stdout, result); err != nil || result.Equal {
		return err
	}
	return cli.Exit(codeDifferent)
}

func (v *diffVerb) options(filter inspect.Filter) inspect.DiffOptions {
	o := inspect.DiffOptions{Filter: filter, Arguments: v.arguments, Times: v.times, Context: v.context, MaxText: int(v.maxText)}
	if v.context == 0 {
		o.Context = -1
	}
	if v.maxText == 0 {
		o.MaxText = -1
	}
	return o
}

func (v *diffVerb) show(out *ui.Stream, r *inspect.DiffResult) error {
	if v.format != ui.Text {
		return ui.Encode(out, v.format, r)
	}
	return r.WriteText(out, inspect.TextOptions{Color: out.Color()})
}
