// Package network rebuilds from a trace what a program did on its network.
//
// Start with Activities, which yields what happened on each socket with the
// addresses at both ends, and Exchanges, which yields the requests and
// responses of HTTP/1.1 that went over them, or that a component handed to
// wasi:http. Both read the events of a trace
// one by one, in memory that does not grow with it, and take whatever bytes
// there are: a guest and its peers may have sent anything.
//
// Addresses are known from the header, for sockets that the program was given,
// from the notes of sock_accept, and from the calls that name or ask for one.
// Where a trace does not tell an address, it is empty.
package network

import (
	"iter"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// Op is what a program did with a socket.
type Op string

// The operations. Lookup asks for the addresses of a name, which is the
// activity's Remote.
const (
	Open     Op = "open"
	Bind     Op = "bind"
	Listen   Op = "listen"
	Accept   Op = "accept"
	Connect  Op = "connect"
	Send     Op = "send"
	Receive  Op = "receive"
	Shutdown Op = "shutdown"
	Close    Op = "close"
	Lookup   Op = "lookup"
)

// Protocol is what a socket speaks.
type Protocol string

// The protocols.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Activity is one call that did something on the network. Calls that failed
// with EAGAIN, or would-block, did nothing and are none.
type Activity struct {
	Event      int64    `json:"event"` // number of the call's event
	Time       string   `json:"time"`  // RFC 3339, UTC, with ns
	TimeNS     int64    `json:"time_ns,string"`
	DurationNS int64    `json:"duration_ns"`
	Task       int32    `json:"task"`
	Op         Op       `json:"op"`
	FD         int64    `json:"fd"`                   // the socket's, or the number of a component's resource; of accept the new one; -1 where there is none
	Connection int64    `json:"connection,omitempty"` // number of the connection in the trace, from 1; absent for listeners
	Protocol   Protocol `json:"protocol,omitempty"`
	Local      string   `json:"local,omitempty"`  // "127.0.0.1:8080"
	Remote     string   `json:"remote,omitempty"` // the same of the peer
	How        string   `json:"how,omitempty"`    // of shutdown: "read", "write" or "both"
	Bytes      int64    `json:"bytes"`            // sent or received
	LostBytes  int64    `json:"lost_bytes,omitempty"`
	Peek       bool     `json:"peek,omitempty"`  // received, and left to be received again
	Errno      string   `json:"errno,omitempty"` // "ECONNREFUSED", of a component "connection-refused"; absent for success

	// Data are the bytes sent or received, without the last LostBytes, which
	// the trace does not have. They are valid until the next activity.
	Data []byte `json:"-"`
}

// end is when the call returned.
func (a *Activity) end() int64 { return a.TimeNS + a.DurationNS }

// timeText writes a time as the views of events do.
func timeText(ns int64) string {
	return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000000Z")
}

// Query asks for the events of f that this package looks at.
func Query(f *reader.File) reader.Query {
	if isComponent(f.Header()) {
		c := newComponentFunctions(f)
		return c.query()
	}
	return reader.Query{Functions: functionNames}
}

// Activities iterates over what the events of f did on the network. The events
// are those of [Query], all of them from the first on, or what follows would be
// misread. An activity is valid until the next one.
func Activities(f *reader.File, events iter.Seq2[*format.Event, error]) iter.Seq2[*Activity, error] {
	return func(yield func(*Activity, error) bool) {
		event := follower(f)
		for e, err := range events {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			for _, a := range event(e) {
				if !yield(&a, nil) {
					return
				}
			}
		}
	}
}

// follower returns what makes activities of the events of f.
func follower(f *reader.File) func(*format.Event) []Activity {
	if isComponent(f.Header()) {
		return newComponentSockets(f).event
	}
	t := newTracker(f)
	return func(e *format.Event) []Activity {
		if t.event(e) == nil {
			return nil
		}
		return []Activity{t.last}
	}
}
