package main

import (
	"context"
	"errors"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/reader"
)

var mergeCommand = &cli.Command{
	Name:  "merge",
	Args:  "FILE...",
	Short: "Merge several traces into one, by time",
	Group: groupChange,
	Long:  `The events of all traces in the order of time. Tasks tell from which trace an event is: task t of trace i of n becomes t*n + i. The column "seq" has each event's number in its own trace. Equal attachments are kept once. Tables of other records are appended to each other.`,
	Examples: []cli.Example{
		{Command: "tracetool merge client.trace.arrow server.trace.arrow -t both.trace.arrow", What: "See how two programs acted together"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v mergeVerb
		fs.StringVarP(&v.trace, "trace", "t", "", "write the new trace to `FILE`, - for stdout; required")
		v.target.bind(fs)
		v.source.bind(fs)
		cli.CompleteFlag(fs, "trace", cli.Files(".arrow"))
		return v.run
	},
}

// mergeVerb is the flags of merge.
type mergeVerb struct {
	source source
	target targetFlags
	trace  string
}

func (v *mergeVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	if v.trace == "" {
		return cli.Usagef("where to? Name the new trace with -t")
	}
	var ins []*reader.File
	total := int64(0)
	for _, path := range args {
		in, closeTrace, err := v.source.open(ctx, streams, path)
		if errors.Is(err, syscall.EMFILE) {
			err = cli.WithHint(err, "merge holds all of its inputs open: merge some of them, then the results, or raise the limit of open files (ulimit -n)")
		}
		if err != nil {
			return err
		}
		defer closeTrace()
		ins, total = append(ins, in), total+in.Summary().Events
	}
	out, progress, err := v.target.output(streams, v.trace, total, append([]string{"merge"}, args...)...)
	if err != nil {
		return err
	}
	defer progress.Abort()
	result, err := edit.Merge(ctx, ins, out)
	if err != nil {
		return err
	}
	progress.Abort()
	noteWritten(streams, v.trace, result)
	return nil
}
