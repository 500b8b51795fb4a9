package call

import (
	"errors"

	"github.com/tracetool/tracetool/format"
)

// RegionBytes is one region of a call and what was kept of it.
type RegionBytes struct {
	Index  int // in Function.Reads or Function.Writes
	Region *format.Region
	Data   []byte
	// Short: Data has fewer bytes than the parameters say, because the region
	// was not inside the guest's memory.
	Short bool
}

// SplitInput returns the regions that a call read, as far as they are stored.
func SplitInput(fn *format.Function, ev *format.Event) []RegionBytes {
	regions := make([]RegionBytes, 0, len(fn.Reads))
	for i := range fn.Reads {
		regions = append(regions, RegionBytes{Index: i, Region: &fn.Reads[i]})
	}
	split(regions, ev.P[:], ev.Input, maxMemory)
	return regions
}

// SplitOutput returns the regions that a call wrote: none for a function that
// is marked Compare, that failed or that did not return.
func SplitOutput(fn *format.Function, h *format.Header, ev *format.Event) []RegionBytes {
	return splitOutput(fn, h, ev, maxMemory)
}

// maxMemory is the size of the largest memory.
const maxMemory = 1 << 32

// splitOutput is SplitOutput for a guest whose memory has that many bytes.
// Regions outside it were not captured.
func splitOutput(fn *format.Function, h *format.Header, ev *format.Event, memory uint64) []RegionBytes {
	if fn.Errno && ev.Has&format.HasErrno == 0 || fn.Compare {
		return nil
	}
	last := valueRegion(fn, ev.P[:], ev.Errno)
	regions := make([]RegionBytes, 0, len(fn.Writes))
	for i := range fn.Writes {
		if i != last && captured(fn, &fn.Writes[i], ev.Errno) {
			regions = append(regions, RegionBytes{Index: i, Region: &fn.Writes[i]})
		}
	}
	split(regions, ev.P[:], ev.Output, memory)
	if last < 0 {
		return regions
	}
	// Only empty regions of known length can follow the one in Value.
	return append(regions, valueBytes(fn, h, ev, last, memory))
}

// split hands the bytes of a column out to its regions. What the regions of
// known length leave belongs to the open-ended one.
func split(regions []RegionBytes, p []int64, data []byte, memory uint64) {
	rest := uint64(len(data))
	for i := range regions {
		n, _ := lenInside(regions[i].Region, p, memory)
		rest -= min(rest, n)
	}
	for i := range regions {
		n, known := lenInside(regions[i].Region, p, memory)
		if !known {
			n, rest = rest, 0
		}
		have := min(n, uint64(len(data)))
		regions[i].Data, data = data[:have:have], data[have:]
		declared, _ := knownLen(regions[i].Region, p)
		regions[i].Short = have < declared
	}
}

// lenInside is knownLen, but 0 for a region that is not inside the memory.
func lenInside(r *format.Region, p []int64, memory uint64) (n uint64, known bool) {
	n, known = knownLen(r, p)
	extent := extentOf(r, n)
	if extent > memory || address(r, p) > memory-extent {
		n = 0
	}
	return n, known
}

// extentOf is how many bytes at a region's address must be inside the memory.
func extentOf(r *format.Region, n uint64) uint64 {
	if r.Kind == format.RegionSockaddr {
		return iovecSize
	}
	return n
}

// valueBytes returns the region that is stored in Value.
func valueBytes(fn *format.Function, h *format.Header, ev *format.Event, i int, memory uint64) RegionBytes {
	b := RegionBytes{Index: i, Region: &fn.Writes[i]}
	v, ok := ev.Value, ev.Has&format.HasValue != 0
	if !ok {
		v, ok = DerivedValue(fn, h, ev)
	}
	n, _ := lenInside(b.Region, ev.P[:], memory)
	if !ok || n == 0 {
		b.Short = true
		return b
	}
	b.Data = le.AppendUint64(nil, uint64(v))[:n]
	return b
}

// knownLen returns the length of a region if it follows from the parameters.
func knownLen(r *format.Region, p []int64) (n uint64, known bool) {
	switch r.Kind {
	case format.RegionFixed, format.RegionSockaddr:
		return uint64(r.Size), true
	case format.RegionBytes:
		if r.Used == 0 {
			return uint64(uint32(param(p, r.Len))), true
		}
	case format.RegionArray:
		return uint64(r.Size) * uint64(uint32(param(p, r.Len))), true
	}
	return 0, !openEnded(r) // 0 for a kind that this version does not know
}

// openEnded: the length of the region does not follow from the parameters.
func openEnded(r *format.Region) bool {
	switch r.Kind {
	case format.RegionGather, format.RegionScatter, format.RegionArgs, format.RegionEnviron, format.RegionAddrinfo, format.RegionNote:
		return true
	case format.RegionBytes:
		return r.Used != 0
	}
	return false
}

// captured: the region is stored for a call that returned errno.
func captured(fn *format.Function, r *format.Region, errno int32) bool {
	if errno == 0 || !fn.Errno {
		return true
	}
	return fn.WritesOnError && (r.Kind == format.RegionScatter || !HasVectors(fn))
}

// valueRegion returns the number of the write region that goes to Value, or
// -1.
func valueRegion(fn *format.Function, p []int64, errno int32) int {
	if len(fn.Result) > 0 && !fn.Errno {
		return -1
	}
	for i := len(fn.Writes) - 1; i >= 0; i-- {
		r := &fn.Writes[i]
		if n, known := knownLen(r, p); known && n == 0 {
			continue
		} else if !known || n > maxValue || !captured(fn, r, errno) {
			return -1
		}
		return i
	}
	return -1
}

// DerivedValue returns what a null Value of a call stands for: the reading of
// a clock that follows from the event's time. It is false for all other calls.
func DerivedValue(fn *format.Function, h *format.Header, ev *format.Event) (value int64, ok bool) {
	if h == nil || !fn.Errno || ev.Has&format.HasErrno == 0 || ev.Errno != 0 {
		return 0, false
	}
	last := valueRegion(fn, ev.P[:], 0)
	if last < 0 || fn.Writes[last].Role != roleClock {
		return 0, false
	}
	for i := range fn.Params {
		if fn.Params[i].Role == roleClockID {
			return derivedClock(param(ev.P[:], i), h, ev)
		}
	}
	return 0, false
}

// derivedClock returns the reading of the realtime or the monotonic clock.
func derivedClock(id int64, h *format.Header, ev *format.Event) (int64, bool) {
	switch id {
	case 0:
		return ev.Time, true
	case 1:
		return ev.Time - h.StartNS, true
	}
	return 0, false
}

// Write is one change of guest memory.
type Write struct {
	Addr uint32 // address of the first byte
	Data []byte
}

const writeHeader = 8 // u32 address, u32 length

// AppendWrite appends one change of guest memory to the Output of a call of a
// function that is marked Compare.
func AppendWrite(dst []byte, addr uint32, data []byte) []byte {
	dst = le.AppendUint32(dst, addr)
	dst = le.AppendUint32(dst, uint32(len(data)))
	return append(dst, data...)
}

var errWrites = errors.New("changes of memory: more bytes announced than found")

// ParseWrites returns the changes of memory in such an Output. The data are
// views of it.
func ParseWrites(output []byte) ([]Write, error) {
	var list []Write
	for len(output) > 0 {
		if len(output) < writeHeader {
			return list, errWrites
		}
		addr, n := le.Uint32(output), uint64(le.Uint32(output[4:]))
		output = output[writeHeader:]
		if n > uint64(len(output)) {
			return list, errWrites
		}
		list = append(list, Write{Addr: addr, Data: output[:n:n]})
		output = output[n:]
	}
	return list, nil
}
