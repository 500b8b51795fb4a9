package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/reader/remote"
	"github.com/tracetool/tracetool/writer"
)

// served is a file on a server that counts what it sends.
type served struct {
	mu       sync.Mutex
	data     []byte
	etag     string
	modified time.Time
	requests atomic.Int64
	sent     atomic.Int64
}

func (s *served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	s.mu.Lock()
	data, etag, modified := s.data, s.etag, s.modified
	s.mu.Unlock()
	if etag != "" {
		w.Header().Set("ETag", etag)
	}
	http.ServeContent(counting{w, &s.sent}, r, "", modified, bytes.NewReader(data))
}

type counting struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p))) // before the client can have it
	return c.ResponseWriter.Write(p)
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func open(t *testing.T, address string, o remote.Options) *remote.File {
	t.Helper()
	f, err := remote.Open(context.Background(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func random(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

func TestReadAtGivesTheFile(t *testing.T) {
	for _, size := range []int{0, 1, 16<<10 - 1, 16 << 10, 64<<10 + 1, 3<<20 + 7} {
		s := &served{data: random(size), etag: `"1"`}
		f := open(t, serve(t, s), remote.Options{CacheBytes: 1})
		if f.Size() != int64(size) || f.Spooled() {
			t.Fatalf("%d bytes: size %d, spooled %t", size, f.Size(), f.Spooled())
		}
		if err := iotest.TestReader(io.NewSectionReader(f, 0, f.Size()), s.data); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		rng := rand.New(rand.NewPCG(1, uint64(size)))
		for range 50 {
			off := rng.Int64N(int64(size) + 2)
			got := make([]byte, rng.IntN(100<<10))
			n, err := f.ReadAt(got, off)
			want := s.data[min(off, int64(size)):]
			want = want[:min(len(want), len(got))]
			if !bytes.Equal(got[:n], want) || (n < len(got)) != (err == io.EOF) || err != nil && err != io.EOF {
				t.Fatalf("%d bytes at %d of %d: %d bytes, %v", len(got), off, size, n, err)
			}
		}
	}
}

func TestReadsInOrderFetchAhead(t *testing.T) {
	s := &served{data: random(8 << 20), etag: `"1"`}
	f := open(t, serve(t, s), remote.Options{})
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{io.NewSectionReader(f, 0, f.Size())}); err != nil {
		t.Fatal(err)
	}
	if n := s.requests.Load(); n > 20 {
		t.Errorf("%d requests for 8 MiB in order", n)
	}
	if n := s.sent.Load(); n != 8<<20 {
		t.Errorf("%d bytes sent, want each once", n)
	}
}

func TestAFarReadFetchesItsBlocksOnly(t *testing.T) {
	s := &served{data: random(8 << 20), etag: `"1"`}
	f := open(t, serve(t, s), remote.Options{})
	before := s.sent.Load()
	for range 3 { // the second and third come from the cache
		if _, err := f.ReadAt(make([]byte, 100), 5<<20+17); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.sent.Load() - before; n > 16<<10 {
		t.Errorf("%d bytes sent for 100", n)
	}
}

func TestChangedFileIsAnError(t *testing.T) {
	old, now := random(1<<20), random(1<<20+1)
	for name, c := range map[string]struct{ before, after *served }{
		"etag":     {&served{data: old, etag: `"1"`}, &served{data: old, etag: `"2"`}},
		"weak":     {&served{data: old, etag: `W/"1"`}, &served{data: old, etag: `W/"2"`}},
		"modified": {&served{data: old, modified: time.Unix(1e9, 0)}, &served{data: old, modified: time.Unix(1e9+5, 0)}},
		"size":     {&served{data: old}, &served{data: now}},
		"shorter":  {&served{data: old, etag: `"1"`}, &served{data: old[:1000], etag: `"2"`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.before
			f := open(t, serve(t, s), remote.Options{})
			s.mu.Lock()
			s.data, s.etag, s.modified = c.after.data, c.after.etag, c.after.modified
			s.mu.Unlock()
			if _, err := f.ReadAt(make([]byte, 10), 900<<10); !errors.Is(err, remote.ErrChanged) {
				t.Errorf("error %v, want ErrChanged", err)
			}
		})
	}
}

// plain answers as servers do that know no ranges.
func plain(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write(data) }
}

func TestServerWithoutRangesIsSpooled(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	data := random(300 << 10)
	f, err := remote.Open(context.Background(), serve(t, plain(data)), remote.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !f.Spooled() {
		t.Error("not spooled")
	}
	if err := iotest.TestReader(io.NewSectionReader(f, 0, f.Size()), data); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for _, limit := range []int64{-1, 1000, 300<<10 - 1} {
		_, err := remote.Open(context.Background(), serve(t, plain(data)), remote.Options{MaxSpool: limit})
		if !errors.Is(err, remote.ErrTooLong) {
			t.Errorf("limit %d: %v, want ErrTooLong", limit, err)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

func TestOddAnswersAreErrors(t *testing.T) {
	part := func(contentRange string, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", contentRange)
			w.WriteHeader(http.StatusPartialContent)
			io.WriteString(w, body)
		}
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, h := range map[string]http.Handler{
		"not found":      status(404),
		"unavailable":    status(503),
		"no content":     status(204),
		"no range":       part("", "abc"),
		"unknown size":   part("bytes 0-2/*", "abc"),
		"backwards":      part("bytes 2-0/3", "abc"),
		"beyond the end": part("bytes 0-3/3", "abcd"),
		"another part":   part("bytes 1-2/3", "bc"),
		"too little":     part("bytes 0-1/3", "ab"),
		"huge":           part("bytes 0-2/99999999999999999999", "abc"),
		"body cut":       part("bytes 0-2/3", "ab"),
		"loop":           http.RedirectHandler("/", http.StatusFound),
		"another scheme": http.RedirectHandler("ftp://localhost/", http.StatusFound),
		"compressed part": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			part("bytes 0-2/3", "abc")(w, r)
		}),
		"compressed": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			plain([]byte("abc"))(w, r)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serve(t, h)
			if f, err := remote.Open(context.Background(), address, remote.Options{}); err == nil {
				f.Close()
				t.Error("no error")
			} else if !strings.HasPrefix(err.Error(), address) {
				t.Errorf("%v: does not begin with the address", err)
			}
		})
	}
}

func TestRedirectsAreFollowed(t *testing.T) {
	s := &served{data: random(1 << 20), etag: `"1"`}
	mux := http.NewServeMux()
	mux.Handle("/file", s)
	mux.Handle("/", http.RedirectHandler("/file", http.StatusFound))
	f := open(t, serve(t, mux)+"/elsewhere", remote.Options{})
	if err := iotest.TestReader(io.NewSectionReader(f, 0, f.Size()), s.data); err != nil {
		t.Error(err)
	}
}

func TestHTTPSIsNotLeft(t *testing.T) {
	t.Parallel()
	open := serve(t, &served{data: random(100), etag: `"1"`})
	s := httptest.NewTLSServer(http.RedirectHandler(open, http.StatusFound))
	t.Cleanup(s.Close)
	if f, err := remote.Open(context.Background(), s.URL, remote.Options{Client: s.Client()}); err == nil {
		f.Close()
		t.Error("followed a redirect from https to http")
	}
}

func TestRequestsThatFailOnTheWayAreRepeated(t *testing.T) {
	t.Parallel()
	s := &served{data: random(1 << 20), etag: `"1"`}
	var n atomic.Int64
	f := open(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) % 2 {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			s.ServeHTTP(w, r)
		}
	})), remote.Options{})
	got := make([]byte, 10)
	if _, err := f.ReadAt(got, 800<<10); err != nil || !bytes.Equal(got, s.data[800<<10:][:10]) {
		t.Errorf("%x, %v", got, err)
	}
}

func TestSilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-99/100")
		w.WriteHeader(http.StatusPartialContent)
		w.(http.Flusher).Flush()
		<-done
	}))
	t.Cleanup(func() { close(done) })
	if f, err := remote.Open(context.Background(), address, remote.Options{Stall: 10 * time.Millisecond}); err == nil {
		f.Close()
		t.Error("no error")
	}
}

func TestCancelledContextEndsReads(t *testing.T) {
	s := &served{data: random(1 << 20), etag: `"1"`}
	ctx, cancel := context.WithCancel(context.Background())
	f, err := remote.Open(ctx, serve(t, s), remote.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cancel()
	for _, off := range []int64{0, 900 << 10} { // what is in the cache, and what is not
		if _, err := f.ReadAt(make([]byte, 10), off); !errors.Is(err, context.Canceled) {
			t.Errorf("offset %d: error %v, want context.Canceled", off, err)
		}
	}
}

func TestClosedFileIsNotRead(t *testing.T) {
	f := open(t, serve(t, &served{data: random(1 << 20), etag: `"1"`}), remote.Options{})
	spooled := open(t, serve(t, plain(random(1<<10))), remote.Options{})
	for _, f := range []*remote.File{f, spooled} {
		for range 2 {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := f.ReadAt(make([]byte, 10), 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("spooled %t: error %v, want fs.ErrClosed", f.Spooled(), err)
		}
	}
}

func TestMissingFilesAreToldApart(t *testing.T) {
	for code, want := range map[int]error{404: fs.ErrNotExist, 410: fs.ErrNotExist, 401: fs.ErrPermission, 403: fs.ErrPermission, 500: nil} {
		address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
		_, err := remote.Open(t.Context(), address, remote.Options{})
		for _, target := range []error{fs.ErrNotExist, fs.ErrPermission} {
			if err == nil || errors.Is(err, target) != (target == want) {
				t.Errorf("%d: error %v", code, err)
			}
		}
	}
}

func TestPasswordsStayOutOfErrors(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"http://user:geheim@127.0.0.1:1/", "http://user:geheim@127.0.0.1:1/%zz", "http://127.0.0.1:1/a?signature=geheim", "http:///?geheim",
	} {
		if strings.Contains(remote.Redact(address), "geheim") {
			t.Errorf("%s is shown", remote.Redact(address))
		}
		_, err := remote.Open(context.Background(), address, remote.Options{})
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("error %v", err)
		}
	}
}

func TestIsURL(t *testing.T) {
	for text, want := range map[string]bool{
		"http://h/a": true, "HTTPS://h": true, "http:/h": false, "ftp://h": false, "a.trace.arrow": false, "dir/http://": false, "": false,
	} {
		if remote.IsURL(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}

// TestSummaryOfALongTraceFetchesLittle: of a trace of 100 MB less than 1 MB is
// fetched for its summary, and less again for one event.
func TestSummaryOfALongTraceFetchesLittle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long"+format.Extension)
	writeLong(t, path, 100e6)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) < 100e6 {
		t.Fatalf("the trace has %d bytes", len(data))
	}
	s := &served{data: data, etag: `"1"`}
	file := open(t, serve(t, s), remote.Options{})
	f, err := reader.New(file, file.Size(), reader.Options{Name: file.Name()})
	if err != nil {
		t.Fatal(err)
	}
	summary, err := inspect.Summarize(f)
	if err != nil {
		t.Fatal(err)
	}
	if summary.Events != f.Summary().Events || len(summary.Segments) < 2 {
		t.Errorf("%d events in %d segments", summary.Events, len(summary.Segments))
	}
	if n := s.sent.Load(); n >= 1e6 {
		t.Errorf("%d bytes fetched for the summary", n)
	}
	t.Logf("%d bytes in %d requests for the summary of %d segments", s.sent.Load(), s.requests.Load(), len(summary.Segments))
	before := s.sent.Load()
	if _, err := f.EventAt(summary.Events / 2); err != nil {
		t.Fatal(err)
	}
	if n := s.sent.Load() - before; n > int64(len(data))/5 {
		t.Errorf("%d bytes fetched for one event", n)
	}
}

// writeLong writes an uncompressed trace of at least so many bytes.
func writeLong(t *testing.T, path string, size int64) {
	t.Helper()
	w, err := writer.Create(path, writer.Options{Compression: ipc.None, NoSidecar: true, Modules: []string{"env"}, Functions: []string{"log"}})
	if err != nil {
		t.Fatal(err)
	}
	ev := format.Event{Kind: format.KindCall, Input: make([]byte, 4<<10),
		Has: format.HasModule | format.HasFunction | format.HasInput}
	for i := range size/int64(len(ev.Input)) + 1 {
		copy(ev.Input, fmt.Sprint(i))
		ev.Time = 1e18 + i
		if err := w.Append(&ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
