package main

import (
	"bytes"
	"context"
	"io"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/reader/remote"
)

// openRemote is open for an address of the web. Text is read through, of a
// trace only what is asked for.
func (s *source) openRemote(ctx context.Context, streams *cli.IO, address string) (*reader.File, func() error, error) {
	file, err := fetch(ctx, streams, address)
	if err != nil {
		return nil, nil, err
	}
	start := make([]byte, len(format.Magic))
	_, err = file.ReadAt(start, 0)
	switch {
	case err != nil && err != io.EOF:
		file.Close()
		return nil, nil, err
	case !bytes.Equal(start, []byte(format.Magic)):
		defer file.Close()
		return convert.OpenReader(ctx, io.NewSectionReader(file, 0, file.Size()), convert.Options{Limits: s.limits()})
	}
	f, err := reader.New(file, file.Size(), reader.Options{Limits: s.limits(), Name: file.Name()})
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return f, file.Close, nil
}

// fetch opens a file on the web, and says so where all of it had to be fetched.
func fetch(ctx context.Context, streams *cli.IO, address string) (*remote.File, error) {
	file, err := remote.Open(ctx, address, remote.Options{})
	if err != nil {
		return nil, err
	}
	if file.Spooled() {
		streams.Notef("%s: the server answers no range requests: fetched the whole file, %s", file.Name(), ui.Bytes(file.Size()))
	}
	return file, nil
}
