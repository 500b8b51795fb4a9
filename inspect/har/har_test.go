package har

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/inspect/network"
)

// members are those that HAR 1.2 names for each object, with their JSON types; a
// question mark stands before those that may be absent. List elements are named
// after their list.
var members = map[string]string{
	"log":         "version:string creator:object ?browser:object ?pages:list entries:list ?comment:string",
	"creator":     "name:string version:string ?comment:string",
	"entries":     "?pageref:string startedDateTime:string time:number request:object response:object cache:object timings:object ?serverIPAddress:string ?connection:string ?comment:string",
	"request":     "method:string url:string httpVersion:string cookies:list headers:list queryString:list ?postData:object headersSize:number bodySize:number ?comment:string",
	"response":    "status:number statusText:string httpVersion:string cookies:list headers:list content:object redirectURL:string headersSize:number bodySize:number ?comment:string",
	"cookies":     "name:string value:string ?path:string ?domain:string ?expires:string ?httpOnly:bool ?secure:bool ?comment:string",
	"headers":     "name:string value:string ?comment:string",
	"queryString": "name:string value:string ?comment:string",
	"postData":    "mimeType:string params:list text:string ?comment:string",
	"params":      "name:string ?value:string ?fileName:string ?contentType:string ?comment:string",
	"content":     "size:number ?compression:number mimeType:string ?text:string ?encoding:string ?comment:string",
	"cache":       "?beforeRequest:object ?afterRequest:object ?comment:string",
	"timings":     "?blocked:number ?dns:number ?connect:number send:number wait:number receive:number ?ssl:number ?comment:string",
}

// check reports what is not as HAR 1.2 has it. Names that begin with an
// underscore are free.
func check(name string, v map[string]any) (faults []string) {
	table, known := members[name]
	if !known {
		return []string{name + ": no such object"}
	}
	seen := map[string]bool{}
	for _, m := range strings.Fields(table) {
		member, kind, _ := strings.Cut(strings.TrimPrefix(m, "?"), ":")
		seen[member] = true
		value, there := v[member]
		if !there && m[0] != '?' {
			faults = append(faults, name+"."+member+" is missing")
		}
		if there {
			faults = append(faults, checkMember(name, member, kind, value)...)
		}
	}
	for member := range v {
		if !seen[member] && !strings.HasPrefix(member, "_") {
			faults = append(faults, name+"."+member+" is not of HAR 1.2")
		}
	}
	return faults
}

func checkMember(name, member, kind string, value any) (faults []string) {
	got := "null"
	switch v := value.(type) {
	case string:
		got = "string"
	case float64:
		got = "number"
	case bool:
		got = "bool"
	case map[string]any:
		got, faults = "object", check(member, v)
	case []any:
		got = "list"
		for _, e := range v {
			o, _ := e.(map[string]any)
			faults = append(faults, check(member, o)...)
		}
	}
	if got != kind {
		faults = append(faults, fmt.Sprintf("%s.%s is a %s, want a %s", name, member, got, kind))
	}
	return faults
}

func message(first, last int64, body string, headers ...string) network.Message {
	m := network.Message{Protocol: "HTTP/1.1", HeaderBytes: 50, BodyBytes: int64(len(body)), Complete: true, FirstNS: first, LastNS: last}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		m.Headers = append(m.Headers, network.Header{Name: name, Value: value})
	}
	if body != "" {
		m.Body = network.Bytes(body)
	}
	return m
}

const start = 1_700_000_000_000_000_000

func sample() []*network.Exchange {
	cut := message(start, start+5e6, "ab\xff", "Content-Type: image/png")
	cut.BodyBytes = 100
	lost := message(start, start+2e6, "\x00\xff")
	lost.BodyBytes, lost.LostBytes = 10, 8
	return []*network.Exchange{
		{Event: 7, TimeNS: start, Role: network.Server, Connection: 3, Local: "[::1]:80", Remote: "[::1]:5000",
			Request: network.Request{Method: "POST", Target: "/p?q=1&r=a%20b&bad=%zz#f", URL: "http://h/p?q=1&r=a%20b&bad=%zz#f",
				Message: message(start, start+1e6, "x=1&y=%26", "Host: h", "Cookie: a=1; b=2", "content-type: application/x-www-form-urlencoded; charset=utf-8")},
			Response: network.Response{Status: 302, Reason: "Found", Message: message(start+3e6, start+7e6, "there",
				"Location: /q", "Set-Cookie: c=3; Path=/; Expires=Wed, 15 Nov 2023 00:00:00 GMT; Secure; HttpOnly", "X-Latin: caf\xe9")}},
		{Event: 8, TimeNS: start, Role: network.Client, Remote: "10.0.0.1:80",
			Request:  network.Request{Method: "GET", Target: "/", URL: "http://10.0.0.1:80/", Message: message(start, start+2e6, "")},
			Response: network.Response{Status: 200, Message: cut}},
		{Event: 9, TimeNS: start, Role: network.Client, Error: "no response: ECONNRESET",
			Request:  network.Request{Method: "PUT", Target: "/", URL: "http:///", Message: lost},
			Response: network.Response{Message: network.Message{LastNS: start + 5e6}}},
		{Event: 10, TimeNS: start, Role: network.Server, Error: "response without a request",
			Response: network.Response{Status: 408, Message: message(start, start, "")}},
	}
}

func sequence(list []*network.Exchange, err error) iter.Seq2[*network.Exchange, error] {
	return func(yield func(*network.Exchange, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func archive(t *testing.T, list []*network.Exchange) map[string]any {
	t.Helper()
	var b bytes.Buffer
	n, err := Write(&b, Creator{"tracetool", "test"}, sequence(list, nil))
	if err != nil || n != int64(len(list)) {
		t.Fatalf("%d entries, %v", n, err)
	}
	var v map[string]map[string]any
	if err := json.Unmarshal(b.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	if len(v) != 1 {
		t.Fatalf("%d members, want log alone", len(v))
	}
	return v["log"]
}

func TestMembers(t *testing.T) {
	log := archive(t, sample())
	if faults := check("log", log); faults != nil {
		t.Errorf("not HAR 1.2:\n%s", strings.Join(faults, "\n"))
	}
	for _, e := range log["entries"].([]any) {
		started := e.(map[string]any)["startedDateTime"].(string)
		if _, err := time.Parse(time.RFC3339Nano, started); err != nil {
			t.Error(err)
		}
	}
	if faults := check("log", archive(t, nil)); faults != nil {
		t.Errorf("an archive without entries: %v", faults)
	}
}

// The check is worth something: it finds each fault.
func TestCheckFinds(t *testing.T) {
	log := archive(t, sample()[:1])
	entry := log["entries"].([]any)[0].(map[string]any)
	delete(entry, "cache")
	entry["time"] = "1"
	entry["request"].(map[string]any)["extra"] = 1.0
	got := check("log", log)
	slices.Sort(got)
	want := []string{"entries.cache is missing", "entries.time is a string, want a number", "request.extra is not of HAR 1.2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEntry(t *testing.T) {
	list := sample()
	e := newEntry(list[0])
	if e.Time != 7 || e.Timings != (timings{Send: 1, Wait: 2, Receive: 4}) || e.ServerIPAddress != "::1" || e.Connection != "3" {
		t.Errorf("time %v, %+v, server %q, connection %q", e.Time, e.Timings, e.ServerIPAddress, e.Connection)
	}
	for _, test := range []struct{ got, want any }{
		{e.Request.QueryString, []pair{{"q", "1"}, {"r", "a b"}, {"bad", "%zz"}}},
		{e.Request.Cookies, []cookie{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}},
		{*e.Request.PostData, postData{MimeType: "application/x-www-form-urlencoded; charset=utf-8", Params: []pair{{"x", "1"}, {"y", "&"}}, Text: "x=1&y=%26"}},
		{e.Response.Cookies, []cookie{{Name: "c", Value: "3", Path: "/", Expires: "2023-11-15T00:00:00Z", HTTPOnly: true, Secure: true}}},
		{e.Response.Headers[2], pair{"X-Latin", "café"}},
		{e.Response.RedirectURL, "/q"},
		{newEntry(list[1]).Response.Content, content{Size: 100, MimeType: "image/png", Text: "YWL/", Encoding: "base64", Comment: "text has the first 3 bytes"}},
		{newEntry(list[2]).Response, response{Cookies: []cookie{}, Headers: []pair{}, HeadersSize: -1, BodySize: -1, Content: content{MimeType: "x-unknown"}}},
		{newEntry(list[2]).Request.PostData.Encoding, "base64"},
		{newEntry(list[2]).Request.PostData.Comment, "text has the first 2 bytes; 8 of 10 are not in the trace"},
		{newEntry(list[2]).Timings, timings{Send: 2, Wait: 3}}, // until it failed
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestWriteStopsAtErrors(t *testing.T) {
	broken := errors.New("broken")
	if _, err := Write(&bytes.Buffer{}, Creator{}, sequence(sample(), broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
