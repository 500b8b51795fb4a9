package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/reader"
)

// filterFlags select events, for all verbs that go through them.
type filterFlags struct {
	fs           *pflag.FlagSet
	functions    []string
	kinds        []string
	errnos       []string
	paths        []string
	errors       bool
	task         int32
	from, to     int64
	since, until string
}

func (v *filterFlags) bind(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&v.functions, "function", "F", nil, "only calls of the function `NAME`; * stands for any text, as in 'path_*'")
	fs.StringArrayVar(&v.kinds, "kind", nil, "only events of the `KIND`, as in call, start, exit or trap")
	fs.StringArrayVar(&v.errnos, "errno", nil, "only calls that failed with `ERRNO`, as in ENOENT")
	fs.StringArrayVar(&v.paths, "path", nil, "only calls with a path that matches `GLOB`; * stands for any text")
	v.bindRange(fs)
	cli.CompleteFlag(fs, "function", cli.Words(functionNames()...))
	cli.CompleteFlag(fs, "kind", cli.Words(format.KindNames()...))
}

// bindRange adds the flags that select what is made of events as well.
func (v *filterFlags) bindRange(fs *pflag.FlagSet) {
	v.fs = fs
	fs.BoolVar(&v.errors, "errors-only", false, "only calls that failed")
	fs.Int32Var(&v.task, "task", 0, "only events of task `N`")
	fs.Int64Var(&v.from, "from", 0, "only events from number `N` on")
	fs.Int64Var(&v.to, "to", 0, "only events before number `N`")
}

// bindTimes adds the flags for times, which mean nothing to two traces at once.
func (v *filterFlags) bindTimes(fs *pflag.FlagSet) {
	fs.StringVar(&v.since, "since", "", "only events from `TIME` on: a date and time, or a duration since the start")
	fs.StringVar(&v.until, "until", "", "only events before `TIME`")
}

func functionNames() []string {
	var names []string
	for i := range call.Preview1 {
		names = append(names, call.Preview1[i].Name)
	}
	return names
}

// filterNames are the flags that only event tables understand, then those that
// all tables do.
var (
	filterNames = []string{"function", "kind", "errno", "errors-only", "path", "task", "since", "until"}
	rangeNames  = []string{"from", "to"}
)

// given returns the first of the flags that was set, empty if none was.
func (v *filterFlags) given(names ...string) string {
	for _, name := range names {
		if v.fs.Changed(name) {
			return name
		}
	}
	return ""
}

func (v *filterFlags) any() bool {
	return v.given(filterNames...) != "" || v.given(rangeNames...) != ""
}

// filter returns what the flags select from f.
func (v *filterFlags) filter(f *reader.File) (q inspect.Filter, err error) {
	if name := v.given(filterNames...); name != "" && !f.IsEvents() {
		return q, cli.Usagef("--%s: the trace is a table of other records than events", name)
	}
	if v.from < 0 || v.given("to") != "" && v.to <= v.from {
		return q, cli.Usagef("--from %d --to %d: want a range of numbers", v.from, v.to)
	}
	q.FromEvent, q.ToEvent = v.from, v.to
	q.Functions, q.Paths, q.Errors = v.functions, v.paths, v.errors
	if v.given("task") != "" {
		q.Task = &v.task
	}
	if q.Kinds, err = v.kindCodes(f); err != nil {
		return q, err
	}
	if q.Errno, err = v.errnoCodes(); err != nil {
		return q, err
	}
	if q.FromTime, err = parseTime("since", v.since, f); err != nil {
		return q, err
	}
	q.ToTime, err = parseTime("until", v.until, f)
	return q, err
}

func (v *filterFlags) kindCodes(f *reader.File) ([]format.Kind, error) {
	var codes []format.Kind
next:
	for _, name := range v.kinds {
		for i, known := range f.Kinds() {
			if known == name {
				codes = append(codes, format.Kind(i))
				continue next
			}
		}
		return nil, cli.Usagef("--kind: %q: want one of %s", name, strings.Join(f.Kinds(), ", "))
	}
	return codes, nil
}

func (v *filterFlags) errnoCodes() ([]int32, error) {
	var codes []int32
	for _, name := range v.errnos {
		code, ok := call.ErrnoByName(strings.ToUpper(name))
		if n, err := strconv.ParseInt(name, 10, 32); err == nil {
			code, ok = int32(n), true
		}
		if !ok {
			return nil, cli.Usagef("--errno: %q: want a name such as ENOENT, or a number", name)
		}
		codes = append(codes, code)
	}
	return codes, nil
}

// timeLayouts are the dates that parseDate reads; those without a zone are
// local.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"}

// parseTime reads a duration since the recording began, or a date. The result
// is in ns since the Unix epoch, 0 for no text.
func parseTime(flag, text string, f *reader.File) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return boundNS(time.Unix(0, f.Header().StartNS).Add(d)), nil
	}
	if t, ok := parseDate(text); ok {
		return boundNS(t), nil
	}
	return 0, cli.Usagef("--%s: %q: want a duration such as 1.5s or a time such as 2026-01-31T12:00:00Z", flag, text)
}

// boundNS returns a time in ns since the Unix epoch, the nearest for what is beyond
// the years 1678 to 2262 that those can tell. 0 would be no bound: the ns before
// stands for it.
func boundNS(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	case t.UnixNano() == 0:
		return -1
	}
	return t.UnixNano()
}

func parseDate(text string) (time.Time, bool) {
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// eventFlags say how events are printed.
type eventFlags struct {
	format  ui.Format
	stamp   stampName
	maxText int64
	limit   int64
	follow  bool
}

// stampName is the value of --time.
type stampName string

const noStamp stampName = "none"

func (v *eventFlags) bind(fs *pflag.FlagSet) {
	cli.FormatVar(fs, &v.format)
	cli.EnumVarP(fs, &v.stamp, "time", "", noStamp, "print when each event began: as seconds since the start, time of day, or date and time",
		noStamp, stampName(inspect.Since), stampName(inspect.Clock), stampName(inspect.DateTime))
	cli.SizeVarP(fs, &v.maxText, "max-text", "", 64, "print `SIZE` of a text at most; 0: all")
}

// bindList adds the flags that bound the list.
func (v *eventFlags) bindList(fs *pflag.FlagSet) {
	fs.Int64VarP(&v.limit, "limit", "n", 0, "show at most `N` events")
	fs.BoolVarP(&v.follow, "follow", "f", false, "show events and wait for more until the recording ends")
}

func (v *eventFlags) lines() inspect.LineOptions {
	o := inspect.LineOptions{Number: true, MaxText: int(v.maxText)}
	if v.stamp != noStamp {
		o.Stamp = inspect.Stamp(v.stamp)
	}
	if v.maxText == 0 {
		o.MaxText = -1
	}
	return o
}

// print prints the events of f that q selects, or the rows of another table.
func (v *eventFlags) print(ctx context.Context, streams *cli.IO, f *reader.File, q inspect.Filter) error {
	switch {
	case !f.IsEvents() && v.follow:
		return cli.Usagef("--follow: the trace is a table of other records than events")
	case !f.IsEvents():
		return printAll(ctx, v, streams.Stdout, inspect.Rows(f, q.FromEvent, q.ToEvent), appendRow, func(r *inspect.Row) any { return r })
	}
	events := inspect.Events(f, q)
	if v.follow {
		events = inspect.Follow(ctx, f, q, 0)
	}
	options := v.lines()
	appendEvent := func(dst []byte, e *format.Event) ([]byte, error) {
		options.Task = e.Task != 0
		return inspect.AppendLine(dst, f, e, options), nil
	}
	return printAll(ctx, v, streams.Stdout, events, appendEvent, func(e *format.Event) any { return inspect.Decode(f, e) })
}

// appendRow appends a row of other records than events as one line.
func appendRow(dst []byte, r *inspect.Row) ([]byte, error) {
	var b bytes.Buffer
	err := ui.Encode(&b, ui.JSONL, r.Values)
	dst = append(strconv.AppendInt(dst, r.Number, 10), ' ')
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), err
}

// checkEvery is how many events pass between two looks at the context.
const checkEvery = 1 << 10

// printAll prints a sequence as lines or in a format for programs. What was
// there before an error is printed.
func printAll[T any](ctx context.Context, v *eventFlags, out *ui.Stream, items iter.Seq2[T, error],
	line func([]byte, T) ([]byte, error), decode func(T) any) error {
	p := newPrinter(out, v.format)
	count := int64(0)
	for item, err := range items {
		if err == nil && count%checkEvery == 0 {
			err = ctx.Err()
		}
		if err == nil && v.format != ui.Text {
			err = p.list.Add(decode(item))
		} else if err == nil {
			p.line, err = line(p.line[:0], item)
			p.buffer.Write(append(p.line, '\n'))
		}
		if err == nil && v.follow {
			err = p.flush()
		}
		if err == nil {
			err = out.Err()
		}
		if err != nil {
			return errors.Join(err, p.close())
		}
		if count++; count == v.limit {
			break
		}
	}
	return p.close()
}

// printer writes lines, or a list for programs.
type printer struct {
	buffer *bufio.Writer
	list   *ui.List // nil for lines
	line   []byte
}

func newPrinter(out *ui.Stream, f ui.Format) *printer {
	p := &printer{buffer: bufio.NewWriterSize(out, 1<<16)}
	if f != ui.Text {
		p.list = ui.NewList(p.buffer, f)
	}
	return p
}

func (p *printer) flush() error {
	if p.list != nil {
		if err := p.list.Flush(); err != nil {
			return err
		}
	}
	return p.buffer.Flush()
}

func (p *printer) close() error {
	if p.list != nil {
		if err := p.list.Close(); err != nil {
			return err
		}
	}
	return p.buffer.Flush()
}
