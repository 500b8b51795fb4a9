package cli_test

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
)

// headCommand is what the file of a verb looks like.
var headCommand = &cli.Command{
	Name:     "head",
	Args:     "FILE",
	Short:    "Show the first events of a trace",
	Long:     "Events are shown in the order in which they were recorded.",
	Group:    "Look into a trace",
	Complete: []cli.Completion{cli.Files(".arrow")},
	Examples: []cli.Example{{Command: "tracetool head -n 3 app.trace.arrow", What: "Show three events"}},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var o headOptions
		fs.IntVarP(&o.count, "count", "n", 10, "show `N` events")
		cli.FormatVar(fs, &o.format)
		return o.run
	},
}

type headOptions struct {
	count  int
	format ui.Format
}

type event struct {
	Number int    `json:"event"`
	Name   string `json:"function"`
}

func (o *headOptions) run(_ context.Context, io *cli.IO, args []string) error {
	if o.count < 0 {
		return cli.Usagef("--count: %d: want 0 or more", o.count)
	}
	events := []event{{0, "args_get"}, {1, "fd_write"}, {2, "proc_exit"}}[:min(o.count, 3)]
	if o.format != ui.Text {
		return ui.Encode(io.Stdout, o.format, events)
	}
	table := ui.NewTable(ui.Right("EVENT"), ui.Left("FUNCTION"))
	for _, e := range events {
		table.Row(e.Number, e.Name)
	}
	io.Notef("%s: %d events", args[0], len(events))
	return table.Write(io.Stdout)
}

func Example() {
	app := &cli.App{
		Name:      "tracetool",
		Short:     "Record, replay and inspect WebAssembly programs",
		Commands:  []*cli.Command{headCommand},
		ExitCodes: []cli.ExitCode{{Code: 0, Meaning: "success"}, {Code: 1, Meaning: "failure"}, {Code: 2, Meaning: "usage"}},
	}
	// main uses cli.Signals, cli.System and os.Args, and passes the code to os.Exit.
	io := &cli.IO{Stdout: ui.NewStream(os.Stdout), Stderr: ui.NewStream(os.Stdout)}
	for _, argv := range [][]string{
		{"head", "-n", "2", "app.trace.arrow"},
		{"-q", "head", "app.trace.arrow", "--output=jsonl"},
		{"haed", "app.trace.arrow"},
	} {
		fmt.Println("exit code", app.Main(context.Background(), io, argv))
	}
	// Output:
	// app.trace.arrow: 2 events
	// EVENT  FUNCTION
	//     0  args_get
	//     1  fd_write
	// exit code 0
	// {"event":0,"function":"args_get"}
	// {"event":1,"function":"fd_write"}
	// {"event":2,"function":"proc_exit"}
	// exit code 0
	// tracetool: unknown command "haed"
	// hint: did you mean head?
	// usage: tracetool [flags] COMMAND ...
	// help:  tracetool --help
	// exit code 2
}
