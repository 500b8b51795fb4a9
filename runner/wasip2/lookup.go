package wasip2

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// nameLookup is the resource resolve-address-stream.
type nameLookup struct {
	kin
	name    string
	pending *host.Pending[[]netip.Addr] // nil: done
	cancel  context.CancelFunc
	found   []netip.Addr // not yet returned
	err     error
}

func (l *nameLookup) close() { l.cancel() }

// resolve-addresses
func (h *Host) resolveAddresses(_ context.Context, c *component.Call) error {
	if _, err := h.networks.get(c.Args.Rep()); err != nil {
		return err
	}
	l, err := h.newLookup(c.Args.String())
	if err != nil {
		return netFail(c, err)
	}
	c.Result.OK()
	return give(&h.lookups, c, l)
}

func (h *Host) newLookup(name string) (*nameLookup, error) {
	literal, bracketed := strings.CutPrefix(name, "[")
	if bracketed {
		literal = strings.TrimSuffix(literal, "]")
	}
	if addr, err := netip.ParseAddr(literal); err == nil && (!bracketed || addr.Is6() && strings.HasSuffix(name, "]")) {
		return &nameLookup{found: []netip.Addr{addr.Unmap()}, cancel: func() {}}, nil
	}
	switch {
	case !validDomain(name):
		return nil, errInvalidArgument
	case !h.allowNet.Name(name, 0):
		return nil, errAccessDenied
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &nameLookup{name: name, cancel: cancel}
	l.pending = host.NewPending(func() ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	}, h.wake)
	l.pending.Start()
	return l, nil
}

// validDomain accepts what a domain name can look like in ASCII.
func validDomain(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.IndexFunc(label, notInLabel) >= 0 {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}

// ready takes the outcome when it is there. What a listed name has resolved to
// may be reached from then on.
func (l *nameLookup) ready(h *Host) bool {
	if l.pending == nil {
		return true
	}
	if !l.pending.Ready() {
		return false
	}
	found, err := l.pending.Take()
	l.pending = nil
	if err != nil {
		l.err = lookupError(err)
		return true
	}
	h.allowNet.Resolved(l.name, found)
	for _, addr := range found {
		if addr = addr.Unmap(); !slices.Contains(l.found, addr) {
			l.found = append(l.found, addr)
		}
	}
	return true
}

func lookupError(err error) error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return netError("name-unresolvable")
	case errors.As(err, &dns) && (dns.IsTimeout || dns.IsTemporary):
		return netError("temporary-resolver-failure")
	}
	return netError("permanent-resolver-failure")
}

// [method]resolve-address-stream.resolve-next-address
func (l *nameLookup) next(_ context.Context, h *Host, c *component.Call) error {
	switch {
	case !l.ready(h):
		return netFail(c, errWouldBlock)
	case l.err != nil:
		return netFail(c, l.err)
	}
	c.Result.OK()
	if len(l.found) == 0 {
		c.Result.None()
		return nil
	}
	addr := l.found[0]
	l.found = l.found[1:]
	c.Result.Some()
	if addr.Is4() {
		c.Result.Case(int(ipv4))
	} else {
		c.Result.Case(int(ipv6))
	}
	encodeIP(c, addr)
	return nil
}

// [method]resolve-address-stream.subscribe
func (l *nameLookup) subscribe(_ context.Context, h *Host, c *component.Call) error {
	return h.subscribe(c, l, func() bool { return l.ready(h) })
}
