package main

import (
	"context"
	"io"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/reader/remote"
)

// stream is the operand that stands for stdin or stdout.
const stream = "-"

// source is how verbs open the traces that they read.
type source struct{ maxSegment int64 }

func (s *source) bind(fs *pflag.FlagSet) {
	cli.SizeVarP(fs, &s.maxSegment, "max-segment", "", 1<<30, "decode at most `SIZE` for one segment of a trace")
}

func (s *source) limits() format.Limits { return format.Limits{SegmentBytes: s.maxSegment} }

// open opens a trace in any form, "-" from stdin, an address of the web by range
// requests. The function returned closes it and removes what was spooled.
func (s *source) open(ctx context.Context, streams *cli.IO, path string) (*reader.File, func() error, error) {
	o := convert.Options{Limits: s.limits()}
	switch {
	case path == stream:
		return convert.OpenReader(ctx, stdin(ctx, streams), o)
	case remote.IsURL(path):
		return s.openRemote(ctx, streams, path)
	}
	return convert.Open(ctx, path, o)
}

// openArrow opens a trace that must be a file in the form that recorders write:
// what is asked about its frames cannot be answered by a copy.
func (s *source) openArrow(ctx context.Context, streams *cli.IO, path string) (*reader.File, func() error, error) {
	if remote.IsURL(path) {
		return s.openRemote(ctx, streams, path)
	}
	f, err := reader.Open(path, reader.Options{Limits: s.limits()})
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}

// stdin is standard input until ctx is done: a read that waits for somebody to
// type must not keep an interrupted command from cleaning up.
func stdin(ctx context.Context, streams *cli.IO) io.Reader {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(w, streams.Stdin)
		w.CloseWithError(err)
	}()
	return r
}
