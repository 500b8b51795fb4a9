package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/runner/registry"
)

var importCommand = &cli.Command{
	Name:  "import",
	Args:  "FILE",
	Short: "Take a recording into the registry",
	Group: groupStore,
	Long:  `FILE is a trace in any form, from another machine or registry. It keeps its id, which is printed; its program is stored once, however many recordings there are of it.`,
	Examples: []cli.Example{
		{Command: "tracetool import run.trace.arrow", What: "Take in what export process wrote elsewhere"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v importVerb
		v.registry.bind(fs)
		cli.SizeVarP(fs, &v.source.maxSegment, "max-segment", "", 1<<30, "decode at most `SIZE` for one segment of a trace")
		return v.run
	},
}

// importVerb is the flags of import.
type importVerb struct {
	registry newRegistryFlags
	source   source
}

func (v *importVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	in, closeTrace, err := v.source.open(ctx, streams, args[0])
	if err != nil {
		return err
	}
	defer closeTrace()
	if in.Header().Program == nil {
		return cli.Usagef("%s: not the recording of a WebAssembly program", args[0])
	}
	reg, err := v.registry.create()
	if err != nil {
		return err
	}
	rec, err := reg.Import(in.Header().ID)
	if err != nil {
		return err
	}
	defer rec.End()
	progress := streams.Progress("import", in.Summary().Events, ui.Events)
	defer progress.Abort()
	result, err := edit.Copy(ctx, in, v.output(reg, rec, progress.Set))
	if err != nil {
		return err
	}
	progress.Abort()
	if err := rec.Commit(); err != nil {
		return err
	}
	noteWritten(streams, args[0], result)
	return writeLine(streams, rec.ID)
}

func (v *importVerb) output(reg *registry.Registry, rec *registry.Recording, progress func(int64)) edit.Output {
	return edit.Output{Path: rec.Path(), Sync: true, Mode: reg.FileMode(), Detach: rec.KeepModule, Progress: progress}
}
