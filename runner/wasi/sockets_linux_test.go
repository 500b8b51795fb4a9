package wasi_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/tracetool/tracetool/runner/host"
)

// TestDatagramsRefused: a guest learns that nobody listens where it sends to, by
// the next call that is made after it is known.
func TestDatagramsRefused(t *testing.T) {
	listen := func(address netip.AddrPort) *net.UDPConn {
		peer, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(address))
		if err != nil {
			t.Fatal(err)
		}
		return peer
	}
	peer := listen(netip.MustParseAddrPort("127.0.0.1:0"))
	address := host.AddrPortOf(peer.LocalAddr())
	other := listen(netip.MustParseAddrPort("127.0.0.1:0"))
	defer other.Close()
	peer.Close()

	g := netGuest(t)
	fd := g.socket(sockDgram)
	iovs, n := g.iovs(5)
	ptr, port := g.addr(address)
	g.ok("sock_connect", fd, ptr, port)
	recv := []uint64{fd, iovs, n, 0, outAt, outAt + 8}
	send := func(want host.Errno) {
		t.Helper()
		g.write(bufAt, []byte("query"))
		if got := g.call("sock_send", fd, iovs, n, 0, outAt); got != want {
			t.Fatalf("sock_send: %v, want %v", got, want)
		}
	}
	wait := func() {
		t.Helper()
		if told := g.poll(fdSubscription(1, uint32(fd)), clockSubscription(1, uint64(20*time.Second), 0)); told[0].Userdata != fd {
			t.Fatal("nothing came")
		}
	}
	g.ok("fd_fdstat_set_flags", fd, flagNonblock)
	send(host.Success)
	wait()
	g.fails(host.ECONNREFUSED, "sock_recv", recv...)
	g.fails(host.EAGAIN, "sock_recv", recv...)
	send(host.Success)
	wait()
	send(host.ECONNREFUSED)

	// What was refused once need not be for ever.
	peer = listen(address)
	send(host.Success)
	got := make([]byte, 16)
	size, from, err := peer.ReadFromUDPAddrPort(got)
	if err != nil || string(got[:size]) != "query" {
		t.Fatalf("the peer got %q, %v", got[:size], err)
	}
	peer.WriteToUDPAddrPort([]byte("reply"), from)
	wait()
	g.ok("sock_recv", recv...)
	if text := string(g.read(bufAt, g.u32(outAt))); text != "reply" {
		t.Errorf("received %q", text)
	}

	// Errors of one end are none of the next.
	peer.Close()
	g.fails(host.EAGAIN, "sock_recv", recv...)
	send(host.Success)
	wait()
	ptr, port = g.addr(host.AddrPortOf(other.LocalAddr()))
	g.ok("sock_connect", fd, ptr, port)
	send(host.Success)
	g.fails(host.EAGAIN, "sock_recv", recv...)
}
