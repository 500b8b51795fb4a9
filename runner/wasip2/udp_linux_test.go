package wasip2

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

const incomingDatagrams, outgoingDatagrams = "wasi:sockets/udp [method]incoming-datagram-stream.", "wasi:sockets/udp [method]outgoing-datagram-stream."

// TestUDPRefused: a guest learns that nobody listens where it sends to, by the
// next call that is made after it is known.
func TestUDPRefused(t *testing.T) {
	for _, loopback := range []string{"127.0.0.1", "0.0.0.0"} {
		g := newGuest(t, Config{AllowNet: []string{"127.0.0.1", "0.0.0.0"}})
		s := g.rep("wasi:sockets/udp-create-socket create-udp-socket", kase(0))
		g.want("ok", udp+"start-bind", s, g.network(), address(loopback+":0"))
		g.want("ok", udp+"finish-bind", s)
		local := port(g.call(udp+"local-address", s))
		peer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		remote := peer.LocalAddr().String()
		peer.Close()

		both := g.reps(udp+"stream", s, some(address(remote)))
		in, out := both[0], both[1]
		send := func(want string) {
			t.Helper()
			g.want("ok(64)", outgoingDatagrams+"check-send", out)
			g.want(want, outgoingDatagrams+"send", out, list(all(blob("x"), none)))
		}
		send("ok(1)")
		g.block(in, incomingDatagrams+"subscribe")
		g.want("ok([])", incomingDatagrams+"receive", in, u64(0))
		g.want("err(connection-refused)", incomingDatagrams+"receive", in, u64(8))
		g.want("ok([])", incomingDatagrams+"receive", in, u64(8))
		send("ok(1)")
		g.block(in, incomingDatagrams+"subscribe")
		g.want("ok(0)", outgoingDatagrams+"send", out, list())
		send("err(connection-refused)")

		// What was refused once need not be for ever.
		if peer, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addrPort(peer.LocalAddr()))); err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		send("ok(1)")
		p := make([]byte, 9)
		n, from, err := peer.ReadFromUDPAddrPort(p)
		if err != nil || string(p[:n]) != "x" || from.Port() != uint16(local) {
			t.Fatalf("%q from %s, %v, want port %d", p[:n], from, err, local)
		}
		peer.WriteToUDPAddrPort([]byte("answer"), from)
		g.block(in, incomingDatagrams+"subscribe")
		if got := g.call(incomingDatagrams+"receive", in, u64(8)); !strings.Contains(got, "answer") {
			t.Error(got)
		}

		// Errors of one remote are none of the next.
		peer.Close()
		send("ok(1)")
		g.block(in, incomingDatagrams+"subscribe")
		g.drop("udp-incoming", in)
		g.drop("udp-outgoing", out)
		both = g.reps(udp+"stream", s, none)
		in, out = both[0], both[1]
		g.want("ok([])", incomingDatagrams+"receive", in, u64(8))
		if now := port(g.call(udp+"local-address", s)); now != local {
			t.Errorf("port %d, want %d as before", now, local)
		}
		other, err := net.Dial("udp4", fmt.Sprintf("127.0.0.1:%d", local))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		other.Write([]byte("elsewhere"))
		g.block(in, incomingDatagrams+"subscribe")
		if got := g.call(incomingDatagrams+"receive", in, u64(8)); !strings.Contains(got, "elsewhere") {
			t.Error(got)
		}
	}
}
