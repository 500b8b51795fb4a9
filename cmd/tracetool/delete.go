package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/runner/registry"
)

var deleteCommand = &cli.Command{
	Name:  "delete",
	Args:  "ID...",
	Short: "Remove recordings from the registry",
	Group: groupStore,
	Long:  `A recording in progress is not removed. Programs stay until "tracetool gc".`,
	Examples: []cli.Example{
		{Command: "tracetool delete latest", What: "Remove the last recording"},
		{Command: "tracetool get process -q --until 720h | xargs tracetool delete", What: "Remove what is older than 30 days"},
	},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var r registryFlags
		r.bind(fs)
		return r.delete
	},
}

// delete removes all or, if one cannot be found, none.
func (r *registryFlags) delete(_ context.Context, streams *cli.IO, args []string) error {
	reg, err := r.open()
	if err != nil {
		return err
	}
	ids, err := findAll(args, reg.FindProcess)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := reg.Delete(id); err != nil {
			return err
		}
		streams.Notef("deleted %s", id)
	}
	return nil
}

var gcCommand = &cli.Command{
	Name:  "gc",
	Short: "Remove from the registry what nothing refers to",
	Group: groupStore,
	Long:  `Removes programs without recordings, and what processes that died have left. Recordings are not touched. One whose trace cannot be read keeps all programs, since one of them may be its own.`,
	Examples: []cli.Example{
		{Command: "tracetool gc --dry-run", What: "See what would be removed"},
	},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v gcVerb
		fs.BoolVar(&v.dry, "dry-run", false, "only list what would be removed")
		cli.FormatVar(fs, &v.format)
		v.registry.bind(fs)
		return v.run
	},
}

// gcVerb is the flags of gc.
type gcVerb struct {
	registry registryFlags
	dry      bool
	format   ui.Format
}

func (v *gcVerb) run(ctx context.Context, streams *cli.IO, _ []string) error {
	reg, err := v.registry.open()
	if err != nil {
		return err
	}
	list, err := reg.Collect(ctx, !v.dry)
	if err != nil {
		return err
	}
	table := ui.NewTable(ui.Left("WHAT"), ui.Right("SIZE"), ui.Left("FILE"))
	var size int64
	for _, g := range list {
		size += g.Size
	}
	if err := showList(streams, v.format, list, func(g registry.Garbage) string { return g.Path }, table, func(g registry.Garbage) []any {
		return []any{g.What, ui.Bytes(g.Size), g.Path}
	}); err != nil {
		return err
	}
	verb := "removed"
	if v.dry {
		verb = "would remove"
	}
	streams.Notef("%s %s, %s", verb, plural(int64(len(list)), "file"), ui.Bytes(size))
	return nil
}

func writeLine(streams *cli.IO, line string) error {
	_, err := fmt.Fprintln(streams.Stdout, line)
	return err
}
