package call

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/tracetool/tracetool/format"
)

// Sockets describes the functions by which programs built for them open sockets
// themselves: the extension of WASI preview1 that began with WasmEdge, in its
// second version, where addresses have 128 bytes.
var Sockets = []format.Function{
	fun("sock_open", params(i32("af", "sockfamily"), i32("socktype", "socktype"), ptr("fd")), writes(fixed(4, roleFD, 2))),
	fun("sock_bind", params(fd, ptr("addr"), size("port")), reads(sockaddr(1))),
	fun("sock_listen", params(fd, i32("backlog", ""))),
	fun("sock_connect", params(fd, ptr("addr"), size("port")), reads(sockaddr(1))),
	fun("sock_getsockopt", params(fd, i32("level", "socklevel"), i32("name", "sockopt"), ptr("value"), size("value_len")),
		writes(buf("option", 3, 4))),
	fun("sock_setsockopt", params(fd, i32("level", "socklevel"), i32("name", "sockopt"), ptr("value"), size("value_len")),
		reads(buf("option", 3, 4))),
	untimed(fun("sock_getlocaladdr", params(fd, ptr("addr"), ptr("port")), writes(sockaddr(1), fixed(4, roleSize, 2)))),
	untimed(fun("sock_getpeeraddr", params(fd, ptr("addr"), ptr("port")), writes(sockaddr(1), fixed(4, roleSize, 2)))),
	// Of the hints only the first 8 bytes count: addresses follow.
	fun("sock_getaddrinfo", params(ptr("node"), size("node_len"), ptr("service"), size("service_len"), ptr("hints"),
		ptr("res"), size("max_res_len"), ptr("res_len")),
		reads(buf("name", 0, 1), buf("name", 2, 3), fixed(8, "hints", 4)),
		writes(addrinfo(5, 7), fixed(4, roleCount, 7))),
	writesOnError(fun("sock_recv_from", params(fd, ptr("ri_data"), size("ri_data_len"), ptr("addr"), i32("ri_flags", "riflags"),
		ptr("port"), ptr("ro_datalen"), ptr("ro_flags")),
		writes(sockaddr(3), fixed(4, roleSize, 5), fixed(2, "roflags", 7), scatter(1, 2, 6), fixed(4, roleCount, 6)))),
	fun("sock_send_to", params(fd, ptr("si_data"), size("si_data_len"), ptr("addr"), size("port"), i32("si_flags", "siflags"), ptr("so_datalen")),
		reads(sockaddr(3), gather(1, 2)), writes(fixed(4, roleCount, 6))),
}

func sockaddr(ptr int) format.Region {
	return format.Region{Kind: format.RegionSockaddr, Role: "sockaddr", Ptr: ptr, Size: sockaddrSize}
}

func addrinfo(ptr, count int) format.Region {
	return format.Region{Kind: format.RegionAddrinfo, Role: "addrinfo", Ptr: ptr, Used: count, Size: addrinfoSize}
}

// Sizes of what is kept of socket addresses, see the capture rules.
const (
	maxAddress   = 128
	sockaddrSize = 4 + maxAddress
	addrinfoHead = 8
	addrDataSize = 26
	addrinfoSize = addrinfoHead + 8 + addrDataSize + 2
)

var zeros [maxAddress]byte

// appendSockaddr appends the length and the content of the buffer that is named
// at addr, which is within the memory.
func appendSockaddr(views [][]byte, mem []byte, addr uint64) [][]byte {
	views = appendView(views, mem, addr+4, 4)
	n := min(uint64(le.Uint32(mem[addr+4:])), maxAddress)
	if at := uint64(le.Uint32(mem[addr:])); within(mem, at, n) {
		views = appendView(views, mem, at, n)
	} else {
		n = 0
	}
	return append(views, zeros[n:])
}

func applySockaddr(mem []byte, addr uint64, data []byte) error {
	if len(data) < sockaddrSize || !within(mem, addr, iovecSize) {
		return nil // it was not captured
	}
	n := min(le.Uint32(mem[addr+4:]), le.Uint32(data), maxAddress)
	return applyBytes(mem, uint64(le.Uint32(mem[addr:])), data[4:4+n])
}

// Offsets in an element of the list that sock_getaddrinfo fills, and in the
// address that it points to.
const (
	addrinfoAddr = 12
	addrinfoNext = 24
	addrinfoEnd  = 28
	addressData  = 8
	addressEnd   = 12
)

// element is where an element of such a list has its parts.
type element struct{ head, address, data []byte }

// elements calls each with the first count elements of the list that is pointed
// to at addr.
func elements(mem []byte, addr, count uint64, each func(element)) {
	if !within(mem, addr, 4) {
		return
	}
	for at := uint64(le.Uint32(mem[addr:])); count > 0 && at != 0 && within(mem, at, addrinfoEnd); count-- {
		address := uint64(le.Uint32(mem[at+addrinfoAddr:]))
		if !within(mem, address, addressEnd) {
			return
		}
		data := uint64(le.Uint32(mem[address+addressData:]))
		if !within(mem, data, addrDataSize) {
			return
		}
		each(element{mem[at : at+addrinfoHead], mem[address : address+addressData], mem[data : data+addrDataSize]})
		next := uint64(le.Uint32(mem[at+addrinfoNext:]))
		if next == at {
			return
		}
		at = next
	}
}

// maxElements bounds what is kept of a list, which may go round in circles.
const maxElements = 1 << 10

func appendAddrinfo(views [][]byte, mem []byte, addr, count uint64) [][]byte {
	elements(mem, addr, min(count, maxElements), func(e element) {
		views = append(views, e.head, e.address, e.data, zeros[:2])
	})
	return views
}

func applyAddrinfo(mem []byte, addr uint64, data []byte) error {
	total := len(data) / addrinfoSize
	elements(mem, addr, uint64(total), func(e element) {
		n := copy(e.head, data)
		n += copy(e.address, data[n:])
		copy(e.data, data[n:])
		data = data[addrinfoSize:]
	})
	if len(data) >= addrinfoSize {
		return fmt.Errorf("a list of %d addresses, expected %d", total-len(data)/addrinfoSize, total)
	}
	return nil
}

// The families of socket addresses in the extension.
const (
	familyIPv4 = 1
	familyIPv6 = 2
)

// SocketAddress returns the address in a sockaddr region: of 4 or 16 bytes, or
// of 128 with the family in the first two. It is invalid for anything else.
func SocketAddress(data []byte) netip.Addr {
	if len(data) < sockaddrSize {
		return netip.Addr{}
	}
	n, b := le.Uint32(data), data[4:]
	family := uint16(0)
	switch {
	case n >= maxAddress:
		family, b = le.Uint16(b), b[2:]
	case n == 4:
		family = familyIPv4
	case n == 16:
		family = familyIPv6
	}
	return addressOf(family, b)
}

// addressOf returns the address at the beginning of b.
func addressOf(family uint16, b []byte) netip.Addr {
	n := 0
	switch family {
	case familyIPv4:
		n = 4
	case familyIPv6:
		n = 16
	}
	ip, _ := netip.AddrFromSlice(b[:n])
	return ip
}

// decodeSockaddr decodes an address.
func decodeSockaddr(data []byte) value {
	if ip := SocketAddress(data); ip.IsValid() {
		return path(ip.String())
	}
	if len(data) < sockaddrSize {
		return text{data: data}
	}
	return text{data: data[4 : 4+min(le.Uint32(data), maxAddress)]}
}

// decodeOption decodes the value of a socket's option, nearly always an int.
func decodeOption(data []byte) value {
	if len(data) == 4 {
		return number(int32(le.Uint32(data)))
	}
	return text{data: data}
}

// decodeAddrinfo decodes the addresses that were looked up.
func decodeAddrinfo(data []byte) value {
	v := list{}
	for e := range slices.Chunk(data, addrinfoSize) {
		if len(e) < addrinfoSize {
			break
		}
		family, b := uint16(le.Uint32(e[addrinfoHead:])), e[addrinfoHead+8:]
		v = append(v, path(netip.AddrPortFrom(addressOf(family, b[2:]), uint16(b[0])<<8|uint16(b[1])).String()))
	}
	return v
}

// decodeHints decodes what kind of addresses are asked for.
func decodeHints(b []byte) value {
	return object{
		{name: "flags", value: unsigned(le.Uint16(b)), quiet: le.Uint16(b) == 0},
		{name: "family", value: decodeEnum(enums["sockfamily"], int64(b[2]))},
		{name: "type", value: decodeEnum(enums["socktype"], int64(b[3]))},
		{name: "protocol", value: unsigned(le.Uint32(b[4:])), quiet: le.Uint32(b[4:]) == 0},
	}
}
