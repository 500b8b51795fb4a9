package main

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/runner/registry"
)

var getProcessCommand = processResource.command(cli.Command{
	Args:  "[ID...]",
	Short: "List recorded runs",
	Long: `The newest come first. A process is running, exited, trapped, killed (its recorder died; what it recorded until then is there and replays), incomplete (stopped by a timeout, an interrupt or a size), or damaged (its trace cannot be read).

Filters are combined: all must hold. A time is a date and time, or a duration before now.`,
	Examples: []cli.Example{
		{Command: "tracetool get process --wide", What: "List all runs, with how they ended"},
		{Command: "tracetool get process --module hello.wasm --exit-code 1", What: "Runs of a program that failed"},
		{Command: "tracetool get process --sort size --limit 10", What: "What takes most room"},
	},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v getProcessVerb
		v.bind(fs)
		return v.run
	},
})

// getProcessVerb is the flags of get process.
type getProcessVerb struct {
	getFlags
	filter processFilter
	sort   sortName
	wide   bool
}

func (v *getProcessVerb) bind(fs *pflag.FlagSet) {
	v.filter.bind(fs)
	names := make([]sortName, len(sorts))
	for i, s := range sorts {
		names[i] = s.name
	}
	cli.EnumVarP(fs, &v.sort, "sort", "", names[0], "order: newest, largest, longest or most first, or by name", names...)
	fs.BoolVarP(&v.wide, "wide", "w", false, "also show status, exit code, program, duration, events and tags")
	v.getFlags.bind(fs)
}

// sortName is the value of --sort.
type sortName string

var sorts = []struct {
	name    sortName
	compare func(a, b *registry.Process) int
}{
	{"start", func(a, b *registry.Process) int { return b.Start.Compare(a.Start) }},
	{"id", func(a, b *registry.Process) int { return cmp.Compare(a.ID, b.ID) }},
	{"size", func(a, b *registry.Process) int { return cmp.Compare(b.Size, a.Size) }},
	{"duration", func(a, b *registry.Process) int { return cmp.Compare(b.DurationNS, a.DurationNS) }},
	{"events", func(a, b *registry.Process) int { return cmp.Compare(b.Events, a.Events) }},
	{"status", func(a, b *registry.Process) int { return cmp.Compare(a.Status, b.Status) }},
	{"module", func(a, b *registry.Process) int { return cmp.Compare(programName(a), programName(b)) }},
}

func programName(p *registry.Process) string {
	if p.Program == nil {
		return ""
	}
	return p.Program.Name
}

func (v *getProcessVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	keep, err := v.filter.compile()
	if err != nil {
		return err
	}
	reg, err := v.registry.open()
	if err != nil {
		return err
	}
	list, err := processesOf(ctx, reg, args)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(p *registry.Process) bool { return !keep(p) })
	v.order(list)
	if list, err = cutList(&v.getFlags, list); err != nil {
		return err
	}
	return v.show(streams, list)
}

// order sorts by --sort, and by start within.
func (v *getProcessVerb) order(list []*registry.Process) {
	for _, s := range sorts {
		if s.name == v.sort {
			slices.SortStableFunc(list, func(a, b *registry.Process) int {
				return cmp.Or(s.compare(a, b), sorts[0].compare(a, b), cmp.Compare(b.ID, a.ID))
			})
		}
	}
}

func (v *getProcessVerb) show(streams *cli.IO, list []*registry.Process) error {
	columns := []ui.Column{ui.Left("PROCESS ID"), ui.Left("START"), ui.Right("SIZE")}
	if v.wide {
		columns = append(columns, ui.Left("STATUS"), ui.Right("EXIT"), ui.Left("PROGRAM"), ui.Right("DURATION"), ui.Right("EVENTS"), ui.Left("TAGS"))
	}
	now := time.Now()
	return showList(streams, v.format, list, func(p *registry.Process) string { return p.ID }, ui.NewTable(columns...), func(p *registry.Process) []any {
		row := []any{p.ID, startText(p.Start, now), ui.Bytes(p.Size)}
		if v.wide {
			row = append(row, p.Status, exitCodeText(p.ExitCode), programName(p), ui.Duration(time.Duration(p.DurationNS)), p.Events, tagsText(p.Tags))
		}
		return row
	})
}

func startText(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return ui.Ago(t, now)
}

func exitCodeText(code *int64) string {
	if code == nil {
		return "-"
	}
	return strconv.FormatInt(*code, 10)
}

func tagsText(tags map[string]string) string {
	list := make([]string, 0, len(tags))
	for k, v := range tags {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}

// processFilter selects processes.
type processFilter struct {
	fs           *pflag.FlagSet
	since, until string
	tags         []string
	module       string
	statuses     []string
	exitCode     int64
}

func (f *processFilter) bind(fs *pflag.FlagSet) {
	f.fs = fs
	fs.StringVar(&f.since, "since", "", "only those that began at `TIME` or later")
	fs.StringVar(&f.until, "until", "", "only those that began before `TIME`")
	fs.StringArrayVar(&f.tags, "tag", nil, "only those with the tag `KEY[=VALUE]`")
	fs.StringVar(&f.module, "module", "", "only those of the module `NAME|ID`; * stands for any text in a name")
	fs.StringSliceVar(&f.statuses, "status", nil, "only those that are `STATUS`, or one of several parted by commas")
	fs.Int64Var(&f.exitCode, "exit-code", 0, "only those that exited with `CODE`")
	var words []string
	for _, s := range registry.Statuses() {
		words = append(words, string(s))
	}
	cli.CompleteFlag(fs, "status", cli.Words(words...))
}

// compile checks the flags and returns what they select.
func (f *processFilter) compile() (func(*registry.Process) bool, error) {
	now := time.Now()
	since, err := parseInstant("since", f.since, now)
	if err != nil {
		return nil, err
	}
	until, err := parseInstant("until", f.until, now)
	if err != nil {
		return nil, err
	}
	for _, s := range f.statuses {
		if !slices.Contains(registry.Statuses(), registry.Status(s)) {
			return nil, cli.Usagef("--status: %q: want one of %v", s, registry.Statuses())
		}
	}
	if _, err := path.Match(f.module, ""); err != nil {
		return nil, cli.Usagef("--module: %q: %w", f.module, err)
	}
	return func(p *registry.Process) bool {
		return (since.IsZero() || !p.Start.Before(since)) && (until.IsZero() || p.Start.Before(until)) &&
			(len(f.statuses) == 0 || slices.Contains(f.statuses, string(p.Status))) &&
			(!f.fs.Changed("exit-code") || p.ExitCode != nil && *p.ExitCode == f.exitCode) &&
			f.hasTags(p) && f.isOf(p)
	}, nil
}

func (f *processFilter) hasTags(p *registry.Process) bool {
	for _, tag := range f.tags {
		key, want, valued := strings.Cut(tag, "=")
		if value, ok := p.Tags[key]; !ok || valued && value != want {
			return false
		}
	}
	return true
}

// isOf: the module's name or the beginning of its id is the one asked for.
func (f *processFilter) isOf(p *registry.Process) bool {
	if f.module == "" {
		return true
	}
	if p.Program == nil {
		return false
	}
	named, _ := path.Match(f.module, p.Program.Name)
	id := strings.ToLower(strings.TrimPrefix(f.module, "sha256:"))
	return named || len(id) >= minDigest && strings.HasPrefix(p.Program.SHA256, id)
}

// parseInstant reads a date, or a duration before now; zero for no text.
func parseInstant(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	if t, ok := parseDate(text); ok {
		return t, nil
	}
	return time.Time{}, cli.Usagef("--%s: %q: want a duration before now such as 1h30m or a time such as 2026-01-31T12:00:00Z", flag, text)
}
