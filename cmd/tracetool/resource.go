package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/runner/registry"
)

// resource is a type of things that a registry holds.
type resource struct {
	name    string
	aliases []string
	short   string
}

// The resource types, as get and describe name them.
var (
	processResource = resource{"process", []string{"processes", "procs", "proc", "ps"}, "Recorded runs of programs"}
	moduleResource  = resource{"module", []string{"modules", "mods", "mod"}, "Programs that were run"}
	runtimeResource = resource{"runtime", []string{"runtimes", "rt"}, "What programs ran in"}
	configResource  = resource{"config", []string{"configs", "conf", "cfg"}, "What programs were given: arguments, environment, directories"}
	profileResource = resource{"profile", []string{"profiles", "prof"}, "Profiles that profile --keep has made"}
	eventResource   = resource{"event", []string{"events", "ev", "records", "record", "rec"}, "What recorded programs did, call by call"}
)

var resources = []resource{processResource, moduleResource, runtimeResource, configResource, profileResource, eventResource}

// command returns the row of the table for a verb on the resource.
func (r *resource) command(c cli.Command) *cli.Command {
	c.Name, c.Aliases = r.name, r.aliases
	return &c
}

// listResources prints the types with their aliases.
func listResources(_ context.Context, streams *cli.IO, _ []string) error {
	t := ui.NewTable(ui.Left("TYPE"), ui.Left("ALIASES"), ui.Left("WHAT"))
	for _, r := range resources {
		t.Row(r.name, strings.Join(r.aliases, ", "), r.short)
	}
	return t.Write(streams.Stdout)
}

// shortDigest is the part of a sha256 that tables show.
const shortDigest = 12

// showList prints resources: their ids alone with --quiet, as a table, or in a
// format for programs.
func showList[T any](streams *cli.IO, f ui.Format, list []T, id func(T) string, table *ui.Table, row func(T) []any) error {
	switch {
	case streams.Quiet:
		for _, v := range list {
			if _, err := fmt.Fprintln(streams.Stdout, id(v)); err != nil {
				return err
			}
		}
		return nil
	case f != ui.Text:
		return ui.Encode(streams.Stdout, f, list)
	}
	for _, v := range list {
		table.Row(row(v)...)
	}
	return table.Write(streams.Stdout)
}

// processesOf reads the recordings whose ids begin so, all if none is named.
func processesOf(ctx context.Context, reg *registry.Registry, prefixes []string) ([]*registry.Process, error) {
	ids, err := reg.IDs()
	if err != nil {
		return nil, err
	}
	if len(prefixes) > 0 {
		if ids, err = findAll(prefixes, reg.FindProcess); err != nil {
			return nil, err
		}
	}
	// Go lends a processor to a goroutine that waits for the disk, and takes it back
	// when it looks, some 20 us later: with two of them most of the time would pass so.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(runtime.NumCPU(), registry.Readers)))
	return reg.Processes(ctx, ids)
}

// findAll returns the ids that begin with the given prefixes.
func findAll(prefixes []string, find func(string) (string, error)) ([]string, error) {
	ids := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		id, err := find(prefix)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}
