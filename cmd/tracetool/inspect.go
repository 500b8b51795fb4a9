package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/reader"
)

var inspectCommand = &cli.Command{
	Name:  "inspect",
	Args:  "FILE",
	Short: "Show what a trace holds",
	Group: groupLook,
	Long: `Without flags: what was run and how it ended, then the segments of the file and a row for each function. Nothing of this reads the events, so it takes no time however long the trace is.

With --events, or any flag that selects some of them, each event is a line: its number, then the call as strace prints it.

  12 path_open(3, "notes.txt", ...) = 4 <31us>

With --sockets or --http it is what the program did on its network: connections with their addresses, or the requests of HTTP/1.1 that went over them, with -v what was sent and received. The requests of a component are those that it sent and served by wasi:http.

FILE may be a trace that is still being recorded, one in JSONL or JSON, or records of another program in JSON. "-" reads it from stdin. Of a trace at an http or https address only what is needed is fetched.`,
	Examples: []cli.Example{
		{Command: "tracetool inspect app.trace.arrow", What: "Summary of a trace"},
		{Command: "tracetool inspect app.trace.arrow --events --function 'path_*' --errors-only", What: "Paths that could not be opened, found or removed"},
		{Command: "tracetool inspect app.trace.arrow --since 1.5s --limit 20 --time since", What: "Twenty calls from one and a half seconds after the start on"},
		{Command: "tracetool inspect app.trace.arrow --follow", What: "Watch a recording in progress"},
		{Command: "tracetool inspect server.trace.arrow --http --errors-only -v", What: "Requests that failed, with headers and bodies"},
		{Command: "tracetool inspect app.trace.arrow --functions -o json", What: "Counts, bytes and times of each function, for a program"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v inspectVerb
		v.bind(fs)
		return v.run
	},
}

// inspectVerb is the flags of inspect.
type inspectVerb struct {
	views   map[string]*bool
	source  source
	filter  filterFlags
	events  eventFlags
	network networkView
}

// viewNames are the flags that say what is shown; the summary has none.
var viewNames = []string{"functions", "segments", "modules", "attachments", "frames", "events", viewSockets, viewHTTP}

func (v *inspectVerb) bind(fs *pflag.FlagSet) {
	usage := map[string]string{
		"functions":   "show counts, bytes and times of each function",
		"segments":    "show the segments of the file",
		"modules":     "show the programs with their imports and exports",
		"attachments": "show the files inside the trace",
		"frames":      "show frames a second, latency and the slowest frames of a session; this reads all of its events",
		"events":      "show the events",
		viewSockets:   "show what was done on the network, with addresses",
		viewHTTP:      "show the requests of HTTP/1.1 and their responses",
	}
	v.views = map[string]*bool{}
	for _, name := range viewNames {
		v.views[name] = fs.Bool(name, false, usage[name])
	}
	v.filter.bind(fs)
	v.filter.bindTimes(fs)
	v.events.bindList(fs)
	v.events.bind(fs)
	v.network = networkView{filter: &v.filter, events: &v.events}
	v.network.bind(fs)
	v.source.bind(fs)
}

func (v *inspectVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	view, err := v.view()
	if err != nil {
		return err
	}
	f, closeTrace, err := v.source.open(ctx, streams, args[0])
	if err != nil {
		return err
	}
	defer closeTrace()
	if v.network.name != "" {
		return v.network.print(ctx, streams, f)
	}
	if view == "events" {
		q, err := v.filter.filter(f)
		if err != nil {
			return err
		}
		return v.events.print(ctx, streams, f, q)
	}
	return v.show(streams.Stdout, f, view)
}

// view is the flag that says what to show, empty for the summary. Flags that
// concern events ask for those.
func (v *inspectVerb) view() (string, error) {
	var chosen []string
	for _, name := range viewNames {
		if *v.views[name] {
			chosen = append(chosen, name)
		}
	}
	if len(chosen) == 1 && (chosen[0] == viewSockets || chosen[0] == viewHTTP) {
		v.network.name = chosen[0]
		return chosen[0], v.network.check()
	}
	if v.network.verbose {
		return "", cli.Usagef("--verbose is for --%s and --%s", viewSockets, viewHTTP)
	}
	if v.events.limit < 0 {
		return "", cli.Usagef("--limit: want 0 or more")
	}
	forEvents := v.filter.any() || v.filter.given("limit", "follow", "time", "max-text") != ""
	switch {
	case len(chosen) > 1:
		return "", cli.Usagef("want one of --%s", strings.Join(chosen, ", --"))
	case len(chosen) == 0 && forEvents:
		return "events", nil
	case len(chosen) == 0:
		return "", nil
	case forEvents && chosen[0] != "events":
		return "", cli.Usagef("--%s shows all of the trace: filters are for --events", chosen[0])
	}
	return chosen[0], nil
}

// slowestFrames is how many of them are listed.
const slowestFrames = 10

// show prints one of the views of all the trace.
func (v *inspectVerb) show(out *ui.Stream, f *reader.File, view string) error {
	o := inspect.TextOptions{Now: time.Now(), Color: out.Color()}
	text := v.events.format == ui.Text
	switch view {
	case "functions":
		list := inspect.Functions(f)
		if text {
			return inspect.WriteFunctions(out, list, o)
		}
		return ui.Encode(out, v.events.format, list)
	case "modules":
		list := inspect.Modules(f)
		if text {
			return inspect.WriteModules(out, list, o)
		}
		return ui.Encode(out, v.events.format, list)
	case "attachments":
		list := inspect.Attachments(f)
		if text {
			return inspect.WriteAttachments(out, list, o)
		}
		return ui.Encode(out, v.events.format, list)
	case "frames":
		stats, err := inspect.Frames(f, slowestFrames)
		if err != nil || !text {
			return orEncode(err, out, v.events.format, stats)
		}
		return stats.WriteText(out, o)
	case "segments":
		list, err := inspect.Segments(f)
		if err != nil || !text {
			return orEncode(err, out, v.events.format, list)
		}
		return inspect.WriteSegments(out, list, o)
	}
	summary, err := inspect.Summarize(f)
	if err != nil || !text {
		return orEncode(err, out, v.events.format, summary)
	}
	return summary.WriteText(out, o)
}

// orEncode encodes a value, unless there was an error in getting it.
func orEncode(err error, out *ui.Stream, f ui.Format, value any) error {
	if err != nil {
		return err
	}
	return ui.Encode(out, f, value)
}
