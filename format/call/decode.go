package call

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"

	"github.com/tracetool/tracetool/format"
)

// Decode returns what an event's columns mean: the arguments of a call and
// what it gave back, without its errno. Addresses, and lengths of what is
// decoded, are left out. Names are those of the function's parameters, "text"
// for data moved through iovecs and "result" for a result without a name. For
// functions that are not described they are p0 to p8, input, value and output.
// The header may be nil.
func Decode(h *format.Header, module, function string, ev *format.Event) (args, results []Arg) {
	fn := Find(h, module, function)
	if ev.Kind != format.KindCall && (fn == nil || fn.Signature == "") {
		fn = nil
	}
	for _, it := range itemsOf(fn, h, ev) {
		arg := Arg{Name: it.name, Value: it.value.public()}
		if it.place == argument {
			args = append(args, arg)
		} else {
			results = append(results, arg)
		}
	}
	return args, results
}

// place is where an item of a call stands.
type place int

const (
	argument place = iota
	written        // printed among the arguments
	returned       // printed after the equals sign
	noted          // printed behind that
)

// item is an argument or result of a call.
type item struct {
	name  string
	role  string // of the parameter that the item stands for
	raw   int64  // that parameter
	place place
	note  bool // the guest was not told
	value value
}

// itemsOf returns the arguments and results of an event in the order of the
// parameters that stand for them. The function may be nil.
func itemsOf(fn *format.Function, h *format.Header, ev *format.Event) []item {
	switch s, err := SignatureOf(fn); {
	case fn == nil || err != nil:
		return plainItems(ev)
	case s != nil:
		return canonicalItems(s, h, ev)
	}
	c := &decoder{fn: fn, h: h, ev: ev, in: SplitInput(fn, ev), out: SplitOutput(fn, h, ev), items: make([]item, 0, len(fn.Params)+1)}
	for i := range fn.Params {
		c.param(i)
	}
	c.result()
	return c.items
}

// plainItems names the columns of an event whose function is not known.
func plainItems(ev *format.Event) []item {
	var items []item
	for i, v := range ev.Params() {
		items = append(items, item{name: "p" + strconv.Itoa(i), raw: v, value: number(v)})
	}
	if ev.Has&format.HasInput != 0 {
		items = append(items, item{name: "input", value: text{data: ev.Input}})
	}
	if ev.Has&format.HasOutput != 0 {
		items = append(items, item{name: "output", place: written, value: text{data: ev.Output}})
	}
	if ev.Has&format.HasValue != 0 {
		items = append(items, item{name: "value", place: returned, value: number(ev.Value)})
	}
	return items
}

// decoder collects the items of one call.
type decoder struct {
	fn      *format.Function
	h       *format.Header
	ev      *format.Event
	in, out []RegionBytes
	items   []item
}

// param adds what a parameter stands for: the regions at its address, or its
// own value.
func (c *decoder) param(i int) {
	for _, b := range c.in {
		if b.Region.Ptr == i {
			c.region(b, argument)
		}
	}
	for n, b := range c.out {
		missing := b.Region.Kind == format.RegionNote && len(b.Data) == 0
		if b.Region.Ptr == i && !missing && !c.leftover(b) {
			c.region(b, c.placeOf(n))
		}
	}
	p := &c.fn.Params[i]
	if p.Role == format.RolePointer || implied(c.fn, i) {
		return
	}
	raw := param(c.ev.P[:], i)
	c.items = append(c.items, item{name: p.Name, role: p.Role, raw: raw, value: decodeNumber(p.Role, p.Type, raw)})
}

// leftover: the region is what a failed call left in memory, but not data that
// it moved.
func (c *decoder) leftover(b RegionBytes) bool {
	return c.ev.Errno != 0 && (b.Region.Kind != format.RegionScatter || len(b.Data) == 0)
}

func (c *decoder) region(b RegionBytes, where place) {
	name := regionName(c.fn, b.Region)
	c.items = append(c.items, item{name: name, role: b.Region.Role, place: where,
		note: b.Region.Kind == format.RegionNote, value: c.decodeRegion(b)})
}

// regionName is the name of the parameter with the region's address, but for
// data that is moved through iovecs and for notes its role.
func regionName(fn *format.Function, r *format.Region) string {
	if (r.Kind == format.RegionGather || r.Kind == format.RegionScatter || r.Kind == format.RegionNote) && r.Role != "" {
		return r.Role
	}
	if r.Ptr < 0 || r.Ptr >= len(fn.Params) {
		return r.Role
	}
	return fn.Params[r.Ptr].Name
}

// returnRoles are those of the regions that people take for a call's result.
var returnRoles = map[string]bool{
	roleCount: true, roleFD: true, roleClock: true, "offset": true, "resolution": true,
}

// placeOf says where a written region is printed: the last one is the result
// if it is a number that stands for what was asked.
func (c *decoder) placeOf(n int) place {
	r := c.out[n].Region
	if n == len(c.out)-1 && r.Kind == format.RegionFixed && r.Size <= maxValue && returnRoles[r.Role] {
		return returned
	}
	return written
}

// result adds the result of a function without errno, and the changes that
// were found by comparison.
func (c *decoder) result() {
	if c.fn.Compare && len(c.ev.Output) > 0 {
		c.items = append(c.items, item{name: "writes", place: written, value: decodeWrites(c.ev.Output)})
	}
	if c.fn.Errno || len(c.fn.Result) == 0 || c.ev.Has&format.HasValue == 0 {
		return
	}
	r := c.fn.Result[0]
	if r.Name == "" {
		r.Name = "result"
	}
	c.items = append(c.items, item{name: r.Name, role: r.Role, place: returned, value: decodeNumber(r.Role, r.Type, c.ev.Value)})
}

// implied: the parameter is the address of a region, a length that the data
// shown have, or a number of iovecs.
func implied(fn *format.Function, i int) bool {
	for n := range fn.Reads {
		if r := &fn.Reads[n]; r.Ptr == i || readKinds[r.Kind].len && r.Len == i {
			return true
		}
	}
	for n := range fn.Writes {
		r := &fn.Writes[n]
		switch {
		case r.Ptr == i || r.Used == i && r.Used != 0:
			return true
		case r.Len == i && writeKinds[r.Kind].len && r.Kind != format.RegionBytes:
			return true
		}
	}
	return false
}

// decodeNumber decodes a parameter, a result or a region that is a number.
func decodeNumber(role string, t format.Type, v int64) value {
	switch role {
	case roleExitCode, roleSize, roleCount, roleFilesize, "cookie", "offset":
		return unsigned(v)
	case roleTimestamp:
		return instant(v)
	case "precision", "resolution":
		return span(v)
	case roleErrno:
		return symbol(ErrnoName(int32(v)))
	case "rights":
		return decodeRights(uint64(v))
	case format.RolePointer:
		return address32(v)
	}
	if names, ok := enums[role]; ok {
		return decodeEnum(names, v)
	}
	if names, ok := flagNames[role]; ok {
		return decodeFlags(names, uint64(v))
	}
	switch t {
	case format.I32:
		return number(int32(v))
	case format.F32:
		return float(math.Float32frombits(uint32(v)))
	case format.F64:
		return float(math.Float64frombits(uint64(v)))
	}
	return number(v)
}

func decodeEnum(names []string, v int64) value {
	if v < 0 || v >= int64(len(names)) {
		return unsigned(v)
	}
	return symbol(names[v])
}

// decodeFlags names the bits that are set. Those without a name are one
// hexadecimal number.
func decodeFlags(names []string, v uint64) flagSet {
	var set flagSet
	for i, name := range names {
		if v&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	if rest := v &^ (1<<len(names) - 1); rest != 0 {
		set = append(set, "0x"+strconv.FormatUint(rest, 16))
	}
	return set
}

// decodeRights names a few rights; all of them, with or without those for
// sockets, are "all", and other sets a hexadecimal number.
func decodeRights(v uint64) value {
	const files, all = 1<<28 - 1, 1<<30 - 1
	switch {
	case v == 0:
		return symbol("0")
	case v&files == files && v&^all == 0 || v == math.MaxUint32 || v == math.MaxUint64:
		return symbol("all")
	case bits.OnesCount64(v) <= 3:
		return symbol(decodeFlags(rightNames, v).appendText(nil, printer{}))
	}
	return symbol("0x" + strconv.FormatUint(v, 16))
}

// decodeWrites shows changes of memory.
func decodeWrites(output []byte) value {
	writes, err := ParseWrites(output)
	if err != nil {
		return text{data: output}
	}
	v := make(list, len(writes))
	for i, w := range writes {
		v[i] = object{{name: "addr", value: address32(w.Addr)}, {name: "data", value: text{data: w.Data}}}
	}
	return v
}

// decodeRegion decodes a region by its role.
func (c *decoder) decodeRegion(b RegionBytes) value {
	if b.Short && len(b.Data) == 0 {
		return symbol("?")
	}
	switch b.Region.Role {
	case "path", "old_path", "new_path":
		return path(b.Data)
	case "name":
		return path(bytes.TrimSuffix(b.Data, []byte{0}))
	case "sockaddr":
		return decodeSockaddr(b.Data)
	case "option":
		return decodeOption(b.Data)
	case "addrinfo":
		return decodeAddrinfo(b.Data)
	case roleText:
		return text{data: b.Data, more: c.wasCut(b)}
	case "args", "environ":
		return decodeStrings(b.Data, stringsOf(c.h, b.Region))
	case "dirents":
		return decodeDirents(b.Data)
	case "subscriptions":
		return decodeSubscriptions(b.Data)
	case "events":
		return decodeEvents(b.Data, c.count())
	}
	if s, ok := structs[b.Region.Role]; ok && len(b.Data) >= s.size {
		return s.decode(b.Data)
	}
	if b.Region.Kind != format.RegionFixed || b.Short || !isNumber(len(b.Data)) {
		return text{data: b.Data}
	}
	return c.decodeFixed(b)
}

func isNumber(size int) bool { return size == 1 || size == 2 || size == 4 || size == 8 }

// decodeFixed decodes a region that holds one number.
func (c *decoder) decodeFixed(b RegionBytes) value {
	var buf [maxValue]byte
	copy(buf[:], b.Data)
	v := int64(le.Uint64(buf[:]))
	if b.Region.Role == roleClock {
		return c.decodeClock(v)
	}
	t := format.I64
	if len(b.Data) < 8 {
		t = format.I32
	}
	return decodeNumber(b.Region.Role, t, v)
}

// decodeClock decodes the reading of a clock: a date if it is the realtime
// clock, else seconds since some start.
func (c *decoder) decodeClock(v int64) value {
	for i, p := range c.fn.Params {
		if p.Role == roleClockID && param(c.ev.P[:], i) == 0 {
			return instant(v)
		}
	}
	return span(v)
}

// wasCut: fewer bytes of a gather region were kept than the call had, as far
// as can be known.
func (c *decoder) wasCut(b RegionBytes) bool {
	if b.Region.Kind != format.RegionGather || !limited(c.fn, c.h, c.ev, b.Data) {
		return false
	}
	return c.ev.Errno != 0 || c.count() != uint64(len(b.Data))
}

// limited: as many bytes of text are kept as the limit allows, so that there
// may be more and Hash is of all of them.
func limited(fn *format.Function, h *format.Header, ev *format.Event, data []byte) bool {
	limit := textLimit(fn, h, ev.P[:])
	return limit >= 0 && int64(len(data)) >= limit
}

// count returns what the host stored as the number of bytes or events.
func (c *decoder) count() uint64 {
	for _, b := range c.out {
		if b.Region.Role == roleCount && len(b.Data) == 4 {
			return uint64(le.Uint32(b.Data))
		}
	}
	return 0
}

// decodeStrings splits an args or environ region: a pointer for each string of
// the header and then the strings. There are no more of them than in the
// header, which bounds what is made of hostile bytes.
func decodeStrings(data []byte, known []string) value {
	data = data[min(4*len(known), len(data)):]
	var v list
	for range known {
		s, rest, found := bytes.Cut(data, []byte{0})
		if !found {
			break
		}
		v, data = append(v, text{data: s}), rest
	}
	if len(data) > 0 {
		v = append(v, text{data: data})
	}
	return v
}
