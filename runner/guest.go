package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/runner/memory"
)

// Guest is an instance of a module that a Recorder records.
type Guest struct {
	rec    *Recorder
	task   int32
	module api.Module
	ender  *function // the host function that ended the call under way
	open   []*frame  // of host calls under way, outermost first
	base   int       // how many of them the innermost call of an export is in

	// These change under the recorder's lock, since Close looks at them.
	nesting int  // calls of exports under way, the instantiation included
	done    bool // it was interrupted or has its end: nothing more of it is recorded
}

type guestKey struct{}

// GuestOf returns the guest that called a host function, nil outside of one.
func GuestOf(ctx context.Context) *Guest {
	g, _ := ctx.Value(guestKey{}).(*Guest)
	return g
}

// Module returns the instance. Its memory may be read at any time, and written
// by host functions as far as their effects say; see Write.
func (g *Guest) Module() api.Module { return g.module }

// Write writes into the guest's memory from outside its calls. It is false if
// that is not possible because the memory is smaller.
func (g *Guest) Write(addr uint32, data []byte) bool {
	mem := memoryOf(g.module)
	return mem != nil && g.rec.write(g, mem, addr, data)
}

// writeEvent is the row of what was written into a guest's memory.
func writeEvent(g *Guest, time int64, addr uint32, data []byte) format.Event {
	ev := format.Event{Time: time, Kind: format.KindWrite, Task: g.task, Output: data, Has: format.HasP0 | format.HasOutput}
	ev.P[0] = int64(addr)
	return ev
}

// Call calls an export, as api.Function.Call does.
func (g *Guest) Call(ctx context.Context, export string, params ...uint64) ([]uint64, error) {
	if g.module == nil {
		return nil, errors.New("the guest is being instantiated")
	}
	fn := g.module.ExportedFunction(export)
	if fn == nil {
		return nil, fmt.Errorf("the module exports no function %q", export)
	}
	def := fn.Definition()
	if len(params) != len(def.ParamTypes()) {
		return nil, fmt.Errorf("%s: expected %d parameters, found %d", export, len(def.ParamTypes()), len(params))
	}
	if err := recordable(def); err != nil {
		return nil, fmt.Errorf("%s: %w", export, err)
	}
	if g.module.IsClosed() || g.nesting == maxNesting {
		return nil, fmt.Errorf("%s: the module is closed or too many calls are nested", export)
	}
	return g.call(context.WithValue(ctx, guestKey{}, g), fn, export, params)
}

func (g *Guest) call(ctx context.Context, fn api.Function, export string, params []uint64) ([]uint64, error) {
	def := fn.Definition()
	g.flush()
	ev := format.Event{Time: g.rec.now(), Task: g.task}
	startEvent(&ev, g.rec.names.codes[export], params, def.ParamTypes())
	g.rec.append(g, &ev, 1)
	base := g.base
	g.base = len(g.open)
	results, err := fn.Call(ctx, params...)
	g.open, g.base = g.open[:g.base], base
	if err == nil {
		ev.Duration = g.rec.now() - ev.Time
		ev.Has |= format.HasDuration
		exportEvent(&ev, results, def.ResultTypes())
		g.rec.append(g, &ev, -1)
	} else {
		g.end(ctx, err)
	}
	g.resume()
	return results, err
}

// end writes the row of a call, or an instantiation, that ended the guest.
func (g *Guest) end(ctx context.Context, err error) {
	result, ender := &Result{End: EndExit}, g.ender
	g.ender = nil
	var exit *sys.ExitError
	switch {
	case errors.As(err, &exit) && ender != nil && !interrupted(ctx, exit):
		result.ExitCode = exit.ExitCode()
	case exit != nil || !isTrap(err):
		// It never began, or its module was closed under it: when it stopped
		// is nothing that a replay could find out.
		g.rec.finish(g, nil)
		return
	default:
		result.End, result.ExitCode, result.Trap = EndTrap, ExitCodeTrap, newTrap(err)
	}
	result.MemoryHash, result.HasMemory = hashMemory(g.module)
	row := format.Event{Time: g.rec.now(), Task: g.task}
	endEvent(&row, result, ender)
	if g.module == nil || g.module.IsClosed() && g.nesting == 1 {
		g.rec.finish(g, &row)
		return
	}
	g.rec.append(g, &row, -1)
}

func (g *Guest) append(ev *format.Event) { g.rec.append(g, ev, 0) }

// flush records what host calls under way have written so far, if only a
// comparison can tell: the export that is about to be called may read it.
func (g *Guest) flush() {
	for _, fr := range g.open {
		if !fr.compare {
			continue
		}
		mem := memory.Bytes(memoryOf(g.module))
		changes, _ := call.ParseWrites(appendChanges(nil, fr.old, mem))
		for _, c := range changes {
			ev := writeEvent(g, g.rec.now(), c.Addr, c.Data)
			g.append(&ev)
		}
		fr.old = append(fr.old[:0], mem...)
	}
}

// resume makes the comparisons under way begin again: what the export changed
// is no work of the host.
func (g *Guest) resume() {
	for _, fr := range g.open {
		mem := memory.Bytes(memoryOf(g.module))
		if fr.size = len(mem); fr.compare {
			fr.old = append(fr.old[:0], mem...)
		}
	}
}

// wrap returns a host function that is recorded.
func (r *Recorder) wrap(fn *function, host any) api.GoModuleFunc {
	var inner api.GoModuleFunc
	switch h := host.(type) {
	case api.GoModuleFunction:
		inner = h.Call
	case api.GoFunction:
		inner = func(ctx context.Context, _ api.Module, stack []uint64) { h.Call(ctx, stack) }
	}
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		g := GuestOf(ctx)
		if g == nil || g.rec != r || len(g.open) != g.base {
			panic(fmt.Errorf("%s.%s: called by an export that was not called through Guest.Call", fn.Module, fn.Name))
		}
		g.host(ctx, fn, mod, stack, inner)
	}
}

// host makes and records one call of a host function.
func (g *Guest) host(ctx context.Context, fn *function, mod api.Module, stack []uint64, inner api.GoModuleFunc) {
	fr := g.rec.scratch.Get().(*frame)
	began := g.rec.now()
	mem := memoryOf(mod)
	fr.ev.Time, fr.ev.Task = began, g.task
	before := memory.Bytes(mem)
	fr.size = len(before)
	fr.before(fn, g.rec.header, before, stack)
	g.open = append(g.open, fr)
	defer func() {
		if why := recover(); why != nil {
			fr.ev.Has &^= format.HasDuration
			fr.wrote(fn, g.rec.header, g.after(fn, fr, mem))
			g.append(&fr.ev)
			g.ender = fn
			panic(why)
		}
	}()
	inner(ctx, mod, stack)
	g.open = g.open[:len(g.open)-1]
	fr.ev.Duration = g.rec.now() - began
	fr.after(fn, g.rec.header, g.after(fn, fr, mem), stack)
	g.append(&fr.ev)
	fr.release()
	g.rec.scratch.Put(fr)
}

// after returns the memory after a host call, which must not have grown it.
func (g *Guest) after(fn *function, fr *frame, mem api.Memory) []byte {
	after := memory.Bytes(mem)
	if len(after) != fr.size {
		g.rec.fail(fmt.Errorf("%s.%s: grew the guest's memory, which no replay could do", fn.Module, fn.Name))
	}
	return after
}
