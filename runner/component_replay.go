package runner

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
)

// replayedComponent is what a replay has of a component instead of a module.
type replayedComponent struct {
	decoded  *component.Component
	program  *component.Program
	instance *component.Instance  // of the task
	out      map[uint32]io.Writer // where the streams of stdout and stderr go, by their numbers
}

// describeComponent makes sure that the trace knows what the component imports.
func (r *replay) describeComponent() error {
	h := replayedHost{r, index(r.f.Modules()), index(r.f.Functions())}
	return checkImports(r.module, r.comp.decoded, &h)
}

// instantiateComponent makes the instance of a task.
func (r *replay) instantiateComponent(ctx context.Context) (err error) {
	r.comp.out = map[uint32]io.Writer{}
	host := &replayedHost{r, index(r.f.Modules()), index(r.f.Functions())}
	r.comp.instance, err = r.comp.program.Instantiate(ctx, host)
	return err
}

// exportComponent calls an export as the start event says.
func (r *replay) exportComponent(ctx context.Context, ev *format.Event) {
	f := findExport(r.comp.decoded, r.moduleOf(ev), r.nameOf(ev))
	if f == nil || r.nesting == maxNesting {
		r.diverge(nil, ev, nil, "the component does not export "+r.nameOf(ev))
		return
	}
	start := *ev
	args := append([]byte(nil), ev.Input...)
	start.Input = nil
	r.cur.next()
	r.nesting++
	result, err := r.comp.instance.Call(ctx, f.Interface, f.Name, args)
	r.nesting--
	if errors.Is(err, canon.ErrMalformed) && r.err == nil {
		r.diverge(nil, &start, nil, fmt.Sprintf("the component does not export %s with these parameters", f.Name))
		return
	}
	sig := call.NewSignature(f.Interface, f.Name, f.Type)
	if err == nil {
		exportComponentEvent(&start, sig, r.header.StartNS, result)
	}
	r.returned = exitCode(*f, result)
	r.ended(ctx, &start, guestError(err), func(ev *format.Event) bool {
		recorded, err := sig.AppendResult(nil, r.header.StartNS, ev)
		return err == nil && ev.Module == start.Module && ev.Function == start.Function && string(recorded) == string(result)
	})
	if err == nil && r.err == nil && len(r.header.Program.Invoke) > 0 {
		r.result.Invoked = append(r.result.Invoked, Invocation{Export: f.Name, result: f.Type.Result, output: result})
	}
}

// replayedHost is the host of a component that is replayed, for every interface.
type replayedHost struct {
	*replay
	modules, names map[string]int16 // codes in the trace's dictionaries
}

// Func returns what takes the place of a recorded function. One that the trace
// does not describe as it is imported now is not provided.
func (h *replayedHost) Func(iface, name string, sig *canon.Func) (component.HostFunc, error) {
	fn := call.Find(h.header, iface, name)
	recorded, err := call.SignatureOf(fn)
	if err != nil {
		return nil, err
	}
	if recorded == nil {
		return nil, fmt.Errorf("%s#%s", iface, name)
	}
	if recorded.Func.String() != sig.String() {
		return nil, &component.TypeError{Interface: iface, Name: name, Imported: sig, Want: recorded.Func}
	}
	c := &replayedCall{replay: h.replay, sig: recorded}
	c.fn = newFunction(fn, lookupCode(h.modules, iface), lookupCode(h.names, name))
	c.now.Kind, c.now.Module, c.now.Function = format.KindCall, c.fn.module, c.fn.name
	return c.call, nil
}

// Drop compares a drop with the recorded one, and ends the guest if that did.
func (h *replayedHost) Drop(ctx context.Context, resource string, rep uint32) error {
	h.checkContext(ctx)
	module, name := resourceNames(resource)
	now := &format.Event{Kind: format.KindDrop, P: [format.NumParams]int64{int64(rep)}, Has: format.HasModule | format.HasFunction | format.HasP0}
	fn := &function{Function: &format.Function{Module: module, Name: name}, module: lookupCode(h.modules, module), name: lookupCode(h.names, name)}
	now.Module, now.Function = fn.module, fn.name
	ev := h.nextRecorded()
	if ev.Kind != format.KindDrop || ev.Module != now.Module || ev.Function != now.Function || ev.P[0] != now.P[0] {
		h.failDiverged(fn, ev, now, "different call")
	}
	if resource == outputStream {
		delete(h.comp.out, rep)
	}
	h.cur.next()
	h.raise(fn)
	return nil
}

// replayedCall replays the calls of one function.
type replayedCall struct {
	*replay
	fn   *function
	sig  *call.Signature
	now  format.Event
	last []byte       // result of the last call, which was valid
	cut  []byte       // Input whose text is cut, as was recorded
	seen format.Event // what output needs of an event that was not decoded
}

func (c *replayedCall) call(ctx context.Context, k *component.Call) error {
	c.checkContext(ctx)
	now := &c.now
	now.Has = format.HasModule | format.HasFunction
	c.sig.SetArgs(now, k.Args.Rest())
	if c.sig.Role.HasText() && c.shown(now) == nil {
		c.cut = c.sig.CutText(now, call.TextLimit(c.header), c.cut)
	}
	if c.direct(k) {
		return nil
	}
	ev := c.nextRecorded()
	if ev.Kind != format.KindCall || ev.Module != c.fn.module || ev.Function != c.fn.name || ev.Has&named != named {
		c.failDiverged(c.fn, ev, now, "different call")
	}
	if !c.sameArguments(ev) {
		c.failDiverged(c.fn, ev, now, "different arguments")
	}
	if c.sig.Result != nil && !c.sig.Returned(ev) {
		c.cur.next()
		c.raise(c.fn)
		return errLast // the recording ends within the call
	}
	if ev.Has&format.HasOutput == 0 || len(c.last) == 0 || string(ev.Output) != string(c.last) {
		var err error
		if c.last, err = c.sig.AppendResult(c.last[:0], c.header.StartNS, ev); err != nil {
			c.failDiverged(c.fn, ev, now, err.Error())
		}
	}
	k.Result.Raw(c.last)
	if c.sig.Role != call.NoRole {
		c.output(ev, c.last)
	}
	c.cur.next()
	if c.sig.Result == nil {
		c.raise(c.fn)
	}
	return nil
}

// direct serves most calls straight from the columns: those whose recorded
// parameters are these, and whose result is a number of 64 bits, follows from
// the event's time, or is that of the call before. It leaves all others alone.
func (c *replayedCall) direct(k *component.Call) bool {
	if c.sig.Result == nil || !c.cur.callRow(c.fn) {
		return false
	}
	const columns, okValue = format.HasP0 | format.HasInput, format.HasErrno | format.HasValue
	b, i := c.cur.batch, c.cur.row
	has := b.Has(i)
	if (has^c.now.Has)&columns != 0 || (has|c.now.Has)&format.HasHash != 0 || has&format.HasP0 != 0 && b.P[0][i] != c.now.P[0] || string(b.Input(i)) != string(c.now.Input) {
		return false
	}
	switch time := b.Time[i]; {
	case has&format.HasOutput != 0:
		if output := b.Output(i); len(output) == 0 || string(output) != string(c.last) {
			return false
		}
		k.Result.Raw(c.last)
	case c.sig.Ok == call.OkErrno && has&format.HasErrno != 0 && b.Errno[i] == 0:
		k.Result.OK()
	case c.sig.Ok == call.OkValue && c.sig.Result.Elem.Kind == canon.U64 && has&okValue == okValue && b.Errno[i] == 0:
		k.Result.OK()
		k.Result.U64(uint64(b.Value[i]))
	case c.sig.Result.Kind == canon.U64 && has&format.HasValue != 0:
		k.Result.U64(uint64(b.Value[i]))
	case c.sig.Clock == call.MonotonicClock && has&format.HasValue == 0:
		k.Result.U64(uint64(time - c.header.StartNS))
	case c.sig.Clock == call.WallClock && time >= 0 && has&format.HasValue == 0:
		k.Result.U64(uint64(time / 1e9))
		k.Result.U64(uint64(time % 1e9))
	default:
		return false
	}
	if c.sig.Role != call.NoRole {
		ev := &c.seen
		if ev.P[0], ev.Input, ev.Errno = c.now.P[0], c.now.Input, 0; b.Errno != nil {
			ev.Errno = b.Errno[i]
		}
		c.output(ev, c.last)
	}
	c.cur.row++
	c.cur.count++
	return true
}

// nextRecorded is the event that the guest's next call must be. There is none
// behind the end of a recording that was cut.
func (r *replay) nextRecorded() *format.Event {
	if r.cur.more() {
		return r.cur.event()
	}
	err := r.cursorError()
	if err == nil {
		err = errLast
	}
	r.fail(err)
	return nil
}

// sameArguments compares the call with the recorded one. Of a text that was not
// kept whole it compares the hash.
func (c *replayedCall) sameArguments(ev *format.Event) bool {
	columns := format.HasP0 | format.HasInput
	if c.sig.Role.HasText() {
		c.forgetHash(ev, &c.now)
		columns |= format.HasHash
		if ev.Hash != c.now.Hash {
			return false
		}
	}
	return ev.P[0] == c.now.P[0] && (ev.Has^c.now.Has)&columns == 0 && string(ev.Input) == string(c.now.Input)
}

// shown returns where the text goes that a call moves to stdout or stderr, nil
// if it does not.
func (c *replayedCall) shown(ev *format.Event) io.Writer {
	switch c.sig.Role {
	case call.WritesText, call.WritesZeros, call.Splices:
		return c.comp.out[uint32(ev.P[0])]
	}
	return nil
}

// output shows what the guest writes to stdout and stderr.
func (c *replayedCall) output(ev *format.Event, result []byte) {
	d := canon.NewDecoder(result)
	switch c.sig.Role {
	case call.MakesStdout:
		c.comp.out[d.Rep()] = orDiscard(c.cfg.Stdout)
		return
	case call.MakesStderr:
		c.comp.out[d.Rep()] = orDiscard(c.cfg.Stderr)
		return
	}
	w := c.shown(ev)
	if w == nil || ev.Errno != 0 {
		return
	}
	in := canon.NewDecoder(ev.Input)
	var err error
	switch c.sig.Role {
	case call.WritesText:
		err = writeWhole(w, in.Blob())
	case call.WritesZeros:
		err = writeZeros(w, in.U64())
	case call.Splices:
		_, note := c.sig.SplitNote(ev)
		text := canon.NewDecoder(note)
		err = writeWhole(w, text.Blob())
	}
	if err != nil && c.result.OutputErr == nil {
		c.result.OutputErr = err
	}
}

// orDiscard keeps a stream known as one of the two where nobody reads it.
func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

func writeZeros(w io.Writer, n uint64) error {
	zeros := make([]byte, min(n, 4096))
	for ; n > 0; n -= uint64(len(zeros)) {
		zeros = zeros[:min(n, uint64(len(zeros)))]
		if err := writeWhole(w, zeros); err != nil {
			return err
		}
	}
	return nil
}
