package runner

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/writer"
)

// service is a component that is served and recorded in a test.
type service struct {
	url    string
	path   string // of the trace
	mu     sync.Mutex
	failed []string
	end    func() (*Result, error)
}

func serve(t *testing.T, cfg Config, create func(path string) CreateFunc) *service {
	t.Helper()
	return serveModule(t, example(t, "rust-http/server.wasm"), cfg, create)
}

func serveModule(t *testing.T, module Module, cfg Config, create func(path string) CreateFunc) *service {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{url: "http://" + l.Addr().String(), path: filepath.Join(t.TempDir(), "served"+format.Extension)}
	ctx, cancel := context.WithCancel(t.Context())
	cfg.CacheDir = cacheDir
	type ended struct {
		result *Result
		err    error
	}
	done := make(chan ended, 1)
	go func() {
		result, err := Serve(ctx, module, ServeConfig{Config: cfg, Failed: s.fail}, l, create(s.path))
		done <- ended{result, err}
	}()
	s.end = func() (*Result, error) {
		cancel()
		e := <-done
		return e.result, e.err
	}
	t.Cleanup(cancel)
	return s
}

func (s *service) fail(r *http.Request, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, _, _ := strings.Cut(err.Error(), "\n")
	s.failed = append(s.failed, r.URL.Path+": "+first)
}

// ask returns what a request is answered with, or why it is not.
func (s *service) ask(path, body string) string {
	resp, err := http.Post(s.url+path, "", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	text := fmt.Sprintf("%d %s", resp.StatusCode, data)
	if err != nil {
		text += err.Error()
	}
	return text + resp.Trailer.Get("x-count")
}

// TestServe serves requests at the same time, records and replays them.
func TestServe(t *testing.T) {
	var stderr bytes.Buffer
	s := serve(t, Config{Stderr: &stderr}, createAt)
	large := strings.Repeat("0123456789abcdef", 1<<16)
	want := map[string]string{
		"/a":       "200 Method::Post /a\nhello5",
		"/missing": "404 Method::Post /missing\nhello5",
		"/panic":   "500 Internal Server Error\n",
		"/none":    "500 Internal Server Error\n",
		"/error":   "500 Internal Server Error\n",
		"/cut":     "200 Method::Post /cut\nunexpected EOF",
		"/large":   "200 Method::Post /large\n" + large + "1048576",
	}
	var wait sync.WaitGroup
	for path, answer := range want {
		for range 2 {
			wait.Go(func() {
				body := "hello"
				if path == "/large" {
					body = large
				}
				if got := s.ask(path, body); got != answer {
					t.Errorf("%s: %.100q, want %.100q", path, got, answer)
				}
			})
		}
	}
	wait.Wait()
	result, err := s.end()
	if err != nil || result.End != EndExit || result.Events == 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	slices.Sort(s.failed)
	failed := []string{
		"/cut: internal-error: the body was dropped before it was finished",
		"/error: internal-error(some(\"no luck\"))",
		"/none: internal-error: the component dropped its response-outparam without a response",
		"/panic: wasm error: unreachable",
	}
	if got := slices.Compact(slices.Clone(s.failed)); len(s.failed) != 8 || !slices.Equal(got, failed) {
		t.Errorf("%q", s.failed)
	}

	f := open(t, s.path)
	if p := f.Header().Program; "http://"+p.Serve != s.url || !p.Embedded {
		t.Errorf("%+v", p)
	}
	if limit := f.Header().TextLimit; limit != -1 {
		t.Errorf("text limit %d: a served component has a network", limit)
	}
	starts := map[int32]int{}
	for _, ev := range eventsOf(t, s.path) {
		if ev.Kind == format.KindStart {
			starts[ev.Task]++
		}
	}
	if len(starts) != 14 || starts[0] != 1 || starts[13] != 1 {
		t.Errorf("tasks and their starts: %v", starts)
	}
	var order []int32
	observe := func(o Observation) { order = append(order, o.Event.Task) }
	again, _, replayedErr, err := replayed(t, s.path, ReplayConfig{Observe: observe})
	if err != nil {
		t.Fatalf("replay: %s", report(err))
	}
	first := slices.Compact(order)
	order = nil
	if _, _, _, err := replayed(t, s.path, ReplayConfig{Observe: observe}); err != nil {
		t.Error(err)
	}
	if again := slices.Compact(order); !slices.Equal(first, again) {
		t.Errorf("tasks are replayed as %v, and then as %v", first, again)
	}
	if again.End != EndExit || again.Events != result.Events || len(replayedErr) != stderr.Len() {
		t.Errorf("replay: %+v, %d bytes of stderr, want %+v, %d", again, len(replayedErr), result, stderr.Len())
	}
}

// TestReplayTask replays the requests that were served one by one.
func TestReplayTask(t *testing.T) {
	s := serve(t, Config{}, createAt)
	for _, path := range []string{"/x", "/panic", "/missing"} {
		s.ask(path, "hello")
	}
	recorded, err := s.end()
	if err != nil {
		t.Fatal(err)
	}
	events := int64(0)
	for i, want := range []End{EndExit, EndTrap, EndExit} {
		task := int32(i)
		result, _, _, err := replayed(t, s.path, ReplayConfig{Task: &task})
		if err != nil || result.End != want || (result.Trap != nil) != (want == EndTrap) {
			t.Errorf("task %d: %+v, %v", i, result, err)
			continue
		}
		events += result.Events
	}
	if events != recorded.Events {
		t.Errorf("%d events in all, want %d", events, recorded.Events)
	}
	for _, ev := range eventsOf(t, s.path) {
		if ev.Task != 2 || ev.Kind != format.KindCall {
			continue
		}
		result, _, _, err := replayed(t, s.path, ReplayConfig{Until: ev.Seq})
		if err != nil || result.End != EndUntil || len(result.Stack) == 0 || result.Events > 2 {
			t.Errorf("until event %d: %+v, %v", ev.Seq, result, err)
		}
		break
	}
	missing := int32(5)
	_, _, _, err = replayed(t, s.path, ReplayConfig{Task: &missing})
	var e *TaskError
	if !errors.As(err, &e) || err.Error() != "there is no task 5: there are 0 to 2" {
		t.Errorf("%v", err)
	}
	if got := (&TaskError{9, []int32{0, 2, 3, 4, 7}}).Error(); got != "there is no task 9: there are 0, 2 to 4, 7" {
		t.Error(got)
	}
	var odd []int32
	for i := range int32(100) {
		odd = append(odd, 2*i+1)
	}
	if got := TasksText(odd); got != "1, 3, 5, 7, 9, 11, 13, 15, 17, 19, ..." {
		t.Error(got)
	}
}

// TestServeChildren has requests whose bodies are dropped before their streams:
// they fail, and the others do not.
func TestServeChildren(t *testing.T) {
	for _, engine := range engines {
		s := serveModule(t, children(t), Config{Engine: engine}, createAt)
		for range 2 {
			if got := s.ask("/trap", "a body"); got != "500 Internal Server Error\n" {
				t.Errorf("with a body: %q", got)
			}
			if got := s.ask("/", ""); got != "200 " {
				t.Errorf("without a body: %q", got)
			}
		}
		recorded, err := s.end()
		if err != nil || recorded.End != EndExit {
			t.Fatalf("%+v, %v", recorded, err)
		}
		const message = "incoming-body#1 still has a child, input-stream#1: drop that first"
		if want := "/trap: " + message + " (recovered by wazero)"; len(s.failed) != 2 || s.failed[0] != want || s.failed[1] != want {
			t.Errorf("%q, want twice %q", s.failed, want)
		}
		again, _, _, err := replayed(t, s.path, ReplayConfig{})
		if err != nil || again.End != EndExit || again.Events != recorded.Events {
			t.Errorf("replay: %+v, %v", again, err)
		}
		for task := range int32(4) {
			result, _, _, err := replayed(t, s.path, ReplayConfig{Task: &task, Engine: engine})
			switch trapped := task%2 == 0; {
			case err != nil:
				t.Errorf("task %d: %s", task, report(err))
			case trapped && (result.ExitCode != ExitCodeTrap || result.Trap == nil || result.Trap.Message != message), !trapped && result.End != EndExit:
				t.Errorf("task %d: %+v", task, result)
			}
		}
	}
}

// TestServeNothing has no request.
func TestServeNothing(t *testing.T) {
	s := serve(t, Config{}, createAt)
	if result, err := s.end(); err != nil || result.Events != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	open(t, s.path)
}

// TestServeFull serves until the trace is as large as it may be.
func TestServeFull(t *testing.T) {
	s := serve(t, Config{}, func(path string) CreateFunc {
		return func(o writer.Options) (*writer.Writer, error) {
			o.MaxBytes = 1 << 20
			return writer.Create(path, o)
		}
	})
	for i := 0; i < 1000 && !strings.HasPrefix(s.ask("/x", strings.Repeat(fmt.Sprint(i), 100_000)), "500"); i++ {
		if _, err := http.Get(s.url); err != nil {
			break // it has ended
		}
	}
	result, err := s.end()
	if err != nil || result.End != EndFull {
		t.Fatalf("%+v, %v", result, err)
	}
}

func TestServeMistakes(t *testing.T) {
	for _, tt := range []struct {
		module Module
		cfg    Config
		want   string
	}{
		{example(t, "hello/hello.wasm"), Config{}, "hello.wasm: a module of WASI preview1, expected a component"},
		{example(t, "rust-http/client.wasm"), Config{}, "client.wasm: exports no wasi:http/incoming-handler"},
		{example(t, "rust-http/server.wasm"), Config{AllowNet: []string{"a b"}}, `allowed host "a b"`},
		{example(t, "rust-http/server.wasm"), Config{Dirs: []format.Preopen{{Host: "/nonexistent", Guest: "/"}}}, "/nonexistent"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		tt.cfg.CacheDir = cacheDir
		_, err = Serve(t.Context(), tt.module, ServeConfig{Config: tt.cfg}, l, func(writer.Options) (*writer.Writer, error) {
			t.Error("a trace is created")
			return nil, errors.New("none")
		})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
		if _, err := l.Accept(); err == nil {
			t.Error("the listener is open")
		}
	}
}

// TestHTTPClient records a component that sends requests, and replays it when
// the server is gone.
func TestHTTPClient(t *testing.T) {
	turn := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/0" {
			<-turn // of the four at once the first is answered last
		}
		data, _ := io.ReadAll(r.Body)
		w.Header()["X-Seen"] = slices.Concat(r.Header["X-A"], r.Header["X-B"])
		fmt.Fprintf(w, "%s %s %d", r.Method, r.URL, len(data))
		w.(http.Flusher).Flush()
		if r.URL.Path == "/3" {
			close(turn)
		}
	}))
	addr := s.Listener.Addr().String()
	rec := record(t, example(t, "rust-http/client.wasm"), Config{Args: []string{addr}, AllowHTTP: []string{"127.0.0.1"}})
	s.Close()
	seen := `200 [("x-seen", [195, 169]), ("x-seen", [49]), ("x-seen", [50])] `
	want := "get: " + seen + "14 bytes, \"GET /get?q=1 0\"\n" +
		"post before: " + seen + "13 bytes, \"POST / 100000\"\n" +
		"post after: " + seen + "13 bytes, \"POST / 100000\"\n" +
		"at once 0: " + seen + "8 bytes, \"GET /0 0\"\n" +
		"at once 1: " + seen + "8 bytes, \"GET /1 0\"\n" +
		"at once 2: " + seen + "8 bytes, \"GET /2 0\"\n" +
		"at once 3: " + seen + "8 bytes, \"GET /3 0\"\n" +
		"refused: ErrorCode::ConnectionRefused\n"
	if rec.stdout != want {
		t.Errorf("%s\nwant %s", rec.stdout, want)
	}
	verify(t, rec, ReplayConfig{})

	denied := record(t, example(t, "rust-http/client.wasm"), Config{Args: []string{addr}})
	if !strings.HasPrefix(denied.stdout, "get: ErrorCode::HttpRequestDenied\n") {
		t.Errorf("%q", denied.stdout)
	}
}

// TestRefusals gives a module what only components can have, and the other way
// round.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		app  string
		cfg  Config
		want error
	}{
		{"hello/hello.wasm", Config{AllowHTTP: []string{"*"}}, ErrNoComponent},
		{"hello/hello.wasm", Config{Cwd: "/"}, ErrNoComponent},
		{"rust-http/client.wasm", Config{Dial: []string{"127.0.0.1:1"}}, ErrComponent},
		{"rust-http/client.wasm", Config{Chaos: format.Chaos{Ratio: 1}}, ErrComponent},
	} {
		if _, err := Run(t.Context(), example(t, tt.app), tt.cfg); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.app, err, tt.want)
		}
	}
}

// TestServeStopped has requests whose bodies do not come: one is stopped when its
// time is over, another one when serving ends.
func TestServeStopped(t *testing.T) {
	for _, tt := range []struct {
		timeout time.Duration
		want    string
	}{{50 * time.Millisecond, "/a: stopped after 50ms: context deadline exceeded"}, {0, "/a: stopped: serving has ended"}} {
		s := serve(t, Config{Timeout: tt.timeout}, createAt)
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
		if tt.timeout > 0 {
			io.ReadAll(conn)
		} else {
			bufio.NewReader(conn).ReadString('\n') // the head of the answer
		}
		if _, err := s.end(); err != nil {
			t.Error(err)
		}
		if !slices.Equal(s.failed, []string{tt.want}) {
			t.Errorf("%q, want %q", s.failed, tt.want)
		}
		if r, _, _, err := replayed(t, s.path, ReplayConfig{}); err != nil || r.End != EndCut || !slices.Equal(r.Cut, []int32{0}) {
			t.Errorf("replay: %+v, %v, want task 0 cut", r, err)
		}
	}
}

// TestServeExit has a component exit in place of an answer. That is no more than
// to return, unless it is with an error.
func TestServeExit(t *testing.T) {
	m, err := Load(filepath.Join("testdata", "exits.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	s := serveModule(t, m, Config{}, createAt)
	if resp, err := http.Get(s.url + "/get"); err != nil || resp.StatusCode != 500 {
		t.Error(resp, err)
	}
	if got := s.ask("/post", ""); got != "500 Internal Server Error\n" {
		t.Error(got)
	}
	recorded, err := s.end()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/get: internal-error: the component dropped its response-outparam without a response",
		"/post: the component exited with code 1",
	}
	if !slices.Equal(s.failed, want) {
		t.Errorf("%q, want %q", s.failed, want)
	}
	if again, _, _, err := replayed(t, s.path, ReplayConfig{}); err != nil || again.Events != recorded.Events {
		t.Errorf("replay: %+v, %v", again, err)
	}
}

// TestServeOptions has the component answer what is asked of the server as a
// whole.
func TestServeOptions(t *testing.T) {
	s := serve(t, Config{}, createAt)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	data, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(data), "Method::Options *\n") {
		t.Errorf("%q, %v", data, err)
	}
	if r, err := s.end(); err != nil || r.Events == 0 {
		t.Error(r, err)
	}
}
