package inspect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/inspect/network"
)

func TestAppendActivity(t *testing.T) {
	a := network.Activity{Event: 7, TimeNS: startNS + 1_500_000, DurationNS: 12_000, Op: network.Receive, FD: 4,
		Local: "127.0.0.1:80", Remote: "10.0.0.1:5", Bytes: 5, LostBytes: 2, Data: []byte("a\x1bb")}
	accepted := network.Activity{Event: 8, DurationNS: 1, Op: network.Accept, FD: 4, Remote: "10.0.0.1:5\n"}
	failed := network.Activity{Event: 9, DurationNS: 1, Op: network.Connect, FD: 4, Remote: "10.0.0.1:5", Errno: "ECONNREFUSED"}
	asked := network.Activity{Event: 10, DurationNS: 1, Op: network.Lookup, FD: -1, Remote: "h\x00"}
	half := network.Activity{Event: 11, DurationNS: 1, Op: network.Shutdown, FD: 4, Local: "l", Remote: "r", How: "write", Task: 2}
	for _, test := range []struct {
		a       *network.Activity
		options LineOptions
		want    string
	}{
		{&a, LineOptions{}, "7 receive fd 4, 127.0.0.1:80 < 10.0.0.1:5, 5 B (2 not in the trace) <12us>"},
		{&a, LineOptions{Stamp: Since, MaxText: 2}, `7 0.001500000 receive fd 4, 127.0.0.1:80 < 10.0.0.1:5, 5 B (2 not in the trace) <12us> "a\x1b"...`},
		{&accepted, LineOptions{}, `8 accept fd 4, < 10.0.0.1:5\n <1ns>`},
		{&failed, LineOptions{}, "9 connect fd 4, > 10.0.0.1:5, ECONNREFUSED <1ns>"},
		{&asked, LineOptions{}, `10 lookup, h\x00 <1ns>`},
		{&half, LineOptions{Task: true}, "11 [2] shutdown fd 4, l > r, write <1ns>"},
	} {
		if diff := cmp.Diff(test.want, string(AppendActivity(nil, header(), test.a, test.options))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Whatever was sent, what is shown has no control characters but line feeds of
// our own.
func TestAppendExchange(t *testing.T) {
	e := &network.Exchange{Event: 3, DurationNS: 2_000_000, Role: network.Server,
		Request: network.Request{Method: "POST", Target: "/\x1b[2J", URL: "http://h/\x1b[2J", Message: network.Message{
			Protocol: "HTTP/1.1", Headers: []network.Header{{Name: "X", Value: "\x9b1"}}, BodyBytes: 8, Body: network.Bytes("one\r\ntw\x07")}},
		Response: network.Response{Status: 200, Reason: "O\rK", Message: network.Message{
			Protocol: "HTTP/1.1", BodyBytes: 2000, LostBytes: 1000, Body: network.Bytes("\xff\x00"), Trailers: []network.Header{{Name: "T", Value: "1"}}}},
		Error: "response cut: ECONNRESET"}
	got := string(AppendMessages(AppendExchange(nil, header(), e, LineOptions{}), e))
	want := strings.Join([]string{
		`3 server POST http://h/\x1b[2J 8 B = 200 1.95 KiB, response cut: ECONNRESET <2ms>`,
		`  > POST /\x1b[2J HTTP/1.1`,
		`  > X: \x9b1`,
		`  >`,
		`  > one`,
		`  > tw\a`,
		`  < HTTP/1.1 200 O\rK`,
		`  <`,
		`  < "\xff\x00"`,
		`  < ... 1.95 KiB more, 1000 B of it not in the trace`,
		`  < T: 1`,
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	unasked := &network.Exchange{Role: network.Client, Request: network.Request{Method: "G\x07", URL: "http://h/"}, Error: "no response: \x1b"}
	if got := string(AppendExchange(nil, header(), unasked, LineOptions{})); got != `0 client G\a http://h/ = ?, no response: \x1b <0ns>` {
		t.Error(got)
	}
}
