package call

import (
	"strings"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/zeebo/xxh3"
)

const testStreamError = "variant{last-operation-failed(own<wasi:io/error.error>), closed}"

// componentFuncs are functions with a role or a note.
var componentFuncs = []format.Function{
	{Module: "wasi:cli/stdout@0.2.3", Name: "get-stdout", Signature: "func() -> own<wasi:io/streams.output-stream>"},
	{Module: "wasi:io/streams@0.2.3", Name: "[method]output-stream.write",
		Signature: "func(self: borrow<wasi:io/streams.output-stream>, contents: list<u8>) -> result<_, " + testStreamError + ">"},
	{Module: "wasi:io/streams@0.2.3", Name: "[method]output-stream.check-write",
		Signature: "func(self: borrow<wasi:io/streams.output-stream>) -> result<u64, " + testStreamError + ">"},
	{Module: "wasi:filesystem/types@0.2.3", Name: "[method]descriptor.write",
		Signature: "func(self: borrow<wasi:filesystem/types.descriptor>, buffer: list<u8>, offset: u64) -> result<u64, enum{access, io}>"},
	{Module: "wasi:io/streams@0.2.3", Name: "[method]output-stream.splice",
		Signature: "func(self: borrow<wasi:io/streams.output-stream>, src: borrow<wasi:io/streams.input-stream>, len: u64) -> result<u64, " + testStreamError + ">"},
	{Module: "wasi:http/types@0.2.3", Name: "[method]future-incoming-response.get",
		Signature: "func(self: borrow<wasi:http/types.future-incoming-response>) -> option<result<result<own<wasi:http/types.incoming-response>>>>"},
	{Module: "wasi:http/incoming-handler@0.2.3", Name: "handle",
		Signature: "func(request: own<wasi:http/types.incoming-request>, response-out: own<wasi:http/types.response-outparam>)"},
}

// component makes events of a function of componentFuncs.
type component struct {
	fn *format.Function
	*Signature
}

func componentOf(t *testing.T, name string) component {
	t.Helper()
	for i := range componentFuncs {
		if fn := &componentFuncs[i]; strings.HasSuffix(fn.Name, name) {
			s, err := SignatureOf(fn)
			if err != nil {
				t.Fatal(err)
			}
			return component{fn, s}
		}
	}
	t.Fatalf("no function %s", name)
	return component{}
}

func encode(f func(e *canon.Encoder)) []byte {
	var e canon.Encoder
	f(&e)
	return e.Bytes()
}

// called is a call with its result, both canonical bytes, of whose text limit
// bytes are kept, and a note.
func (c component) called(args, result, note []byte, limit int64) *format.Event {
	ev := &format.Event{}
	c.SetArgs(ev, args)
	if c.Role.HasText() {
		c.CutText(ev, limit, nil)
	}
	c.SetResult(ev, 0, result)
	if note != nil {
		c.SetNote(ev, note, limit, nil)
	}
	return ev
}

func (c component) text(ev *format.Event) string {
	h := &format.Header{Functions: componentFuncs}
	_, name, _ := strings.Cut(string(Format(nil, h, c.fn.Module, c.fn.Name, ev, Options{})), "#")
	return name
}

// TestCutText: text has as many bytes as the limit says, and otherwise its
// length and a hash; what follows it stays.
func TestCutText(t *testing.T) {
	c := componentOf(t, "descriptor.write")
	args := encode(func(e *canon.Encoder) { e.Rep(3); e.Blob([]byte("abcdef")); e.U64(300) })
	result := encode(func(e *canon.Encoder) { e.OK(); e.U64(6) })
	for _, tt := range []struct {
		limit  int64
		hashed bool
		want   string
	}{
		{-1, false, `[method]descriptor.write(descriptor#3, "abcdef", 300) = ok(6)`},
		{7, false, `[method]descriptor.write(descriptor#3, "abcdef", 300) = ok(6)`},
		{6, true, `[method]descriptor.write(descriptor#3, "abcdef"..., 6, 300) = ok(6)`},
		{2, true, `[method]descriptor.write(descriptor#3, "ab"..., 6, 300) = ok(6)`},
		{0, true, `[method]descriptor.write(descriptor#3, ""..., 6, 300) = ok(6)`},
	} {
		ev := c.called(args, result, nil, tt.limit)
		if got := c.text(ev); got != tt.want {
			t.Errorf("limit %d: %s, want %s", tt.limit, got, tt.want)
		}
		hashed := ev.Has&format.HasHash != 0 && ev.Hash == xxh3.HashString("abcdef") && ev.Value == 6
		if hashed != tt.hashed || !hashed && (ev.Has&(format.HasHash|format.HasValue) != 0 || ev.Hash != 0) {
			t.Errorf("limit %d: %+v", tt.limit, ev)
		}
		if back, err := c.AppendResult(nil, 0, ev); err != nil || string(back) != string(result) || !c.Returned(ev) {
			t.Errorf("limit %d: %x, %v", tt.limit, back, err)
		}
	}
	// One that did not return has the number of its bytes all the same.
	cut := &format.Event{}
	c.SetArgs(cut, args)
	c.CutText(cut, 2, nil)
	if c.Returned(cut) || c.text(cut) != `[method]descriptor.write(descriptor#3, "ab"..., 6, 300) = ?` {
		t.Error(c.text(cut))
	}
	// The beginning is the same, the rest is not.
	other := encode(func(e *canon.Encoder) { e.Rep(3); e.Blob([]byte("abcdeX")); e.U64(300) })
	d := Differ(c.fn, nil, c.called(args, result, nil, 2), c.called(other, result, nil, 2), true)
	if len(d) != 1 || d[0].Name != "text (hash of all of it)" {
		t.Errorf("%v", d)
	}
	if d := Differ(c.fn, nil, c.called(args, result, nil, 2), c.called(args, result, nil, 2), true); d != nil {
		t.Errorf("%v", d)
	}
}

// TestOk: an ok is in as few columns as say it, and comes back from them. Values
// that are in Output all the same are read, too.
func TestOk(t *testing.T) {
	for _, tt := range []struct {
		signature string
		ok        []byte
		value     int64
		has       format.Fields // beside Errno
	}{
		{"func() -> result", []byte{0}, 0, 0},
		{"func() -> result<_, string>", []byte{0}, 0, 0},
		{"func() -> result<u64, string>", []byte{0, 0x80, 2}, 256, format.HasValue},
		{"func() -> result<s32>", []byte{0, 5}, -3, format.HasValue},
		{"func() -> result<bool>", []byte{0, 1}, 1, format.HasValue},
		{"func() -> result<f32>", []byte{0, 0, 0, 0x80, 0x3f}, 0x3f800000, format.HasValue},
		{"func() -> result<char>", []byte{0, 'x'}, 0, format.HasOutput},
		{"func() -> result<string, string>", []byte{0, 1, 'x'}, 0, format.HasOutput},
	} {
		f, err := canon.ParseFunc(tt.signature)
		if err != nil {
			t.Fatal(err)
		}
		s := NewSignature("a:b/c", "f", f)
		var ev format.Event
		s.SetResult(&ev, 0, tt.ok)
		if ev.Has != format.HasErrno|tt.has || ev.Errno != 0 || ev.Value != tt.value || !s.Returned(&ev) {
			t.Errorf("%s: %+v", tt.signature, ev)
		}
		whole := format.Event{Output: tt.ok, Has: format.HasErrno | format.HasOutput}
		for _, ev := range []*format.Event{&ev, &whole} {
			if back, err := s.AppendResult(nil, 0, ev); err != nil || string(back) != string(tt.ok) {
				t.Errorf("%s: %x, %v from %+v", tt.signature, back, err, ev)
			}
		}
		if s.Ok == OkErrno {
			continue
		}
		ev.Has, ev.Output = format.HasErrno, nil
		if back, err := s.AppendResult(nil, 0, &ev); err == nil {
			t.Errorf("%s: %x without a payload", tt.signature, back)
		}
	}
}

// TestOkDiffers: an ok in Output is no other than one that is not.
func TestOkDiffers(t *testing.T) {
	c := componentOf(t, "check-write")
	ok := func(n uint64) []byte { return encode(func(e *canon.Encoder) { e.OK(); e.U64(n) }) }
	short := c.called([]byte{1}, ok(5), nil, -1)
	whole := &format.Event{P: short.P, Output: ok(5), Has: short.Has&^format.HasValue | format.HasOutput}
	if d := DifferResults(c.fn, nil, nil, short, whole); d != nil {
		t.Errorf("%v", d)
	}
	if d := DifferResults(c.fn, nil, nil, c.called([]byte{1}, ok(6), nil, -1), whole); len(d) != 1 {
		t.Errorf("%v", d)
	}
}

// TestNotes: a note stands behind the result, which is as it would be without.
func TestNotes(t *testing.T) {
	c := componentOf(t, "splice")
	args := encode(func(e *canon.Encoder) { e.Rep(1); e.Rep(2); e.U64(100) })
	result := encode(func(e *canon.Encoder) { e.OK(); e.U64(5) })
	note := encode(func(e *canon.Encoder) { e.Blob([]byte("hello")) })
	for limit, want := range map[int64]string{
		-1: `[method]output-stream.splice(output-stream#1, input-stream#2, 100) = ok(5) /* "hello" */`,
		2:  `[method]output-stream.splice(output-stream#1, input-stream#2, 100) = ok(5) /* "he"... */`,
	} {
		ev := c.called(args, result, note, limit)
		if got := c.text(ev); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if hashed := ev.Has&format.HasHash != 0; hashed != (limit > 0) || hashed && (ev.Hash != xxh3.HashString("hello") || ev.Value != 5) {
			t.Errorf("limit %d: %+v", limit, ev)
		}
		if back, err := c.AppendResult(nil, 0, ev); err != nil || string(back) != string(result) {
			t.Errorf("%x, %v", back, err)
		}
	}
	other := encode(func(e *canon.Encoder) { e.Blob([]byte("hellO")) })
	if d := DifferResults(c.fn, nil, nil, c.called(args, result, note, -1), c.called(args, result, other, -1)); len(d) != 1 || d[0].Name != "text" {
		t.Errorf("%v", d)
	}

	c = componentOf(t, "response.get")
	result = encode(func(e *canon.Encoder) { e.Some(); e.OK(); e.OK(); e.Rep(4) })
	note = encode(func(e *canon.Encoder) { e.U16(200); e.Len(1); e.String("A"); e.Blob([]byte("b")) })
	other = encode(func(e *canon.Encoder) { e.U16(200); e.Len(0) })
	ev := c.called([]byte{1}, result, note, 1)
	if got, want := c.text(ev), `[method]future-incoming-response.get(future-incoming-response#1) = some(ok(ok(incoming-response#4))) /* {status: 200, headers: [("A", "b")]} */`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if back, err := c.AppendResult(nil, 0, ev); err != nil || string(back) != string(result) {
		t.Errorf("%x, %v", back, err)
	}
	_, results := Decode(&format.Header{Functions: componentFuncs}, c.fn.Module, c.fn.Name, ev)
	if len(results) != 2 || results[1].Name != "note" {
		t.Errorf("%v", results)
	}
	if d := DifferResults(c.fn, nil, nil, ev, c.called([]byte{1}, result, other, 1)); d != nil {
		t.Errorf("a note that differs: %v", d)
	}
	// Bytes that are no result are not taken for a note.
	ev.Output = []byte{9, 9, 9}
	if result, note := c.SplitNote(ev); len(result) != 3 || note != nil {
		t.Errorf("%x, %x", result, note)
	}
	if _, err := c.AppendResult(nil, 0, ev); err == nil {
		t.Error("a malformed result is taken")
	}

	c = componentOf(t, "handle")
	start := &format.Event{Kind: format.KindStart, Has: format.HasInput | format.HasOutput, Input: []byte{1, 1}}
	start.Output = encode(func(e *canon.Encoder) {
		for _, s := range []string{"GET", "http", "h", "/\x1b", "r:1"} {
			e.String(s)
		}
		e.Len(0)
	})
	if got, want := c.text(start), `handle(incoming-request#1, response-outparam#1) /* {method: "GET", scheme: "http", authority: "h", path-with-query: "/\x1b", remote: "r:1", headers: []} */ ---`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestRolesOfOtherTypes: a trace may name a function so and give it any type.
func TestRolesOfOtherTypes(t *testing.T) {
	for _, name := range []string{"wasi:cli/stdout#get-stdout", streams + "#[method]output-stream.write", streams + "#[method]output-stream.write-zeroes", streams + "#[method]output-stream.splice"} {
		module, name, _ := strings.Cut(name, "#")
		for _, text := range []string{"func()", "func() -> u64", "func(a: list<string>)", "func(self: borrow<a:b/c.d>)", "func(a: list<u8>) -> u8"} {
			f, err := canon.ParseFunc(text)
			if err != nil {
				t.Fatal(err)
			}
			if s := NewSignature(module, name, f); s.Role != NoRole || s.Note != nil {
				t.Errorf("%s %s: role %d", name, text, s.Role)
			}
		}
	}
}
