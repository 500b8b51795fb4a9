package wasi_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero/sys"

	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/wasi"
)

// TestContextEndsWaiting covers the calls that can wait for ever.
func TestContextEndsWaiting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	waits := map[string]func(g *guest) []uint64{
		"fd_read": func(g *guest) []uint64 {
			ptr, n := g.iovs(4)
			return []uint64{0, ptr, n, outAt}
		},
		"poll_oneoff": func(g *guest) []uint64 {
			g.write(bufAt, clockSubscription(1, uint64(time.Hour), 0))
			return []uint64{bufAt, bufAt, 1, outAt}
		},
		"sock_accept": func(g *guest) []uint64 {
			g.ok("fd_fdstat_set_flags", 3, 0)
			return []uint64{3, 0, outAt}
		},
	}
	for name, params := range waits {
		t.Run(name, func(t *testing.T) {
			r, w := io.Pipe()
			defer w.Close()
			g := newGuest(t, wasi.Config{Stdin: r, Listeners: []net.Listener{l}})
			args := params(g)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			_, err := g.mod.ExportedFunction(name).Call(ctx, args...)
			var exit *sys.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != sys.ExitCodeDeadlineExceeded {
				t.Errorf("%v, want the exit code of a deadline", err)
			}
		})
	}
}

func clockSubscription(id uint32, timeout uint64, flags uint16) []byte {
	b := make([]byte, 48)
	binary.LittleEndian.PutUint64(b, 0xc10c)
	binary.LittleEndian.PutUint32(b[16:], id)
	binary.LittleEndian.PutUint64(b[24:], timeout)
	binary.LittleEndian.PutUint16(b[40:], flags)
	return b
}

func fdSubscription(kind byte, fd uint32) []byte {
	b := make([]byte, 48)
	binary.LittleEndian.PutUint64(b, uint64(fd))
	b[8] = kind
	binary.LittleEndian.PutUint32(b[16:], fd)
	return b
}

// event is what poll_oneoff reports.
type event struct {
	Userdata uint64
	Errno    host.Errno
	Kind     byte
	Bytes    uint64
	Hangup   bool
}

func (g *guest) poll(subs ...[]byte) (events []event) {
	g.t.Helper()
	g.write(bufAt, slices.Concat(subs...))
	g.ok("poll_oneoff", bufAt, bufAt, uint64(len(subs)), outAt) // over the subscriptions
	for i := range g.u32(outAt) {
		b := g.read(bufAt+32*i, 32)
		events = append(events, event{
			binary.LittleEndian.Uint64(b), host.Errno(binary.LittleEndian.Uint16(b[8:])), b[10],
			binary.LittleEndian.Uint64(b[16:]), b[24] == 1,
		})
	}
	return events
}

func TestPoll(t *testing.T) {
	g, _ := newDirGuest(t)
	file := uint32(g.mustOpen(3, "file", follow, 0, rightsAll))
	past := clockSubscription(0, 1, 1)
	soon := clockSubscription(1, uint64(time.Millisecond), 0)
	late := clockSubscription(1, uint64(time.Hour), 0)
	clock := event{Userdata: 0xc10c}
	tests := []struct {
		name string
		subs [][]byte
		want []event
	}{
		{"a clock", [][]byte{soon}, []event{clock}},
		{"an absolute time that has passed", [][]byte{past, late}, []event{clock}},
		{"the earlier of two clocks", [][]byte{late, soon}, []event{clock}},
		{"a clock that cannot be waited for", [][]byte{late, clockSubscription(2, 1, 0)}, []event{{Userdata: 0xc10c, Errno: host.EINVAL}}},
		{"a file", [][]byte{fdSubscription(1, file), late}, []event{{Userdata: uint64(file), Kind: 1, Bytes: 10}}},
		{"a file to write", [][]byte{late, fdSubscription(2, file)}, []event{{Userdata: uint64(file), Kind: 2}}},
		{"stdin at its end", [][]byte{fdSubscription(1, 0), late}, []event{{Kind: 1, Hangup: true}}},
		{"both outputs", [][]byte{fdSubscription(2, 1), fdSubscription(2, 2)}, []event{{Userdata: 1, Kind: 2}, {Userdata: 2, Kind: 2}}},
		{"no descriptor", [][]byte{fdSubscription(1, 99)}, []event{{Userdata: 99, Errno: host.EBADF, Kind: 1}}},
		{"a directory", [][]byte{fdSubscription(1, 3)}, []event{{Userdata: 3, Errno: host.ENOTCAPABLE, Kind: 1}}},
		{"stdin to write", [][]byte{fdSubscription(2, 0)}, []event{{Errno: host.ENOTCAPABLE, Kind: 2}}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, g.poll(test.subs...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	g.write(bufAt, fdSubscription(3, 0))
	g.fails(host.EINVAL, "poll_oneoff", bufAt, bufAt, 1, outAt)
}

func TestPollStdin(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	g := newGuest(t, wasi.Config{Stdin: r})
	stdin := fdSubscription(1, 0)
	if diff := cmp.Diff([]event{{Userdata: 0xc10c}}, g.poll(stdin, clockSubscription(1, uint64(5*time.Millisecond), 0))); diff != "" {
		t.Errorf("with nothing to read (-want +got):\n%s", diff)
	}
	go w.Write([]byte("typed"))
	if diff := cmp.Diff([]event{{Kind: 1, Bytes: 5}}, g.poll(stdin, clockSubscription(1, uint64(time.Minute), 0))); diff != "" {
		t.Errorf("with something to read (-want +got):\n%s", diff)
	}
	if text, errno := g.gets(0, 9); errno != host.Success || text != "typed" {
		t.Errorf("read %q, %v", text, errno)
	}
	g.ok("fd_fdstat_set_flags", 0, flagNonblock)
	if _, errno := g.gets(0, 9); errno != host.EAGAIN {
		t.Errorf("reading without waiting: %v, want EAGAIN", errno)
	}
}

func TestSockets(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g := newGuest(t, wasi.Config{Listeners: []net.Listener{l}})
	g.fails(host.EAGAIN, "sock_accept", 3, 0, outAt)
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if diff := cmp.Diff([]event{{Userdata: 3, Kind: 1, Bytes: 1}}, g.poll(fdSubscription(1, 3))); diff != "" {
		t.Fatalf("polling the listener (-want +got):\n%s", diff)
	}
	g.fails(host.EINVAL, "sock_accept", 3, 1, outAt)
	g.ok("sock_accept", 3, flagNonblock, outAt)
	conn := uint64(g.u32(outAt))
	if conn != 4 {
		t.Errorf("accepted %d, want 4", conn)
	}
	ptr, n := g.iovs(2, 6)
	g.fails(host.EAGAIN, "sock_recv", conn, ptr, n, 0, outAt, outAt+8)
	if _, err := client.Write([]byte("request")); err != nil {
		t.Fatal(err)
	}
	g.poll(fdSubscription(1, uint32(conn)))
	for _, flags := range []uint64{1, 0} { // peek, then take
		g.ok("sock_recv", conn, ptr, n, flags, outAt, outAt+8)
		if got := string(g.read(bufAt, g.u32(outAt))); got != "request" {
			t.Errorf("with flags %d received %q", flags, got)
		}
	}
	g.poll(fdSubscription(2, uint32(conn)))
	g.write(bufAt, []byte("response"))
	g.ok("sock_send", conn, ptr, n, 0, outAt)
	g.fails(host.EINVAL, "sock_send", conn, ptr, n, 1, outAt)
	g.fails(host.EINVAL, "sock_shutdown", conn, 0)
	g.fails(host.EINVAL, "sock_accept", conn, 0, outAt)
	g.fails(host.ENOTCONN, "sock_shutdown", 3, 1)
	g.ok("sock_shutdown", conn, 2)
	if got, err := io.ReadAll(client); string(got) != "response" || err != nil {
		t.Errorf("the client got %q, %v", got, err)
	}
	g.fails(host.EPIPE, "sock_send", conn, ptr, n, 0, outAt)
	g.ok("fd_close", conn)
}
