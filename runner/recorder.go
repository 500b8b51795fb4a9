package runner

import (
	"context"
	"sync"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/writer"
)

// recorder writes the calls of one guest down as they happen. It serves one
// goroutine, without locks and without allocating: every function has a frame
// of its own and looks at the memory once, because preview1 never calls back
// into the guest.
type recorder struct {
	w       *writer.Writer // nil: the run is only observed
	observe Observer       // nil: nobody looks
	count   int64          // of events, if it is only observed
	header  *format.Header
	clock   *clock
	memory  memoryCache
	names   *dictionaries
	export  format.Event  // of the export that is running
	peer    func() string // of the connection that was accepted last
	last    int64         // time of a component's last event

	task   int32
	shared *sync.Mutex // of the writer, nil if nobody else has it

	gate  *gate
	err   error     // why nothing more can be written
	ender *function // the host function that ended the guest
}

// wrap returns the host function that the guest sees in place of one of
// preview1. The common shapes have versions of their own.
func (r *recorder) wrap(fn *function, host api.GoModuleFunc) api.GoModuleFunc {
	switch {
	case fn.Name == "proc_exit":
		return r.procExit(fn)
	case fn.Name == "proc_raise":
		return r.procRaise(fn, host)
	case fn.Name == "clock_time_get" && r.header.Program.Chaos == nil:
		return r.clockTimeGet(fn, r.untimed(fn, host))
	case fn.Untimed:
		return r.untimed(fn, host)
	case fn.notes:
		return r.noted(fn, host)
	}
	return r.timed(fn, host, new(frame))
}

// noted is for sock_accept: its event also has the address of the peer, which
// the guest is not told.
func (r *recorder) noted(fn *function, host api.GoModuleFunc) api.GoModuleFunc {
	fr := new(frame)
	return r.timed(fn, func(ctx context.Context, mod api.Module, stack []uint64) {
		host(ctx, mod, stack)
		fr.note = append(fr.note[:0], r.peer()...)
	}, fr)
}

// timed is for the calls that may take long.
func (r *recorder) timed(fn *function, host api.GoModuleFunc, fr *frame) api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		r.gate.pass()
		mem := r.memory.view(mod)
		fr.before(fn, r.header, mem, stack)
		began := r.clock.Monotonic()
		fr.ev.Time = began + r.clock.offset
		host(ctx, mod, stack)
		fr.ev.Duration = r.clock.Monotonic() - began
		fr.after(fn, r.header, mem, stack)
		if fr.ev.Errno != 0 {
			// The error of a call that was interrupted is none of the guest's.
			r.gate.pass()
		}
		r.append(&fr.ev)
		fr.release()
	}
}

func (r *recorder) untimed(fn *function, host api.GoModuleFunc) api.GoModuleFunc {
	fr := new(frame)
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		r.gate.pass()
		fr.ev.Time = r.clock.Wall()
		mem := r.memory.view(mod)
		fr.before(fn, r.header, mem, stack)
		host(ctx, mod, stack)
		fr.after(fn, r.header, mem, stack)
		r.append(&fr.ev)
		fr.release()
	}
}

const errnoFault = 21

// clockTimeGet serves the realtime and the monotonic clock from the event's own
// reading, so that one reading does and Value is null. Other clocks are the
// host's, as are all where chaos lets them drift.
func (r *recorder) clockTimeGet(fn *function, other api.GoModuleFunc) api.GoModuleFunc {
	ev := &format.Event{Kind: format.KindCall, Module: fn.module, Function: fn.name}
	has := fn.has | format.HasErrno
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		id := uint32(stack[0])
		if id > 1 {
			other(ctx, mod, stack)
			return
		}
		r.gate.pass()
		now := r.clock.Monotonic()
		ev.Time, ev.Has, ev.Errno = now+r.clock.offset, has, 0
		ev.P[0], ev.P[1], ev.P[2] = int64(id), int64(stack[1]), int64(uint32(stack[2]))
		ev.Value = 0
		if id == 0 {
			now = ev.Time
		} else if now != ev.Time-r.header.StartNS {
			ev.Value, ev.Has = now, has|format.HasValue
		}
		if r.memory.mod != mod {
			r.memory.view(mod)
		}
		if r.memory.mem == nil || !r.memory.mem.WriteUint64Le(uint32(stack[2]), uint64(now)) {
			ev.Errno, ev.Value, ev.Has = errnoFault, 0, has
		}
		r.append(ev)
		stack[0] = uint64(ev.Errno)
	}
}

// procExit ends the guest. Its event has no errno: it does not return.
func (r *recorder) procExit(fn *function) api.GoModuleFunc {
	fr := new(frame)
	return func(_ context.Context, mod api.Module, stack []uint64) {
		r.gate.pass()
		fr.ev.Time = r.clock.Wall()
		fr.before(fn, r.header, r.memory.view(mod), stack)
		fr.ev.Has &^= format.HasDuration
		r.append(&fr.ev)
		r.ender = fn
		panic(sys.NewExitError(uint32(stack[0])))
	}
}

// procRaise may end the guest as well; what it does to it only the host knows.
func (r *recorder) procRaise(fn *function, host api.GoModuleFunc) api.GoModuleFunc {
	fr := new(frame)
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		r.gate.pass()
		mem := r.memory.view(mod)
		began := r.clock.Monotonic()
		fr.before(fn, r.header, mem, stack)
		fr.ev.Time = began + r.clock.offset
		defer func() {
			if why := recover(); why != nil {
				fr.ev.Has &^= format.HasDuration
				r.append(&fr.ev)
				r.ender = fn
				panic(why)
			}
		}()
		host(ctx, mod, stack)
		fr.ev.Duration = r.clock.Monotonic() - began
		fr.after(fn, r.header, mem, stack)
		r.append(&fr.ev)
	}
}

func (r *recorder) append(ev *format.Event) {
	if err := r.put(ev); err != nil {
		r.err = err
		panic(errStopped)
	}
}

// put writes a row.
func (r *recorder) put(ev *format.Event) error {
	if r.shared != nil {
		r.shared.Lock()
		defer r.shared.Unlock()
		ev.Task = r.task
	}
	if r.observe == nil {
		return r.w.Append(ev)
	}
	return r.show(ev)
}

// show is put where somebody looks.
func (r *recorder) show(ev *format.Event) error {
	number := r.count
	r.count++
	if r.w != nil {
		if err := r.w.Append(ev); err != nil {
			return err
		}
		number = r.w.Events() - 1
	}
	r.observe.call(r.header, r.names.modules, r.names.functions, number, ev)
	return nil
}

// started writes the row before a call of an export.
func (r *recorder) started(c *Invocation) bool {
	r.export = format.Event{Time: r.clock.Wall()}
	startEvent(&r.export, r.names.export(c.Export), c.Params, c.params)
	r.err = r.put(&r.export)
	return r.err == nil
}

// returned writes the row after it.
func (r *recorder) returned(c *Invocation) bool {
	r.export.Duration = r.clock.Wall() - r.export.Time
	r.export.Has |= format.HasDuration
	exportEvent(&r.export, c.Results, c.results)
	r.err = r.put(&r.export)
	return r.err == nil
}

// end writes the row that ends the guest, unless it was stopped.
func (r *recorder) end(result *Result) error {
	if result.End != EndExit && result.End != EndTrap {
		return nil
	}
	ev := format.Event{Time: r.clock.Wall()}
	endEvent(&ev, result, r.ender)
	return r.put(&ev)
}
