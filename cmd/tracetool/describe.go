package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/inspect/wasm"
	"github.com/tracetool/tracetool/runner/registry"
)

var describeCommand = &cli.Command{
	Name:  "describe",
	Short: "Tell all about something in the registry",
	Group: groupStore,
	Examples: []cli.Example{
		{Command: "tracetool describe process latest", What: "See what was run, and how it ended"},
		{Command: "tracetool describe module 4a5e1e4baab8", What: "See what a program imports and exports"},
	},
	Sub: []*cli.Command{describeProcessCommand, describeModuleCommand, describeRuntimeCommand, describeConfigCommand},
}

// describeFlags are what all descriptions have.
type describeFlags struct {
	registry registryFlags
	format   ui.Format
	verbose  bool
}

func (d *describeFlags) bind(fs *pflag.FlagSet, verbose string) {
	if verbose != "" {
		fs.BoolVarP(&d.verbose, "verbose", "v", false, verbose)
	}
	cli.FormatVar(fs, &d.format)
	d.registry.bind(fs)
}

// describeAll shows things one after the other: as pages, or as a list for
// programs.
func describeAll[T any](out *ui.Stream, f ui.Format, list []T, page func(io.Writer, T, inspect.TextOptions) error) error {
	if f != ui.Text {
		return ui.Encode(out, f, list)
	}
	o := inspect.TextOptions{Now: time.Now(), Color: out.Color()}
	for i, v := range list {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := page(out, v, o); err != nil {
			return err
		}
	}
	return nil
}

var describeProcessCommand = processResource.command(cli.Command{
	Args:  "ID...",
	Short: "Tell what was run, with what, and how it ended",
	Long:  "Also of a process that is running, or was killed: as far as it got.",
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v describeFlags
		v.bind(fs, "also show counts, bytes and times of each function, and all segments")
		return v.processes
	},
})

// processDescription is a summary with what only the registry knows.
type processDescription struct {
	Status registry.Status `json:"status"`
	Size   int64           `json:"size"` // of the trace's file, bytes
	*inspect.Summary
}

func (v *describeFlags) processes(_ context.Context, streams *cli.IO, args []string) error {
	reg, err := v.registry.open()
	if err != nil {
		return err
	}
	ids, err := findAll(args, reg.FindProcess)
	if err != nil {
		return err
	}
	list := make([]*processDescription, len(ids))
	for i, id := range ids {
		if list[i], err = describeProcess(reg, id); err != nil {
			return err
		}
	}
	return describeAll(streams.Stdout, v.format, list, v.processPage)
}

func describeProcess(reg *registry.Registry, id string) (*processDescription, error) {
	f, err := reg.OpenProcess(id, format.Limits{})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := inspect.Summarize(f)
	if err != nil {
		return nil, err
	}
	return &processDescription{registry.StatusOf(f.Header(), f.Summary(), f.Live()), f.Size(), s}, nil
}

func (v *describeFlags) processPage(w io.Writer, d *processDescription, o inspect.TextOptions) error {
	page := *d.Summary
	page.State = inspect.State(d.Status)
	if v.verbose {
		o.Segments = -1
	} else {
		page.Functions = nil
	}
	return page.WriteText(w, o)
}

var describeModuleCommand = moduleResource.command(cli.Command{
	Args:  "ID...",
	Short: "Tell what a program imports and exports",
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v describeFlags
		v.bind(fs, "")
		return v.modules
	},
})

func (v *describeFlags) modules(ctx context.Context, streams *cli.IO, args []string) error {
	reg, err := v.registry.open()
	if err != nil {
		return err
	}
	stored, err := modulesOf(ctx, reg, args)
	if err != nil {
		return err
	}
	list := make([]*moduleDescription, len(stored))
	for i, m := range stored {
		if list[i], err = describeModule(reg, m); err != nil {
			return err
		}
	}
	return describeAll(streams.Stdout, v.format, list, func(w io.Writer, d *moduleDescription, o inspect.TextOptions) error {
		return inspect.WriteModules(w, []inspect.Module{d.Module}, o)
	})
}

// moduleDescription is a module with what only the registry knows.
type moduleDescription struct {
	inspect.Module
	Processes int `json:"processes"` // how many recordings refer to it
}

func describeModule(reg *registry.Registry, m *registry.Module) (*moduleDescription, error) {
	data, err := reg.Module(m.SHA256)
	if err != nil {
		return nil, err
	}
	d := &moduleDescription{inspect.Module{Name: m.Name(), SHA256: m.SHA256, Size: m.Size}, m.Processes}
	if d.Declares, err = wasm.Read(strings.NewReader(string(data)), m.Size); err != nil {
		d.Error = err.Error()
	}
	return d, nil
}

var describeRuntimeCommand = runtimeResource.command(cli.Command{
	Args:  "ID...",
	Short: "Tell what programs ran in",
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v describeFlags
		v.bind(fs, "")
		return v.runtimes
	},
})

func (v *describeFlags) runtimes(ctx context.Context, streams *cli.IO, args []string) error {
	list, err := runtimesOf(ctx, streams, &v.registry, args)
	if err != nil {
		return err
	}
	return describeAll(streams.Stdout, v.format, list, func(w io.Writer, r *registry.Runtime, _ inspect.TextOptions) error {
		return facts(w, fact{"ID", r.ID}, fact{"Name", r.Name}, fact{"Version", r.Version}, fact{"Processes", ui.Count(int64(r.Processes))},
			fact{"Hosts", hostList(r.Hosts)})
	})
}

func hostList(hosts []format.Host) string {
	var lines []string
	for _, h := range hosts {
		lines = append(lines, fmt.Sprintf("%s on %s/%s, %s, memory up to %s", h.Engine, h.OS, h.Arch, h.Go, ui.Bytes(int64(h.MemoryPages)*pageSize)))
	}
	return strings.Join(lines, "\n")
}

var describeConfigCommand = configResource.command(cli.Command{
	Args:  "ID...",
	Short: "Tell what programs were given",
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v describeFlags
		v.bind(fs, "")
		return v.configs
	},
})

func (v *describeFlags) configs(ctx context.Context, streams *cli.IO, args []string) error {
	list, err := configsOf(ctx, streams, &v.registry, args)
	if err != nil {
		return err
	}
	return describeAll(streams.Stdout, v.format, list, func(w io.Writer, c *registry.Config, o inspect.TextOptions) error {
		page := inspect.Summary{Program: c.Program, Host: c.Host}
		if err := facts(w, fact{"ID", c.ID}, fact{"Size", ui.Bytes(c.Size)}, fact{"Processes", ui.Count(int64(c.Processes))},
			fact{"Module", "sha256:" + c.Program.SHA256 + ": " + c.Program.Name}); err != nil {
			return err
		}
		return page.WriteProgram(w, o)
	})
}

// fact is a line of a description; a value of several lines is a list.
type fact struct{ label, value string }

func facts(w io.Writer, list ...fact) error {
	var b strings.Builder
	for _, f := range list {
		lines := strings.Split(f.value, "\n")
		if len(lines) == 1 {
			fmt.Fprintf(&b, "%-12s %s\n", f.label+":", ui.Escape(f.value))
			continue
		}
		b.WriteString(f.label + ":\n")
		for _, line := range lines {
			b.WriteString("  " + ui.Escape(line) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
