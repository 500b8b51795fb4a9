package wasip2

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tracetool/tracetool/format/canon"
)

const (
	tcp = "wasi:sockets/tcp [method]tcp-socket."
	udp = "wasi:sockets/udp [method]udp-socket."
)

// address is an ip-socket-address.
func address(s string) value {
	a := netip.MustParseAddrPort(s)
	return func(e *canon.Encoder) {
		if a.Addr().Is4() {
			e.Case(0)
			e.U16(a.Port())
			for _, b := range a.Addr().As4() {
				e.U8(b)
			}
			return
		}
		e.Case(1)
		e.U16(a.Port())
		e.U32(0)
		ip := a.Addr().As16()
		for i := 0; i < 16; i += 2 {
			e.U16(uint16(ip[i])<<8 | uint16(ip[i+1]))
		}
		e.U32(0)
	}
}

// port is the port in a result that is an address.
func port(text string) int {
	var n int
	fmt.Sscanf(text[strings.Index(text, "port: "):], "port: %d", &n)
	return n
}

// acceptOn has a socket listen on loopback and returns a connection to it, with
// its streams.
func (g *guest) acceptOn(t *testing.T, l, network value) []value {
	t.Helper()
	g.want("ok", tcp+"start-bind", l, network, address("127.0.0.1:0"))
	g.want("ok", tcp+"finish-bind", l)
	g.want("ok", tcp+"start-listen", l)
	g.want("ok", tcp+"finish-listen", l)
	c, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port(g.call(tcp+"local-address", l))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	g.block(l, tcp+"subscribe")
	return g.reps(tcp+"accept", l)
}

func (g *guest) block(resource value, subscribe string) {
	g.t.Helper()
	p := g.rep(subscribe, resource)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, _, err := g.try(ctx, "wasi:io/poll [method]pollable.block", p); err != nil {
		g.t.Fatalf("%s: %v", subscribe, err)
	}
	g.drop("pollable", p)
}

func TestTCP(t *testing.T) {
	g := newGuest(t, Config{Listen: []string{"127.0.0.1:0"}, AllowNet: []string{"127.0.0.1"}})
	n := g.rep("wasi:sockets/instance-network instance-network")
	l := g.rep("wasi:sockets/tcp-create-socket create-tcp-socket", kase(0))
	g.want("ipv4", tcp+"address-family", l)
	g.want("err(invalid-state)", tcp+"local-address", l)
	g.want("err(invalid-state)", tcp+"start-listen", l)
	g.want("err(not-in-progress)", tcp+"finish-bind", l)
	g.want("ok", tcp+"start-bind", l, n, address("127.0.0.1:0"))
	g.want("err(concurrency-conflict)", tcp+"start-bind", l, n, address("127.0.0.1:0"))
	g.want("ok", tcp+"finish-bind", l)
	g.want("err(invalid-state)", tcp+"start-bind", l, n, address("127.0.0.1:0"))
	where := fmt.Sprintf("127.0.0.1:%d", port(g.call(tcp+"local-address", l)))
	g.want("ok", tcp+"start-listen", l)
	g.want("false", tcp+"is-listening", l)
	g.want("ok", tcp+"finish-listen", l)
	g.want("err(not-in-progress)", tcp+"finish-listen", l)
	g.want("true", tcp+"is-listening", l)
	g.want("err(would-block)", tcp+"accept", l)

	s := g.rep("wasi:sockets/tcp-create-socket create-tcp-socket", kase(0))
	g.want("err(not-in-progress)", tcp+"finish-connect", s)
	g.want("err(invalid-state)", tcp+"shutdown", s, kase(2))
	g.want("ok", tcp+"start-connect", s, n, address(where))
	g.block(s, tcp+"subscribe")
	client := g.reps(tcp+"finish-connect", s)
	in, out := client[0], client[1]
	g.want("err(invalid-state)", tcp+"start-connect", s, n, address(where))
	g.block(l, tcp+"subscribe")
	accepted := g.reps(tcp+"accept", l)
	peer, peerIn, peerOut := accepted[0], accepted[1], accepted[2]
	if a, b := g.call(tcp+"local-address", s), g.call(tcp+"remote-address", peer); a != b {
		t.Errorf("%s, %s", a, b)
	}
	if a, b := g.call(tcp+"remote-address", s), g.call(tcp+"local-address", l); a != b {
		t.Errorf("%s, %s", a, b)
	}

	g.want(`ok("")`, streams+"input-stream.read", in, u64(10))
	g.want("ok", streams+"output-stream.blocking-write-and-flush", out, blob("hello"))
	g.want(`ok("hello")`, streams+"input-stream.blocking-read", peerIn, u64(10))
	g.want("ok", streams+"output-stream.blocking-write-and-flush", peerOut, blob(strings.Repeat("x", 1000)))
	g.want("ok", tcp+"shutdown", peer, kase(1))
	g.want("ok", tcp+"shutdown", peer, kase(1))
	g.want("err(closed)", streams+"output-stream.check-write", peerOut)
	g.want("ok(10)", streams+"input-stream.blocking-skip", in, u64(1000)) // asked for above
	g.want("ok(990)", streams+"input-stream.blocking-skip", in, u64(1000))
	g.want("err(closed)", streams+"input-stream.blocking-read", in, u64(10))
	g.want("ok", tcp+"shutdown", s, kase(0))
	g.want("ok", tcp+"shutdown", s, kase(2))
	g.want("err(closed)", streams+"output-stream.blocking-write-and-flush", out, blob("x"))
	g.want("err(closed)", streams+"input-stream.blocking-read", peerIn, u64(10))
}

func TestTCPErrors(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := newGuest(t, Config{Listen: []string{"127.0.0.1:0"}, AllowNet: []string{taken.Addr().String()}})
	n := g.rep("wasi:sockets/instance-network instance-network")
	create := func(family int) value { return g.rep("wasi:sockets/tcp-create-socket create-tcp-socket", kase(family)) }
	for _, tt := range []struct {
		family       int
		addr         string
		bind, remote string
	}{
		{0, "[::1]:80", "invalid-argument", "invalid-argument"},
		{1, "127.0.0.1:80", "invalid-argument", "invalid-argument"},
		{1, "[::ffff:127.0.0.1]:80", "invalid-argument", "invalid-argument"},
		{0, "224.0.0.1:80", "invalid-argument", "invalid-argument"},
		{0, "255.255.255.255:80", "invalid-argument", "invalid-argument"},
		{0, "0.0.0.0:80", "access-denied", "invalid-argument"},
		{0, "10.0.0.1:80", "access-denied", "access-denied"},
		{0, "127.0.0.1:80", "access-denied", ""},
		{0, "127.0.0.1:0", "", "invalid-argument"},
	} {
		for fn, want := range map[string]string{"start-bind": tt.bind, "start-connect": tt.remote} {
			if want == "" {
				continue
			}
			if got := g.call(tcp+fn, create(tt.family), n, address(tt.addr)); got != "err("+want+")" {
				t.Errorf("%s %s: %s, want %s", fn, tt.addr, got, want)
			}
		}
	}
	h := newGuest(t, Config{Listen: []string{taken.Addr().String()}})
	n2 := h.rep("wasi:sockets/instance-network instance-network")
	s := h.rep("wasi:sockets/tcp-create-socket create-tcp-socket", kase(0))
	h.want("err(address-in-use)", tcp+"start-bind", s, n2, address(taken.Addr().String()))
	taken.Close()
	h.want("ok", tcp+"start-bind", s, n2, address(taken.Addr().String()))
	h.drop("tcp-socket", s)

	s = create(0)
	g.want("ok", tcp+"start-connect", s, n, address(taken.Addr().String()))
	g.block(s, tcp+"subscribe")
	g.want("err(connection-refused)", tcp+"finish-connect", s)
	g.want("err(invalid-state)", tcp+"start-connect", s, n, address(taken.Addr().String()))

	none := newGuest(t, Config{})
	none.want("err(access-denied)", "wasi:sockets/tcp-create-socket create-tcp-socket", kase(0))
}

// TestTCPListenOnlyWhereAsked has a guest that may connect, and so bind, but not
// listen.
func TestTCPListenOnlyWhereAsked(t *testing.T) {
	g := newGuest(t, Config{AllowNet: []string{"127.0.0.1:1"}})
	n := g.rep("wasi:sockets/instance-network instance-network")
	s := g.rep("wasi:sockets/tcp-create-socket create-tcp-socket", kase(0))
	g.want("ok", tcp+"start-bind", s, n, address("127.0.0.1:0"))
	g.want("ok", tcp+"finish-bind", s)
	g.want("err(access-denied)", tcp+"start-listen", s)
}

// TestTCPDropped drops everything right after a write, which must arrive.
func TestTCPDropped(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan int)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		data, _ := io.ReadAll(c)
		got <- len(data)
	}()
	g := newGuest(t, Config{AllowNet: []string{l.Addr().String()}})
	n := g.rep("wasi:sockets/instance-network instance-network")
	s := g.rep("wasi:sockets/tcp-create-socket create-tcp-socket", kase(0))
	g.want("ok", tcp+"start-connect", s, n, address(l.Addr().String()))
	g.block(s, tcp+"subscribe")
	out := g.reps(tcp+"finish-connect", s)[1]
	g.want("ok", streams+"output-stream.write", out, blob(strings.Repeat("x", chunk)))
	if err := g.h.Close(); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != chunk {
		t.Errorf("%d bytes, want %d", n, chunk)
	}
}

// TestTCPReset has the peer reset the connection.
func TestTCPReset(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			io.ReadFull(c, make([]byte, 1))
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	}()
	g := newGuest(t, Config{AllowNet: []string{l.Addr().String()}})
	n := g.rep("wasi:sockets/instance-network instance-network")
	s := g.rep("wasi:sockets/tcp-create-socket create-tcp-socket", kase(0))
	g.want("ok", tcp+"start-connect", s, n, address(l.Addr().String()))
	g.block(s, tcp+"subscribe")
	both := g.reps(tcp+"finish-connect", s)
	in, out := both[0], both[1]
	g.want("ok", streams+"output-stream.write", out, blob("x"))
	g.want("err(last-operation-failed(error#1))", streams+"input-stream.blocking-read", in, u64(1))
	g.want("some(connection-reset)", "wasi:sockets/network network-error-code", u32(1))
	g.want("none", "wasi:filesystem/types filesystem-error-code", u32(1))
	g.want("none", web+"http-error-code", u32(1))
}

func TestTCPOptions(t *testing.T) {
	g := newGuest(t, Config{Listen: []string{"127.0.0.1:0"}, AllowNet: []string{"*"}})
	n := g.rep("wasi:sockets/instance-network instance-network")
	l := g.rep("wasi:sockets/tcp-create-socket create-tcp-socket", kase(0))
	u8 := func(v uint8) value { return func(e *canon.Encoder) { e.U8(v) } }
	second := uint64(time.Second)
	g.want("ok(false)", tcp+"keep-alive-enabled", l)
	g.want("ok", tcp+"set-keep-alive-enabled", l, boolean(true))
	options := []struct {
		name      string
		zero, set value
		want      string
	}{
		{"keep-alive-idle-time", u64(0), u64(42 * second), "ok(42000000000)"},
		{"keep-alive-interval", u64(0), u64(1), "ok(1000000000)"},
		{"keep-alive-count", u32(0), u32(42), "ok(42)"},
		{"hop-limit", u8(0), u8(200), "ok(200)"},
		{"receive-buffer-size", u64(0), u64(0x10000), "ok(65536)"},
		{"send-buffer-size", u64(0), u64(1 << 63), "ok(1073741824)"},
	}
	for _, o := range options {
		g.want("err(invalid-argument)", tcp+"set-"+o.name, l, o.zero)
		g.want("ok", tcp+"set-"+o.name, l, o.set)
	}
	g.want("err(invalid-argument)", tcp+"set-listen-backlog-size", l, u64(0))
	g.want("ok", tcp+"set-listen-backlog-size", l, u64(1<<63))
	s := g.acceptOn(t, l, n)[0]
	g.want("ok(true)", tcp+"keep-alive-enabled", s)
	for _, o := range options {
		g.want(o.want, tcp+o.name, s)
	}
	g.want("ok", tcp+"set-hop-limit", s, u8(7))
	g.want("ok(7)", tcp+"hop-limit", s)
	g.want("err(invalid-state)", tcp+"set-listen-backlog-size", s, u64(1))
}

func (g *guest) udpSocket(n value) (s value, addr string) {
	g.t.Helper()
	s = g.rep("wasi:sockets/udp-create-socket create-udp-socket", kase(0))
	g.want("ok", udp+"start-bind", s, n, address("127.0.0.1:0"))
	g.want("err(invalid-state)", udp+"local-address", s)
	g.want("ok", udp+"finish-bind", s)
	g.want("err(not-in-progress)", udp+"finish-bind", s)
	return s, fmt.Sprintf("127.0.0.1:%d", port(g.call(udp+"local-address", s)))
}

func TestUDP(t *testing.T) {
	const in, out = "wasi:sockets/udp [method]incoming-datagram-stream.", "wasi:sockets/udp [method]outgoing-datagram-stream."
	g := newGuest(t, Config{AllowNet: []string{"127.0.0.1"}})
	n := g.rep("wasi:sockets/instance-network instance-network")
	a, aAddr := g.udpSocket(n)
	b, bAddr := g.udpSocket(n)
	other, _ := g.udpSocket(n)
	g.want("ipv4", udp+"address-family", a)
	g.want("err(invalid-state)", udp+"remote-address", a)
	as := g.reps(udp+"stream", a, some(address(bAddr)))
	bs := g.reps(udp+"stream", b, none)
	os := g.reps(udp+"stream", other, none)
	aIn, aOut, bIn, bOut := as[0], as[1], bs[0], bs[1]
	datagram := func(data string, to value) value { return all(blob(data), to) }

	g.traps("want at most the 0", out+"send", aOut, list(datagram("x", none)))
	g.want("ok(64)", out+"check-send", aOut)
	g.want("ok(2)", out+"send", aOut, list(datagram("one", none), datagram("", some(address(bAddr)))))
	g.want("err(invalid-argument)", out+"send", aOut, list(datagram("x", some(address(aAddr)))))
	g.want("ok(64)", out+"check-send", bOut)
	g.want("err(invalid-argument)", out+"send", bOut, list(datagram("x", none)))
	g.want("err(access-denied)", out+"send", bOut, list(datagram("x", some(address("10.0.0.1:1")))))
	g.want("err(datagram-too-large)", out+"send", bOut, list(datagram(strings.Repeat("x", 65508), some(address(aAddr)))))
	g.want("ok(0)", out+"send", bOut, list())

	g.want("ok([])", in+"receive", bIn, u64(0))
	g.block(bIn, in+"subscribe")
	from := g.call(udp+"local-address", a)
	from = strings.TrimSuffix(strings.TrimPrefix(from, "ok("), ")")
	one := `{data: "one", remote-address: ` + from + "}"
	empty := `{data: "", remote-address: ` + from + "}"
	got := g.call(in+"receive", bIn, u64(10))
	if got == "ok(["+one+"])" {
		g.block(bIn, in+"subscribe")
		g.want("ok(["+empty+"])", in+"receive", bIn, u64(10))
	} else if got != "ok(["+one+", "+empty+"])" {
		t.Error(got)
	}

	// a hears b alone.
	g.want("ok(64)", out+"check-send", os[1])
	g.want("ok(1)", out+"send", os[1], list(datagram("from elsewhere", some(address(aAddr)))))
	g.want("ok(1)", out+"send", bOut, list(datagram("from b", some(address(aAddr)))))
	g.block(aIn, in+"subscribe")
	if got := g.call(in+"receive", aIn, u64(10)); !strings.Contains(got, `"from b"`) || strings.Contains(got, "elsewhere") {
		t.Error(got)
	}
	g.block(a, udp+"subscribe")
	g.block(aOut, out+"subscribe")
	g.drop("udp-incoming", aIn)
	g.drop("udp-outgoing", aOut)
	g.want("err(access-denied)", udp+"stream", a, some(address("10.0.0.1:1")))
	g.want("err(invalid-argument)", udp+"stream", a, some(address("127.0.0.1:0")))
	as = g.reps(udp+"stream", a, none)
	g.want("ok(64)", out+"check-send", os[1])
	g.want("ok(1)", out+"send", os[1], list(datagram("from elsewhere", some(address(aAddr)))))
	g.block(as[0], in+"subscribe")
	if got := g.call(in+"receive", as[0], u64(10)); !strings.Contains(got, "elsewhere") {
		t.Error(got)
	}
	u8 := func(v uint8) value { return func(e *canon.Encoder) { e.U8(v) } }
	g.want("ok", udp+"set-unicast-hop-limit", a, u8(9))
	g.want("ok(9)", udp+"unicast-hop-limit", a)
	g.want("err(invalid-argument)", udp+"set-unicast-hop-limit", a, u8(0))
	g.want("ok", udp+"set-receive-buffer-size", a, u64(1<<16))
	g.want("ok(65536)", udp+"receive-buffer-size", a)
	g.want("ok", udp+"set-send-buffer-size", a, u64(1<<16))
	g.want("ok(65536)", udp+"send-buffer-size", a)
}

func TestUDPDenied(t *testing.T) {
	g := newGuest(t, Config{})
	g.want("err(access-denied)", "wasi:sockets/udp-create-socket create-udp-socket", kase(0))
	g = newGuest(t, Config{Listen: []string{"127.0.0.1:1"}})
	n := g.rep("wasi:sockets/instance-network instance-network")
	s := g.rep("wasi:sockets/udp-create-socket create-udp-socket", kase(0))
	g.want("err(access-denied)", udp+"start-bind", s, n, address("127.0.0.1:0"))
	g.want("err(invalid-state)", udp+"stream", s, none)
}

// TestUDPFlood fills an inbox that nobody reads and drops it.
func TestUDPFlood(t *testing.T) {
	g := newGuest(t, Config{AllowNet: []string{"127.0.0.1"}})
	n := g.rep("wasi:sockets/instance-network instance-network")
	s, addr := g.udpSocket(n)
	g.reps(udp+"stream", s, none)
	c, err := net.Dial("udp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 10 * inboxSize {
		c.Write([]byte("x"))
	}
}

func TestLookup(t *testing.T) {
	const next = "wasi:sockets/ip-name-lookup [method]resolve-address-stream."
	g := newGuest(t, Config{AllowNet: []string{"localhost", "no-such-host.invalid:80"}})
	n := g.rep("wasi:sockets/instance-network instance-network")
	resolve := func(name string) string { return g.call("wasi:sockets/ip-name-lookup resolve-addresses", n, str(name)) }
	for name, want := range map[string]string{
		"":                      "err(invalid-argument)",
		"a b":                   "err(invalid-argument)",
		"http://x":              "err(invalid-argument)",
		"a..b":                  "err(invalid-argument)",
		"127.0.0.1:80":          "err(invalid-argument)",
		"[::1":                  "err(invalid-argument)",
		"[127.0.0.1]":           "err(invalid-argument)",
		strings.Repeat("x", 64): "err(invalid-argument)",
		"example.org":           "err(access-denied)",
	} {
		if got := resolve(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	l := g.rep("wasi:sockets/ip-name-lookup resolve-addresses", n, str("192.0.2.1"))
	g.want("ok(some(ipv4((192, 0, 2, 1))))", next+"resolve-next-address", l)
	g.want("ok(none)", next+"resolve-next-address", l)
	l = g.rep("wasi:sockets/ip-name-lookup resolve-addresses", n, str("[::1]"))
	g.want("ok(some(ipv6((0, 0, 0, 0, 0, 0, 0, 1))))", next+"resolve-next-address", l)
	l = g.rep("wasi:sockets/ip-name-lookup resolve-addresses", n, str("localhost"))
	g.block(l, next+"subscribe")
	if got := g.call(next+"resolve-next-address", l); !strings.HasPrefix(got, "ok(some(ipv") {
		t.Error(got)
	}
	l = g.rep("wasi:sockets/ip-name-lookup resolve-addresses", n, str("no-such-host.invalid"))
	g.block(l, next+"subscribe")
	if got := g.call(next+"resolve-next-address", l); !strings.HasSuffix(got, "resolver-failure)") && got != "err(name-unresolvable)" {
		t.Error(got)
	}
}

func TestListenRules(t *testing.T) {
	rules, err := parseListen([]string{"127.0.0.1:0", ":81", "0.0.0.0:82", "localhost:83", "[::2]:5"})
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{listen: rules}
	for addr, want := range map[string]bool{
		"127.0.0.1:0": true, "127.0.0.2:0": false, "10.0.0.1:81": true, "10.0.0.1:82": true,
		"127.0.0.1:83": true, "[::1]:83": true, "10.0.0.1:83": false, "[::2]:5": true, "[::2]:6": false,
	} {
		if got := h.mayListen(netip.MustParseAddrPort(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	for _, address := range []string{"", "x", "example.org:80", "127.0.0.1:http", "127.0.0.1:70000"} {
		if _, err := parseListen([]string{address}); err == nil {
			t.Errorf("%q is accepted", address)
		}
	}
}
