package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/reader"
)

var verifyCommand = &cli.Command{
	Name:  "verify",
	Args:  "FILE",
	Short: "Make every check of a trace",
	Group: groupLook,
	Long: `Checks every checksum, bound and count, the digests of modules and other attachments, and the statistics. Each problem is a line.

Checksums inside a file prove that it is whole, not that nobody has written it anew. For that, keep the root hash that verify prints elsewhere and give it back with --root.`,
	Examples: []cli.Example{
		{Command: "tracetool verify app.trace.arrow", What: "Check a trace and print its root hash"},
		{Command: "tracetool verify -o json app.trace.arrow", What: "The same for a program"},
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
	report := func(p inspect.Problem) {
		if v.output == ui.Text {
			fmt.Fprintf(streams.Stdout, "%s: %s\n", ui.Escape(args[0]), p)
		}
	}
	result, err := v.verify(ctx, args[0], report)
	if err != nil {
		return err
	}
	if err := v.show(streams.Stdout, args[0], result); err != nil || result.OK {
		return err
	}
	return cli.Exit(codeCorrupt)
}

// verify leaves out what is no trace at all, which has no list of problems.
func (v *verifyVerb) verify(ctx context.Context, path string, report func(inspect.Problem)) (*inspect.Verification, error) {
	f, err := v.source.openArrow(path)
	switch {
	case err == nil:
		f.Close()
	case errors.Is(err, format.ErrVersion) || !errors.Is(err, format.ErrCorrupt):
		return nil, err
	}
	return inspect.Verify(ctx, path, reader.Options{Limits: v.source.limits()}, v.root, report)
}

func (v *verifyVerb) show(out *ui.Stream, path string, r *inspect.Verification) error {
	if v.output != ui.Text {
		return ui.Encode(out, v.output, r)
	}
	verdict := out.Paint(ui.Green, "ok")
	if !r.OK {
		verdict = out.Paint(ui.Red, plural(r.Count, "problem"))
	}
	_, err := fmt.Fprintf(out, "%s: %s, root %s\n", ui.Escape(path), verdict, r.Root)
	return err
}

// plural is a count with its noun: "1 event", "1,234 events".
func plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return ui.Count(n) + " " + noun
}
