package main

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/runner/registry"
)

var getRuntimeCommand = runtimeResource.command(cli.Command{
	Args:  "[ID...]",
	Short: "List what programs ran in",
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var g getFlags
		g.bind(fs)
		return g.runtimes
	},
})

func (g *getFlags) runtimes(ctx context.Context, streams *cli.IO, args []string) error {
	list, err := runtimesOf(ctx, streams, &g.registry, args)
	if err != nil {
		return err
	}
	if list, err = cutList(g, list); err != nil {
		return err
	}
	table := ui.NewTable(ui.Left("RUNTIME ID"), ui.Left("RUNTIME NAME"), ui.Left("VERSION"))
	return showList(streams, g.format, list, func(r *registry.Runtime) string { return r.ID }, table, func(r *registry.Runtime) []any {
		return []any{r.ID[:shortDigest], r.Name, r.Version}
	})
}

func runtimesOf(ctx context.Context, streams *cli.IO, flags *registryFlags, prefixes []string) ([]*registry.Runtime, error) {
	return derivedOf(ctx, streams, flags, runtimeResource.name, prefixes, func(p []*registry.Process) ([]*registry.Runtime, error) {
		return registry.Runtimes(p), nil
	}, func(r *registry.Runtime) string { return r.ID })
}

var getConfigCommand = configResource.command(cli.Command{
	Args:  "[ID...]",
	Short: "List what programs were given",
	Long:  "Recorded runs of one config differ only in what the outside world told them.",
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var g getFlags
		g.bind(fs)
		return g.configs
	},
})

func (g *getFlags) configs(ctx context.Context, streams *cli.IO, args []string) error {
	list, err := configsOf(ctx, streams, &g.registry, args)
	if err != nil {
		return err
	}
	if list, err = cutList(g, list); err != nil {
		return err
	}
	table := ui.NewTable(ui.Left("CONFIG ID"), ui.Left("RUNTIME"), ui.Left("MODULES"), ui.Right("SIZE"))
	return showList(streams, g.format, list, func(c *registry.Config) string { return c.ID }, table, func(c *registry.Config) []any {
		return []any{c.ID[:shortDigest], c.Runtime(), c.Program.Name, ui.Bytes(c.Size)}
	})
}

func configsOf(ctx context.Context, streams *cli.IO, flags *registryFlags, prefixes []string) ([]*registry.Config, error) {
	return derivedOf(ctx, streams, flags, configResource.name, prefixes, registry.Configs, func(c *registry.Config) string { return c.ID })
}

// derivedOf lists what processes have in common: those whose ids begin so, all
// if none is named.
func derivedOf[T any](ctx context.Context, streams *cli.IO, flags *registryFlags, kind string, prefixes []string,
	derive func([]*registry.Process) ([]T, error), id func(T) string) ([]T, error) {
	reg, err := flags.open()
	if err != nil {
		return nil, err
	}
	processes, err := processesOf(ctx, reg, nil)
	if err != nil {
		return nil, err
	}
	list, err := derive(processes)
	if err != nil || len(prefixes) == 0 {
		return list, err
	}
	byID, ids := map[string]T{}, make([]string, len(list))
	for i, v := range list {
		ids[i] = id(v)
		byID[ids[i]] = v
	}
	found, err := findAll(prefixes, func(prefix string) (string, error) { return reg.Find(kind, ids, prefix) })
	if err != nil {
		return nil, err
	}
	chosen := make([]T, len(found))
	for i, id := range found {
		chosen[i] = byID[id]
	}
	return chosen, nil
}

var getProfileCommand = profileResource.command(cli.Command{
	Args:  "[PROCESS...]",
	Short: "List the profiles that are kept",
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var g getFlags
		g.bind(fs)
		return g.profiles
	},
})

func (g *getFlags) profiles(ctx context.Context, streams *cli.IO, args []string) error {
	reg, err := g.registry.open()
	if err != nil {
		return err
	}
	processes, err := processesOf(ctx, reg, args)
	if err != nil {
		return err
	}
	list, err := reg.Profiles(processes)
	if err != nil {
		return err
	}
	if list, err = cutList(g, list); err != nil {
		return err
	}
	now := time.Now()
	table := ui.NewTable(ui.Left("PROFILE ID"), ui.Left("PROCESS ID"), ui.Left("TYPE"), ui.Left("START"), ui.Right("DURATION"), ui.Right("SIZE"))
	return showList(streams, g.format, list, func(p *registry.Profile) string { return p.ID }, table, func(p *registry.Profile) []any {
		return []any{p.ID, p.Process, p.Type, startText(p.Start, now), ui.Duration(time.Duration(p.DurationNS)), ui.Bytes(p.Size)}
	})
}
