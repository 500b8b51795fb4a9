package runner

import (
	"context"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
)

// recordedHost is the host of a component whose calls are recorded: one for
// every interface, since values are canonical bytes in all of them.
type recordedHost struct {
	*recorder
	inner component.Host
	shown map[uint32]bool // streams of stdout and stderr, by their numbers
}

func newRecordedHost(r *recorder, inner component.Host) *recordedHost {
	return &recordedHost{recorder: r, inner: inner, shown: map[uint32]bool{}}
}

// Func returns the recorder of one function's calls.
func (h *recordedHost) Func(iface, name string, sig *canon.Func) (component.HostFunc, error) {
	inner, err := h.inner.Func(iface, name, sig)
	if err != nil {
		return nil, err
	}
	c := &recordedCall{recordedHost: h, sig: call.NewSignature(iface, name, sig), inner: inner}
	c.ender.module, c.ender.name = h.names.add(iface, name)
	c.untimed = call.Untimed(iface, name)
	if c.sig.Clock != call.NoClock {
		return c.clockNow, nil
	}
	return c.call, nil
}

// Drop records that the guest dropped a resource of the host.
func (h *recordedHost) Drop(ctx context.Context, resource string, rep uint32) error {
	module, name := h.names.add(resourceNames(resource))
	time := h.coarse(h.clock.Wall())
	if resource == outputStream {
		delete(h.shown, rep)
	}
	err := h.inner.Drop(ctx, resource, rep)
	h.append(&format.Event{Time: time, Kind: format.KindDrop, Module: module, Function: name,
		P: [format.NumParams]int64{int64(rep)}, Has: format.HasModule | format.HasFunction | format.HasP0})
	if err != nil {
		h.ender = &function{module: module, name: name}
	}
	return err
}

// recordedCall records the calls of one function. Hosts never call back into the
// guest, so that one event serves all of them.
type recordedCall struct {
	*recordedHost
	sig     *call.Signature
	inner   component.HostFunc
	ender   function // names the function, should it end the guest
	untimed bool
	ev      format.Event
	cut     []byte // Input whose text is cut
	noted   []byte // Output with a note
}

// limit is how many bytes of the call's text are kept.
func (c *recordedCall) limit() int64 {
	if c.sig.Role != call.StoresText && c.shown[uint32(c.ev.P[0])] {
		return -1
	}
	return call.TextLimit(c.header)
}

// begin takes down the arguments.
func (c *recordedCall) begin(k *component.Call) (began int64) {
	c.gate.pass()
	began = c.clock.Monotonic()
	ev := &c.ev
	ev.Kind, ev.Module, ev.Function = format.KindCall, c.ender.module, c.ender.name
	ev.Has = format.HasModule | format.HasFunction
	if ev.Time = began + c.clock.offset; c.untimed && c.sig.Clock == call.NoClock {
		ev.Time = c.coarse(ev.Time)
	}
	c.last = ev.Time
	ev.Duration, ev.Errno, ev.Output = 0, 0, nil
	c.sig.SetArgs(ev, k.Args.Rest())
	if c.sig.Role.HasText() {
		c.cut = c.sig.CutText(ev, c.limit(), c.cut)
	}
	return began
}

// coarseTime is how many ns the time of an event may be early that takes no time:
// it has that of the event before it, which costs nothing to keep, if that is
// nearer.
const coarseTime = 4096

// coarse returns the time of such an event.
func (r *recorder) coarse(now int64) int64 {
	if since := now - r.last; since < 0 || since >= coarseTime {
		r.last = now
	}
	return r.last
}

func (c *recordedCall) call(ctx context.Context, k *component.Call) error {
	began := c.begin(k)
	err := c.inner(ctx, k)
	if err != nil {
		// That of a call that was interrupted is none of the guest's.
		c.gate.pass()
		c.append(&c.ev)
		c.recorder.ender = &c.ender
		return err
	}
	if !c.untimed {
		c.ev.Duration = c.clock.Monotonic() - began
		c.ev.Has |= format.HasDuration
	}
	c.sig.SetResult(&c.ev, c.header.StartNS, k.Result.Bytes())
	if note := k.Note.Bytes(); len(note) > 0 {
		c.noted = c.sig.SetNote(&c.ev, note, c.limit(), c.noted)
	}
	if c.sig.Role == call.MakesStdout || c.sig.Role == call.MakesStderr {
		c.shown[uint32(c.ev.Value)] = true
	}
	c.append(&c.ev)
	return nil
}

// clockNow serves a clock from the event's own reading, as clockTimeGet does for
// modules.
func (c *recordedCall) clockNow(_ context.Context, k *component.Call) error {
	now := c.begin(k)
	if c.sig.Clock == call.MonotonicClock {
		k.Result.U64(uint64(now))
	} else {
		k.Result.U64(uint64(c.ev.Time / 1e9))
		k.Result.U32(uint32(c.ev.Time % 1e9))
	}
	c.sig.SetResult(&c.ev, c.header.StartNS, k.Result.Bytes())
	c.append(&c.ev)
	return nil
}

// startedComponent writes the row before a call of a component's export, with a
// note if there is one.
func (r *recorder) startedComponent(f component.Func, args, note []byte) bool {
	r.last = r.clock.Wall()
	r.export = format.Event{Time: r.last}
	module, name := r.names.add(f.Interface, f.Name)
	startComponentEvent(&r.export, module, name, args)
	if len(note) > 0 {
		r.export.Output = note
		r.export.Has |= format.HasOutput
	}
	r.err = r.put(&r.export)
	return r.err == nil
}

// returnedComponent writes the row after it.
func (r *recorder) returnedComponent(f component.Func, result []byte) bool {
	r.export.Duration = r.clock.Wall() - r.export.Time
	r.export.Has |= format.HasDuration
	exportComponentEvent(&r.export, call.NewSignature(f.Interface, f.Name, f.Type), r.header.StartNS, result)
	r.err = r.put(&r.export)
	return r.err == nil
}

// startComponentEvent is the row before a call of a component's export.
func startComponentEvent(ev *format.Event, module, name int16, args []byte) {
	ev.Kind, ev.Module, ev.Function = format.KindStart, module, name
	ev.Has = format.HasModule | format.HasFunction
	if len(args) > 0 {
		ev.Input = args
		ev.Has |= format.HasInput
	}
}

// exportComponentEvent turns the start event of a call that returned into its
// export event.
func exportComponentEvent(ev *format.Event, sig *call.Signature, startNS int64, result []byte) {
	ev.Kind, ev.Input, ev.Value = format.KindExport, nil, 0
	ev.Has &^= format.HasInput | format.HasOutput
	sig.SetResult(ev, startNS, result)
}
