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
	"github.com/tracetool/tracetool/reader/remote"
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

// verify leaves out what is no trace at all, which has no list of problems.
func (v *verifyVerb) verify(ctx context.Context, streams *cli.IO, path string, report func(inspect.Problem)) (*inspect.Verification, error) {
	o := reader.Options{Limits: v.source.limits()}
	if remote.IsURL(path) {
		return v.verifyRemote(ctx, streams, path, o, report)
	}
	f, err := reader.Open(path, o)
	if err == nil {
		f.Close()
	}
	if !isTrace(err) {
		return nil, err
	}
	return inspect.Verify(ctx, path, o, v.root, report)
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
