package runner

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"regexp"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
)

// host returns the function that takes the place of a recorded one.
func (r *replay) host(fn *function) api.GoModuleFunc {
	if preview, _ := call.Lookup(fn.Module, fn.Name); fn.clock && r.same && reflect.DeepEqual(fn.Function, preview) {
		return r.clockTimeGet(fn, r.call(fn))
	}
	return r.call(fn)
}

// clockTimeGet serves the readings that follow from the time of their event,
// which is nearly all of them, straight from the columns.
func (r *replay) clockTimeGet(fn *function, other api.GoModuleFunc) api.GoModuleFunc {
	start := r.header.StartNS
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		id, ptr, c := uint32(stack[0]), uint32(stack[2]), r.cur
		if id > 1 || mod != r.memory.mod || r.memory.mem == nil || r.gate.shut() ||
			!c.clockRow(fn, int64(id), int64(stack[1]), int64(ptr)) {
			other(ctx, mod, stack)
			return
		}
		now := c.batch.Time[c.row]
		if id == 1 {
			now -= start
		}
		if !r.memory.mem.WriteUint64Le(ptr, uint64(now)) {
			other(ctx, mod, stack)
			return
		}
		c.row++
		c.count++
		stack[0] = 0
	}
}

// call replays any function: it compares the call with the recorded one and
// gives the guest what it was given then.
func (r *replay) call(fn *function) api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		r.checkContext(ctx)
		fr := r.push()
		fr.before(fn, r.header, r.memory.view(mod), stack)
		ev := r.recorded(ctx, fn, fr)
		if !r.matches(fn, ev, &fr.ev) {
			r.failDiverged(fn, ev, &fr.ev, "different arguments")
		}
		r.give(fn, ev, fr, r.memory.view(mod), stack)
		returned := ev.Has&format.HasErrno != 0 // others may have returned
		r.cur.next()
		r.depth--
		if !returned {
			r.raise(fn)
		}
	}
}

// push returns the frame of a call, which may be inside of others.
func (r *replay) push() *frame {
	if r.depth == len(r.frames) {
		r.frames = append(r.frames, new(frame))
	}
	r.depth++
	return r.frames[r.depth-1]
}

// named are the columns that say which function a call is of.
const named = format.HasModule | format.HasFunction

// recorded goes to the event of this call. On the way it does what the host
// did to the guest during the call.
func (r *replay) recorded(ctx context.Context, fn *function, fr *frame) *format.Event {
	for r.cur.more() {
		ev := r.cur.event()
		switch {
		case ev.Kind == format.KindCall && ev.Module == fn.module && ev.Function == fn.name && ev.Has&named == named:
			return ev
		case ev.Kind == format.KindStart && r.instance != nil:
			r.export(ctx, ev)
		case ev.Kind == format.KindWrite:
			r.write(ev)
		default:
			r.failDiverged(fn, ev, &fr.ev, "different call")
		}
		if r.err != nil {
			panic(errStopped)
		}
	}
	err := r.cursorError()
	if err == nil {
		err = errLast
	}
	r.fail(err)
	return nil
}

// forgetHash removes the hash of a call whose recorded one is not known: it may
// have been removed from a trace that was redacted.
func (r *replay) forgetHash(recorded, now *format.Event) {
	if r.header.Redacted != nil && recorded.Has&format.HasHash == 0 {
		now.Hash, now.Has = 0, now.Has&^format.HasHash
	}
}

// matches compares a call with the recorded one.
func (r *replay) matches(fn *function, recorded, now *format.Event) bool {
	const columns = format.HasInput | format.HasHash
	r.forgetHash(recorded, now)
	n := len(fn.Params)
	if recorded.Hash == now.Hash && (recorded.Has^now.Has)&(columns|format.HasParams(format.NumParams)) == 0 &&
		[format.NumParams]int64(recorded.P) == withParams(now.P, n) && bytes.Equal(recorded.Input, now.Input) {
		return true
	}
	return !r.same && len(call.Differ(fn.Function, r.header, recorded, now, false)) == 0
}

// withParams clears the parameters that a function does not have.
func withParams(p [format.NumParams]int64, n int) [format.NumParams]int64 {
	clear(p[n:])
	return p
}

// give writes what the recorded call gave the guest.
func (r *replay) give(fn *function, ev *format.Event, fr *frame, mem []byte, stack []uint64) {
	if fn.Errno {
		stack[0] = uint64(uint32(ev.Errno))
	} else if len(fn.Result) > 0 {
		stack[0] = mask(uint64(ev.Value), fn.result)
	}
	r.show(fn, ev, fr, mem)
	if !r.same {
		ev = relocate(fn, r.header, ev, &fr.ev)
	}
	if fn.single != nil && !fn.clock && restoreSingle(fn.single, ev, mem) {
		return
	}
	if err := call.Apply(fn.Function, r.header, ev, mem, fr.vectors); err != nil {
		r.failDiverged(fn, ev, &fr.ev, err.Error())
	}
}

// restoreSingle is call.Apply for functions with a single region, the inverse
// of captureSingle. It is false where it does not apply.
func restoreSingle(w *format.Region, ev *format.Event, mem []byte) bool {
	at, n := regionOf(w, ev)
	data := ev.Output
	if ev.Has&format.HasValue != 0 && n <= maxValue {
		var b [maxValue]byte
		binary.LittleEndian.PutUint64(b[:], uint64(ev.Value))
		data = b[:n]
	}
	if ev.Errno != 0 || uint64(len(data)) != n || at+n > uint64(len(mem)) {
		return false
	}
	copy(mem[at:], data)
	return true
}

// show writes to stdout or stderr what the recorded call has written there. The
// guest may have moved or closed them.
func (r *replay) show(fn *function, ev *format.Event, fr *frame, mem []byte) {
	if fn.Module != call.Module || ev.Errno != 0 {
		return
	}
	switch fn.Name {
	case "fd_close":
		delete(r.out, ev.P[0])
	case "fd_renumber":
		to, ok := r.out[ev.P[0]]
		delete(r.out, ev.P[0])
		delete(r.out, ev.P[1])
		if ok {
			r.out[ev.P[1]] = to
		}
	case "fd_write":
		if w := r.out[ev.P[0]]; w != nil {
			r.output(w, fn, ev, fr, mem)
		}
	}
}

// output writes exactly as many bytes as were accepted.
func (r *replay) output(w io.Writer, fn *function, ev *format.Event, fr *frame, mem []byte) {
	all := format.Header{TextLimit: -1}
	fr.views, _, _ = call.InputViews(fr.views[:0], fn.Function, &all, mem, fr.ev.P[:len(fn.Params)])
	left := max(0, ev.Value)
	for _, v := range fr.views {
		v = v[:min(int64(len(v)), left)]
		left -= int64(len(v))
		if err := writeWhole(w, v); err != nil {
			if r.result.OutputErr == nil {
				r.result.OutputErr = err
			}
			return
		}
	}
}

// writeWhole writes to what the program that replays has given, which may be
// no good writer.
func writeWhole(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// raise ends the guest if that is what the call did.
func (r *replay) raise(fn *function) {
	if !r.cur.more() || r.cur.kind() != format.KindExit && r.cur.kind() != format.KindTrap {
		return
	}
	ev := r.cur.event()
	switch {
	case ev.Has&format.HasFunction == 0 || ev.Function != fn.name || ev.Module != fn.module:
	case ev.Kind == format.KindExit:
		panic(sys.NewExitError(uint32(ev.Value)))
	default:
		message := parseTrap(ev.Input).Message
		if prefix := startPrefix.FindString(message); r.instance == nil {
			message = message[len(prefix):] // wazero puts it there again
		}
		panic(errors.New(message))
	}
}

// startPrefix is how wazero says that the function failed that a module begins
// with.
var startPrefix = regexp.MustCompile(`^start function\[\d+\](?: export\[.*?\])? failed: `)

const (
	subscriptionSize = 48
	pollEventSize    = 32
)

// relocate returns the recorded event with the addresses of the call now under
// way, for a module that has its data elsewhere.
func relocate(fn *function, h *format.Header, recorded, now *format.Event) *format.Event {
	ev := *recorded
	ev.P = now.P
	for i := range fn.Writes {
		switch region := &fn.Writes[i]; {
		case region.Kind == format.RegionArgs:
			ev.Output = movePointers(ev.Output, len(h.Program.Args), ev.P[region.Len]-recorded.P[region.Len])
		case region.Kind == format.RegionEnviron:
			ev.Output = movePointers(ev.Output, len(h.Program.Env), ev.P[region.Len]-recorded.P[region.Len])
		case region.Role == "events":
			ev.Output = moveUserdata(ev.Output, recorded.Input, now.Input)
		}
	}
	return &ev
}

// movePointers returns output with its first n pointers moved.
func movePointers(output []byte, n int, by int64) []byte {
	moved := bytes.Clone(output)
	for i := range min(n, len(moved)/4) {
		p := moved[4*i:]
		binary.LittleEndian.PutUint32(p, binary.LittleEndian.Uint32(p)+uint32(by))
	}
	return moved
}

// moveUserdata returns the events of a poll with what the subscriptions carry
// now: a guest may put addresses there.
func moveUserdata(output, recorded, now []byte) []byte {
	moved := bytes.Clone(output)
	for e := 0; e+pollEventSize <= len(moved); e += pollEventSize {
		for s := 0; s+subscriptionSize <= min(len(recorded), len(now)); s += subscriptionSize {
			if bytes.Equal(moved[e:e+8], recorded[s:s+8]) {
				copy(moved[e:e+8], now[s:s+8])
				break
			}
		}
	}
	return moved
}
