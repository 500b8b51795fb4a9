package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/reader/remote"
	"github.com/tracetool/tracetool/runner/registry"
)

// stream is the operand that stands for stdin or stdout.
const stream = "-"

// source is how verbs find and open the traces that they read: files, or
// recordings of the registry by their ids.
type source struct {
	maxSegment int64
	registry   registryFlags
}

func (s *source) bind(fs *pflag.FlagSet) {
	s.registry.bind(fs)
	cli.SizeVarP(fs, &s.maxSegment, "max-segment", "", 1<<30, "decode at most `SIZE` for one segment of a trace")
}

func (s *source) limits() format.Limits { return format.Limits{SegmentBytes: s.maxSegment} }

// place is where a trace is.
type place struct {
	path     string
	registry *registry.Registry // that it belongs to; nil for other files
}

// find returns the trace that an operand means: the file of that name or, if
// there is none, the recording whose id it is or begins.
func (s *source) find(operand string) (place, error) {
	_, err := os.Lstat(operand)
	switch {
	case err == nil:
		return place{operand, registry.Containing(operand)}, nil
	case !errors.Is(err, fs.ErrNotExist) || !registry.IsID(operand):
		return place{path: operand}, nil // opening it tells what is wrong
	}
	r, err := s.registry.open()
	if err != nil {
		return place{}, fmt.Errorf("%s: neither a file, nor the id of a process: %w", operand, err)
	}
	id, err := r.FindProcess(operand)
	if err != nil {
		return place{}, err
	}
	return place{r.TracePath(id), r}, nil
}

// options have a recording find its module.
func (s *source) options(p place) reader.Options {
	if p.registry == nil {
		return reader.Options{Limits: s.limits()}
	}
	return p.registry.ReaderOptions(s.limits())
}

// recording opens the recording of a registry that an operand means, nil if it
// means something else.
func (s *source) recording(operand string) (*reader.File, error) {
	p, err := s.find(operand)
	if err != nil || p.registry == nil {
		return nil, err
	}
	return reader.Open(p.path, s.options(p))
}

// open opens a trace in any form: a file, a recording by its id, "-" from stdin,
// a pipe by its name, an address of the web by range requests. The function
// returned closes it and removes what was spooled.
func (s *source) open(ctx context.Context, streams *cli.IO, operand string) (*reader.File, func() error, error) {
	o := convert.Options{Limits: s.limits()}
	if remote.IsURL(operand) {
		return s.openRemote(ctx, streams, operand)
	}
	if r := once(ctx, streams, operand); r != nil {
		f, closeTrace, err := convert.OpenReader(ctx, r, o)
		return f, closeTrace, inPipe(operand, err)
	}
	f, err := s.recording(operand)
	switch {
	case err != nil:
		return nil, nil, err
	case f != nil:
		return f, f.Close, nil
	}
	return convert.Open(ctx, operand, o)
}

// openArrow opens a trace that must be a file in the form that recorders write:
// what is asked about its frames cannot be answered by a copy.
func (s *source) openArrow(ctx context.Context, streams *cli.IO, operand string) (*reader.File, func() error, error) {
	if remote.IsURL(operand) {
		return s.openRemote(ctx, streams, operand)
	}
	p, err := s.find(operand)
	if err != nil {
		return nil, nil, err
	}
	f, err := reader.Open(p.path, s.options(p))
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}

// once returns what an operand means that can be read only once: stdin, or a
// pipe or device by its name, as a shell passes on what <(COMMAND) writes. It is
// nil for any other.
func once(ctx context.Context, streams *cli.IO, operand string) io.Reader {
	if operand == stream {
		return untilDone(ctx, func() (io.ReadCloser, error) { return io.NopCloser(streams.Stdin), nil })
	}
	info, err := os.Stat(operand)
	if err != nil || info.Mode().IsRegular() || info.IsDir() {
		return nil
	}
	return untilDone(ctx, func() (io.ReadCloser, error) { return os.Open(operand) })
}

// inPipe adds to an error of reading what once returned the name of the pipe,
// which those who read it do not know.
func inPipe(operand string, err error) error {
	if err == nil || operand == stream || errors.As(err, new(*fs.PathError)) {
		return err
	}
	return fmt.Errorf("%s: %w", operand, err)
}

// untilDone reads what open returns until ctx is done: an open that waits for
// the pipe's writer, and a read that waits for somebody to type, must not keep
// an interrupted command from cleaning up.
func untilDone(ctx context.Context, open func() (io.ReadCloser, error)) io.Reader {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		in, err := open()
		if err == nil {
			_, err = io.Copy(w, in)
			in.Close()
		}
		w.CloseWithError(err)
	}()
	return r
}
