package host

import (
	"net/netip"
	"testing"
)

func TestAllowNet(t *testing.T) {
	a, err := ParseAllowNet([]string{"127.0.0.1:8080", "10.0.0.0/8", "Example.com:443", "*.test.", "[::1]:53", "fe80::/10"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		address string
		want    bool
	}{
		{"127.0.0.1:8080", true},
		{"[::ffff:127.0.0.1]:8080", true},
		{"127.0.0.1:8081", false},
		{"127.0.0.2:8080", false},
		{"10.255.0.1:1", true},
		{"11.0.0.1:1", false},
		{"[::1]:53", true},
		{"[::1]:54", false},
		{"[fe80::1%eth0]:7", true},
		{"93.184.216.34:443", false},
	} {
		if got := a.Address(netip.MustParseAddrPort(test.address)); got != test.want {
			t.Errorf("%s: %t, want %t", test.address, got, test.want)
		}
	}
	for _, test := range []struct {
		name string
		port uint16
		want bool
	}{
		{"example.com", 0, true},
		{"EXAMPLE.com.", 443, true},
		{"example.com", 80, false},
		{"www.example.com", 443, false},
		{"a.b.test", 1, true},
		{"test", 1, false},
		{"nottest", 1, false},
		{"127.0.0.1", 0, true},
		{"127.0.0.1", 8080, true},
		{"127.0.0.1", 80, false},
		{"192.168.0.1", 0, false},
		{"", 0, false},
	} {
		if got := a.Name(test.name, test.port); got != test.want {
			t.Errorf("%s port %d: %t, want %t", test.name, test.port, got, test.want)
		}
	}
}

// Addresses of a name may be used once it was looked up, at the ports of the
// name's rule.
func TestAllowNetResolved(t *testing.T) {
	a, err := ParseAllowNet([]string{"example.com:443"})
	if err != nil {
		t.Fatal(err)
	}
	ip := netip.MustParseAddr("93.184.216.34")
	a.Resolved("other.com", []netip.Addr{ip})
	if a.Address(netip.AddrPortFrom(ip, 443)) {
		t.Error("allowed under a name that is not")
	}
	a.Resolved("example.com.", []netip.Addr{ip})
	if !a.Address(netip.AddrPortFrom(ip, 443)) || a.Address(netip.AddrPortFrom(ip, 80)) {
		t.Error("want port 443 and no other")
	}
}

func TestAllowNetBounds(t *testing.T) {
	var none *AllowNet
	if none.Address(netip.MustParseAddrPort("127.0.0.1:1")) || none.Name("a", 1) {
		t.Error("nil allows something")
	}
	every, err := ParseAllowNet([]string{"*:80"})
	if err != nil {
		t.Fatal(err)
	}
	if !every.Name("a", 80) || every.Name("a", 81) || !every.Address(netip.MustParseAddrPort("1.2.3.4:80")) {
		t.Error("*:80 does not mean port 80 of every host")
	}
	for i := range 2 * maxNames {
		every.Resolved(string(rune('a'+i)), []netip.Addr{netip.MustParseAddr("1.2.3.4")})
	}
	if n := len(every.resolved[netip.MustParseAddr("1.2.3.4")]); n != maxNames {
		t.Errorf("%d names remembered, want %d", n, maxNames)
	}
}

func TestParseAllowNetRefuses(t *testing.T) {
	for _, rule := range []string{"", ":80", "a:0", "a:65536", "a:b", "a*b", "http://a", "a b", "[::1", "*.", ".", "::1%eth0", "::ffff:1.2.3.4/120"} {
		if _, err := ParseAllowNet([]string{rule}); err == nil {
			t.Errorf("%q is accepted", rule)
		}
	}
}
