package main

import (
	"context"
	"io"
	"iter"
	"math"
	"path/filepath"
	"strings"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/inspect/har"
	"github.com/tracetool/tracetool/inspect/network"
	"github.com/tracetool/tracetool/writer"
)

// formHAR is the one form that traces are not made of again.
const formHAR convert.Form = "har"

// toHAR tells whether an HTTP archive is asked for.
func (v *convertVerb) toHAR(out string) bool {
	return v.to == formHAR || v.to == "" && strings.EqualFold(filepath.Ext(out), ".har")
}

// writeHAR writes the requests of HTTP in a trace and their responses.
func (v *convertVerb) writeHAR(ctx context.Context, streams *cli.IO, in, out string) error {
	if v.options.Plain || v.options.Decode || v.options.Partial {
		return cli.Usagef("--plain, --decode and --partial are not for HAR")
	}
	f, closeTrace, err := v.source.open(ctx, streams, in)
	if err != nil {
		return err
	}
	defer closeTrace()
	if !f.IsEvents() {
		return cli.Usagef("--to har: the trace is a table of other records than events")
	}
	exchanges := network.Exchanges(f, f.Events(network.Query(f)), network.Options{MaxBody: math.MaxInt})
	b := (&cli.App{Name: appName}).Build()
	write := func(w io.Writer) (int64, error) {
		return har.Write(w, har.Creator{Name: b.Name, Version: b.Version}, until(ctx, exchanges))
	}
	if out == stream {
		_, err := write(streams.Stdout)
		return err
	}
	file, err := writer.CreateNew(out, v.options.Force)
	if err != nil {
		return err
	}
	defer file.Abort()
	n, err := write(file)
	if err != nil {
		return err
	}
	if err := file.Commit(); err != nil {
		return err
	}
	streams.Notef("%s: %s", out, plural(n, "request"))
	return nil
}

// until is a sequence that ends with the error of ctx once it is done.
func until[T any](ctx context.Context, items iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range items {
			if err == nil {
				err = ctx.Err()
			}
			if !yield(item, err) {
				return
			}
		}
	}
}
