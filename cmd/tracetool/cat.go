package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
)

var catCommand = &cli.Command{
	Name:  "cat",
	Args:  "FILE...",
	Short: "Print the events of traces",
	Group: groupLook,
	Long:  `Prints each event as a line, or with -o as decoded JSON or YAML. To get records from which the trace can be made again, use "tracetool convert".`,
	Examples: []cli.Example{
		{Command: "tracetool cat app.trace.arrow", What: "Print all events"},
		{Command: "tracetool cat app.trace.arrow --path '*.conf' -o jsonl", What: "Calls that name a configuration file, for a program"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v catVerb
		v.filter.bind(fs)
		v.filter.bindTimes(fs)
		v.events.bind(fs)
		v.source.bind(fs)
		return v.run
	},
}

// catVerb is the flags of cat and head.
type catVerb struct {
	source source
	filter filterFlags
	events eventFlags
}

func (v *catVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	for _, path := range args {
		if err := v.print(ctx, streams, path); err != nil {
			return err
		}
	}
	return nil
}

func (v *catVerb) print(ctx context.Context, streams *cli.IO, path string) error {
	f, closeTrace, err := v.source.open(ctx, streams, path)
	if err != nil {
		return err
	}
	defer closeTrace()
	q, err := v.filter.filter(f)
	if err != nil {
		return err
	}
	return v.events.print(ctx, streams, f, q)
}
