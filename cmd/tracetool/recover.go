package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert/edit"
)

var recoverCommand = &cli.Command{
	Name:  "recover",
	Args:  "IN [OUT]",
	Short: "Save what survives of a damaged trace or a recorder that died",
	Group: groupChange,
	Long: `Writes every event and attachment that is whole by its checksums, with those in the file .open that a recorder leaves when it is killed, and tells what was lost.

IN stays as it is, unless --in-place puts the new trace in its place.`,
	Examples: []cli.Example{
		{Command: "tracetool recover app.trace.arrow saved.trace.arrow", What: "Save what is left"},
		{Command: "tracetool recover --in-place app.trace.arrow", What: "Complete the trace of a recorder that was killed"},
	},
	ExitCodes: []cli.ExitCode{
		{Code: 0, Meaning: "nothing was lost"},
		{Code: codeFailed, Meaning: "failed"},
		{Code: codeUsage, Meaning: "mistake on the command line"},
		{Code: codeLost, Meaning: "something was lost; the rest is saved"},
		{Code: codeCorrupt, Meaning: "not a trace, or nothing survives"},
		{Code: codeHungUp, Meaning: "its terminal was closed"},
		{Code: 130, Meaning: "interrupted"},
		{Code: 143, Meaning: "terminated"},
	},
	Complete: []cli.Completion{cli.Files(".arrow")},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v recoverVerb
		fs.BoolVar(&v.inPlace, "in-place", false, "replace IN")
		v.target.bind(fs)
		return v.run
	},
}

// recoverVerb is the flags of recover.
type recoverVerb struct {
	target  targetFlags
	inPlace bool
}

func (v *recoverVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	if v.inPlace == (len(args) == 2) {
		return cli.Usagef("want either OUT or --in-place")
	}
	path, target := args[len(args)-1], v.target
	target.force = target.force || v.inPlace
	out, progress, err := target.output(streams, path, 0, "recover", args[0])
	if err != nil {
		return err
	}
	defer progress.Abort()
	result, err := edit.Recover(ctx, args[0], out, v.inPlace)
	if err != nil {
		return err
	}
	progress.Abort()
	noteWritten(streams, path, &result.Result)
	for _, lost := range result.Lost {
		streams.Warnf("lost: %s", lost)
	}
	if len(result.Lost) > 0 {
		return cli.Exit(codeLost)
	}
	return nil
}
