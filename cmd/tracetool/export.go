package main

import (
	"bytes"
	"context"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/runner/registry"
)

var exportCommand = &cli.Command{
	Name:  "export",
	Short: "Copy something out of the registry into a file",
	Group: groupStore,
	Examples: []cli.Example{
		{Command: "tracetool export process latest run.trace.arrow", What: "Make one file of a recording, for another machine"},
		{Command: "tracetool export module 4a5e1e4baab8 app.wasm", What: "Get a program back"},
	},
	Sub: []*cli.Command{exportProcessCommand, exportModuleCommand, exportProfileCommand},
}

var exportProcessCommand = processResource.command(cli.Command{
	Args:  "ID FILE",
	Short: "Copy a recording with its program into one file",
	Long:  `The trace is self-contained: the program is inside again. Compressed alike, it has the root hash that the recording has in the registry. A process that is running is copied as far as it got. "-" is stdout.`,
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v exportProcessVerb
		v.target.bind(fs)
		v.source.bind(fs)
		return v.run
	},
})

// exportProcessVerb is the flags of export process.
type exportProcessVerb struct {
	source source
	target targetFlags
}

func (v *exportProcessVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	reg, err := v.source.registry.open()
	if err != nil {
		return err
	}
	id, err := reg.FindProcess(args[0])
	if err != nil {
		return err
	}
	in, err := reg.OpenProcess(id, v.source.limits())
	if err != nil {
		return err
	}
	defer in.Close()
	out, progress, err := v.target.output(streams, args[1], in.Summary().Events, "export", id)
	if err != nil {
		return err
	}
	defer progress.Abort()
	result, err := edit.Copy(ctx, in, out)
	if err != nil {
		return err
	}
	progress.Abort()
	noteWritten(streams, args[1], result)
	return nil
}

var exportModuleCommand = moduleResource.command(cli.Command{
	Args:  "ID FILE",
	Short: "Copy a program into a file",
	Long:  `Byte by byte, and checked against its sha256. "-" is stdout.`,
	Bind:  bindExport((*registry.Registry).FindModule, (*registry.Registry).Module),
})

var exportProfileCommand = profileResource.command(cli.Command{
	Args:  "ID FILE",
	Short: "Copy a profile into a file",
	Long:  `As "go tool pprof" opens it. "-" is stdout.`,
	Bind:  bindExport((*registry.Registry).FindProfile, (*registry.Registry).ReadProfile),
})

// exportVerb is the flags of what copies a file as it is.
type exportVerb struct {
	registry registryFlags
	force    bool
	find     func(*registry.Registry, string) (string, error)
	read     func(*registry.Registry, string) ([]byte, error)
}

func bindExport(find func(*registry.Registry, string) (string, error), read func(*registry.Registry, string) ([]byte, error)) func(*pflag.FlagSet) cli.Body {
	return func(fs *pflag.FlagSet) cli.Body {
		v := exportVerb{find: find, read: read}
		v.registry.bind(fs)
		fs.BoolVarP(&v.force, "force", "f", false, "replace a file that exists")
		return v.run
	}
}

func (v *exportVerb) run(_ context.Context, streams *cli.IO, args []string) error {
	reg, err := v.registry.open()
	if err != nil {
		return err
	}
	id, err := v.find(reg, args[0])
	if err != nil {
		return err
	}
	data, err := v.read(reg, id)
	if err != nil {
		return err
	}
	if args[1] != stream {
		return save(bytes.NewReader(data), args[1], v.force)
	}
	out, err := streams.BinaryStdout()
	if err == nil {
		_, err = out.Write(data)
	}
	return err
}
