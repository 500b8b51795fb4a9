package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner/registry"
)

var getEventCommand = eventResource.command(cli.Command{
	Args:  "[ID...]",
	Short: "List what recorded runs did",
	Long: `The events of these processes, or of all, one after the other: nothing is held in memory. A record's id is that of its process and the number of the event.

"tracetool inspect --events" shows what the calls were given and gave back.`,
	Examples: []cli.Example{
		{Command: "tracetool get event latest --function 'path_*'", What: "List what the last process did with paths"},
	},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v getEventVerb
		v.bind(fs)
		return v.run
	},
})

// getEventVerb is the flags of get event.
type getEventVerb struct {
	source source
	filter filterFlags
	format ui.Format
	limit  int64
}

func (v *getEventVerb) bind(fs *pflag.FlagSet) {
	v.filter.bind(fs)
	v.filter.bindTimes(fs)
	fs.Int64VarP(&v.limit, "limit", "n", 0, "list at most `N`")
	cli.FormatVar(fs, &v.format)
	v.source.bind(fs)
}

// record is an event with the process it is of.
type record struct {
	ID string `json:"id"` // "PROCESS/NUMBER"
	*inspect.Event
}

// AppendJSON implements ui.Appender.
func (r record) AppendJSON(dst []byte) ([]byte, error) {
	dst = call.AppendJSONString(append(dst, `{"id":`...), r.ID)
	at := len(dst)
	dst, err := r.Event.AppendJSON(dst)
	if err != nil {
		return nil, err
	}
	dst[at] = ',' // what was the event's opening bracket
	return dst, nil
}

func (v *getEventVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	if v.limit < 0 {
		return cli.Usagef("--limit: want 0 or more")
	}
	reg, err := v.source.registry.open()
	if err != nil {
		return err
	}
	ids, err := reg.IDs()
	if len(args) > 0 && err == nil {
		ids, err = findAll(args, reg.FindProcess)
	}
	if err != nil {
		return err
	}
	p := newRecordPrinter(streams, v)
	for _, id := range ids {
		if err = v.process(ctx, reg, id, p); err != nil {
			break
		}
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, p.close())
}

// errEnough ends a list that has reached its limit.
var errEnough = errors.New("limit reached")

func (v *getEventVerb) process(ctx context.Context, reg *registry.Registry, id string, p *recordPrinter) error {
	f, err := reg.OpenProcess(id, v.source.limits())
	if err != nil {
		return err
	}
	defer f.Close()
	q, err := v.filter.filter(f)
	if err != nil {
		return err
	}
	for e, err := range inspect.Events(f, q) {
		if err == nil && p.count%checkEvery == 0 {
			err = ctx.Err()
		}
		if err == nil && v.limit > 0 && p.count == v.limit {
			err = errEnough
		}
		if err == nil {
			err = p.add(id, f, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recordPrinter prints records in the way that the flags ask for. The columns
// of its table have fixed widths, since it does not know the rows to come.
type recordPrinter struct {
	streams *cli.IO
	format  ui.Format
	buffer  *bufio.Writer
	list    *ui.List
	now     time.Time
	count   int64
}

const recordRow = "%-48s  %-28s  %-10s  %10s\n"

func newRecordPrinter(streams *cli.IO, v *getEventVerb) *recordPrinter {
	p := &recordPrinter{streams: streams, format: v.format, buffer: bufio.NewWriterSize(streams.Stdout, 1<<16), now: time.Now()}
	if v.format != ui.Text && !streams.Quiet {
		p.list = ui.NewList(p.buffer, v.format)
	} else if !streams.Quiet {
		fmt.Fprintf(p.buffer, recordRow, "RECORD ID", "HOST FUNCTION", "TIME", "SIZE")
	}
	return p
}

func (p *recordPrinter) add(id string, f *reader.File, e *format.Event) error {
	p.count++
	name := id + "/" + strconv.FormatInt(e.Seq, 10)
	switch {
	case p.streams.Quiet:
		fmt.Fprintln(p.buffer, name)
	case p.list != nil:
		return p.list.Add(record{name, inspect.Decode(f, e)})
	default:
		line := fmt.Sprintf(recordRow, name, ui.Escape(hostFunction(f, e)), ui.Ago(time.Unix(0, e.Time), p.now), ui.Bytes(int64(len(e.Input)+len(e.Output))))
		p.buffer.WriteString(line)
	}
	return p.streams.Stdout.Err()
}

// hostFunction is the name of the function that was called, or the kind of
// another event.
func hostFunction(f *reader.File, e *format.Event) string {
	kind := e.Kind.String()
	if names := f.Functions(); e.Has&format.HasFunction != 0 && int(e.Function) < len(names) && e.Function >= 0 {
		if e.Kind == format.KindCall {
			return names[e.Function]
		}
		return "[" + kind + "] " + names[e.Function]
	}
	return "[" + kind + "]"
}

func (p *recordPrinter) close() error {
	if p.list != nil {
		if err := p.list.Close(); err != nil {
			return err
		}
	}
	return p.buffer.Flush()
}
