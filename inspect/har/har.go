// Package har writes the requests and responses of a trace as an HTTP archive,
// version 1.2, which browsers' developer tools and proxies open.
//
// Write is all there is. An entry is written as its exchange ends, so that memory
// does not grow with the trace; entries stand in that order, and not in that
// of startedDateTime. What a trace does not tell is -1, or empty, as the format
// has it. What HAR has no member for has a name that begins with an underscore.
package har

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tracetool/tracetool/inspect/network"
)

// Creator is the program that wrote an archive.
type Creator struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// entry is a request with its response. Times are in milliseconds.
type entry struct {
	StartedDateTime string   `json:"startedDateTime"`
	Time            float64  `json:"time"`
	Request         request  `json:"request"`
	Response        response `json:"response"`
	Cache           struct{} `json:"cache"`
	Timings         timings  `json:"timings"`
	ServerIPAddress string   `json:"serverIPAddress,omitempty"`
	Connection      string   `json:"connection,omitempty"`

	Event int64        `json:"_event"` // number in the trace
	Role  network.Role `json:"_role"`
	Error string       `json:"_error,omitempty"`
}

type request struct {
	Method      string    `json:"method"`
	URL         string    `json:"url"`
	HTTPVersion string    `json:"httpVersion"`
	Cookies     []cookie  `json:"cookies"`
	Headers     []pair    `json:"headers"`
	QueryString []pair    `json:"queryString"`
	PostData    *postData `json:"postData,omitempty"`
	HeadersSize int64     `json:"headersSize"`
	BodySize    int64     `json:"bodySize"`
}

type response struct {
	Status      int      `json:"status"`
	StatusText  string   `json:"statusText"`
	HTTPVersion string   `json:"httpVersion"`
	Cookies     []cookie `json:"cookies"`
	Headers     []pair   `json:"headers"`
	Content     content  `json:"content"`
	RedirectURL string   `json:"redirectURL"`
	HeadersSize int64    `json:"headersSize"`
	BodySize    int64    `json:"bodySize"`
}

type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type cookie struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Path     string `json:"path,omitempty"`
	Domain   string `json:"domain,omitempty"`
	Expires  string `json:"expires,omitempty"`
	HTTPOnly bool   `json:"httpOnly,omitempty"`
	Secure   bool   `json:"secure,omitempty"`
}

type postData struct {
	MimeType string `json:"mimeType"`
	Params   []pair `json:"params"`
	Text     string `json:"text"`
	Encoding string `json:"_encoding,omitempty"` // "base64" for what is not UTF-8
	Comment  string `json:"comment,omitempty"`
}

type content struct {
	Size     int64  `json:"size"`
	MimeType string `json:"mimeType"`
	Text     string `json:"text,omitempty"`
	Encoding string `json:"encoding,omitempty"`
	Comment  string `json:"comment,omitempty"`
}

type timings struct {
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
}

// Write writes an archive of the exchanges and returns how many they are.
func Write(w io.Writer, creator Creator, exchanges iter.Seq2[*network.Exchange, error]) (n int64, err error) {
	b := bufio.NewWriterSize(w, 1<<16)
	head, err := json.Marshal(creator)
	if err != nil {
		return 0, err
	}
	b.WriteString(`{"log":{"version":"1.2","creator":`)
	b.Write(head)
	b.WriteString(`,"entries":[`)
	for e, err := range exchanges {
		if err != nil {
			return n, err
		}
		data, err := json.Marshal(newEntry(e))
		if err != nil {
			return n, err
		}
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		if _, err := b.Write(data); err != nil {
			return n, err
		}
		n++
	}
	b.WriteString("\n]}}\n")
	return n, b.Flush()
}

func newEntry(e *network.Exchange) *entry {
	h := &entry{
		StartedDateTime: time.Unix(0, e.TimeNS).UTC().Format("2006-01-02T15:04:05.000000Z"),
		Request:         newRequest(&e.Request),
		Response:        newResponse(&e.Response),
		Timings:         newTimings(e),
		Event:           e.Event, Role: e.Role, Error: e.Error,
	}
	h.Time = h.Timings.Send + h.Timings.Wait + h.Timings.Receive
	server := e.Remote
	if e.Role == network.Server {
		server = e.Local
	}
	if host, _, err := net.SplitHostPort(server); err == nil {
		h.ServerIPAddress = host
	}
	if e.Connection > 0 {
		h.Connection = strconv.FormatInt(e.Connection, 10)
	}
	return h
}

// newTimings splits the time between the first byte and the last: until the
// request was over, until the response began, and the rest. A response may
// begin before that.
func newTimings(e *network.Exchange) timings {
	begin, asked := e.TimeNS, max(e.Request.LastNS, e.TimeNS)
	if e.Response.Status == 0 {
		return timings{Send: milliseconds(asked - begin), Wait: milliseconds(max(e.Response.LastNS-asked, 0))}
	}
	answered := max(e.Response.FirstNS, asked)
	return timings{
		Send:    milliseconds(asked - begin),
		Wait:    milliseconds(answered - asked),
		Receive: milliseconds(max(e.Response.LastNS, answered) - answered),
	}
}

func milliseconds(ns int64) float64 { return float64(ns) / 1e6 }

func newRequest(r *network.Request) request {
	h := request{
		Method: r.Method, URL: text(r.URL), HTTPVersion: r.Protocol, Headers: pairs(r.Headers), QueryString: query(r.URL),
		HeadersSize: size(&r.Message, r.HeaderBytes), BodySize: size(&r.Message, r.BodyBytes),
		Cookies: requestCookies(&r.Message),
	}
	if r.BodyBytes > 0 {
		h.PostData = newPostData(&r.Message)
	}
	return h
}

// size is -1 where there is no message.
func size(m *network.Message, n int64) int64 {
	if m.Protocol == "" {
		return -1
	}
	return n
}

func newPostData(m *network.Message) *postData {
	p := &postData{MimeType: text(m.Get("Content-Type")), Params: []pair{}, Comment: cutComment(m)}
	p.Text, p.Encoding = body(m.Body)
	if kind, _, _ := mime.ParseMediaType(p.MimeType); kind == "application/x-www-form-urlencoded" && p.Encoding == "" {
		p.Params = values(p.Text)
	}
	return p
}

func newResponse(r *network.Response) response {
	h := response{
		Status: r.Status, StatusText: text(r.Reason), HTTPVersion: r.Protocol, Headers: pairs(r.Headers),
		RedirectURL: text(r.Get("Location")), Cookies: responseCookies(&r.Message),
		HeadersSize: size(&r.Message, r.HeaderBytes), BodySize: size(&r.Message, r.BodyBytes),
		Content: content{Size: r.BodyBytes, MimeType: text(r.Get("Content-Type"))},
	}
	if h.Content.MimeType == "" {
		h.Content.MimeType = "x-unknown"
	}
	h.Content.Text, h.Content.Encoding = body(r.Body)
	h.Content.Comment = cutComment(&r.Message)
	return h
}

// cutComment says how much of a body there is, empty if all.
func cutComment(m *network.Message) string {
	kept := int64(len(m.Body))
	if kept >= m.BodyBytes {
		return ""
	}
	comment := fmt.Sprintf("text has the first %d bytes", kept)
	if m.LostBytes > 0 {
		comment += fmt.Sprintf("; %d of %d are not in the trace", m.LostBytes, m.BodyBytes)
	}
	return comment
}

// body returns the bytes of a body as text, in base64 where they are none.
func body(b []byte) (text, encoding string) {
	if utf8.Valid(b) {
		return string(b), ""
	}
	return base64.StdEncoding.EncodeToString(b), "base64"
}

// text is what a guest or its peer wrote, with each byte that is not UTF-8 as
// the character of that number: HTTP's headers are Latin-1.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteRune(rune(c))
	}
	return b.String()
}

func pairs(headers []network.Header) []pair {
	list := make([]pair, len(headers))
	for i, h := range headers {
		list[i] = pair{h.Name, text(h.Value)}
	}
	return list
}

// query returns the parameters of a URL in their order.
func query(raw string) []pair {
	_, q, _ := strings.Cut(raw, "?")
	q, _, _ = strings.Cut(q, "#")
	return values(q)
}

func values(encoded string) []pair {
	list := []pair{}
	for field := range strings.SplitSeq(encoded, "&") {
		if field != "" {
			name, value, _ := strings.Cut(field, "=")
			list = append(list, pair{unescape(name), unescape(value)})
		}
	}
	return list
}

// unescape leaves alone what is not escaped as it should be.
func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return text(plain)
	}
	return text(s)
}

func requestCookies(m *network.Message) []cookie {
	r := http.Request{Header: header(m, "Cookie")}
	return cookies(r.Cookies())
}

func responseCookies(m *network.Message) []cookie {
	r := http.Response{Header: header(m, "Set-Cookie")}
	return cookies(r.Cookies())
}

// header returns the headers of one name.
func header(m *network.Message, name string) http.Header {
	h := http.Header{}
	for _, f := range m.Headers {
		if strings.EqualFold(f.Name, name) {
			h.Add(name, text(f.Value))
		}
	}
	return h
}

func cookies(list []*http.Cookie) []cookie {
	all := make([]cookie, len(list))
	for i, c := range list {
		all[i] = cookie{Name: c.Name, Value: c.Value, Path: c.Path, Domain: c.Domain, HTTPOnly: c.HttpOnly, Secure: c.Secure}
		if !c.Expires.IsZero() {
			all[i].Expires = c.Expires.UTC().Format(time.RFC3339)
		}
	}
	return all
}
