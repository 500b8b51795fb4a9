package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/runner"
)

var runCommand = &cli.Command{
	Name:  "run",
	Args:  "APP.wasm [-- ARGS...]",
	Short: "Run a program without recording it",
	Group: groupRun,
	Long:  "Runs a program exactly as record does, but writes no trace: for trying flags, and for comparing.",
	Examples: []cli.Example{
		{Command: "tracetool run app.wasm --dir . -- input.txt", What: "Try what a program does"},
	},
	Complete:    []cli.Completion{cli.Files(".wasm")},
	GuestArgs:   true,
	FailureCode: codeOurs,
	ExitCodes:   append([]cli.ExitCode{{Code: 0, Meaning: "the program's own, as every code that is not below"}}, guestCodesTable...),
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v runVerb
		v.guest.bind(fs)
		return v.run
	},
}

// runVerb is the flags of run.
type runVerb struct{ guest guestFlags }

func (v *runVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	end := endFlags{codes: guestCodes}
	return end.guard(ctx, streams, &outcome{Command: "run", Module: args[0]}, func() (*runner.Result, error) {
		module, err := runner.Load(args[0])
		if err != nil {
			return nil, err
		}
		cfg, closeStdin, err := v.guest.config(streams)
		if err != nil {
			return nil, err
		}
		defer closeStdin()
		result, err := runner.Run(ctx, module, cfg)
		if err == nil {
			showEnd(cfg.Stdout, streams.Stderr, result)
		}
		return result, err
	})
}
