// Package call says what the events of host functions mean. Preview1 is the
// table of WASI preview1's functions, Sockets that of its extension by sockets; embedders write such tables for their
// own. InputViews, OutputViews and Apply carry out the capture rules on guest
// memory, SplitInput and SplitOutput take an event apart again, Decode and
// Format show it to programs and to people, and Differ says where two calls
// differ. Nothing here needs a WebAssembly runtime.
//
// No function of this package panics on a damaged event or on a table that
// Validate refuses, or allocates more than some dozens of times what the event
// holds. SetParams and the views are for valid tables only.
//
// # Capture rules
//
// A call is stored as one event:
//
//   - P has the core parameters, i32 zero-extended, floats as their bits.
//   - Errno has the result of functions whose result is an error number. It is
//     null where the function did not return.
//   - Input has what the host reads: the bytes of the regions in Function.Reads,
//     concatenated in that order. Iovec arrays, of gather and of scatter
//     regions, are not stored. Input is null if there are no bytes.
//   - Of a gather region's data Input has all if the parameter with the role
//     "fd" is 1 or 2, else the first Header.TextLimit bytes (0 stands for
//     1024, -1 for all of them).
//   - Hash is the XXH3-64 of the gather region's whole data if TextLimit bytes
//     of it are in Input, so that there may be more. Otherwise it is that of
//     the function's iovec arrays, of Reads and then of Writes; null if the
//     function has no such region.
//   - Value and Output have what the host wrote: the regions in
//     Function.Writes. The last one that is not of zero length goes to Value,
//     little-endian and zero-extended, if its length follows from the
//     parameters and is at most 8. All others are concatenated to Output, which
//     is null if there are no bytes.
//   - A function whose result is not an error number has that result in Value
//     and all regions in Output.
//   - A region's length follows from the parameters, but for the open-ended
//     ones: gather, scatter, args, environ, addrinfo, note, and bytes with a used
//     count. A
//     function has at most one open-ended region in Reads and one in Writes,
//     so that its length is what the others leave.
//   - A scatter region has the first *Used bytes in the order of the iovecs,
//     which are taken as they were before the call. Args and environ have one
//     pointer of 4 bytes for each string of the header and then the strings,
//     each with a zero byte, or nothing if one of the two is not inside the
//     memory.
//   - If Errno is not 0, nothing is captured but for the functions marked
//     WritesOnError. Of those that have a scatter region only that one is, in
//     the length of all buffers that are not empty except the last: a read that
//     failed can have filled only those. After EFAULT (21), which may come last
//     of all, it is all buffers.
//   - The first region of known length in Reads that is not wholly inside the
//     memory ends Input. One in Writes is left out. A gather or scatter region
//     ends at the first buffer that is not inside, and is empty if its iovec
//     array is not.
//   - The Value of a region with the role "clock" is null where the call
//     succeeded and it equals the event's time, for the realtime clock, or the
//     time minus Header.StartNS, for the monotonic clock.
//   - A sockaddr region is the buffer that a u32 address and a u32 length in
//     memory name: that length, then 128 bytes, those of the buffer and then
//     zeros; zeros alone if the buffer is not inside the memory.
//   - An addrinfo region is the list that a u32 in memory points to, up to an
//     element that is not inside the memory or is its own next one: of each
//     element its first 8 bytes (u16 flags, u8 family, u8 type, u32 protocol),
//     then of its address u32 family, u32 length and 26 bytes, and 2 zeros.
//   - A note is what the host tells readers and not the guest, such as the
//     address of an accepted connection's peer. It is neither compared nor
//     written back.
//   - A function marked Compare has the changes of memory in Output, each as
//     u32 address, u32 length and the bytes.
package call

import (
	"fmt"

	"github.com/tracetool/tracetool/format"
)

// Lookup returns the function of WASI preview1 with that name, or of its
// extension by sockets.
func Lookup(module, name string) (*format.Function, bool) {
	if module != Module {
		return nil, false
	}
	fn, ok := byName[name]
	return fn, ok
}

var byName = func() map[string]*format.Function {
	m := make(map[string]*format.Function, len(Preview1)+len(Sockets))
	for _, list := range [][]format.Function{Preview1, Sockets} {
		for i := range list {
			m[list[i].Name] = &list[i]
		}
	}
	return m
}()

// Find returns the description of a function that a trace's events name: the
// header's own, else that of WASI preview1, else nil. The header may be nil;
// what it has for functions larger than Validate allows is passed over.
func Find(h *format.Header, module, name string) *format.Function {
	if h != nil {
		for i := range h.Functions {
			if f := &h.Functions[i]; f.Name == name && f.Module == module && bounded(f) {
				return f
			}
		}
	}
	f, _ := Lookup(module, name)
	return f
}

// maxRegions is how many regions a function may read, and how many write.
const maxRegions = 16

func bounded(fn *format.Function) bool {
	return len(fn.Params) <= format.NumParams && len(fn.Result) <= 1 && len(fn.Reads) <= maxRegions && len(fn.Writes) <= maxRegions
}

// Validate reports the first mistake in a function's description, as an error
// that begins with the function's name.
func Validate(fn *format.Function) error {
	if err := validate(fn); err != nil {
		return fmt.Errorf("%s.%s: %w", fn.Module, fn.Name, err)
	}
	return nil
}

func validate(fn *format.Function) error {
	if err := validateSignature(fn); err != nil {
		return err
	}
	if fn.Compare && len(fn.Writes) > 0 {
		return fmt.Errorf("compare: expected no write regions, found %d", len(fn.Writes))
	}
	if fn.WritesOnError && !fn.Errno {
		return fmt.Errorf("writes_on_error: expected a function with errno")
	}
	if err := validateRegions(fn, fn.Reads, readKinds); err != nil {
		return fmt.Errorf("reads: %w", err)
	}
	if err := validateRegions(fn, fn.Writes, writeKinds); err != nil {
		return fmt.Errorf("writes: %w", err)
	}
	return nil
}

func validateSignature(fn *format.Function) error {
	if len(fn.Params) > format.NumParams {
		return fmt.Errorf("params: expected at most %d, found %d", format.NumParams, len(fn.Params))
	}
	if len(fn.Result) > 1 {
		return fmt.Errorf("results: expected at most 1, found %d", len(fn.Result))
	}
	for _, list := range [][]format.Param{fn.Params, fn.Result} {
		for i, p := range list {
			if !validType(p.Type) {
				return fmt.Errorf("%d (%s): unknown type %q", i, p.Name, p.Type)
			}
		}
	}
	if fn.Errno && (len(fn.Result) != 1 || fn.Result[0].Type != format.I32) {
		return fmt.Errorf("errno: expected one result of type i32")
	}
	return nil
}

func validType(t format.Type) bool {
	return t == format.I32 || t == format.I64 || t == format.F32 || t == format.F64
}

// shape says which fields of a region its kind uses.
type shape struct{ len, used, size bool }

var readKinds = map[format.RegionKind]shape{
	format.RegionFixed:    {size: true},
	format.RegionBytes:    {len: true},
	format.RegionArray:    {len: true, size: true},
	format.RegionGather:   {len: true},
	format.RegionSockaddr: {size: true},
}

var writeKinds = map[format.RegionKind]shape{
	format.RegionFixed:    {size: true},
	format.RegionBytes:    {len: true, used: true},
	format.RegionArray:    {len: true, size: true},
	format.RegionScatter:  {len: true, used: true},
	format.RegionArgs:     {len: true},
	format.RegionEnviron:  {len: true},
	format.RegionSockaddr: {size: true},
	format.RegionAddrinfo: {used: true, size: true},
	format.RegionNote:     {},
}

// fixedSizes are those of the kinds that have only one.
var fixedSizes = map[format.RegionKind]uint32{
	format.RegionSockaddr: sockaddrSize,
	format.RegionAddrinfo: addrinfoSize,
}

func validateRegions(fn *format.Function, regions []format.Region, kinds map[format.RegionKind]shape) error {
	if len(regions) > maxRegions {
		return fmt.Errorf("expected at most %d regions, found %d", maxRegions, len(regions))
	}
	open := 0
	for i := range regions {
		r := &regions[i]
		s, ok := kinds[r.Kind]
		if !ok {
			return fmt.Errorf("region %d: unexpected kind %q", i, r.Kind)
		}
		if err := validateRegion(fn, r, s); err != nil {
			return fmt.Errorf("region %d: %w", i, err)
		}
		if openEnded(r) {
			open++
		}
	}
	if open > 1 {
		return fmt.Errorf("expected at most 1 region of unknown length, found %d", open)
	}
	return nil
}

func validateRegion(fn *format.Function, r *format.Region, s shape) error {
	if err := validateIndex(fn, "ptr", r.Ptr); err != nil {
		return err
	}
	if s.len {
		if err := validateIndex(fn, "len", r.Len); err != nil {
			return err
		}
	}
	if r.Used != 0 && !s.used || r.Used == 0 && (r.Kind == format.RegionScatter || r.Kind == format.RegionAddrinfo) {
		return fmt.Errorf("used: unexpected %d for kind %q", r.Used, r.Kind)
	}
	if r.Used != 0 {
		if err := validateIndex(fn, "used", r.Used); err != nil {
			return err
		}
	}
	if s.size != (r.Size > 0) || fixedSizes[r.Kind] != 0 && r.Size != fixedSizes[r.Kind] {
		return fmt.Errorf("size: unexpected %d for kind %q", r.Size, r.Kind)
	}
	return nil
}

// validateIndex checks the number of a parameter that is an address or length.
func validateIndex(fn *format.Function, field string, i int) error {
	if i < 0 || i >= len(fn.Params) {
		return fmt.Errorf("%s: expected one of %d parameters, found %d", field, len(fn.Params), i)
	}
	if t := fn.Params[i].Type; t != format.I32 {
		return fmt.Errorf("%s: expected an i32 parameter, found %s", field, t)
	}
	return nil
}
