package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

var moduleCommand = &cli.Command{
	Name:  "module",
	Short: "List, extract and add the files inside a trace",
	Group: groupChange,
	Long:  "A trace holds the program that was run and whatever else was added to it.",
	Sub:   []*cli.Command{moduleListCommand, moduleGetCommand, moduleAddCommand},
}

var moduleListCommand = &cli.Command{
	Name:     "ls",
	Args:     "FILE",
	Short:    "List the files inside a trace",
	Complete: []cli.Completion{traceFiles},
	Examples: []cli.Example{{Command: "tracetool module ls app.trace.arrow", What: "List programs and attachments"}},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var s source
		var f ui.Format
		cli.FormatVar(fs, &f)
		s.bind(fs)
		return func(ctx context.Context, streams *cli.IO, args []string) error {
			trace, closeTrace, err := s.open(ctx, streams, args[0])
			if err != nil {
				return err
			}
			defer closeTrace()
			list := inspect.Attachments(trace)
			if f != ui.Text {
				return ui.Encode(streams.Stdout, f, list)
			}
			return inspect.WriteAttachments(streams.Stdout, list, inspect.TextOptions{Color: streams.Stdout.Color()})
		}
	},
}

var moduleGetCommand = &cli.Command{
	Name:     "get",
	Args:     "FILE NAME OUT",
	Short:    "Extract a file from a trace",
	Long:     `NAME is the name of the file in the trace or the first digits, six or more, of its sha256. OUT "-" is stdout. The bytes are checked against the sha256.`,
	Complete: []cli.Completion{traceFiles, cli.AnyFile()},
	Examples: []cli.Example{{Command: "tracetool module get app.trace.arrow app.wasm copy.wasm", What: "Extract the program that was run"}},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v moduleGetVerb
		fs.BoolVarP(&v.force, "force", "f", false, "replace a file that exists")
		v.source.bind(fs)
		return v.run
	},
}

// moduleGetVerb is the flags of module get.
type moduleGetVerb struct {
	source source
	force  bool
}

func (v *moduleGetVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	f, closeTrace, err := v.source.open(ctx, streams, args[0])
	if err != nil {
		return err
	}
	defer closeTrace()
	name, err := findAttachment(f, args[1])
	if err != nil {
		return err
	}
	data, err := f.OpenAttachment(name)
	if err != nil {
		return err
	}
	if args[2] == stream {
		out, err := streams.BinaryStdout()
		if err != nil {
			return err
		}
		_, err = io.Copy(out, data)
		return err
	}
	return save(data, args[2], v.force)
}

// save writes a new file.
func save(data io.Reader, path string, force bool) error {
	out, err := writer.CreateNew(path, force)
	if err != nil {
		return err
	}
	defer out.Abort()
	if _, err := io.Copy(out, data); err != nil {
		return err
	}
	return out.Commit()
}

// minDigest is how many digits of a sha256 are enough to mean it.
const minDigest = 6

// findAttachment returns the name of the attachment that has that name or
// whose sha256 begins so.
func findAttachment(f *reader.File, name string) (string, error) {
	var found, known []string
	for _, a := range f.Attachments() {
		if a.Name == name {
			return name, nil
		}
		if len(name) >= minDigest && strings.HasPrefix(hex.EncodeToString(a.SHA256[:]), strings.ToLower(name)) {
			found = append(found, a.Name)
		}
		known = append(known, a.Name)
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("%s: several files have this sha256: %s", name, strings.Join(found, ", "))
	case len(known) == 0:
		return "", errors.New("there is no file inside the trace")
	}
	return "", fmt.Errorf("%s: not in the trace, which has %s", name, strings.Join(known, ", "))
}

var moduleAddCommand = &cli.Command{
	Name:     "add",
	Args:     "FILE PATH",
	Short:    "Add a file to a trace",
	Long:     "The trace is written anew, with the file at PATH inside, and replaces the old one. Its root hash is another then.",
	Complete: []cli.Completion{cli.Files(".arrow"), cli.AnyFile()},
	Examples: []cli.Example{{Command: "tracetool module add app.trace.arrow notes.md", What: "Keep notes with a trace"}},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v moduleAddVerb
		fs.StringVar(&v.name, "name", "", "call it `NAME` instead of the name of its file")
		fs.StringVar(&v.mediaType, "media-type", "", "its media `TYPE`, if not that of its extension")
		return v.run
	},
}

// moduleAddVerb is the flags of module add.
type moduleAddVerb struct {
	name      string
	mediaType string
}

func (v *moduleAddVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	file, err := os.Open(args[1])
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", args[1])
	}
	name := v.name
	if name == "" {
		name = filepath.Base(args[1])
	}
	result, err := edit.Replace(args[0], edit.Output{}, func(in *reader.File, out edit.Output) (*edit.Result, error) {
		out.Source = in.Header().Source
		return edit.AddAttachment(ctx, in, out, name, v.mediaTypeOf(args[1]), file, info.Size())
	})
	if err == nil {
		noteWritten(streams, args[0], result)
	}
	return err
}

func (v *moduleAddVerb) mediaTypeOf(path string) string {
	ext := filepath.Ext(path)
	switch {
	case v.mediaType != "":
		return v.mediaType
	case strings.EqualFold(ext, ".wasm"):
		return format.MediaTypeWasm
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return "application/octet-stream"
}
