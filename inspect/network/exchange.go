package network

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Role is the side of an exchange that the program was on.
type Role string

// The roles.
const (
	Server Role = "server" // it received the request
	Client Role = "client" // it sent the request
)

// Exchange is a request of HTTP with its response.
type Exchange struct {
	Event      int64    `json:"event"` // number of the event with the first byte
	Time       string   `json:"time"`  // of that byte: RFC 3339, UTC, with ns
	TimeNS     int64    `json:"time_ns,string"`
	DurationNS int64    `json:"duration_ns"` // from the first byte of the request to the last of the response
	Task       int32    `json:"task"`
	Role       Role     `json:"role"`
	Connection int64    `json:"connection,omitempty"` // as in Activity
	Local      string   `json:"local,omitempty"`
	Remote     string   `json:"remote,omitempty"`
	Request    Request  `json:"request"`
	Response   Response `json:"response"`
	Error      string   `json:"error,omitempty"` // what is wrong or missing; empty for a whole exchange

	kept     int  // bytes of heads and bodies
	asked    bool // the request is over; of a component, it has begun
	answered bool // the response is over

	// Of components alone.
	parts             int // resources that belong to it
	scheme, authority string
}

// Request is what was asked. It is empty where only a response was seen.
type Request struct {
	Method string `json:"method,omitempty"`
	Target string `json:"target,omitempty"` // as on the request line
	URL    string `json:"url,omitempty"`    // absolute, with the host that the request names
	Message
}

// Response is what came back. Status is 0 where nothing did.
type Response struct {
	Status int    `json:"status,omitempty"`
	Reason string `json:"reason,omitempty"`
	Message
}

// Message is what requests and responses have in common.
type Message struct {
	Protocol    string   `json:"protocol,omitempty"` // "HTTP/1.1"
	Headers     []Header `json:"headers,omitempty"`  // in their order, names as they were written
	Trailers    []Header `json:"trailers,omitempty"` // behind a chunked body
	HeaderBytes int64    `json:"header_bytes"`       // of the first line and the headers; -1 where they were never bytes
	BodyBytes   int64    `json:"body_bytes"`         // without the framing of chunks
	LostBytes   int64    `json:"lost_bytes,omitempty"`
	Body        Bytes    `json:"body,omitempty"`  // its beginning, as far as it was kept: see Options
	Complete    bool     `json:"complete"`        // its end was seen
	FirstNS     int64    `json:"first_ns,string"` // when its first byte went over, ns since the Unix epoch
	LastNS      int64    `json:"last_ns,string"`  // when its last byte did
}

// Header is a header field, or one of a trailer. JSON has its value as [Bytes].
type Header struct{ Name, Value string }

// MarshalJSON implements json.Marshaler.
func (h Header) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name  string `json:"name"`
		Value Bytes  `json:"value"`
	}{h.Name, Bytes(h.Value)})
}

// Get returns the value of the first header of that name, empty if there is
// none. Case does not matter.
func (m *Message) Get(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// values returns the values of all headers of a name, split at commas.
func (m *Message) values(name string) []string {
	var list []string
	for _, h := range m.Headers {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		for v := range strings.SplitSeq(h.Value, ",") {
			list = append(list, strings.TrimSpace(v))
		}
	}
	return list
}

// Bytes are bytes that JSON has as a string where they are UTF-8 without zero
// bytes, else as {"base64":"..."}.
type Bytes []byte

// MarshalJSON implements json.Marshaler.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) && !strings.ContainsRune(string(b), 0) {
		return json.Marshal(string(b))
	}
	return json.Marshal(map[string]string{"base64": base64.StdEncoding.EncodeToString(b)})
}

// noBody tells whether the response has none, whatever its headers say.
func (e *Exchange) noBody() bool {
	return e.Request.Method == "HEAD" || e.Response.Status == 204 || e.Response.Status == 304
}

// setURL makes an absolute URL of the target, with the host that the request
// names, or else the address of the server.
func (e *Exchange) setURL() {
	r := &e.Request
	host := r.Get("Host")
	if host == "" {
		if host = e.Remote; e.Role == Server {
			host = e.Local
		}
	}
	switch {
	case strings.Contains(r.Target, "://"):
		r.URL = r.Target
	case strings.HasPrefix(r.Target, "/"):
		r.URL = "http://" + host + r.Target
	case r.Method == "CONNECT":
		r.URL = "http://" + r.Target
	default: // "*"
		r.URL = "http://" + host + "/"
	}
}
