package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/runner/registry"
)

var getCommand = &cli.Command{
	Name:  "get",
	Short: "List what the registry holds",
	Group: groupStore,
	Long:  `Without a type: the types there are. With -q only ids are printed.`,
	Examples: []cli.Example{
		{Command: "tracetool get process --status trapped,killed --since 24h", What: "Find what went wrong since yesterday"},
		{Command: "tracetool get process -q --tag build=1042", What: "Ids for a shell's loop"},
		{Command: "tracetool get event latest -o jsonl", What: "All that the last process did, for a program"},
	},
	Alone: listResources,
	Sub:   []*cli.Command{getProcessCommand, getModuleCommand, getRuntimeCommand, getConfigCommand, getProfileCommand, getEventCommand},
}

// getFlags are what all lists have.
type getFlags struct {
	registry registryFlags
	format   ui.Format
	limit    int
	reverse  bool
}

func (g *getFlags) bind(fs *pflag.FlagSet) {
	fs.IntVarP(&g.limit, "limit", "n", 0, "list at most `N`")
	fs.BoolVarP(&g.reverse, "reverse", "r", false, "list in the opposite order")
	cli.FormatVar(fs, &g.format)
	g.registry.bind(fs)
}

// cutList applies --reverse and --limit to a sorted list.
func cutList[T any](g *getFlags, list []T) ([]T, error) {
	if g.limit < 0 {
		return nil, cli.Usagef("--limit: want 0 or more")
	}
	if g.reverse {
		for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
			list[i], list[j] = list[j], list[i]
		}
	}
	if g.limit > 0 {
		list = list[:min(len(list), g.limit)]
	}
	return list, nil
}

var getModuleCommand = moduleResource.command(cli.Command{
	Args:  "[ID...]",
	Short: "List the programs that are stored",
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var g getFlags
		g.bind(fs)
		return g.modules
	},
})

func (g *getFlags) modules(ctx context.Context, streams *cli.IO, args []string) error {
	reg, err := g.registry.open()
	if err != nil {
		return err
	}
	list, err := modulesOf(ctx, reg, args)
	if err != nil {
		return err
	}
	if list, err = cutList(g, list); err != nil {
		return err
	}
	table := ui.NewTable(ui.Left("MODULE ID"), ui.Left("MODULE NAME"), ui.Right("SIZE"))
	return showList(streams, g.format, list, func(m *registry.Module) string { return m.SHA256 }, table, func(m *registry.Module) []any {
		return []any{m.SHA256[:shortDigest], m.Name(), ui.Bytes(m.Size)}
	})
}

// modulesOf lists the modules whose ids begin so, all if none is named.
func modulesOf(ctx context.Context, reg *registry.Registry, prefixes []string) ([]*registry.Module, error) {
	wanted, err := findAll(prefixes, reg.FindModule)
	if err != nil {
		return nil, err
	}
	processes, err := processesOf(ctx, reg, nil)
	if err != nil {
		return nil, err
	}
	list, err := reg.Modules(processes)
	if err != nil || len(wanted) == 0 {
		return list, err
	}
	var chosen []*registry.Module
	for _, digest := range wanted {
		for _, m := range list {
			if m.SHA256 == digest {
				chosen = append(chosen, m)
			}
		}
	}
	return chosen, nil
}
