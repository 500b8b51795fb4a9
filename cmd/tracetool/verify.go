package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/reader/remote"
	"github.com/tracetool/tracetool/runner/registry"
)

var verifyCommand = &cli.Command{
	Name:  "verify",
	Args:  "[FILE]",
	Short: "Make every check of a trace, or of the registry",
	Group: groupLook,
	Long: `Checks every checksum, bound and count, the digests of modules and other attachments, and the statistics. Each problem is a line. Without FILE: of every recording in the registry, and of the programs.

Checksums inside a file prove that it is whole, not that nobody has written it anew. For that, keep the root hash that verify prints elsewhere and give it back with --root.`,
	Examples: []cli.Example{
		{Command: "tracetool verify app.trace.arrow", What: "Check a trace and print its root hash"},
		{Command: "tracetool verify -o json app.trace.arrow", What: "The same for a program"},
		{Command: "tracetool verify", What: "Check the registry"},
	},
	Complete: []cli.Completion{cli.Files(".arrow")},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v verifyVerb
		fs.StringVar(&v.root, "root", "", "also check that the root hash is `HEX`")
		cli.FormatVar(fs, &v.output)
		v.source.bind(fs)
		return v.run
	},
}

// verifyVerb is the flags of verify.
type verifyVerb struct {
	source source
	root   string
	output ui.Format
}

func (v *verifyVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	if root, err := hex.DecodeString(v.root); err != nil || len(root) != 0 && len(root) != 32 {
		return cli.Usagef("--root: want 64 hex digits")
	}
	if len(args) == 0 {
		return v.verifyRegistry(ctx, streams)
	}
	report := func(p inspect.Problem) {
		if v.output == ui.Text {
			fmt.Fprintf(streams.Stdout, "%s: %s\n", ui.Escape(remote.Redact(args[0])), p)
		}
	}
	result, err := v.verify(ctx, streams, args[0], report)
	if err != nil {
		return err
	}
	if err := v.show(streams.Stdout, remote.Redact(args[0]), result); err != nil || result.OK {
		return err
	}
	return cli.Exit(codeCorrupt)
}

// registryVerification is what verify finds in a registry.
type registryVerification struct {
	Dir       string   `json:"dir"`
	OK        bool     `json:"ok"`
	Processes int      `json:"processes"`
	Modules   int      `json:"modules"`
	Problems  []string `json:"problems"`
}

func (v *verifyVerb) verifyRegistry(ctx context.Context, streams *cli.IO) error {
	if v.root != "" {
		return cli.Usagef("--root is for one trace")
	}
	reg, err := v.source.registry.open()
	if err != nil {
		return err
	}
	result := &registryVerification{Dir: reg.Dir(), Problems: []string{}}
	report := func(problem string) {
		result.Problems = append(result.Problems, problem)
		if v.output == ui.Text {
			fmt.Fprintln(streams.Stdout, ui.Escape(problem))
		}
	}
	if err := v.verifyAll(ctx, reg, result, report); err != nil {
		return err
	}
	if result.OK = len(result.Problems) == 0; v.output != ui.Text {
		err = ui.Encode(streams.Stdout, v.output, result)
	} else {
		_, err = fmt.Fprintf(streams.Stdout, "%s: %s, %s: %s\n", ui.Escape(reg.Dir()), plural(int64(result.Processes), "process"),
			plural(int64(result.Modules), "module"), v.verdict(streams.Stdout, int64(len(result.Problems))))
	}
	if err != nil || result.OK {
		return err
	}
	return cli.Exit(codeCorrupt)
}

// verifyAll checks the recordings one after the other, and the modules.
func (v *verifyVerb) verifyAll(ctx context.Context, reg *registry.Registry, result *registryVerification, report func(string)) error {
	processes, err := processesOf(ctx, reg, nil)
	if err != nil {
		return err
	}
	modules, err := reg.Modules(processes)
	if err != nil {
		return err
	}
	result.Processes, result.Modules = len(processes), len(modules)
	problems, err := reg.CheckModules(processes)
	if err != nil {
		return err
	}
	for _, p := range problems {
		report(p.Error())
	}
	for _, p := range processes {
		// The module was checked above; one that is missing is no fault of each trace.
		o := reader.Options{Limits: v.source.limits()}
		_, err := inspect.Verify(ctx, reg.TracePath(p.ID), o, "", func(found inspect.Problem) { report("process " + p.ID + ": " + found.String()) })
		switch {
		case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
		case errors.Is(err, format.ErrNotTrace): // but a pipe, say
			report("process " + p.ID + ": " + err.Error())
		case err != nil:
			return err
		}
	}
	return nil
}

// verdict is "ok", or the number of problems.
func (v *verifyVerb) verdict(out *ui.Stream, problems int64) string {
	if problems == 0 {
		return out.Paint(ui.Green, "ok")
	}
	return out.Paint(ui.Red, plural(problems, "problem"))
}

// verify leaves out what is no trace at all, which has no list of problems.
func (v *verifyVerb) verify(ctx context.Context, streams *cli.IO, operand string, report func(inspect.Problem)) (*inspect.Verification, error) {
	if remote.IsURL(operand) {
		return v.verifyRemote(ctx, streams, operand, reader.Options{Limits: v.source.limits()}, report)
	}
	p, err := v.source.find(operand)
	if err != nil {
		return nil, err
	}
	o := v.source.options(p)
	f, err := reader.Open(p.path, o)
	if err == nil {
		f.Close()
	}
	if !isTrace(err) {
		return nil, err
	}
	return inspect.Verify(ctx, p.path, o, v.root, report)
}

func (v *verifyVerb) verifyRemote(ctx context.Context, streams *cli.IO, address string, o reader.Options, report func(inspect.Problem)) (*inspect.Verification, error) {
	file, err := fetch(ctx, streams, address)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	o.Name = file.Name()
	if _, err := reader.New(file, file.Size(), o); !isTrace(err) {
		return nil, err
	}
	return inspect.VerifyAt(ctx, file, file.Size(), o, v.root, report)
}

// isTrace: the error of opening a file is none, or damage that can be listed.
func isTrace(err error) bool {
	return err == nil || errors.Is(err, format.ErrCorrupt) && !errors.Is(err, format.ErrVersion)
}

func (v *verifyVerb) show(out *ui.Stream, path string, r *inspect.Verification) error {
	if v.output != ui.Text {
		return ui.Encode(out, v.output, r)
	}
	problems := r.Count
	if r.OK {
		problems = 0
	}
	_, err := fmt.Fprintf(out, "%s: %s, root %s\n", ui.Escape(path), v.verdict(out, problems), r.Root)
	return err
}

// plural is a count with its noun: "1 event", "1,234 events".
func plural(n int64, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "s"):
		noun += "es"
	default:
		noun += "s"
	}
	return ui.Count(n) + " " + noun
}
