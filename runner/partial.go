package runner

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/wasip2"
	"github.com/tracetool/tracetool/runner/wasip2/http1"
)

// ErrNoProgram is matched where a trace has no program and none is given.
var ErrNoProgram = errors.New("the trace has no program")

// replayPartial runs the program of a partial trace.
func replayPartial(ctx context.Context, f *reader.File, cfg *ReplayConfig) (*Result, error) {
	a := newAnswers(f, cfg)
	defer a.close()
	if err := a.findProgram(); err != nil {
		return nil, err
	}
	if !a.module.IsComponent() {
		return nil, fmt.Errorf("%s: %w", a.module.Name, ErrNoComponent)
	}
	config := Config{
		Stdout: hidden(cfg.Stdout), Stderr: hidden(cfg.Stderr), Timeout: cfg.Timeout,
		Engine: cfg.Engine, CacheDir: cfg.CacheDir, Exclusive: cfg.Exclusive,
	}
	s := &componentSession{common: newCommon(a.module, &config, newClock(false)), answers: a}
	defer s.close()
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	result, err := s.run(ctx)
	return a.finish(result, err, s)
}

// findProgram takes the program that is given or in the trace.
func (a *answers) findProgram() error {
	switch {
	case a.header.Program != nil:
		return a.findModule()
	case a.cfg.Module == nil:
		return fmt.Errorf("%w: one of %s never has", ErrNoProgram, a.header.Partial.Recorder)
	}
	a.module = a.cfg.Module
	return nil
}

// hidden keeps from the guest what a writer is: a terminal, say.
func hidden(w io.Writer) io.Writer {
	if w == nil {
		return nil
	}
	return struct{ io.Writer }{w}
}

// The function that HTTP is asked with. A partial trace has of it what was asked
// and what came back, not the resources of the real one.
const handleFunction = "wasi:http/outgoing-handler#handle"

// answers are what the functions of a partial trace returned.
type answers struct {
	*replay
	queues map[string]*answerQueue // by "INTERFACE#FUNCTION", without a version
	clock  answerClock
	used   int64
}

func newAnswers(f *reader.File, cfg *ReplayConfig) *answers {
	a := &answers{replay: &replay{f: f, header: f.Header(), cfg: cfg, result: &Result{}}, queues: map[string]*answerQueue{}}
	modules, names := index(f.Modules()), index(f.Functions())
	for i := range a.header.Functions {
		fn := &a.header.Functions[i]
		sig, err := call.SignatureOf(fn)
		key := withoutVersion(fn.Module) + "#" + fn.Name
		if err != nil || sig == nil || sig.Result == nil || a.queues[key] != nil {
			continue // not an answer, but a mark that there was a call
		}
		q := &answerQueue{answers: a, sig: sig, fn: newFunction(fn, lookupCode(modules, fn.Module), lookupCode(names, fn.Name))}
		q.next, q.stop = iter.Pull2(f.Events(reader.Query{
			Kinds: []format.Kind{format.KindCall}, Functions: []string{fn.Module + "." + fn.Name},
		}))
		a.queues[key] = q
	}
	return a
}

func (a *answers) close() {
	for _, q := range a.queues {
		q.stop()
	}
}

// configure has the host use the trace where it can be told to. What a trace
// does not answer, though it should, is the same each time.
func (a *answers) configure(cfg *wasip2.Config) {
	cfg.Clock, cfg.Random = &a.clock, rand.NewChaCha8([32]byte{})
	if q := a.queues[handleFunction]; q != nil {
		cfg.Answer = q.http
	}
}

// answeredHost is a host of which the trace answers some functions.
type answeredHost struct {
	component.Host
	answers *answers
	gate    *gate
}

// Func returns what answers the calls of a function.
func (h *answeredHost) Func(iface, name string, sig *canon.Func) (component.HostFunc, error) {
	key := withoutVersion(iface) + "#" + name
	q := h.answers.queues[key]
	switch {
	case key == "wasi:io/poll#[method]pollable.ready":
		inner, err := h.Host.Func(iface, name, sig)
		return func(ctx context.Context, c *component.Call) error {
			h.answers.clock.asked()
			return inner(ctx, c)
		}, err
	case q == nil || key == handleFunction:
		return h.Host.Func(iface, name, sig)
	case q.sig.Func.String() != sig.String():
		return nil, fmt.Errorf("%s: recorded as %s, imported as %s", key, q.sig.Func, sig)
	}
	return func(_ context.Context, c *component.Call) error {
		h.gate.pass()
		return q.call(c)
	}, nil
}

// answerQueue is the events of one function, in order.
type answerQueue struct {
	*answers
	fn    *function
	sig   *call.Signature
	next  func() (*format.Event, error, bool)
	stop  func()
	ahead *format.Event // the next one, if it has been looked at
	count int64
	now   format.Event
	buf   []byte // of the result
}

// peek returns the next event, nil at the end.
func (q *answerQueue) peek() (*format.Event, error) {
	if q.ahead != nil {
		return q.ahead, nil
	}
	ev, err, ok := q.next()
	if !ok {
		return nil, nil
	}
	q.ahead = ev
	return ev, err
}

// call answers a call of the guest's.
func (q *answerQueue) call(c *component.Call) error {
	ev := q.take(c.Args.Rest())
	result := q.result(ev)
	q.clock.read(q.sig.Clock, result)
	c.Result.Raw(result)
	q.done(ev)
	return nil
}

// take returns the event that answers a call with these arguments.
func (q *answerQueue) take(args []byte) *format.Event {
	now := &q.now
	now.Kind, now.Module, now.Function, now.Has = format.KindCall, q.fn.module, q.fn.name, format.HasModule|format.HasFunction
	q.sig.SetArgs(now, args)
	ev, err := q.peek()
	switch {
	case err != nil:
		q.fail(err)
	case ev == nil:
		q.exhausted()
	case q.cfg.Until > 0 && ev.Seq >= q.cfg.Until:
		q.fail(errUntil)
	case string(ev.Input) != string(now.Input) || ev.P[0] != now.P[0]:
		q.diverge(ev, "different arguments")
	}
	return ev
}

// result is what the function returned, valid until the next one is asked for.
func (q *answerQueue) result(ev *format.Event) []byte {
	result, err := q.sig.AppendResult(q.buf[:0], q.header.StartNS, ev)
	if q.buf = result; err != nil {
		q.diverge(ev, err.Error())
	}
	return result
}

// done leaves an event behind.
func (q *answerQueue) done(ev *format.Event) {
	if q.cfg.Observe != nil {
		q.cfg.Observe.call(q.header, q.f.Modules(), q.f.Functions(), ev.Seq, ev)
	}
	q.ahead = nil
	q.count++
	q.used++
}

// exhausted ends a guest that asks for more than there is. That is no difference
// if all has been used that was recorded before the recording was cut.
func (q *answerQueue) exhausted() {
	if q.header.Partial.Lost != "" {
		if left, err := q.left(); err == nil && left == nil {
			q.fail(errLast)
		}
	}
	q.diverge(nil, fmt.Sprintf("no answer is left, of %d that were recorded", q.count))
}

// diverge ends the guest with a divergence from an event, nil where there is
// none.
func (q *answerQueue) diverge(ev *format.Event, reason string) {
	e := &DivergenceError{Event: q.f.Summary().Events, Reason: reason, Function: q.fn.Name, Now: q.formatNow(q.fn, &q.now)}
	if ev != nil {
		e.Event, e.Recorded = ev.Seq, q.format(ev)
		e.Differences = call.Differ(q.fn.Function, q.header, ev, &q.now, true)
	}
	e.Before = q.before(e.Event)
	q.fail(e)
}

// left returns the first event that was not used, nil if all were.
func (a *answers) left() (first *format.Event, err error) {
	for _, q := range a.queues {
		ev, err := q.peek()
		if err != nil {
			return nil, err
		}
		if ev != nil && (first == nil || ev.Seq < first.Seq) {
			first = ev
		}
	}
	return first, nil
}

// countLeft tells how many events were not used, by function.
func (a *answers) countLeft() string {
	var list []string
	for key, q := range a.queues {
		n := 0
		for ev, err := q.peek(); ev != nil && err == nil; ev, err = q.peek() {
			q.ahead = nil
			n++
		}
		if n > 0 {
			list = append(list, fmt.Sprintf("%d of %s", n, key))
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// finish says how the replay ended.
func (a *answers) finish(result *Result, err error, s *componentSession) (*Result, error) {
	var stack []string
	switch {
	case result == nil && a.err == nil:
		return nil, err
	case result == nil:
		result = &Result{}
		stack = newTrap(err).Stack
	case result.Trap != nil:
		stack = result.Trap.Stack
	}
	result.Events = a.used
	result.Warnings = append(result.Warnings, a.warning())
	if a.err == nil && (result.End == EndExit || result.End == EndTrap) {
		a.err = a.leftOver()
	}
	if a.err != nil {
		result.Trap, result.ExitCode = nil, 0
	}
	var diverged *DivergenceError
	switch {
	case errors.As(a.err, &diverged):
		diverged.Stack, result.End = stack, EndDiverged
	case errors.Is(a.err, errUntil):
		result.End, result.Stack, a.err = EndUntil, stack, nil
	case errors.Is(a.err, errLast):
		result.End, a.err = EndCut, nil
	}
	if err := dumpMemories(a.cfg.DumpMemory, memoriesOf(s.instance)); err != nil {
		return result, errors.Join(a.err, err)
	}
	return result, a.err
}

// leftOver is the divergence of a guest that has not used all answers.
func (a *answers) leftOver() error {
	ev, err := a.left()
	if err != nil || ev == nil {
		return err
	}
	e := &DivergenceError{Event: ev.Seq, Function: a.nameOf(ev), Recorded: a.format(ev), Before: a.before(ev.Seq)}
	e.Reason = "the guest ended, answers are left: " + a.countLeft()
	return e
}

// warning says what a partial replay is.
func (a *answers) warning() string {
	text := fmt.Sprintf("a partial replay: a trace of %s has clocks, random numbers, environment and HTTP only. "+
		"The program ran without files, network and stdin, and its output was not compared", a.header.Partial.Recorder)
	if lost := a.header.Partial.Lost; lost != "" {
		text += "; " + lost
	}
	return text
}

// http answers an HTTP request.
func (q *answerQueue) http(r *wasip2.HTTPRequest) (*wasip2.HTTPResponse, error) {
	var args canon.Encoder
	args.String(r.Method)
	args.String(r.URL)
	fields := requestFields(r)
	args.Len(len(fields))
	for _, f := range fields {
		args.String(f[0])
		args.String(f[1])
	}
	ev := q.take(args.Bytes())
	d := canon.NewDecoder(q.result(ev))
	resp := &wasip2.HTTPResponse{Status: int(d.U16())}
	for range d.Len() {
		resp.Fields = append(resp.Fields, http1.Field{Name: d.String(), Value: []byte(d.String())})
	}
	resp.Body = bytes.Clone(d.Blob())
	if err := d.End(); err != nil {
		q.diverge(ev, err.Error())
	}
	q.done(ev)
	return resp, nil
}

// requestFields are the fields of a request as they are recorded: names in lower
// case, with that of the host, sorted.
func requestFields(r *wasip2.HTTPRequest) [][2]string {
	fields := [][2]string{{"host", r.Host}}
	for _, f := range r.Fields {
		fields = append(fields, [2]string{strings.ToLower(f.Name), strings.ToValidUTF8(string(f.Value), "\ufffd")})
	}
	slices.SortFunc(fields, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return fields
}

// answerClock shows what the guest was told last. Sleeps take no time: they move
// it on.
type answerClock struct{ wall, mono int64 }

func (c *answerClock) Wall() int64       { return c.wall }
func (c *answerClock) Monotonic() int64  { return c.mono }
func (c *answerClock) Sleep(until int64) { c.mono = until }

// asked moves the clock on a little: a guest that asks a pollable again and
// again whether it is ready must not do so for ever.
func (c *answerClock) asked() { c.mono = min(c.mono, math.MaxInt64-step) + step }

const step = int64(time.Millisecond)

// read takes over the reading that is a result.
func (c *answerClock) read(which call.Clock, result []byte) {
	d := canon.NewDecoder(result)
	switch which {
	case call.MonotonicClock:
		c.mono = int64(min(d.U64(), math.MaxInt64))
	case call.WallClock:
		c.wall = int64(min(d.U64(), math.MaxInt32)) * int64(time.Second)
	}
}
