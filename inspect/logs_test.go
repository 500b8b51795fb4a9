package inspect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/writer"
)

// Streams are followed through closing, renumbering and reuse of numbers, and
// whatever else has the same numbers is none of theirs.
func TestLogs(t *testing.T) {
	const p1, cli, streams, file = 0, 1, 2, 3
	modules := []string{"wasi_snapshot_preview1", "wasi:cli/stdout@0.2.6", "wasi:io/streams@0.2.6", "env"}
	functions := []string{"fd_write", "fd_read", "fd_close", "fd_renumber", "get-stdout", "get-stdin", "get-stderr",
		"[method]output-stream.write", "[method]input-stream.read", "output-stream", "[method]output-stream.write-zeroes",
		"[method]output-stream.splice"}
	code := map[string]int16{}
	for i, name := range functions {
		code[name] = int16(i)
	}
	const has = format.HasModule | format.HasFunction
	blob := func(s string) []byte { var e canon.Encoder; e.Blob([]byte(s)); return e.Bytes() }
	ev := func(module int16, name string, kind format.Kind, p0, value int64, in, out string) format.Event {
		e := format.Event{Kind: kind, Module: module, Function: code[name], P: [format.NumParams]int64{p0}, Value: value, Has: has | format.HasParams(2) | format.HasValue | format.HasErrno}
		if in != "" {
			e.Input, e.Has = []byte(in), e.Has|format.HasInput
		}
		if out != "" {
			e.Output, e.Has = []byte(out), e.Has|format.HasOutput
		}
		return e
	}
	failed := ev(p1, "fd_write", format.KindCall, 1, 3, "no!", "")
	failed.Errno = 8
	renumber := ev(p1, "fd_renumber", format.KindCall, 1, 0, "", "")
	renumber.P[1] = 7
	events := []format.Event{
		ev(p1, "fd_write", format.KindCall, 1, 3, "one", ""),
		ev(p1, "fd_write", format.KindCall, 2, 2, "two", ""), // a part was accepted
		failed,
		ev(file, "fd_write", format.KindCall, 1, 3, "env", ""),
		ev(p1, "fd_write", format.KindCall, 1, 5, "abc", ""), // two bytes were not recorded
		ev(p1, "fd_read", format.KindCall, 0, 2, "", "in"),
		ev(p1, "fd_read", format.KindCall, 4, 2, "", "xx"),
		renumber,
		ev(p1, "fd_write", format.KindCall, 1, 3, "gone", ""),
		ev(p1, "fd_write", format.KindCall, 7, 4, "here", ""),
		ev(p1, "fd_close", format.KindCall, 7, 0, "", ""),
		ev(p1, "fd_write", format.KindCall, 7, 4, "file", ""),
		ev(cli, "get-stdout", format.KindCall, 0, 3, "", ""),
		ev(cli, "get-stdin", format.KindCall, 0, 3, "", ""),
		ev(streams, "[method]output-stream.write", format.KindCall, 3, 0, string(blob("text")), ""),
		ev(streams, "[method]output-stream.write", format.KindCall, 4, 0, string(blob("other")), ""),
		ev(streams, "[method]output-stream.write-zeroes", format.KindCall, 3, 0, "\x02", ""),
		ev(streams, "[method]input-stream.read", format.KindCall, 3, 0, "", "\x00"+string(blob("given"))),
		ev(streams, "[method]output-stream.splice", format.KindCall, 3, 0, "\x09\x09", "\x00\x05"+string(blob("moved"))),
		ev(streams, "[method]output-stream.splice", format.KindCall, 3, 0, "\x03\x09", "\x00\x05"+string(blob("mo"))), // three bytes were not recorded
		ev(streams, "[method]output-stream.splice", format.KindCall, 8, 0, "\x03\x09", "\x00\x05"+string(blob("taken"))),
		ev(streams, "[method]output-stream.splice", format.KindCall, 8, 0, "\x09\x09", "\x00\x05"+string(blob("other"))),
		ev(streams, "[method]output-stream.splice", format.KindCall, 3, 0, "\x09\x09", "\x00\x00"),
		ev(streams, "output-stream", format.KindDrop, 3, 0, "", ""),
		ev(streams, "[method]output-stream.write", format.KindCall, 3, 0, string(blob("reused")), ""),
	}
	f := trace(t, writer.Options{Modules: modules, Functions: functions}, events)
	type chunk struct {
		Event  int64
		Stream string
		Data   string
		Lost   int64
	}
	var got []chunk
	for c, err := range Logs(f, Events(f, Filter{Query: LogQuery()})) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, chunk{c.Event, StreamName(c.Stream), string(c.Data), c.Lost})
	}
	want := []chunk{
		{0, "stdout", "one", 0}, {1, "stderr", "tw", 0}, {4, "stdout", "abc", 2}, {5, "stdin", "in", 0}, {9, "stdout", "here", 0},
		{14, "stdout", "text", 0}, {16, "stdout", "\x00\x00", 0}, {17, "stdin", "given", 0},
		{18, "stdout", "moved", 0}, {19, "stdout", "mo", 3}, {20, "stdin", "taken", 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
