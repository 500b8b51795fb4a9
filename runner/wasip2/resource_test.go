package wasip2

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
)

// made is a resource and the name of its type.
type made struct {
	typ string
	rep value
}

// each of these makes a resource and its child.
var children = map[string]func(t *testing.T, g *guest) (parent, child made){
	"pollable of an input stream": func(_ *testing.T, g *guest) (made, made) {
		return g.pollableOf("input", g.rep("wasi:cli/stdin get-stdin"), streams+"input-stream.subscribe")
	},
	"pollable of an output stream": func(_ *testing.T, g *guest) (made, made) {
		return g.pollableOf("output", g.rep("wasi:cli/stdout get-stdout"), streams+"output-stream.subscribe")
	},
	"pollable of a lookup": func(_ *testing.T, g *guest) (made, made) {
		l := g.rep("wasi:sockets/ip-name-lookup resolve-addresses", g.network(), str("127.0.0.1"))
		return g.pollableOf("lookup", l, "wasi:sockets/ip-name-lookup [method]resolve-address-stream.subscribe")
	},
	"pollable of a TCP socket": func(_ *testing.T, g *guest) (made, made) {
		return g.pollableOf("tcp-socket", g.rep("wasi:sockets/tcp-create-socket create-tcp-socket", kase(0)), tcp+"subscribe")
	},
	"input of a TCP socket": func(t *testing.T, g *guest) (made, made) {
		s, both := g.connected(t)
		g.drop("output", both[1])
		return made{"tcp-socket", s}, made{"input", both[0]}
	},
	"output of a TCP socket": func(t *testing.T, g *guest) (made, made) {
		s, both := g.connected(t)
		g.drop("input", both[0])
		return made{"tcp-socket", s}, made{"output", both[1]}
	},
	"input of an accepted TCP socket": func(t *testing.T, g *guest) (made, made) {
		three := g.accepted(t)
		g.drop("output", three[2])
		return made{"tcp-socket", three[0]}, made{"input", three[1]}
	},
	"pollable of a UDP socket": func(_ *testing.T, g *guest) (made, made) {
		s, _ := g.udpSocket(g.network())
		return g.pollableOf("udp-socket", s, udp+"subscribe")
	},
	"incoming datagrams of a UDP socket": func(_ *testing.T, g *guest) (made, made) {
		s, both := g.datagrams()
		g.drop("udp-outgoing", both[1])
		return made{"udp-socket", s}, made{"udp-incoming", both[0]}
	},
	"outgoing datagrams of a UDP socket": func(_ *testing.T, g *guest) (made, made) {
		s, both := g.datagrams()
		g.drop("udp-incoming", both[0])
		return made{"udp-socket", s}, made{"udp-outgoing", both[1]}
	},
	"pollable of incoming datagrams": func(_ *testing.T, g *guest) (made, made) {
		_, both := g.datagrams()
		return g.pollableOf("udp-incoming", both[0], "wasi:sockets/udp [method]incoming-datagram-stream.subscribe")
	},
	"pollable of outgoing datagrams": func(_ *testing.T, g *guest) (made, made) {
		_, both := g.datagrams()
		return g.pollableOf("udp-outgoing", both[1], "wasi:sockets/udp [method]outgoing-datagram-stream.subscribe")
	},
	"stream of an outgoing body": func(_ *testing.T, g *guest) (made, made) {
		b := g.rep(web+"[method]outgoing-request.body", g.request("POST", "h", "/"))
		return made{"outgoing-body", b}, made{"output", g.rep(web+"[method]outgoing-body.write", b)}
	},
	"pollable of a response to come": func(_ *testing.T, g *guest) (made, made) {
		return g.pollableOf("future-response", g.handle(g.request("GET", "h", "/"), none), web+"[method]future-incoming-response.subscribe")
	},
	"stream of an incoming body": func(_ *testing.T, g *guest) (made, made) {
		b := g.rep(web+consumeResponse, g.response(g.handle(g.request("GET", "h", "/"), none)))
		return made{"incoming-body", b}, made{"input", g.rep(web+"[method]incoming-body.stream", b)}
	},
	"pollable of trailers to come": func(_ *testing.T, g *guest) (made, made) {
		b := g.rep(web+consumeResponse, g.response(g.handle(g.request("GET", "h", "/"), none)))
		return g.pollableOf("future-trailers", g.rep(web+"[static]incoming-body.finish", b), web+"[method]future-trailers.subscribe")
	},
}

func (g *guest) pollableOf(typ string, of value, subscribe string) (parent, child made) {
	g.t.Helper()
	return made{typ, of}, made{"pollable", g.rep(subscribe, of)}
}

func (g *guest) network() value { return g.rep("wasi:sockets/instance-network instance-network") }

func (g *guest) datagrams() (s value, both []value) {
	g.t.Helper()
	s, _ = g.udpSocket(g.network())
	return s, g.reps(udp+"stream", s, none)
}

func (g *guest) connect(addr string) (s value, both []value) {
	g.t.Helper()
	s = g.rep("wasi:sockets/tcp-create-socket create-tcp-socket", kase(0))
	g.want("ok", tcp+"start-connect", s, g.network(), address(addr))
	g.block(s, tcp+"subscribe")
	return s, g.reps(tcp+"finish-connect", s)
}

func (g *guest) connected(t *testing.T) (s value, both []value) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return g.connect(l.Addr().String())
}

// accepted returns a socket and its streams.
func (g *guest) accepted(t *testing.T) []value {
	l := g.rep("wasi:sockets/tcp-create-socket create-tcp-socket", kase(0))
	three := g.acceptOn(t, l, g.network())
	g.drop("tcp-socket", l) // is no parent
	return three
}

// familyConfig is for guests that make all kinds of resources.
func familyConfig(t *testing.T) Config {
	return Config{
		Stdin: strings.NewReader("x"), AllowNet: []string{"127.0.0.1"}, Dirs: []Dir{{Host: t.TempDir(), Guest: "/"}},
		Answer: func(*HTTPRequest) (*HTTPResponse, error) { return &HTTPResponse{Status: 200}, nil },
	}
}

func (m made) String() string {
	name := types[m.typ]
	return fmt.Sprintf("%s#%d", name[strings.LastIndexByte(name, '.')+1:], number(m.rep))
}

// TestChildren: a resource is not dropped before its children.
func TestChildren(t *testing.T) {
	for name, make := range children {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, familyConfig(t))
			parent, child := make(t, g)
			want := fmt.Sprintf("%s still has a child, %s: drop that first", parent, child)
			g.keeps(want, parent.typ, parent.rep)
			g.keeps(want, parent.typ, parent.rep)
			g.drop(child.typ, child.rep)
			g.drop(parent.typ, parent.rep)
			g.keeps(fmt.Sprintf("%s: there is no number %d", types[parent.typ], number(parent.rep)), parent.typ, parent.rep)
		})
	}
}

// TestChildrenClosed: a host is closed with all that a guest has left.
func TestChildrenClosed(t *testing.T) {
	for name, make := range children {
		t.Run(name, func(t *testing.T) { make(t, newGuest(t, familyConfig(t))) })
	}
}

// TestNoChildren: these are not children of what they came of, which may go
// first, and go on without it.
func TestNoChildren(t *testing.T) {
	g := newGuest(t, familyConfig(t))
	dir := g.rep("wasi:filesystem/preopens get-directories")
	const fs = "wasi:filesystem/types [method]"
	file := g.rep(fs+"descriptor.open-at", dir, kase(0), str("f"), kase(1), kase(3))
	entries := g.rep(fs+"descriptor.read-directory", dir)
	g.drop("descriptor", dir)
	out, in := g.rep(fs+"descriptor.write-via-stream", file, u64(0)), g.rep(fs+"descriptor.read-via-stream", file, u64(0))
	g.drop("descriptor", file)
	g.want("ok", streams+"output-stream.blocking-write-and-flush", out, blob("text"))
	g.want(`ok("text")`, streams+"input-stream.blocking-read", in, u64(9))
	g.want(`ok(some({type: regular-file, name: "f"}))`, fs+"directory-entry-stream.read-directory-entry", entries)

	n := g.network()
	s, _ := g.udpSocket(n)
	g.drop("network", n)
	g.reps(udp+"stream", s, none)

	r := g.request("POST", "h", "/", field("a", "b"))
	headers := g.rep(web+"[method]outgoing-request.headers", r)
	body := g.rep(web+"[method]outgoing-request.body", r)
	future := g.handle(r, none)
	g.want("true", web+"[method]fields.has", headers, str("a"))
	g.want("ok", web+"[static]outgoing-body.finish", body, none)
	resp := g.response(future)
	headers = g.rep(web+"[method]incoming-response.headers", resp)
	incoming := g.rep(web+consumeResponse, resp)
	g.drop("incoming-response", resp)
	g.want("[]", web+"[method]fields.entries", headers)
	in = g.rep(web+"[method]incoming-body.stream", incoming)
	g.want("err(closed)", streams+"input-stream.blocking-read", in, u64(9))
}

// TestTakenWithChildren: nor is a resource passed on to the host before its
// children are dropped.
func TestTakenWithChildren(t *testing.T) {
	g := newGuest(t, familyConfig(t))
	_, out := children["stream of an outgoing body"](t, g)
	g.traps("outgoing-body#1 still has a child, output-stream#1: drop that first", web+"[static]outgoing-body.finish", u32(1), none)
	g.drop("output", out.rep)
	g.want("ok", web+"[static]outgoing-body.finish", u32(1), none)
	_, in := children["stream of an incoming body"](t, g)
	g.traps("incoming-body#1 still has a child, input-stream#1: drop that first", web+"[static]incoming-body.finish", u32(1))
	g.drop("input", in.rep)
	g.rep(web+"[static]incoming-body.finish", u32(1))
}

// TestUDPStreamsTwice: a socket has one pair of streams at a time.
func TestUDPStreamsTwice(t *testing.T) {
	g := newGuest(t, familyConfig(t))
	s, both := g.datagrams()
	p := g.rep(udp+"subscribe", s)
	g.traps("udp-socket#1 still has a child, outgoing-datagram-stream#1: drop that first", udp+"stream", s, none)
	g.drop("udp-outgoing", both[1])
	g.traps("udp-socket#1 still has a child, incoming-datagram-stream#1: drop that first", udp+"stream", s, none)
	g.drop("udp-incoming", both[0])
	g.reps(udp+"stream", s, none)
	g.drop("pollable", p)
}

// TestKin makes and drops children in several orders.
func TestKin(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}} {
		var pool resources[*pollable]
		pool.name = "wasi:io/poll.pollable"
		parent := &pollable{}
		pool.add(parent)
		var reps []uint32
		for range order {
			child := &pollable{}
			rep, err := pool.add(child)
			if err != nil {
				t.Fatal(err)
			}
			parent.adopt(&child.kin)
			reps = append(reps, rep)
		}
		left := map[uint32]bool{2: true, 3: true, 4: true}
		for _, i := range order {
			youngest := uint32(0)
			for rep := range left {
				youngest = max(youngest, rep)
			}
			if err := pool.drop(1); err == nil || !strings.Contains(err.Error(), fmt.Sprint("pollable#", youngest)) {
				t.Errorf("%v: %v, want pollable#%d in it", order, err, youngest)
			}
			if err := pool.drop(reps[i]); err != nil {
				t.Error(err)
			}
			delete(left, reps[i])
		}
		if err := pool.drop(1); err != nil || pool.count != 0 {
			t.Errorf("%v: %v, %d left", order, err, pool.count)
		}
	}
}

// TestDropUnknown: what there is not cannot be dropped.
func TestDropUnknown(t *testing.T) {
	g := newGuest(t, Config{})
	for _, resource := range []string{"wasi:io/poll.pollable", "wasi:io/poll.poll"} {
		if err := g.h.Drop(context.Background(), resource, 1); err == nil || !strings.Contains(err.Error(), resource) {
			t.Errorf("%s: %v", resource, err)
		}
	}
}
