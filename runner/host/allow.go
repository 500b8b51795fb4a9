package host

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// AllowNet is the part of the network that a guest may use: to connect and send
// to, and to be reached at. Nil is none of it. It may be used by several
// goroutines.
//
// A rule for a name covers the addresses that the guest has looked up under
// that name, see Resolved.
type AllowNet struct {
	rules    []netRule
	mu       sync.Mutex
	resolved map[netip.Addr][]string // the names that were looked up
}

// netRule is HOST[:PORT].
type netRule struct {
	any    bool         // any host
	prefix netip.Prefix // addresses, if valid
	name   string       // else a name in lower case, or with a leading dot all below it
	port   uint16       // 0: any
}

// maxResolved bounds the addresses that are remembered for names, so that a
// guest cannot grow them without end. Beyond it those looked up anew stay
// forbidden.
const maxResolved = 1 << 16

// ParseAllowNet reads rules of the form HOST[:PORT]. HOST is a name, an IP
// address (in brackets where a port follows one of version 6), a range of them
// such as 10.0.0.0/8, *.NAME for all names below NAME, or * for every host.
func ParseAllowNet(rules []string) (*AllowNet, error) {
	a := &AllowNet{resolved: map[netip.Addr][]string{}}
	for _, text := range rules {
		r, ok := parseNetRule(text)
		if !ok {
			return nil, fmt.Errorf("%q: want HOST[:PORT], with HOST a name, an address, a range such as 10.0.0.0/8, *.NAME or *", text)
		}
		a.rules = append(a.rules, r)
	}
	return a, nil
}

func parseNetRule(text string) (r netRule, ok bool) {
	host, port := splitPort(text)
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return r, false
		}
		r.port = uint16(n)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		r.prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		return r, addr.Zone() == ""
	}
	if prefix, err := netip.ParsePrefix(host); err == nil {
		r.prefix = prefix.Masked()
		return r, !prefix.Addr().Is4In6()
	}
	if host == "*" {
		r.any = true
		return r, true
	}
	r.name = normalName(strings.TrimPrefix(host, "*"))
	return r, r.name != "" && r.name != "." && !strings.ContainsAny(r.name, "*:/[] ")
}

// splitPort splits HOST:PORT. Without a port, or where the colons are those of
// an address, the port is empty.
func splitPort(text string) (host, port string) {
	host, port, found := cutLast(text, ":")
	switch {
	case strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]"):
		return text[1 : len(text)-1], ""
	case strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]"):
		return host[1 : len(host)-1], port
	case !found || port == "" || strings.Contains(host, ":"):
		return text, ""
	}
	return host, port
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// normalName is a name as it is compared: names end in a dot or not, and case
// does not matter.
func normalName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Address tells whether the guest may use an address.
func (a *AllowNet) Address(address netip.AddrPort) bool {
	if a == nil {
		return false
	}
	ip := address.Addr().Unmap().WithZone("")
	a.mu.Lock()
	names := a.resolved[ip]
	a.mu.Unlock()
	for i := range a.rules {
		r := &a.rules[i]
		if r.matchPort(address.Port()) && (r.matchAddr(ip) || r.matchAny(names)) {
			return true
		}
	}
	return false
}

// Name tells whether the guest may look a name up, or with a port other than 0
// use that port there.
func (a *AllowNet) Name(name string, port uint16) bool {
	if a == nil {
		return false
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return port != 0 && a.Address(netip.AddrPortFrom(ip, port)) || port == 0 && a.anyPort(ip)
	}
	for i := range a.rules {
		if r := &a.rules[i]; (port == 0 || r.matchPort(port)) && r.matchName(normalName(name)) {
			return true
		}
	}
	return false
}

// anyPort tells whether the guest may use some port of an address.
func (a *AllowNet) anyPort(ip netip.Addr) bool {
	for i := range a.rules {
		if r := &a.rules[i]; r.matchAddr(ip.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// Resolved remembers the addresses that a name was found to have.
func (a *AllowNet) Resolved(name string, addrs []netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name = normalName(name)
	for _, ip := range addrs {
		if ip = ip.Unmap().WithZone(""); len(a.resolved) < maxResolved || a.resolved[ip] != nil {
			a.resolved[ip] = addOnce(a.resolved[ip], name)
		}
	}
}

// maxNames is how many names of one address are remembered.
const maxNames = 64

func addOnce(list []string, name string) []string {
	for _, known := range list {
		if known == name {
			return list
		}
	}
	if len(list) == maxNames {
		return list
	}
	return append(list, name)
}

func (r *netRule) matchPort(port uint16) bool { return r.port == 0 || r.port == port }

func (r *netRule) matchAddr(ip netip.Addr) bool {
	return r.any || r.prefix.IsValid() && r.prefix.Contains(ip)
}

func (r *netRule) matchName(name string) bool {
	switch {
	case r.any:
		return true
	case strings.HasPrefix(r.name, "."):
		return strings.HasSuffix(name, r.name)
	}
	return r.name != "" && r.name == name
}

func (r *netRule) matchAny(names []string) bool {
	for _, name := range names {
		if r.matchName(name) {
			return true
		}
	}
	return false
}
