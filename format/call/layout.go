package call

// layout decodes a structure of WASI preview1.
type layout struct {
	size   int // bytes that decode needs
	decode func([]byte) value
}

var structs = map[string]layout{
	"fdstat":   {24, decodeFdstat},
	"filestat": {64, decodeFilestat},
	"prestat":  {8, decodePrestat},
	"hints":    {8, decodeHints},
}

func decodeFdstat(b []byte) value {
	return object{
		{name: "type", value: decodeEnum(enums["filetype"], int64(b[0]))},
		{name: "flags", value: decodeFlags(flagNames["fdflags"], uint64(le.Uint16(b[2:])))},
		{name: "rights_base", value: decodeRights(le.Uint64(b[8:]))},
		{name: "rights_inheriting", value: decodeRights(le.Uint64(b[16:]))},
	}
}

func decodeFilestat(b []byte) value {
	return object{
		{name: "dev", value: unsigned(le.Uint64(b)), quiet: true},
		{name: "ino", value: unsigned(le.Uint64(b[8:])), quiet: true},
		{name: "type", value: decodeEnum(enums["filetype"], int64(b[16]))},
		{name: "nlink", value: unsigned(le.Uint64(b[24:])), quiet: true},
		{name: "size", value: unsigned(le.Uint64(b[32:]))},
		{name: "atim", value: instant(le.Uint64(b[40:])), quiet: true},
		{name: "mtim", value: instant(le.Uint64(b[48:]))},
		{name: "ctim", value: instant(le.Uint64(b[56:])), quiet: true},
	}
}

func decodePrestat(b []byte) value {
	return object{
		{name: "type", value: decodeEnum(enums["preopen"], int64(b[0]))},
		{name: "name_len", value: unsigned(le.Uint32(b[4:]))},
	}
}

// direntSize is the size of a dirent without its name.
const direntSize = 24

// decodeDirents decodes what fd_readdir wrote. The last entry may be cut.
func decodeDirents(b []byte) value {
	var v list
	for len(b) >= direntSize {
		next, ino, n, kind := le.Uint64(b), le.Uint64(b[8:]), le.Uint32(b[16:]), b[20]
		b = b[direntSize:]
		name := b[:min(uint64(n), uint64(len(b)))]
		b = b[len(name):]
		v = append(v, dirent{object{
			{name: "name", value: path(name)},
			{name: "type", value: decodeEnum(enums["filetype"], int64(kind))},
			{name: "ino", value: unsigned(ino)},
			{name: "next", value: unsigned(next)},
		}})
	}
	return v
}

// dirent is printed as its name alone.
type dirent struct{ object }

func (v dirent) appendText(dst []byte, p printer) []byte {
	if p.all {
		return v.object.appendText(dst, p)
	}
	return v.object[0].value.appendText(dst, p)
}

// The sizes of the elements of poll_oneoff's arrays.
const (
	subscriptionSize = 48
	eventSize        = 32
)

// The types of subscriptions and events.
const (
	eventClock = iota
	eventFDRead
	eventFDWrite
)

func decodeSubscriptions(b []byte) value {
	v := make(list, 0, len(b)/subscriptionSize)
	for ; len(b) >= subscriptionSize; b = b[subscriptionSize:] {
		v = append(v, decodeSubscription(b))
	}
	return v
}

func decodeSubscription(b []byte) value {
	kind := b[8]
	o := object{
		{name: "userdata", value: unsigned(le.Uint64(b)), quiet: true},
		{name: "type", value: decodeEnum(enums["eventtype"], int64(kind))},
	}
	switch kind {
	case eventClock:
		o = append(o, decodeTimeout(b[16:])...)
	case eventFDRead, eventFDWrite:
		o = append(o, field{name: "fd", value: number(int32(le.Uint32(b[16:])))})
	}
	return o
}

// decodeTimeout decodes a subscription to a clock.
func decodeTimeout(b []byte) object {
	id, timeout, flags := le.Uint32(b), le.Uint64(b[8:]), le.Uint16(b[24:])
	o := object{{name: "clock", value: decodeEnum(enums["clockid"], int64(id))}}
	if flags&1 != 0 && id == 0 {
		o = append(o, field{name: "timeout", value: instant(timeout)})
	} else {
		o = append(o, field{name: "timeout", value: span(timeout)})
	}
	return append(o,
		field{name: "precision", value: span(le.Uint64(b[16:])), quiet: true},
		field{name: "flags", value: decodeFlags(flagNames["subclockflags"], uint64(flags)), quiet: flags == 0})
}

// decodeEvents decodes the first count events.
func decodeEvents(b []byte, count uint64) value {
	v := list{}
	for ; len(b) >= eventSize && count > 0; b, count = b[eventSize:], count-1 {
		v = append(v, decodeEvent(b))
	}
	return v
}

func decodeEvent(b []byte) value {
	errno, kind := le.Uint16(b[8:]), b[10]
	o := object{
		{name: "userdata", value: unsigned(le.Uint64(b)), quiet: true},
		{name: "type", value: decodeEnum(enums["eventtype"], int64(kind))},
		{name: "errno", value: symbol(ErrnoName(int32(errno))), quiet: errno == 0},
	}
	if kind == eventClock {
		return o
	}
	return append(o,
		field{name: "nbytes", value: unsigned(le.Uint64(b[16:]))},
		field{name: "flags", value: decodeFlags(flagNames["eventrwflags"], uint64(le.Uint16(b[24:]))), quiet: le.Uint16(b[24:]) == 0})
}
