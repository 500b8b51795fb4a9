package wasip2

import (
	"fmt"
	"strconv"
	"strings"
)

// allowList says which hosts and ports a guest may use.
type allowList []allowed

// allowed is one entry: a host in lower case, and a port.
type allowed struct{ host, port string } // empty: any

// parseAllow reads entries of the form HOST[:PORT]. An empty entry and "*" as
// host are any.
func parseAllow(what string, entries []string) (allowList, error) {
	var list allowList
	for _, entry := range entries {
		a, ok := parseAllowed(entry)
		if !ok {
			return nil, fmt.Errorf("%s %q, want HOST or HOST:PORT", what, entry)
		}
		list = append(list, a)
	}
	return list, nil
}

func parseAllowed(entry string) (allowed, bool) {
	hostname, port := entry, ""
	i := strings.LastIndexByte(entry, ':')
	plain6 := strings.Count(entry, ":") > 1 && !strings.HasPrefix(entry, "[")
	if i >= 0 && !plain6 && !strings.HasSuffix(entry, "]") {
		hostname, port = entry[:i], entry[i+1:]
		if _, err := strconv.ParseUint(port, 10, 16); err != nil && port != "*" {
			return allowed{}, false
		}
	}
	if strings.HasPrefix(hostname, "[") {
		hostname = strings.TrimSuffix(hostname[1:], "]")
	}
	if strings.ContainsAny(hostname, "/ @[]") {
		return allowed{}, false
	}
	return allowed{strings.TrimPrefix(normalHost(hostname), "*"), strings.TrimPrefix(port, "*")}, true
}

// normalHost is a host's name as it is compared.
func normalHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// has tells whether a host may be used with a port, or with any if that is
// empty.
func (l allowList) has(hostname, port string) bool {
	hostname = normalHost(hostname)
	for _, a := range l {
		if (a.host == "" || a.host == hostname) && (a.port == "" || port == "" || a.port == port) {
			return true
		}
	}
	return false
}

// of returns the ports that a host is listed with, as entries for any host.
func (l allowList) of(hostname string) allowList {
	var ports allowList
	for _, a := range l {
		if a.host == normalHost(hostname) {
			ports = append(ports, allowed{port: a.port})
		}
	}
	return ports
}
