//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tracetool/tracetool/reader"
)

const (
	serverWasm = "../../examples/http-server/server.wasm"
	clientWasm = "../../examples/http-client/client.wasm"
	fetchWasm  = "../../examples/http-fetch/fetch.wasm"
	askWasm    = "../../examples/rust-http/client.wasm" // a component
)

// toolOut is tool for its stdout alone.
func toolOut(t *testing.T, code int, args ...string) string {
	t.Helper()
	stdout, _ := tool(t, code, args...)
	return stdout
}

// recordDuring runs a recording, which must exit with 0, calls during meanwhile and
// returns what the program wrote to stdout.
func recordDuring(t *testing.T, during func(), args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("tracetool", append([]string{"record", "-q"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	during()
	if code := exitCode(t, cmd.Wait()); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
	return out.String()
}

// listenAddress returns where a recording in progress listens.
func listenAddress(t *testing.T, trace string) string {
	t.Helper()
	for range 600 {
		f, err := reader.Open(trace, reader.Options{})
		if err == nil {
			defer f.Close()
			return f.Header().Program.Listen[0]
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("no recording has begun")
	return ""
}

func request(t *testing.T, client *http.Client, method, url, body string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
}

// recordServer records the example server while it answers five requests on
// two connections.
func recordServer(t *testing.T, flags ...string) (trace, address, stdout string) {
	t.Helper()
	trace = filepath.Join(t.TempDir(), "server.trace.arrow")
	args := append([]string{serverWasm, "-t", trace, "--listen", "127.0.0.1:0"}, flags...)
	stdout = recordDuring(t, func() {
		address = listenAddress(t, trace)
		client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
		request(t, client, "GET", "http://"+address+"/", "")
		request(t, client, "GET", "http://"+address+"/chunks", "")
		request(t, client, "POST", "http://"+address+"/echo", strings.Repeat("z", 3000))
		client.CloseIdleConnections()
		request(t, client, "HEAD", "http://"+address+"/", "")
		request(t, client, "GET", "http://"+address+"/nothing?here=1", "")
		client.CloseIdleConnections()
	}, append(args, "--", "5")...)
	return trace, address, stdout
}

// exchange is a line of inspect --http.
type exchange struct {
	Role    string
	Remote  string
	Local   string
	Error   string
	Request struct {
		Method    string
		URL       string
		BodyBytes int64 `json:"body_bytes"`
		LostBytes int64 `json:"lost_bytes"`
	}
	Response struct {
		Status    int
		BodyBytes int64 `json:"body_bytes"`
		LostBytes int64 `json:"lost_bytes"`
		Body      string
	}
}

func exchanges(t *testing.T, args ...string) (list []exchange) {
	t.Helper()
	if err := json.Unmarshal([]byte(toolOut(t, 0, append(args, "-o", "json")...)), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func (e *exchange) String() string {
	return fmt.Sprintf("%s %s %s %d = %d %d%s", e.Role, e.Request.Method, e.Request.URL, e.Request.BodyBytes,
		e.Response.Status, e.Response.BodyBytes, e.Error)
}

func TestServerOnTheNetwork(t *testing.T) {
	trace, address, stdout := recordServer(t)
	if replayed := toolOut(t, 0, "replay", "-q", trace); replayed != stdout {
		t.Errorf("replayed %q, recorded %q", replayed, stdout)
	}
	var got []string
	list := exchanges(t, "inspect", "--http", "-v", trace)
	for _, e := range list {
		got = append(got, e.String())
		if _, _, err := net.SplitHostPort(e.Remote); err != nil || e.Local != address {
			t.Errorf("ends %q and %q", e.Local, e.Remote)
		}
	}
	base := "http://" + address
	want := []string{
		"server GET " + base + "/ 0 = 200 19", "server GET " + base + "/chunks 0 = 200 14", "server POST " + base + "/echo 3000 = 200 3000",
		"server HEAD " + base + "/ 0 = 204 0", "server GET " + base + "/nothing?here=1 0 = 404 23",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	if list[1].Response.Body != "one\ntwo\nthree\n" || list[2].Response.Body != strings.Repeat("z", 3000) || list[2].Response.LostBytes != 0 {
		t.Errorf("bodies %q, %q", list[1].Response.Body, list[2].Response.Body)
	}
	if failed := exchanges(t, "trace", "request", "--errors-only", trace); len(failed) != 1 || failed[0].Response.Status != 404 {
		t.Errorf("failed: %v", failed)
	}
	if a, b := toolOut(t, 0, "inspect", "--http", trace), toolOut(t, 0, "trace", "request", trace); a != b || strings.Count(a, "\n") != 5 {
		t.Errorf("inspect says %q, trace %q", a, b)
	}
	sockets := toolOut(t, 0, "trace", "network", trace)
	for _, want := range []string{"accept fd 4, " + address + " < ", "receive fd 4, ", "send fd 4, ", "close fd 4, "} {
		wantContains(t, sockets, want)
	}
	wantContains(t, toolOut(t, 0, "trace", "network", "-v", trace), `"HTTP/1.1 200 OK\r\n`)
	har := filepath.Join(t.TempDir(), "server.har")
	toolOut(t, 0, "convert", "-q", trace, har)
	var archive struct {
		Log struct{ Entries []json.RawMessage }
	}
	if data, err := os.ReadFile(har); err != nil || json.Unmarshal(data, &archive) != nil || len(archive.Log.Entries) != 5 {
		t.Errorf("HAR of %d entries, %v", len(archive.Log.Entries), err)
	}
	toolOut(t, 1, "convert", trace, har) // it exists
	toolOut(t, 125, "record", serverWasm, "--allow-net=http://a", "-t", filepath.Join(t.TempDir(), "none"))
	toolOut(t, 2, "convert", "--plain", "--force", trace, har)
	toolOut(t, 2, "inspect", "--http", "--function", "fd_*", trace)
	toolOut(t, 2, "inspect", "-v", trace)
}

// Of long writes only the beginning is in the trace if that was asked for; the
// model says so and goes on behind it.
func TestServerWithoutFullText(t *testing.T) {
	trace, _, _ := recordServer(t, "--full-text=false")
	list := exchanges(t, "inspect", "--http", trace)
	if len(list) != 5 || list[2].Response.BodyBytes != 3000 || list[2].Response.LostBytes == 0 || list[4].Response.Status != 404 {
		t.Errorf("got %v", list)
	}
	toolOut(t, 0, "replay", "-q", trace)
}

func TestClientOnTheNetwork(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you asked for %s\n", r.URL.Path)
		if r.URL.Path == "/long" {
			w.(http.Flusher).Flush() // in chunks
			io.WriteString(w, strings.Repeat("long ", 5000))
		}
	}))
	address := server.Listener.Addr().String()
	dir := t.TempDir()
	dialed, fetched := filepath.Join(dir, "client.trace.arrow"), filepath.Join(dir, "fetch.trace.arrow")
	stdout := toolOut(t, 0, "record", "-q", clientWasm, "-t", dialed, "--dial", address, "--", "/one", "/long")
	host, port, _ := net.SplitHostPort(address)
	answer := toolOut(t, 0, "record", "-q", fetchWasm, "-t", fetched, "--allow-net="+address, "--", host, port, "/two")
	denied := toolOut(t, 1, "record", "-q", fetchWasm, "-t", filepath.Join(dir, "denied.trace.arrow"), "--", host, port, "/two")
	if !strings.Contains(stdout, "you asked for /long") || !strings.Contains(answer, "you asked for /two") || denied != "" {
		t.Fatalf("recorded %q, %q and %q", stdout, answer, denied)
	}
	server.Close() // the peer is gone
	if replayed := toolOut(t, 0, "replay", "-q", dialed); replayed != stdout {
		t.Errorf("replayed %q, recorded %q", replayed, stdout)
	}
	if replayed := toolOut(t, 0, "replay", "-q", "--engine", "interpreter", fetched); replayed != answer {
		t.Errorf("replayed %q, recorded %q", replayed, answer)
	}
	for trace, want := range map[string][]string{
		dialed:  {"client GET http://localhost/one 0 = 200 19", "client GET http://localhost/long 0 = 200 25020"},
		fetched: {"client GET http://" + address + "/two 0 = 200 19"},
	} {
		var got []string
		for _, e := range exchanges(t, "trace", "request", trace) {
			got = append(got, e.String())
			if e.Remote != address {
				t.Errorf("the peer is %q, want %q", e.Remote, address)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	sockets := toolOut(t, 0, "inspect", "--sockets", fetched)
	for _, want := range []string{"lookup, " + host, "open fd 3", "connect fd 3, > " + address} {
		wantContains(t, sockets, want)
	}
	wantContains(t, toolOut(t, 0, "inspect", dialed), address+" (")
}

// TestComponentOnTheNetwork shows the requests of a component, which sends some with and
// some without a body, several at once and one to nobody.
func TestComponentOnTheNetwork(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/3" {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprintf(w, "%s %d", r.URL, n)
		w.(http.Flusher).Flush() // in chunks
		fmt.Fprint(w, "\n")
	}))
	address := server.Listener.Addr().String()
	trace := filepath.Join(t.TempDir(), "ask.trace.arrow")
	stdout := toolOut(t, 0, "record", "-q", askWasm, "-t", trace, "--allow-http", "--", address)
	server.Close()
	if replayed := toolOut(t, 0, "replay", "-q", trace); replayed != stdout {
		t.Errorf("replayed %q, recorded %q", replayed, stdout)
	}
	base := "http://" + address
	want := []string{
		"client GET " + base + "/get?q=1 0 = 200 11", "client POST " + base + "/ 100000 = 200 9", "client POST " + base + "/ 100000 = 200 9",
		"client GET " + base + "/0 0 = 200 5", "client GET " + base + "/1 0 = 200 5", "client GET " + base + "/2 0 = 200 5",
		"client GET " + base + "/3 0 = 404 5", "client GET http://127.0.0.1:1/ 0 = 0 0no response: connection-refused",
	}
	var got []string
	list := exchanges(t, "inspect", "--http", "-v", trace)
	for _, e := range list {
		got = append(got, e.String())
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	if list[0].Response.Body != "/get?q=1 0\n" {
		t.Errorf("body %q", list[0].Response.Body)
	}
	if failed := exchanges(t, "trace", "request", "--errors-only", trace); len(failed) != 2 {
		t.Errorf("failed: %v", failed)
	}
	text := toolOut(t, 0, "trace", "request", "-v", trace)
	for _, want := range []string{"client GET " + base + "/get?q=1 = 200 11 B <", "\n  > X-B: 1\n  > x-a: ", "\n  < HTTP/1.1 404\n", "\n  < /2 0\n",
		"client GET http://127.0.0.1:1/ = ?, no response: connection-refused <", " 97.66 KiB = 200 9 B <"} {
		wantContains(t, text, want)
	}
	for form, lines := range map[string]int{"jsonl": 8, "yaml": 8} {
		if out := toolOut(t, 0, "inspect", "--http", "-o", form, trace); strings.Count(out, "connection-refused") != 1 || strings.Count(out, "client") != lines {
			t.Errorf("%s: %s", form, out)
		}
	}
	var archive struct {
		Log struct {
			Entries []struct {
				Request, Response struct{ BodySize, HeadersSize int }
				Error             string `json:"_error"`
			}
		}
	}
	entries := &archive.Log.Entries
	if err := json.Unmarshal([]byte(toolOut(t, 0, "convert", "--to", "har", trace, "-")), &archive); err != nil || len(*entries) != 8 {
		t.Fatalf("HAR of %d entries, %v", len(*entries), err)
	}
	if e := (*entries)[1]; e.Request.BodySize != 100000 || e.Request.HeadersSize != -1 || e.Response.BodySize != 9 {
		t.Errorf("%+v", e)
	}
	if e := (*entries)[7]; e.Error != "no response: connection-refused" || e.Response.BodySize != -1 {
		t.Errorf("%+v", e)
	}
	// Without permission the host answers in place of a server.
	toolOut(t, 0, "record", "-q", askWasm, "-t", trace, "--force", "--allow-http=127.0.0.1:1", "--", address)
	if list := exchanges(t, "trace", "request", trace); len(list) != 8 || list[0].Error != "no response: HTTP-request-denied" {
		t.Errorf("denied: %v", list)
	}
	if out := toolOut(t, 0, "inspect", "--sockets", trace); out != "" {
		t.Errorf("sockets: %s", out)
	}
}

// A module gets HTTP as bytes of a socket: a field in them is a secret wherever it
// is, here in a body that the server sends back in two pieces.
func TestRedactedServer(t *testing.T) {
	dir := t.TempDir()
	trace, out := filepath.Join(dir, "server.trace.arrow"), filepath.Join(dir, "out.trace.arrow")
	const secret = "abcdef-0123456789"
	recordDuring(t, func() {
		r, err := http.NewRequest("POST", "http://"+listenAddress(t, trace)+"/echo", strings.NewReader("it is "+secret))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+secret)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if string(body) != "it is "+secret {
			t.Fatalf("the server answers %q", body)
		}
	}, serverWasm, "-t", trace, "--listen", "127.0.0.1:0", "--", "1")
	tool(t, 0, "redact", trace, out, "--header", "authorization", "--compression", "none")
	data, err := os.ReadFile(out)
	if err != nil || bytes.Contains(data, []byte(secret)) {
		t.Fatalf("%v, the secret is there: %t", err, err == nil)
	}
	tool(t, 0, "replay", out)
	shown := toolOut(t, 0, "trace", "request", "-v", out)
	wantContains(t, shown, "Authorization: Bearer ")
	wantContains(t, shown, "it is ")
}
