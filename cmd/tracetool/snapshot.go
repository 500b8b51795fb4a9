package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert/edit"
)

var snapshotCommand = &cli.Command{
	Name:  "snapshot",
	Args:  "IN OUT",
	Short: "Copy a trace that is being recorded",
	Group: groupChange,
	Long:  `Copies everything up to this moment into a complete trace of its own, while the recording goes on. "-" as OUT is stdout.`,
	Examples: []cli.Example{
		{Command: "tracetool snapshot app.trace.arrow now.trace.arrow", What: "See later what was there now"},
	},
	Complete: []cli.Completion{cli.Files(".arrow")},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v snapshotVerb
		v.target.bind(fs)
		v.source.bind(fs)
		return v.run
	},
}

// snapshotVerb is the flags of snapshot.
type snapshotVerb struct {
	source source
	target targetFlags
}

func (v *snapshotVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	in, closeTrace, err := v.source.openArrow(ctx, streams, args[0])
	if err != nil {
		return err
	}
	defer closeTrace()
	out, progress, err := v.target.output(streams, args[1], in.Summary().Events, "snapshot", args[0])
	if err != nil {
		return err
	}
	defer progress.Abort()
	result, err := edit.Snapshot(ctx, in, out)
	if err != nil {
		return err
	}
	progress.Abort()
	noteWritten(streams, args[1], result)
	return nil
}
