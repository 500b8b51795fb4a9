package wasip2

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// listenRule is an address where the guest may listen.
type listenRule struct {
	addr     netip.Addr // if valid and not unspecified, else any
	loopback bool       // localhost
	port     uint16     // 0: the guest asks for any that is free
}

// parseListen reads HOST:PORT, as net.Listen does, but looks no name up.
func parseListen(addresses []string) ([]listenRule, error) {
	var rules []listenRule
	for _, address := range addresses {
		hostname, port, err := net.SplitHostPort(address)
		n, err2 := strconv.ParseUint(port, 10, 16)
		r := listenRule{port: uint16(n), loopback: hostname == "localhost"}
		if err == nil && err2 == nil && hostname != "" && !r.loopback {
			r.addr, err = netip.ParseAddr(hostname)
		}
		if err != nil || err2 != nil {
			return nil, fmt.Errorf("address to listen on %q, want HOST:PORT with HOST empty, localhost or an IP address", address)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func (r *listenRule) match(a netip.AddrPort) bool {
	addr := a.Addr().WithZone("")
	switch {
	case a.Port() != r.port:
		return false
	case r.loopback:
		return addr.IsLoopback()
	}
	return !r.addr.IsValid() || r.addr.IsUnspecified() || r.addr == addr
}
