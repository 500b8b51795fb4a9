package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert/edit"
)

var filterCommand = &cli.Command{
	Name:  "filter",
	Args:  "IN OUT",
	Short: "Write a trace of some of the events of another",
	Group: groupChange,
	Long:  `The new trace keeps the program, the attachments and, in the column "seq", the events' numbers. It is for looking at: a replay needs all events. "-" is stdin or stdout.`,
	Examples: []cli.Example{
		{Command: "tracetool filter app.trace.arrow failed.trace.arrow --errors-only", What: "Keep the calls that failed"},
		{Command: "tracetool filter app.trace.arrow part.trace.arrow --from 1000 --to 2000", What: "Keep a range of events"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v filterVerb
		v.filter.bind(fs)
		v.filter.bindTimes(fs)
		v.target.bind(fs)
		v.source.bind(fs)
		return v.run
	},
}

// filterVerb is the flags of filter.
type filterVerb struct {
	source source
	filter filterFlags
	target targetFlags
}

func (v *filterVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	in, closeTrace, err := v.source.open(ctx, streams, args[0])
	if err != nil {
		return err
	}
	defer closeTrace()
	q, err := v.filter.filter(in)
	if err != nil {
		return err
	}
	out, progress, err := v.target.output(streams, args[1], 0, "filter", args[0])
	if err != nil {
		return err
	}
	defer progress.Abort()
	result, err := edit.Filter(ctx, in, q.For(in), out)
	if err != nil {
		return err
	}
	progress.Abort()
	noteWritten(streams, args[1], result)
	return nil
}
