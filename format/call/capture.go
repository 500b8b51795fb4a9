package call

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/tracetool/tracetool/format"
	"github.com/zeebo/xxh3"
)

// DefaultTextLimit is what a Header.TextLimit of 0 stands for.
const DefaultTextLimit = 1024

// maxValue is the size of the largest region that goes to the value column.
const maxValue = 8

// iovecSize is the size of an iovec or ciovec: u32 address, u32 length.
const iovecSize = 8

var le = binary.LittleEndian

// SetParams stores the core parameters of a call, from the stack of uint64
// that a host function is given. The upper half of an i32's slot is undefined
// and dropped.
func SetParams(ev *format.Event, fn *format.Function, stack []uint64) {
	for i := range fn.Params {
		v := stack[i]
		if t := fn.Params[i].Type; t == format.I32 || t == format.F32 {
			v = uint64(uint32(v))
		}
		ev.P[i] = int64(v)
	}
	ev.Has |= format.HasParams(len(fn.Params))
}

// HasInput reports whether calls of a function may have Input or Hash. A
// recorder asks once for each function and does without InputViews if not.
func HasInput(fn *format.Function) bool { return len(fn.Reads) > 0 || HasVectors(fn) }

// HasNote reports whether a function has a note, which its recorder must add:
// OutputViews does not find it.
func HasNote(fn *format.Function) bool {
	for i := range fn.Writes {
		if fn.Writes[i].Kind == format.RegionNote {
			return true
		}
	}
	return false
}

// HasVectors reports whether a function has a scatter region. A recorder asks
// once for each function and does without AppendVectors if not.
func HasVectors(fn *format.Function) bool {
	for i := range fn.Writes {
		if fn.Writes[i].Kind == format.RegionScatter {
			return true
		}
	}
	return false
}

// InputViews returns what a call is about to read from the guest memory mem:
// views appended to dst that are Input when concatenated, and Hash. P are the
// call's core parameters. The views are valid until the call.
func InputViews(dst [][]byte, fn *format.Function, h *format.Header, mem []byte, p []int64) (views [][]byte, hash uint64, hashed bool) {
	views = dst
	for i := range fn.Reads {
		r := &fn.Reads[i]
		if r.Kind == format.RegionGather {
			from := len(views)
			views = appendVectored(views, mem, vector(mem, r, p), maxLen)
			if limit := textLimit(fn, h, p); limit >= 0 && total(views[from:]) >= uint64(limit) {
				hash, hashed = hashOf(views[from:]), true
				views = cut(views, from, uint64(limit))
			}
			continue
		}
		n, _ := knownLen(r, p)
		if !within(mem, address(r, p), extentOf(r, n)) {
			break
		}
		views = appendKnown(views, r, mem, address(r, p), n)
	}
	if !hashed {
		hash, hashed = hashVectors(fn, mem, p)
	}
	return views, hash, hashed
}

// AppendVectors appends the iovec array of a call's scatter region to dst. It
// must be taken before the call, which may overwrite it, for OutputViews or
// Apply.
func AppendVectors(dst []byte, fn *format.Function, mem []byte, p []int64) []byte {
	for i := range fn.Writes {
		if r := &fn.Writes[i]; r.Kind == format.RegionScatter {
			dst = append(dst, vector(mem, r, p)...)
		}
	}
	return dst
}

// OutputViews returns what a call that returned errno wrote into mem: views
// appended to dst that are Output when concatenated, and Value unless valued is
// false. The vectors are those of AppendVectors. What a function marked Compare
// wrote is not found by this, and the result of a function without errno is for
// the caller to store.
func OutputViews(dst [][]byte, fn *format.Function, h *format.Header, mem []byte, p []int64, errno int32, vectors []byte) (views [][]byte, value int64, valued bool) {
	views = dst
	last := valueRegion(fn, p, errno)
	if last >= 0 {
		r := &fn.Writes[last]
		n, _ := knownLen(r, p)
		value, valued = loadValue(mem, address(r, p), n)
	}
	for i := range fn.Writes {
		r := &fn.Writes[i]
		if i == last || !captured(fn, r, errno) {
			continue
		}
		n, known := knownLen(r, p)
		if known && within(mem, address(r, p), extentOf(r, n)) {
			views = appendKnown(views, r, mem, address(r, p), n)
		} else if !known {
			views = appendOpen(views, h, r, mem, p, errno, vectors)
		}
	}
	return views, value, valued
}

// appendOpen appends the views of an open-ended region that a call wrote.
func appendOpen(views [][]byte, h *format.Header, r *format.Region, mem []byte, p []int64, errno int32, vectors []byte) [][]byte {
	switch r.Kind {
	case format.RegionScatter:
		return appendVectored(views, mem, vectors, scatterLen(r, mem, p, errno, vectors))
	case format.RegionAddrinfo:
		return appendAddrinfo(views, mem, address(r, p), usedLen(r, mem, p))
	case format.RegionBytes:
		n := min(usedLen(r, mem, p), uint64(uint32(param(p, r.Len))))
		return appendInside(views, mem, address(r, p), n)
	case format.RegionArgs, format.RegionEnviron:
		list := stringsOf(h, r)
		addr, n := uint64(uint32(param(p, r.Len))), stringBytes(list)
		if within(mem, addr, n) && within(mem, address(r, p), 4*uint64(len(list))) {
			views = appendView(views, mem, address(r, p), 4*uint64(len(list)))
			views = appendView(views, mem, addr, n)
		}
	}
	return views
}

// scatterLen is how many bytes of a scatter region are captured.
func scatterLen(r *format.Region, mem []byte, p []int64, errno int32, vectors []byte) uint64 {
	switch errno {
	case 0:
		return usedLen(r, mem, p)
	case errnoFault:
		return maxLen
	}
	var before, last uint64
	for ; len(vectors) >= iovecSize; vectors = vectors[iovecSize:] {
		if n := le.Uint32(vectors[4:]); n > 0 {
			before, last = before+last, uint64(n)
		}
	}
	return before
}

// Apply writes into mem what a recorded call gave the guest, as the function
// did: Value, Output and what a null Value stands for. The vectors are those
// of AppendVectors, taken from mem. Apply fails without having written
// anything more if the recorded bytes do not fit into mem.
func Apply(fn *format.Function, h *format.Header, ev *format.Event, mem, vectors []byte) error {
	if fn.Compare {
		return applyWrites(ev.Output, mem)
	}
	for _, b := range splitOutput(fn, h, ev, uint64(len(mem))) {
		if err := applyRegion(&b, h, ev.P[:], mem, vectors); err != nil {
			return fmt.Errorf("%s.%s: write region %d: %w", fn.Module, fn.Name, b.Index, err)
		}
	}
	return nil
}

func applyRegion(b *RegionBytes, h *format.Header, p []int64, mem, vectors []byte) error {
	switch b.Region.Kind {
	case format.RegionNote:
		return nil
	case format.RegionSockaddr:
		return applySockaddr(mem, address(b.Region, p), b.Data)
	case format.RegionAddrinfo:
		return applyAddrinfo(mem, address(b.Region, p), b.Data)
	case format.RegionScatter:
		return applyVectored(mem, vectors, b.Data)
	case format.RegionArgs, format.RegionEnviron:
		pointers := 4 * len(stringsOf(h, b.Region))
		if len(b.Data) == 0 {
			return nil // one of the two was not inside the memory
		}
		if pointers > len(b.Data) {
			return fmt.Errorf("expected %d bytes of pointers, found %d", pointers, len(b.Data))
		}
		if err := applyBytes(mem, address(b.Region, p), b.Data[:pointers]); err != nil {
			return err
		}
		return applyBytes(mem, uint64(uint32(param(p, b.Region.Len))), b.Data[pointers:])
	}
	return applyBytes(mem, address(b.Region, p), b.Data)
}

func applyBytes(mem []byte, addr uint64, data []byte) error {
	if len(data) == 0 {
		return nil // the address of a region that was not captured may be anything
	}
	if !within(mem, addr, uint64(len(data))) {
		return fmt.Errorf("%d bytes at address %d are outside the memory of %d bytes", len(data), addr, len(mem))
	}
	copy(mem[addr:], data)
	return nil
}

func applyVectored(mem, vectors, data []byte) error {
	for _, v := range appendVectored(nil, mem, vectors, uint64(len(data))) {
		data = data[copy(v, data):]
	}
	if len(data) > 0 {
		return fmt.Errorf("%d bytes more than the buffers hold", len(data))
	}
	return nil
}

func applyWrites(output, mem []byte) error {
	list, err := ParseWrites(output)
	if err != nil {
		return err
	}
	for _, w := range list {
		if err := applyBytes(mem, uint64(w.Addr), w.Data); err != nil {
			return err
		}
	}
	return nil
}

// maxLen stands for all bytes that there are.
const maxLen = 1<<64 - 1

// param returns a parameter, 0 where a table or event is invalid.
func param(p []int64, i int) int64 {
	if i < 0 || i >= len(p) {
		return 0
	}
	return p[i]
}

func address(r *format.Region, p []int64) uint64 { return uint64(uint32(param(p, r.Ptr))) }

func within(mem []byte, addr, n uint64) bool {
	return addr <= uint64(len(mem)) && n <= uint64(len(mem))-addr
}

// appendView appends a region that is within the memory, unless it is empty.
func appendView(views [][]byte, mem []byte, addr, n uint64) [][]byte {
	if n == 0 {
		return views
	}
	return append(views, mem[addr:addr+n:addr+n])
}

// appendKnown appends a region of known length whose extent is within the
// memory.
func appendKnown(views [][]byte, r *format.Region, mem []byte, addr, n uint64) [][]byte {
	if r.Kind == format.RegionSockaddr {
		return appendSockaddr(views, mem, addr)
	}
	return appendView(views, mem, addr, n)
}

func appendInside(views [][]byte, mem []byte, addr, n uint64) [][]byte {
	if !within(mem, addr, n) {
		return views
	}
	return appendView(views, mem, addr, n)
}

// appendVectored appends the first limit bytes of the buffers that an iovec
// array names, up to the first that is not inside the memory.
func appendVectored(views [][]byte, mem, vector []byte, limit uint64) [][]byte {
	for ; len(vector) >= iovecSize && limit > 0; vector = vector[iovecSize:] {
		addr, n := uint64(le.Uint32(vector)), uint64(le.Uint32(vector[4:]))
		if !within(mem, addr, n) {
			break
		}
		n = min(n, limit)
		views = appendView(views, mem, addr, n)
		limit -= n
	}
	return views
}

// vector returns the iovec array of a gather or scatter region.
func vector(mem []byte, r *format.Region, p []int64) []byte {
	addr, n := address(r, p), iovecSize*uint64(uint32(param(p, r.Len)))
	if !within(mem, addr, n) {
		return nil
	}
	return mem[addr : addr+n : addr+n]
}

// usedLen is the u32 count that the host stored for a region.
func usedLen(r *format.Region, mem []byte, p []int64) uint64 {
	addr := uint64(uint32(param(p, r.Used)))
	if !within(mem, addr, 4) {
		return 0
	}
	return uint64(le.Uint32(mem[addr:]))
}

func loadValue(mem []byte, addr, n uint64) (int64, bool) {
	if !within(mem, addr, n) {
		return 0, false
	}
	var b [maxValue]byte
	copy(b[:], mem[addr:addr+n])
	return int64(le.Uint64(b[:])), true
}

func total(views [][]byte) (n uint64) {
	for _, v := range views {
		n += uint64(len(v))
	}
	return n
}

// cut shortens the views from number from on to limit bytes.
func cut(views [][]byte, from int, limit uint64) [][]byte {
	for i := from; i < len(views); i++ {
		if n := uint64(len(views[i])); n > limit {
			views[i] = views[i][:limit]
		}
		if limit -= uint64(len(views[i])); limit == 0 {
			return views[:i+1]
		}
	}
	return views
}

// hashVectors returns the hash of a function's iovec arrays.
func hashVectors(fn *format.Function, mem []byte, p []int64) (hash uint64, hashed bool) {
	var array [2][]byte // a function has one gather and one scatter region at most
	views := array[:0]
	for _, regions := range [2][]format.Region{fn.Reads, fn.Writes} {
		for i := range regions {
			if r := &regions[i]; r.Kind == format.RegionGather || r.Kind == format.RegionScatter {
				views = append(views, vector(mem, r, p))
			}
		}
	}
	if len(views) == 0 {
		return 0, false
	}
	return hashOf(views), true
}

var hashers = sync.Pool{New: func() any { return xxh3.New() }}

// hashOf returns the XXH3-64 of the concatenated views.
func hashOf(views [][]byte) uint64 {
	if len(views) == 1 {
		return xxh3.Hash(views[0])
	}
	h := hashers.Get().(*xxh3.Hasher)
	defer hashers.Put(h)
	h.Reset()
	for _, v := range views {
		h.Write(v)
	}
	return h.Sum64()
}

// TextLimit returns how many bytes a trace keeps of text that does not go to
// stdout or stderr, -1 for all. The header may be nil.
func TextLimit(h *format.Header) int64 {
	if h == nil || h.TextLimit == 0 {
		return DefaultTextLimit
	}
	return max(h.TextLimit, -1)
}

// textLimit is the limit for one call: none if it writes to stdout or stderr.
func textLimit(fn *format.Function, h *format.Header, p []int64) int64 {
	for i := range fn.Params {
		if fn.Params[i].Role == roleFD {
			if v := param(p, i); v == 1 || v == 2 {
				return -1
			}
			break
		}
	}
	return TextLimit(h)
}

// stringsOf returns the strings of an args or environ region.
func stringsOf(h *format.Header, r *format.Region) []string {
	switch {
	case h == nil || h.Program == nil:
		return nil
	case r.Kind == format.RegionArgs:
		return h.Program.Args
	}
	return h.Program.Env
}

func stringBytes(list []string) (n uint64) {
	for _, s := range list {
		n += uint64(len(s)) + 1
	}
	return n
}
