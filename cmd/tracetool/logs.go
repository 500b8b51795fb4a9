package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/reader/remote"
)

var logsCommand = &cli.Command{
	Name:  "logs",
	Args:  "FILE",
	Short: "Show what a program wrote to stdout and stderr",
	Group: groupLook,
	Long: `From the trace, without running the program: byte by byte what it wrote, stdout to stdout and stderr to stderr. With --stdout, --stderr or --stdin only those streams; what it read from stdin is shown only then.

On a terminal and with --timestamps control characters are escaped.`,
	Examples: []cli.Example{
		{Command: "tracetool logs latest", What: "What the last process printed"},
		{Command: "tracetool logs latest --timestamps --follow", What: "Watch a process that is running"},
		{Command: "tracetool logs app.trace.arrow --stdin > input", What: "Get back what it was given"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v logsVerb
		v.bind(fs)
		return v.run
	},
}

// logsVerb is the flags of logs.
type logsVerb struct {
	source source
	wanted [3]bool // streams
	limit  int64
	since  string
	stamps bool
	follow bool
}

func (v *logsVerb) bind(fs *pflag.FlagSet) {
	for i := range v.wanted {
		fs.BoolVar(&v.wanted[i], inspect.StreamName(i), false, "show "+inspect.StreamName(i))
	}
	fs.Int64VarP(&v.limit, "limit", "n", 0, "show at most `N` lines")
	fs.StringVar(&v.since, "since", "", "only what was written at `TIME` or later: a date and time, or a duration after the start")
	fs.BoolVarP(&v.stamps, "timestamps", "t", false, "begin each line with its time and stream")
	fs.BoolVarP(&v.follow, "follow", "f", false, "wait for more until the recording ends")
	v.source.bind(fs)
}

func (v *logsVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	if v.limit < 0 {
		return cli.Usagef("--limit: want 0 or more")
	}
	f, closeTrace, err := v.source.open(ctx, streams, args[0])
	if err != nil {
		return err
	}
	defer closeTrace()
	if !f.IsEvents() {
		return cli.Usagef("%s: a table of other records than events", args[0])
	}
	if p := f.Header().Partial; p != nil {
		return fmt.Errorf("%s: %s does not keep what a program printed", remote.Redact(args[0]), p.Recorder)
	}
	since, err := parseTime("since", v.since, f)
	if err != nil {
		return err
	}
	if v.wanted == [3]bool{} {
		v.wanted = [3]bool{false, true, true}
	}
	q := inspect.Filter{Query: inspect.LogQuery()}
	events := inspect.Events(f, q)
	if v.follow {
		events = inspect.Follow(ctx, f, q, 0)
	}
	out := &logOutput{verb: v, streams: streams, left: v.limit}
	for c, err := range inspect.Logs(f, events) {
		if err != nil {
			return err
		}
		if c.TimeNS < since || !v.wanted[c.Stream] {
			continue
		}
		if done, err := out.write(c); done || err != nil {
			return err
		}
	}
	return out.end()
}

// logOutput writes chunks, and counts lines.
type logOutput struct {
	verb    *logsVerb
	streams *cli.IO
	left    int64  // lines, if there is a limit
	partial []byte // a line that has not ended, with --timestamps
	from    inspect.Chunk
}

// write is done when there are as many lines as asked for.
func (o *logOutput) write(c *inspect.Chunk) (done bool, err error) {
	if o.verb.stamps {
		return o.writeLines(c)
	}
	data := c.Data
	if o.verb.limit > 0 {
		data, done = o.cut(data)
	}
	to := o.stream(c.Stream)
	if to.Terminal() {
		_, err = io.WriteString(to, ui.EscapeText(string(data)))
	} else {
		_, err = to.Write(data)
	}
	if err == nil && c.Lost > 0 {
		o.streams.Warnf("event %d wrote %s more, which were not recorded", c.Event, ui.Bytes(c.Lost))
	}
	return done, err
}

func (o *logOutput) stream(n int) *ui.Stream {
	if n == 2 {
		return o.streams.Stderr
	}
	return o.streams.Stdout
}

// cut counts lines and returns those that are still wanted.
func (o *logOutput) cut(data []byte) (kept []byte, done bool) {
	for at := 0; ; {
		i := bytes.IndexByte(data[at:], '\n')
		if i < 0 {
			return data, false
		}
		at += i + 1
		if o.left--; o.left == 0 {
			return data[:at], true
		}
	}
}

// writeLines writes whole lines with time and stream to stdout.
func (o *logOutput) writeLines(c *inspect.Chunk) (done bool, err error) {
	if len(o.partial) > 0 && o.from.Stream != c.Stream {
		if done, err = o.line(nil); done || err != nil {
			return done, err
		}
	}
	for data := c.Data; len(data) > 0; {
		if len(o.partial) == 0 {
			o.from = *c
		}
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		if data = rest; !ended {
			o.partial = append(o.partial, line...)
			return false, nil
		}
		if done, err = o.line(line); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

func (o *logOutput) line(rest []byte) (done bool, err error) {
	text := ui.Escape(string(append(o.partial, rest...)))
	o.partial = o.partial[:0]
	_, err = fmt.Fprintf(o.streams.Stdout, "%s %s %s\n", time.Unix(0, o.from.TimeNS).UTC().Format("2006-01-02T15:04:05.000000Z"), inspect.StreamName(o.from.Stream), text)
	o.left--
	return o.verb.limit > 0 && o.left == 0, err
}

func (o *logOutput) end() error {
	if len(o.partial) == 0 {
		return nil
	}
	_, err := o.line(nil)
	return err
}
