package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
)

var headCommand = &cli.Command{
	Name:  "head",
	Args:  "FILE",
	Short: "Print the first events of a trace",
	Group: groupLook,
	Examples: []cli.Example{
		{Command: "tracetool head -n 3 app.trace.arrow", What: "Print three events"},
		{Command: "tracetool head -n 1 --errors-only app.trace.arrow", What: "Print the first call that failed"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v catVerb
		fs.Int64VarP(&v.events.limit, "count", "n", 10, "print `N` events")
		v.filter.bind(fs)
		v.filter.bindTimes(fs)
		v.events.bind(fs)
		v.source.bind(fs)
		return func(ctx context.Context, streams *cli.IO, args []string) error {
			if v.events.limit < 1 {
				return cli.Usagef("--count: want 1 or more")
			}
			return v.run(ctx, streams, args)
		}
	},
}
