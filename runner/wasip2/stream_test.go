package wasip2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
)

const streams = "wasi:io/streams [method]"

func blob(s string) value { return func(e *canon.Encoder) { e.Blob([]byte(s)) } }

func TestStdin(t *testing.T) {
	r, w := io.Pipe()
	g := newGuest(t, Config{Stdin: r})
	t.Cleanup(func() { w.Close() })
	in := g.rep("wasi:cli/stdin get-stdin")
	g.want(`ok("")`, streams+"input-stream.read", in, u64(10))
	p := g.rep(streams+"input-stream.subscribe", in)
	g.want("false", "wasi:io/poll [method]pollable.ready", p)
	go w.Write([]byte("hello, w"))
	g.call("wasi:io/poll [method]pollable.block", p)
	g.want(`ok("hello")`, streams+"input-stream.read", in, u64(5))
	g.want(`ok("")`, streams+"input-stream.read", in, u64(0))
	g.want(`ok(2)`, streams+"input-stream.skip", in, u64(2))
	g.want(`ok("w")`, streams+"input-stream.blocking-read", in, u64(1<<60))
	go w.Close()
	g.want(`err(closed)`, streams+"input-stream.blocking-skip", in, u64(1))
	g.want(`err(closed)`, streams+"input-stream.read", in, u64(0))
	g.want("true", "wasi:io/poll [method]pollable.ready", p)
}

func TestStdinEmpty(t *testing.T) {
	g := newGuest(t, Config{})
	in := g.rep("wasi:cli/stdin get-stdin")
	g.want(`err(closed)`, streams+"input-stream.blocking-read", in, u64(1))
}

// broken fails every write.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// unread fails as a pipe does that nobody reads.
type unread struct{}

func (unread) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestStdout(t *testing.T) {
	var out bytes.Buffer
	g := newGuest(t, Config{Stdout: &out, Stderr: broken{}})
	s := g.rep("wasi:cli/stdout get-stdout")
	g.want(`ok(65536)`, streams+"output-stream.check-write", s)
	g.want(`ok`, streams+"output-stream.write", s, blob("a"))
	g.want(`ok`, streams+"output-stream.flush", s)
	g.want(`ok`, streams+"output-stream.blocking-flush", s)
	g.want(`ok`, streams+"output-stream.blocking-write-and-flush", s, blob(strings.Repeat("b", 3*chunk)))
	g.want(`ok`, streams+"output-stream.write-zeroes", s, u64(2))
	g.want(`ok`, streams+"output-stream.blocking-write-zeroes-and-flush", s, u64(1))
	if want := "a" + strings.Repeat("b", 3*chunk) + "\x00\x00\x00"; out.String() != want {
		t.Errorf("%d bytes, want %d", out.Len(), len(want))
	}
	g.traps("want at most the 65536", streams+"output-stream.write", s, blob(strings.Repeat("b", chunk+1)))
	g.traps("want at most the 65536", streams+"output-stream.write-zeroes", s, u64(1<<60))
	g.traps("want at most", streams+"output-stream.blocking-write-zeroes-and-flush", s, u64(1<<60))

	s = g.rep("wasi:cli/stderr get-stderr")
	g.want(`err(last-operation-failed(error#1))`, streams+"output-stream.write", s, blob("a"))
	g.want(`err(closed)`, streams+"output-stream.write", s, blob("a"))
	g.want(`err(closed)`, streams+"output-stream.check-write", s)
	g.want(`err(closed)`, streams+"output-stream.flush", s)
	g.want(`err(closed)`, streams+"output-stream.blocking-flush", s)
	g.want(`"no space left on device"`, "wasi:io/error [method]error.to-debug-string", u32(1))
	p := g.rep(streams+"output-stream.subscribe", s)
	g.call("wasi:io/poll [method]pollable.block", p)
}

func TestStdoutUnread(t *testing.T) {
	g := newGuest(t, Config{Stdout: unread{}})
	s := g.rep("wasi:cli/stdout get-stdout")
	g.want(`err(closed)`, streams+"output-stream.blocking-write-and-flush", s, blob("a"))
	g.want(`err(closed)`, streams+"output-stream.check-write", s)
}

func TestSplice(t *testing.T) {
	var out bytes.Buffer
	g := newGuest(t, Config{Stdin: strings.NewReader("hello"), Stdout: &out})
	in, s := g.rep("wasi:cli/stdin get-stdin"), g.rep("wasi:cli/stdout get-stdout")
	g.block(in, streams+"input-stream.subscribe")
	g.want("ok(2)", streams+"output-stream.splice", s, in, u64(2))
	g.want("ok(3)", streams+"output-stream.blocking-splice", s, in, u64(1<<60))
	g.want("err(closed)", streams+"output-stream.blocking-splice", s, in, u64(1))
	if out.String() != "hello" {
		t.Errorf("%q, want hello", &out)
	}
}

func TestPoll(t *testing.T) {
	r, w := io.Pipe()
	g := newGuest(t, Config{Stdin: r})
	t.Cleanup(func() { w.Close() })
	const poll = "wasi:io/poll poll"
	g.traps("empty list", poll, list())
	g.traps("no number 9", poll, list(u32(9)))
	in := g.rep("wasi:cli/stdin get-stdin")
	input := g.rep(streams+"input-stream.subscribe", in)
	never := g.rep("wasi:clocks/monotonic-clock subscribe-duration", u64(1<<64-1))
	soon := g.rep("wasi:clocks/monotonic-clock subscribe-duration", u64(uint64(5*time.Millisecond)))
	past := g.rep("wasi:clocks/monotonic-clock subscribe-instant", u64(0))
	g.want("[1]", poll, list(never, soon))
	g.want("[0, 2, 3]", poll, list(soon, never, past, past))
	go w.Write([]byte("x"))
	g.want("[1]", poll, list(never, input))

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	_, _, err := g.try(ctx, poll, list(never))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("poll under a context that is done: %v", err)
	}
}

func TestCLI(t *testing.T) {
	g := newGuest(t, Config{Args: []string{"a", "b c"}, Env: []string{"K=V=W", "E="}, Cwd: "/x"})
	g.want(`["a", "b c"]`, "wasi:cli/environment get-arguments")
	g.want(`[("K", "V=W"), ("E", "")]`, "wasi:cli/environment get-environment")
	g.want(`some("/x")`, "wasi:cli/environment initial-cwd")
	for _, name := range []string{"stdin", "stdout", "stderr"} {
		g.want("none", "wasi:cli/terminal-"+name+" get-terminal-"+name)
	}
	for _, tt := range []struct {
		name string
		arg  value
		code uint32
	}{
		{"exit", boolean(false), 0},
		{"exit", boolean(true), 1},
		{"exit-with-code", all(func(e *canon.Encoder) { e.U8(7) }), 7},
	} {
		_, _, err := g.try(t.Context(), "wasi:cli/exit "+tt.name, tt.arg)
		var exit *component.ExitError
		if !errors.As(err, &exit) || exit.Code != tt.code {
			t.Errorf("%s: %v, want code %d", tt.name, err, tt.code)
		}
	}
	g = newGuest(t, Config{})
	g.want(`[]`, "wasi:cli/environment get-arguments")
	g.want(`[]`, "wasi:cli/environment get-environment")
	g.want(`none`, "wasi:cli/environment initial-cwd")
	if _, err := New(Config{Env: []string{"=x"}}); err == nil {
		t.Error("an environment variable without a name is accepted")
	}
}

// fixed is a clock that stands still.
type fixed struct{}

func (fixed) Wall() int64      { return 1_700_000_000_123_456_789 }
func (fixed) Monotonic() int64 { return 42 }

func TestClocks(t *testing.T) {
	g := newGuest(t, Config{Clock: fixed{}})
	g.want("42", "wasi:clocks/monotonic-clock now")
	g.want("1", "wasi:clocks/monotonic-clock resolution")
	g.want("{seconds: 1700000000, nanoseconds: 123456789}", "wasi:clocks/wall-clock now")
	g.want("{seconds: 0, nanoseconds: 1}", "wasi:clocks/wall-clock resolution")
	p := g.rep("wasi:clocks/monotonic-clock subscribe-duration", u64(1000))
	g.call("wasi:io/poll [method]pollable.block", p)
	g.want("false", "wasi:io/poll [method]pollable.ready", p)
}

func TestRandom(t *testing.T) {
	g := newGuest(t, Config{Random: strings.NewReader(strings.Repeat("\x01", 100))})
	g.want("72340172838076673", "wasi:random/random get-random-u64")
	g.want("72340172838076673", "wasi:random/insecure get-insecure-random-u64")
	g.want("(72340172838076673, 72340172838076673)", "wasi:random/insecure-seed insecure-seed")
	g.want("(72340172838076673, 72340172838076673)", "wasi:random/insecure-seed insecure-seed")
	g.want(`"\x01\x01"`, "wasi:random/random get-random-bytes", u64(2))
	g.want(`"\x01\x01\x01"`, "wasi:random/insecure get-insecure-random-bytes", u64(3))
	g.traps("EOF", "wasi:random/random get-random-bytes", u64(100))
	g.traps("want at most", "wasi:random/random get-random-bytes", u64(1<<60))

	g = newGuest(t, Config{})
	_, result, err := g.try(t.Context(), "wasi:random/random get-random-bytes", u64(100_000))
	if err != nil || len(result) != 100_003 {
		t.Errorf("%d bytes, %v", len(result), err)
	}
}

func TestResourceLimit(t *testing.T) {
	g := newGuest(t, Config{})
	for range maxResources {
		g.h.pollables.add(&pollable{})
	}
	g.traps("more than 65536", "wasi:clocks/monotonic-clock subscribe-instant", u64(0))
	g.drop("pollable", u32(7))
	g.want("pollable#7", "wasi:clocks/monotonic-clock subscribe-instant", u64(0))
}
