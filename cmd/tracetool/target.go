package main

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/reader/remote"
	"github.com/tracetool/tracetool/writer"
)

// targetFlags are the flags of verbs that make a trace from others.
type targetFlags struct {
	force       bool
	sync        bool
	compression codecName
}

func (t *targetFlags) bind(fs *pflag.FlagSet) {
	fs.BoolVarP(&t.force, "force", "f", false, "replace a file that exists")
	fs.BoolVar(&t.sync, "sync", false, "wait until the disk has the file")
	t.compression.bind(fs)
}

// output returns where a trace goes, "-" being stdout, and the progress of
// making it. The verb and its operands become the trace's source.
func (t *targetFlags) output(streams *cli.IO, path string, total int64, words ...string) (edit.Output, *ui.Progress, error) {
	for i := range words {
		words[i] = remote.Redact(words[i])
	}
	out := edit.Output{Path: path, Force: t.force, Sync: t.sync, Compression: t.compression.codec(), Source: strings.Join(words, " ")}
	if path == stream {
		pipe, err := streams.BinaryStdout()
		if err != nil {
			return out, nil, err
		}
		out.Path, out.Pipe = "", pipe
	} else if err := writer.CheckNew(path, t.force); err != nil {
		return out, nil, err
	}
	progress := streams.Progress(words[0], total, ui.Events)
	out.Progress = func(events int64) { progress.Set(events) }
	return out, progress, nil
}

// noteWritten tells what was written, in one line.
func noteWritten(streams *cli.IO, path string, r *edit.Result) {
	line := plural(r.Events, "event")
	if r.Attachments > 0 {
		line += ", " + plural(int64(r.Attachments), "attachment")
	}
	if path == stream {
		path = "stdout"
	}
	streams.Notef("%s: %s", path, line)
}
