package network

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

const startNS = 1_700_000_000_000_000_000

// called is a call with its parameters, errno, the value that the host wrote, and
// bytes.
func called(name string, errno int32, value int64, input, output string, p ...int64) format.Event {
	e := format.Event{Time: startNS, Duration: 1000, Errno: errno, Value: value, Function: int16(slices.Index(functionNames, name)),
		Has: format.HasModule | format.HasFunction | format.HasErrno | format.HasDuration | format.HasParams(len(p))}
	copy(e.P[:], p)
	if errno == 0 && value >= 0 {
		e.Has |= format.HasValue
	}
	if input != "" {
		e.Input, e.Has = []byte(input), e.Has|format.HasInput
	}
	if output != "" {
		e.Output, e.Has = []byte(output), e.Has|format.HasOutput
	}
	return e
}

// sockaddr is an IPv4 address as a guest has it in 128 bytes.
func sockaddr(ip ...byte) string {
	b := make([]byte, 132)
	b[0], b[4] = 128, 1
	copy(b[6:], ip)
	return string(b)
}

func trace(t *testing.T, program *format.Program, events []format.Event) *reader.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.trace.arrow")
	w, err := writer.Create(path, writer.Options{
		Header:  &format.Header{ID: "018bcfe5-6800-7000-8000-000000000001", StartNS: startNS, Program: program},
		Modules: []string{call.Module, "other"}, Functions: functionNames,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if err := w.Append(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func activities(t *testing.T, f *reader.File) (list []string) {
	t.Helper()
	for a, err := range Activities(f, f.Events(Query(f))) {
		if err != nil {
			t.Fatal(err)
		}
		s := fmt.Sprintf("%d %s %d #%d %s %s %s", a.Event, a.Op, a.FD, a.Connection, a.Protocol, a.Local, a.Remote)
		if a.Op == Send || a.Op == Receive {
			s += fmt.Sprintf(" %d:%q-%d", a.Bytes, a.Data, a.LostBytes)
		}
		if a.Peek {
			s += " peek"
		}
		list = append(list, s+a.How+a.Errno)
	}
	return list
}

func TestActivities(t *testing.T) {
	program := &format.Program{Dirs: []format.Preopen{{Host: ".", Guest: "/"}}, Listen: []string{"127.0.0.1:80"},
		Dial: []format.Dialed{{Address: "h:1", Local: "10.0.0.1:5", Remote: "10.0.0.2:1"}}}
	f := trace(t, program, []format.Event{
		called("fd_read", 0, 2, "", "hi", 0, 64, 1, 32),                   // stdin is no socket
		called("sock_accept", 6, -1, "", "", 4, 0, 64),                    // nobody there
		called("sock_accept", 0, 6, "", "10.0.0.9:77", 4, 0, 64),          // preopened behind the directory
		called("sock_recv", 0, 3, "", "\x00\x00abc", 6, 64, 1, 1, 32, 36), // peeked at
		called("fd_read", 0, 3, "", "abc", 6, 64, 1, 32),
		called("fd_write", 0, 4, "abcdef", "", 6, 64, 1, 32), // offered more than was taken
		called("sock_send", 15, -1, "abc", "", 6, 64, 1, 0, 32),
		called("sock_shutdown", 0, -1, "", "", 6, 2),
		called("fd_renumber", 0, -1, "", "", 5, 6), // closes 6
		called("fd_write", 0, 2000, "x", "", 6, 64, 1, 32),
		called("fd_close", 0, -1, "", "", 6),
		called("fd_write", 0, 1, "x", "", 6, 64, 1, 32), // a file by now
		called("path_open", 0, 4, "", "", 3, 0, 0, 0, 0, 0, 0, 0, 64),
		called("fd_close", 0, -1, "", "", 4), // the listener was closed unseen
	})
	want := []string{
		"2 accept 6 #2 tcp 127.0.0.1:80 10.0.0.9:77",
		`3 receive 6 #2 tcp 127.0.0.1:80 10.0.0.9:77 3:"abc"-0 peek`,
		`4 receive 6 #2 tcp 127.0.0.1:80 10.0.0.9:77 3:"abc"-0`,
		`5 send 6 #2 tcp 127.0.0.1:80 10.0.0.9:77 4:"abcd"-0`,
		`6 send 6 #2 tcp 127.0.0.1:80 10.0.0.9:77 0:""-0ECONNRESET`,
		"7 shutdown 6 #2 tcp 127.0.0.1:80 10.0.0.9:77write",
		"8 close 6 #2 tcp 127.0.0.1:80 10.0.0.9:77",
		`9 send 6 #1 tcp 10.0.0.1:5 10.0.0.2:1 2000:"x"-1999`,
		"10 close 6 #1 tcp 10.0.0.1:5 10.0.0.2:1",
	}
	if diff := cmp.Diff(want, activities(t, f)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestActivitiesOfOwnSockets(t *testing.T) {
	port := string(binary.LittleEndian.AppendUint32(nil, 53))
	f := trace(t, &format.Program{}, []format.Event{
		called("sock_getaddrinfo", 0, 0, "dns.example\x00\x0053\x00\x00\x00\x00\x00\x00\x00\x00", "", 0, 12, 12, 3, 64, 68, 1, 72),
		called("sock_open", 0, 3, "", "", 1, 1, 64),
		called("sock_send_to", 0, 2, sockaddr(8, 8, 8, 8)+"hi", "", 3, 64, 1, 96, 53, 0, 32),
		called("sock_recv_from", 0, 2, "", sockaddr(8, 8, 8, 8)+port+"\x00\x00yo", 3, 64, 1, 96, 0, 100, 104, 108),
		called("sock_open", 0, 4, "", "", 1, 2, 64),
		called("sock_connect", 26, -1, sockaddr(1, 2, 3, 4), "", 4, 64, 443),
		called("sock_getlocaladdr", 0, 7000, "", sockaddr(10, 0, 0, 1), 4, 64, 72),
		called("sock_getpeeraddr", 53, -1, "", "", 4, 64, 72),
		called("fd_write", 0, 1, "x", "", 4, 64, 1, 32),
		called("sock_open", 2, -1, "", "", 1, 2, 64),
		called("sock_open", 0, 5, "", "", 1, 2, 64),
		called("sock_bind", 0, -1, sockaddr(127, 0, 0, 1), "", 5, 64, 80),
		called("sock_listen", 0, -1, "", "", 5, 10),
		called("sock_accept", 0, 6, "", "", 5, 0, 64),
		called("sock_getpeeraddr", 0, 9000, "", sockaddr(127, 0, 0, 1), 6, 64, 72),
		called("fd_close", 0, -1, "", "", 6),
	})
	want := []string{
		"0 lookup -1 #0   dns.example",
		"1 open 3 #0 udp  ",
		`2 send 3 #1 udp  8.8.8.8:53 2:"hi"-0`,
		`3 receive 3 #1 udp  8.8.8.8:53 2:"yo"-0`,
		"4 open 4 #0 tcp  ",
		"5 connect 4 #2 tcp  1.2.3.4:443EINPROGRESS",
		`8 send 4 #2 tcp 10.0.0.1:7000 1.2.3.4:443 1:"x"-0`,
		"9 open -1 #0 tcp  EACCES",
		"10 open 5 #0 tcp  ",
		"11 bind 5 #0 tcp 127.0.0.1:80 ",
		"12 listen 5 #0 tcp 127.0.0.1:80 ",
		"13 accept 6 #3 tcp 127.0.0.1:80 ",
		"15 close 6 #3 tcp 127.0.0.1:80 127.0.0.1:9000",
	}
	if diff := cmp.Diff(want, activities(t, f)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Sockets that are opened without end are forgotten, oldest first, and a
// descriptor that is used again and again is not.
func TestSocketsAreBounded(t *testing.T) {
	tr := newTracker(trace(t, &format.Program{}, nil))
	kept := tr.add(key{fd: 1 << 40}, &socket{local: "kept"})
	for range 3 * maxSockets {
		tr.add(key{fd: 3}, &socket{})
	}
	if len(tr.sockets) != 2 || tr.sockets[key{fd: 1 << 40}] != kept || len(tr.order) > 2*maxSockets {
		t.Fatalf("%d sockets known, %d in order", len(tr.sockets), len(tr.order))
	}
	for fd := range int64(maxSockets) {
		tr.add(key{fd: 10 + fd}, &socket{})
	}
	if len(tr.sockets) != maxSockets || tr.sockets[key{fd: 1 << 40}] != nil {
		t.Errorf("%d sockets known, the oldest among them: %t", len(tr.sockets), tr.sockets[key{fd: 1 << 40}] != nil)
	}
}
