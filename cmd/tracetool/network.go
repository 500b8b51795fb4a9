package main

import (
	"context"
	"iter"
	"math"
	"slices"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/inspect/network"
	"github.com/tracetool/tracetool/reader"
)

// The views of what a program did on its network.
const (
	viewSockets = "sockets"
	viewHTTP    = "http"
)

// verboseBody is how much of a body is shown unless --max-text says.
const verboseBody = 1 << 20

// networkView is a view of the network, of inspect and of trace.
type networkView struct {
	name    string
	verbose bool
	filter  *filterFlags
	events  *eventFlags
}

func (v *networkView) bind(fs *pflag.FlagSet) {
	fs.BoolVarP(&v.verbose, "verbose", "v", false, "also show what was sent and received: bytes, or headers and bodies")
}

// networkFilterNames are the flags that select from these views. The others are
// about calls, all of which it takes to know what each one means.
var networkFilterNames = []string{"task", "since", "until", "from", "to", "errors-only"}

// check refuses the other filters.
func (v *networkView) check() error {
	if v.events.limit < 0 {
		return cli.Usagef("--limit: want 0 or more")
	}
	for _, name := range filterNames {
		if v.filter.given(name) != "" && !slices.Contains(networkFilterNames, name) {
			return cli.Usagef("--%s selects calls: it is not for %s", name, v.name)
		}
	}
	return nil
}

func (v *networkView) print(ctx context.Context, streams *cli.IO, f *reader.File) error {
	if !f.IsEvents() {
		return cli.Usagef("%s: the trace is a table of other records than events", v.name)
	}
	q, err := v.filter.filter(f)
	if err != nil {
		return err
	}
	all := inspect.Filter{Query: network.Query(f)}
	events := inspect.Events(f, all)
	if v.events.follow {
		events = inspect.Follow(ctx, f, all, 0)
	}
	if v.name == viewSockets {
		return v.activities(ctx, streams.Stdout, f, events, q)
	}
	return v.exchanges(ctx, streams.Stdout, f, events, q)
}

// activity adds the bytes, which are shown on request only.
type activity struct {
	*network.Activity
	Data network.Bytes `json:"data,omitempty"`
}

func (v *networkView) activities(ctx context.Context, out *ui.Stream, f *reader.File, events iter.Seq2[*format.Event, error], q inspect.Filter) error {
	items := selected(network.Activities(f, events), func(a *network.Activity) bool {
		return selects(&q, a.Event, a.TimeNS, a.Task, a.Errno != "")
	})
	o := v.events.lines()
	if !v.verbose {
		o.MaxText = 0
	}
	line := func(dst []byte, a *network.Activity) ([]byte, error) {
		o.Task = a.Task != 0
		return inspect.AppendActivity(dst, f.Header(), a, o), nil
	}
	return printAll(ctx, v.events, out, items, line, func(a *network.Activity) any {
		if v.verbose {
			return activity{a, a.Data}
		}
		return a
	})
}

func (v *networkView) exchanges(ctx context.Context, out *ui.Stream, f *reader.File, events iter.Seq2[*format.Event, error], q inspect.Filter) error {
	items := selected(network.Exchanges(f, events, network.Options{MaxBody: v.maxBody()}), func(e *network.Exchange) bool {
		return selects(&q, e.Event, e.TimeNS, e.Task, e.Error != "" || e.Response.Status >= 400)
	})
	o := v.events.lines()
	line := func(dst []byte, e *network.Exchange) ([]byte, error) {
		o.Task = e.Task != 0
		dst = inspect.AppendExchange(dst, f.Header(), e, o)
		if v.verbose {
			dst = inspect.AppendMessages(dst, e)
		}
		return dst, nil
	}
	return printAll(ctx, v.events, out, items, line, func(e *network.Exchange) any { return e })
}

// maxBody is how much of a body is kept to be shown.
func (v *networkView) maxBody() int {
	switch {
	case !v.verbose:
		return 0
	case v.filter.given("max-text") == "":
		return verboseBody
	case v.events.maxText == 0:
		return math.MaxInt
	}
	return int(v.events.maxText)
}

// selected drops the items that are not asked for.
func selected[T any](items iter.Seq2[T, error], wanted func(T) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range items {
			if (err != nil || wanted(item)) && !yield(item, err) {
				return
			}
		}
	}
}

// selects tells whether q asks for something that began with an event.
func selects(q *inspect.Filter, event, timeNS int64, task int32, failed bool) bool {
	return event >= q.FromEvent && (q.ToEvent == 0 || event < q.ToEvent) &&
		(q.FromTime == 0 || timeNS >= q.FromTime) && (q.ToTime == 0 || timeNS < q.ToTime) &&
		(q.Task == nil || task == *q.Task) && (failed || !q.Errors)
}

var traceCommand = &cli.Command{
	Name:  "trace",
	Short: "Show what a program did on its network",
	Group: groupLook,
	Long:  "Rebuilt from the calls in a trace, without running the program again. \"inspect --sockets\" and \"inspect --http\" show the same.",
	Sub: []*cli.Command{
		networkCommand("network", viewSockets, "Show connections, with addresses, and what went over them",
			`Each call on a socket is a line: its number, what it did, the descriptor, the address of this end and that of the other, bytes and duration.

  13 receive fd 4, 127.0.0.1:8080 < 127.0.0.1:49152, 78 B <12us>

Calls that found nothing to do, with EAGAIN, are left out. With -v the bytes follow. Of a component the number after fd is that of the socket's resource, and requests that it handed to wasi:http are not here: "trace request" has them.`),
		networkCommand("request", viewHTTP, "Show the requests of HTTP/1.1 and their responses",
			`Each request is a line: the number of the event with its first byte, the role of the program, method, URL, status, size of the body and the time from its first byte to the last of the response. They stand in the order in which they ended. Those of a component are what it handed to wasi:http: the time is from that call to the end of the body that it read, or of the one that it answered with.

  8 server GET http://127.0.0.1:8080/hello = 200 12 B <1.2ms>

With -v headers and bodies follow. What went over a socket encrypted cannot be shown.`),
	},
}

func networkCommand(name, view, short, long string) *cli.Command {
	return &cli.Command{
		Name: name, Args: "FILE", Short: short, Long: long, Complete: []cli.Completion{traceFiles},
		Examples: []cli.Example{{Command: "tracetool trace " + name + " server.trace.arrow -v", What: short}},
		Bind: func(fs *pflag.FlagSet) cli.Body {
			v := &networkVerb{view: networkView{name: view}}
			v.bind(fs)
			return v.run
		},
	}
}

// networkVerb is the flags of trace network and trace request.
type networkVerb struct {
	view   networkView
	source source
	filter filterFlags
	events eventFlags
}

func (v *networkVerb) bind(fs *pflag.FlagSet) {
	v.view.filter, v.view.events = &v.filter, &v.events
	v.view.bind(fs)
	v.filter.bindRange(fs)
	v.filter.bindTimes(fs)
	v.events.bindList(fs)
	v.events.bind(fs)
	v.source.bind(fs)
}

func (v *networkVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	if err := v.view.check(); err != nil {
		return err
	}
	f, closeTrace, err := v.source.open(ctx, streams, args[0])
	if err != nil {
		return err
	}
	defer closeTrace()
	return v.view.print(ctx, streams, f)
}
