package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/reader/remote"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/asciicast"
	"github.com/tracetool/tracetool/writer"
)

// The films that sessions become.
const (
	filmForm   convert.Form = "asciicast"
	filmFormV2 convert.Form = "asciicast-v2"
)

var filmVersions = map[convert.Form]int{filmForm: asciicast.V3, filmFormV2: asciicast.V2}

// toFilm converts a session to an asciicast.
func (v *convertVerb) toFilm(ctx context.Context, streams *cli.IO, args []string) error {
	t, err := loadSession(ctx, streams, args[0])
	if err != nil {
		return err
	}
	if t, err = withCells(ctx, t, engineFlags{}); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	out, err := createOutput(streams, args[1], v.options.Force)
	if err != nil {
		return err
	}
	defer out.file.Abort()
	report, err := asciicast.Write(out, t, filmVersions[v.to])
	if err == nil {
		err = out.file.Commit()
	}
	if err != nil {
		return err
	}
	streams.Notef("%s: %s", args[1], plural(report.Events, "event"))
	if report.Lost > 0 {
		return cli.WithCode(codeLost, fmt.Errorf("%s that no terminal sends or that are no UTF-8", plural(report.Lost, "input")))
	}
	return nil
}

// loadSession loads a session from a file, or from stdin or another pipe.
func loadSession(ctx context.Context, streams *cli.IO, path string) (*session.Trace, error) {
	if r := once(ctx, streams, path); r != nil {
		t, err := session.Read(ctx, r)
		return t, inPipe(path, err)
	}
	return session.Load(ctx, path)
}

// textOutput is a file that gets its name when it is complete, or stdout.
type textOutput struct {
	io.Writer
	file *writer.NewFile // nil: stdout
}

func createOutput(streams *cli.IO, path string, force bool) (*textOutput, error) {
	if path == stream {
		return &textOutput{Writer: streams.Stdout}, nil
	}
	file, err := writer.CreateNew(path, force)
	return &textOutput{Writer: file, file: file}, err
}

// openFilm returns an input that is an asciicast, from its start, and nil for
// what is not. Then in is to be read instead, nil where that is the file itself.
func openFilm(ctx context.Context, streams *cli.IO, path string) (film io.ReadCloser, in io.Reader, err error) {
	if remote.IsURL(path) {
		return nil, nil, nil
	}
	file := io.NopCloser(io.Reader(nil))
	var r *bufio.Reader
	pipe := once(ctx, streams, path)
	if pipe != nil {
		r = bufio.NewReader(pipe)
	} else {
		f, err := os.Open(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil, nil // the id of a process, perhaps
		case err != nil:
			return nil, nil, err
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, nil, f.Close() // which package convert tells
		}
		file, r = f, bufio.NewReader(f)
	}
	head, err := r.Peek(1 << 12)
	if err != nil && err != io.EOF {
		file.Close()
		return nil, nil, err
	}
	if asciicast.Detect(head) {
		return struct {
			io.Reader
			io.Closer
		}{r, file}, nil, nil
	}
	if pipe != nil {
		return nil, r, nil
	}
	return nil, nil, file.Close()
}

// fromFilm converts an asciicast to a session.
func (v *convertVerb) fromFilm(ctx context.Context, streams *cli.IO, film io.ReadCloser, args []string) error {
	defer film.Close()
	if v.module != "" {
		return cli.Usagef("--module: a program is only put into a trace made from one of wasm-rr")
	}
	out, opts := convert.Output{Path: args[1]}, v.options
	opts.To = v.to
	if err := v.checkOutput(streams, &out, &opts); err != nil {
		return err
	}
	t, err := asciicast.Read(ctx, film)
	if err != nil {
		return cli.WithCode(codeCorrupt, fmt.Errorf("%s: %w", args[0], err))
	}
	if args[1] == stream {
		err = t.Write(out.Writer, opts.To)
	} else {
		err = t.Save(args[1], v.options.Force)
	}
	if err == nil {
		streams.Notef("%s: %s", args[1], plural(t.Frames(), "frame"))
	}
	return err
}
