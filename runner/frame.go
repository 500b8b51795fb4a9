package runner

import (
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/zeebo/xxh3"
)

// keepScratch is how large a buffer may be to be kept for the next call.
const keepScratch = 1 << 20

// frame is a host call under way: its event, filled in by before and after
// along the capture rules of package call, and the buffers that takes.
type frame struct {
	ev      format.Event
	views   [][]byte
	input   []byte // copies what the call may overwrite
	output  []byte
	vectors []byte
	note    []byte // what the host adds, for functions with a note
	compare bool   // the function is marked Compare
	old     []byte // memory before the call, if so
	size    int    // of the memory before the call, for Recorder
}

// function is what all calls of one function have in common.
type function struct {
	*format.Function
	module, name int16          // codes in the dictionaries
	has          format.Fields  // of every call, whatever it returns
	narrow       uint16         // parameters of 32 bits, bit by number
	reads        bool           // there is Input or Hash
	scatters     bool           // iovecs must be kept during the call
	clock        bool           // Value may follow from the time
	notes        bool           // the host adds a note
	gather       *format.Region // see gatherOnly
	single       *format.Region // see singleWrite
	result       api.ValueType  // of a result that is no errno
}

func newFunction(fn *format.Function, module, name int16) *function {
	f := &function{Function: fn, module: module, name: name,
		has: format.HasModule | format.HasFunction | format.HasParams(len(fn.Params))}
	for i, p := range fn.Params {
		if p.Type == format.I32 || p.Type == format.F32 {
			f.narrow |= 1 << i
		}
	}
	for i := range fn.Writes {
		f.scatters = f.scatters || fn.Writes[i].Kind == format.RegionScatter
		f.clock = f.clock || fn.Writes[i].Role == "clock"
	}
	f.reads = len(fn.Reads) > 0 || f.scatters
	f.notes = call.HasNote(fn)
	f.single, f.gather = singleWrite(fn), gatherOnly(fn, f.scatters)
	if !fn.Untimed {
		f.has |= format.HasDuration
	}
	if len(fn.Result) > 0 {
		f.result = valueType(fn.Result[0].Type)
	}
	return f
}

// singleWrite returns the one region that a function writes if it succeeds, and
// the length of which follows from the parameters: the commonest shape, which is
// captured without the general rules.
func singleWrite(fn *format.Function) *format.Region {
	if len(fn.Writes) != 1 || !fn.Errno || fn.WritesOnError {
		return nil
	}
	w := &fn.Writes[0]
	if w.Kind == format.RegionFixed || w.Kind == format.RegionBytes && w.Used == 0 {
		return w
	}
	return nil
}

// gatherOnly returns the one region that a function reads if that is a gather,
// as for fd_write.
func gatherOnly(fn *format.Function, scatters bool) *format.Region {
	if len(fn.Reads) == 1 && fn.Reads[0].Kind == format.RegionGather && !scatters {
		return &fn.Reads[0]
	}
	return nil
}

// before takes down the parameters and what the host is about to read.
func (fr *frame) before(fn *function, h *format.Header, mem []byte, stack []uint64) {
	ev := &fr.ev
	ev.Kind, ev.Module, ev.Function, ev.Has = format.KindCall, fn.module, fn.name, fn.has
	ev.Input, ev.Output, ev.Hash, ev.Value, ev.Errno = nil, nil, 0, 0, 0
	for i, v := range stack[:len(fn.Params)] {
		if fn.narrow>>i&1 != 0 {
			v = uint64(uint32(v))
		}
		ev.P[i] = int64(v)
	}
	if fn.reads {
		fr.read(fn, h, mem)
	}
	if fr.compare = fn.Compare; fn.Compare {
		fr.old = append(fr.old[:0], mem...)
	}
}

// read sets Input and Hash.
func (fr *frame) read(fn *function, h *format.Header, mem []byte) {
	if fn.gather != nil && fr.readOne(fn.gather, h, mem) {
		return
	}
	ev := &fr.ev
	p := ev.P[:len(fn.Params)]
	views, hash, hashed := call.InputViews(fr.views[:0], fn.Function, h, mem, p)
	fr.views = views
	if len(views) > 0 {
		fr.input = join(fr.input, views)
		ev.Input = fr.input
		ev.Has |= format.HasInput
	}
	if hashed {
		ev.Hash = hash
		ev.Has |= format.HasHash
	}
	if fn.scatters {
		fr.vectors = call.AppendVectors(fr.vectors[:0], fn.Function, mem, p)
	}
}

// readOne is read for a gather of one buffer that is kept whole. It is false
// where the general rules must be asked.
func (fr *frame) readOne(w *format.Region, h *format.Header, mem []byte) bool {
	const iovec = 8
	ev := &fr.ev
	at := uint64(uint32(ev.P[w.Ptr]))
	if ev.P[w.Len] != 1 || at+iovec > uint64(len(mem)) {
		return false
	}
	vector := mem[at : at+iovec]
	addr, n := uint64(binary.LittleEndian.Uint32(vector)), uint64(binary.LittleEndian.Uint32(vector[4:]))
	if n == 0 || n >= uint64(call.TextLimit(h)) || addr+n > uint64(len(mem)) {
		return false
	}
	fr.input = append(fr.input[:0], mem[addr:addr+n]...)
	ev.Input, ev.Hash = fr.input, xxh3.Hash(vector)
	ev.Has |= format.HasInput | format.HasHash
	return true
}

// after takes down what the call returned and what the host has written.
func (fr *frame) after(fn *function, h *format.Header, mem []byte, stack []uint64) {
	ev := &fr.ev
	switch {
	case fn.Errno:
		ev.Errno = int32(uint32(stack[0]))
		ev.Has |= format.HasErrno
	case len(fn.Result) > 0:
		ev.Value = int64(mask(stack[0], fn.result))
		ev.Has |= format.HasValue
	}
	fr.wrote(fn, h, mem)
}

// wrote takes down what the host has written.
func (fr *frame) wrote(fn *function, h *format.Header, mem []byte) {
	ev := &fr.ev
	switch {
	case fn.Compare:
		fr.output = appendChanges(fr.output[:0], fr.old, mem)
		ev.Output = fr.output
	case fn.single != nil && !fn.clock:
		fr.captureSingle(fn.single, mem)
	case len(fn.Writes) > 0:
		fr.capture(fn, h, mem)
	}
	if len(ev.Output) > 0 {
		ev.Has |= format.HasOutput
	}
}

// captureSingle is capture for functions with a single region.
func (fr *frame) captureSingle(w *format.Region, mem []byte) {
	ev := &fr.ev
	at, n := regionOf(w, ev)
	switch {
	case ev.Errno != 0 || n == 0 || at+n > uint64(len(mem)):
	case n <= maxValue:
		ev.Value = load(mem[at : at+n])
		ev.Has |= format.HasValue
	default:
		ev.Output = mem[at : at+n : at+n]
	}
}

// regionOf returns where such a region is, and its length.
func regionOf(w *format.Region, ev *format.Event) (at, n uint64) {
	at, n = uint64(uint32(ev.P[w.Ptr])), uint64(w.Size)
	if w.Kind == format.RegionBytes {
		n = uint64(uint32(ev.P[w.Len]))
	}
	return at, n
}

// maxValue is the size of the largest region that goes to Value.
const maxValue = 8

// load reads a little-endian number of up to 8 bytes.
func load(b []byte) int64 {
	switch len(b) {
	case 4:
		return int64(binary.LittleEndian.Uint32(b))
	case maxValue:
		return int64(binary.LittleEndian.Uint64(b))
	}
	var padded [maxValue]byte
	copy(padded[:], b)
	return int64(binary.LittleEndian.Uint64(padded[:]))
}

// capture sets Output, to guest memory itself if it is one piece, and Value.
func (fr *frame) capture(fn *function, h *format.Header, mem []byte) {
	ev := &fr.ev
	views, value, valued := call.OutputViews(fr.views[:0], fn.Function, h, mem, ev.P[:len(fn.Params)], ev.Errno, fr.vectors)
	fr.views = views
	switch len(views) {
	case 0:
	case 1:
		ev.Output = views[0]
	default:
		fr.output = join(fr.output, views)
		ev.Output = fr.output
	}
	if fn.notes && ev.Errno == 0 {
		ev.Output = append(ev.Output[:len(ev.Output):len(ev.Output)], fr.note...)
	}
	if !valued {
		return
	}
	if fn.clock {
		if derived, ok := call.DerivedValue(fn.Function, h, ev); ok && derived == value {
			return
		}
	}
	ev.Value = value
	ev.Has |= format.HasValue
}

// release drops buffers that a large call has left.
func (fr *frame) release() {
	if cap(fr.input) > keepScratch {
		fr.input = nil
	}
	if cap(fr.output) > keepScratch {
		fr.output = nil
	}
}

// join concatenates views in the memory of dst.
func join(dst []byte, views [][]byte) []byte {
	dst = dst[:0]
	for _, v := range views {
		dst = append(dst, v...)
	}
	return dst
}
