package redact

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

const startNS = 1_700_000_000_000_000_000

var ctx = context.Background()

// components are functions of WASI 0.2 that the tests use.
var components = []format.Function{
	{Module: "wasi:io/streams@0.2.0", Name: "[method]input-stream.read", Signature: "func(self: borrow<wasi:io/streams.input-stream>, len: u64) -> result<list<u8>, variant{last-operation-failed(own<wasi:io/error.error>), closed}>"},
	{Module: "wasi:io/streams@0.2.0", Name: "[method]output-stream.write", Signature: "func(self: borrow<wasi:io/streams.output-stream>, contents: list<u8>) -> result<_, variant{last-operation-failed(own<wasi:io/error.error>), closed}>"},
	{Module: "wasi:cli/stdout@0.2.0", Name: "get-stdout", Signature: "func() -> own<wasi:io/streams.output-stream>"},
	{Module: "wasi:http/types@0.2.0", Name: "[method]fields.append", Signature: "func(self: borrow<wasi:http/types.fields>, name: string, value: list<u8>) -> result<_, enum{invalid-syntax, forbidden, immutable}>"},
	{Module: "wasi:http/types@0.2.0", Name: "[method]fields.get", Signature: "func(self: borrow<wasi:http/types.fields>, name: string) -> list<list<u8>>"},
	{Module: "wasi:http/types@0.2.0", Name: "[method]fields.entries", Signature: "func(self: borrow<wasi:http/types.fields>) -> list<tuple<string, list<u8>>>"},
	{Module: "wasi:cli/environment@0.2.0", Name: "get-environment", Signature: "func() -> list<tuple<string, string>>"},
	{Module: "wasi:http/outgoing-handler", Name: "handle", Signature: "func(method: string, url: string, headers: list<tuple<string, string>>) -> record{status: u16, headers: list<tuple<string, string>>, body: list<u8>}"},
	{Module: "wasi:filesystem/preopens@0.2.0", Name: "get-directories", Signature: "func() -> list<tuple<own<wasi:filesystem/types.descriptor>, string>>"},
	{Module: "wasi:filesystem/types@0.2.0", Name: "[method]descriptor.open-at", Signature: "func(self: borrow<wasi:filesystem/types.descriptor>, path-flags: flags{symlink-follow}, path: string) -> result<own<wasi:filesystem/types.descriptor>, enum{access}>"},
	{Module: "wasi:filesystem/types@0.2.0", Name: "[method]descriptor.read-via-stream", Signature: "func(self: borrow<wasi:filesystem/types.descriptor>, offset: u64) -> result<own<wasi:io/streams.input-stream>, enum{access}>"},
	{Module: "wasi:filesystem/types@0.2.0", Name: "[method]descriptor.read", Signature: "func(self: borrow<wasi:filesystem/types.descriptor>, length: u64, offset: u64) -> result<tuple<list<u8>, bool>, enum{access}>"},
	{Module: "env", Name: "log", Compare: true},
	{Module: "wasi:io/streams", Name: "output-stream"}, // that is dropped
}

// names returns the dictionaries of the tests' traces.
var names = sync.OnceValues(func() (modules, functions []string) {
	add := func(list []string, s string) []string {
		if slices.Contains(list, s) {
			return list
		}
		return append(list, s)
	}
	for _, fn := range slices.Concat(call.Preview1, components) {
		modules, functions = add(modules, fn.Module), add(functions, fn.Name)
	}
	for _, s := range []string{"_start", "input-stream", "output-stream", "descriptor", "wasi:filesystem/types@0.2.0", "wasi:http/outgoing-handler#handle"} {
		functions = add(functions, s)
	}
	return modules, functions
})

// event is a call of a function with its parameters and bytes; an errno of -1
// stands for none.
func event(name string, errno int32, value int64, in, out string, p ...int64) format.Event {
	modules, functions := names()
	module := ""
	for _, fn := range slices.Concat(call.Preview1, components) {
		if fn.Name == name {
			module = fn.Module
		}
	}
	e := format.Event{Time: startNS, Kind: format.KindCall, Module: int16(slices.Index(modules, module)), Function: int16(slices.Index(functions, name)),
		Value: value, Has: format.HasModule | format.HasFunction | format.HasValue | format.HasParams(len(p))}
	if copy(e.P[:], p); errno >= 0 {
		e.Errno, e.Has = errno, e.Has|format.HasErrno
	}
	return withBytes(e, in, out)
}

func withBytes(e format.Event, in, out string) format.Event {
	if in != "" {
		e.Input, e.Has = []byte(in), e.Has|format.HasInput
	}
	if out != "" {
		e.Output, e.Has = []byte(out), e.Has|format.HasOutput
	}
	return e
}

func fdRead(fd int64, text string) format.Event {
	return event("fd_read", 0, int64(len(text)), "", text, fd, 64, 1, 32)
}

func fdWrite(fd int64, text string) format.Event {
	return event("fd_write", 0, int64(len(text)), text, "", fd, 64, 1, 32)
}

func blob(s string) string { return string(binary.AppendUvarint(nil, uint64(len(s)))) + s }

// made is a trace in the making.
type made struct {
	header      format.Header
	events      []format.Event
	attachments map[string]string
	module      string
	rows, size  int // of segments
}

func (m made) open(t testing.TB) *reader.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in")
	if m.header.Program == nil {
		m.header.Program = &format.Program{Name: "app.wasm", Args: []string{"app"}, Dirs: []format.Preopen{{Host: ".", Guest: "/data"}}}
	}
	m.header.StartNS, m.header.Functions = startNS, components
	modules, functions := names()
	w, err := writer.Create(path, writer.Options{Header: &m.header, Modules: modules, Functions: functions, SegmentRows: m.rows, SegmentBytes: m.size, NoSidecar: true})
	if err != nil {
		t.Fatal(err)
	}
	must(t, w.Attach("app.wasm", format.MediaTypeWasm, []byte("\x00asm"+m.module)))
	for name, text := range m.attachments {
		must(t, w.Attach(name, "text/plain", []byte(text)))
	}
	for i := range m.events {
		must(t, w.Append(&m.events[i]))
	}
	must(t, w.Close())
	return openTrace(t, path)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openTrace(t testing.TB, path string) *reader.File {
	t.Helper()
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// redacted is a trace that was redacted, and its bytes.
type redacted struct {
	*reader.File
	*Result
	data []byte
}

func redactTrace(t testing.TB, in *reader.File, rules Rules, o Options) (*redacted, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	res, err := Redact(ctx, in, rules, o, edit.Output{Path: path, Compression: ipc.None})
	if err != nil {
		if _, stat := os.Stat(path); stat == nil {
			t.Errorf("a file is left behind the error %v", err)
		}
		return nil, err
	}
	data, err := os.ReadFile(path)
	must(t, err)
	out := openTrace(t, path)
	_, err = out.Verify(ctx, func(p reader.Problem) { t.Errorf("verify: %v", p) })
	must(t, err)
	return &redacted{out, res, data}, nil
}

func regexps(list ...string) Rules {
	var r Rules
	for _, s := range list {
		r.Regexps = append(r.Regexps, regexp.MustCompile(s))
	}
	return r
}

// gone checks that none of the secrets is anywhere in the bytes of the file,
// which is not compressed.
func (r *redacted) gone(t testing.TB, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if i := bytes.Index(r.data, []byte(s)); i >= 0 {
			t.Errorf("%q is left at byte %d: %q", s, i, r.data[max(0, i-20):min(len(r.data), i+40)])
		}
	}
}

// same checks that rows and lengths are those of the other trace, and that the
// bytes that differ are the filler, of which there are so many.
func (r *redacted) same(t testing.TB, in *reader.File) (masked int) {
	t.Helper()
	if in.Segments() != r.Segments() {
		t.Fatalf("%d segments, want %d", r.Segments(), in.Segments())
	}
	filler := -1
	for i := range in.Segments() {
		a, err := in.Batch(i)
		must(t, err)
		b, err := r.Batch(i)
		must(t, err)
		if a.Rows != b.Rows {
			t.Fatalf("segment %d: %d rows, want %d", i, b.Rows, a.Rows)
		}
		for row := range a.Rows {
			var x, y format.Event
			a.Event(row, &x)
			b.Event(row, &y)
			masked += compare(t, &filler, x.Input, y.Input) + compare(t, &filler, x.Output, y.Output)
			x.Input, x.Output, y.Input, y.Output = nil, nil, nil, nil
			x.Hash, y.Hash, x.Has, y.Has = 0, 0, x.Has&^format.HasHash, y.Has&^format.HasHash
			if diff := cmp.Diff(x, y); diff != "" {
				t.Errorf("row %d: -want +got:\n%s", row, diff)
			}
		}
	}
	return masked
}

func compare(t testing.TB, filler *int, a, b []byte) (masked int) {
	t.Helper()
	if len(a) != len(b) || (a == nil) != (b == nil) {
		t.Fatalf("%q became %q", a, b)
	}
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		if masked++; *filler < 0 {
			*filler = int(b[i])
		}
		if int(b[i]) != *filler {
			t.Fatalf("%q became %q, the filler is %q", a, b, *filler)
		}
	}
	return masked
}

// texts are the bytes of all events, in their order.
func (r *redacted) texts(t testing.TB) (list []string) {
	t.Helper()
	for e, err := range r.Events(reader.Query{}) {
		must(t, err)
		list = append(list, string(e.Input)+string(e.Output))
	}
	return list
}

// Wherever the secret stands, however it is cut into calls, it is gone; rows and
// lengths stay.
func TestNothingIsLeft(t *testing.T) {
	for seed := range uint64(25) {
		checkRandom(t, seed)
	}
}

func checkRandom(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	secret := secretText(r)
	m := made{rows: 1 + r.IntN(40), size: 16 + r.IntN(200), attachments: map[string]string{"notes": filling(r) + secret + filling(r)}}
	m.header = format.Header{TextLimit: int64(1 + r.IntN(100)), Tags: map[string]string{"who": secret}, Source: "from " + secret,
		Program: &format.Program{Name: "app.wasm", Args: []string{"app", secret}, Env: []string{"TOKEN=" + secret}}}
	var streams []int
	m.events, streams = randomEvents(r, secret)
	in := m.open(t)
	out, err := redactTrace(t, in, Rules{Env: []string{"TOKEN"}}, Options{})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if out.same(t, in) == 0 {
		t.Error("nothing was masked")
	}
	whole := out.streams(t, streams)
	for _, n := range encodings([]byte(secret), nil) {
		out.gone(t, string(n.text))
		for i, s := range whole {
			if strings.Contains(s, string(n.text)) {
				t.Errorf("%q is left in stream %d: %q", n.text, i, s)
			}
		}
	}
	if t.Failed() {
		t.Fatalf("seed %d, secret %q", seed, secret)
	}
}

// streams joins what was moved by the events that are of the same stream.
func (r *redacted) streams(t *testing.T, of []int) map[int]string {
	list := map[int]string{}
	i := 0
	for e, err := range r.Events(reader.Query{}) {
		must(t, err)
		if i < len(of) {
			list[of[i]] += payload(t, r.Functions()[e.Function], e)
		}
		i++
	}
	return list
}

func payload(t *testing.T, function string, e *format.Event) string {
	t.Helper()
	in, out := canon.NewDecoder(e.Input), canon.NewDecoder(e.Output)
	switch {
	case e.Kind != format.KindCall:
	case function == "[method]output-stream.write":
		return string(in.Blob())
	case function == "[method]input-stream.read":
		out.IsErr()
		return string(out.Blob())
	case function == "log":
		list, err := call.ParseWrites(e.Output)
		must(t, err)
		text := ""
		for _, w := range list {
			text += string(w.Data)
		}
		return text
	}
	return string(e.Input) + string(e.Output)
}

func secretText(r *rand.Rand) string {
	b := make([]byte, minSecret+r.IntN(20))
	for i := range b {
		b[i] = "abcdefghij0123456789-_/=äß"[r.IntN(24)]
	}
	return strings.ToValidUTF8("S"+string(b), "?") + "E"
}

func filling(r *rand.Rand) string { return strings.Repeat("lorem ipsum ", r.IntN(4)) }

// randomEvents are events of several streams, in which the secret stands in
// several forms, cut anywhere, and for all but the last the stream that each is
// of.
func randomEvents(r *rand.Rand, secret string) (list []format.Event, of []int) {
	forms := []string{secret, "!", secret + secret, base64.StdEncoding.EncodeToString([]byte("user:" + secret)), fmt.Sprintf("%x", secret)}
	streams := []func(string, int) format.Event{
		func(s string, _ int) format.Event { return fdRead(0, s) },
		func(s string, _ int) format.Event { return fdRead(4, s) },
		func(s string, _ int) format.Event { return fdWrite(1, s) },
		func(s string, _ int) format.Event { return fdWrite(5, s) },
		func(s string, at int) format.Event {
			return event("fd_pread", 0, int64(len(s)), "", s, 6, 64, 1, int64(at), 32)
		},
		func(s string, _ int) format.Event {
			return event("[method]input-stream.read", 0, 0, "\x05", "\x00"+blob(s), 1)
		},
		func(s string, _ int) format.Event {
			return event("[method]output-stream.write", 0, 0, blob(s), "\x00", 1)
		},
		func(s string, at int) format.Event {
			return withBytes(format.Event{Time: startNS, Kind: format.KindWrite, P: [9]int64{int64(at)}, Has: format.HasP0}, "", s)
		},
		func(s string, at int) format.Event {
			half := len(s) / 2
			out := call.AppendWrite(call.AppendWrite(nil, uint32(at), []byte(s[:half])), uint32(at+half), []byte(s[half:]))
			return event("log", -1, 0, "", string(out))
		},
	}
	type pending struct {
		make   func(string, int) format.Event
		text   string
		at     int
		stream int
	}
	var queue []pending
	for i, make := range streams {
		text := ""
		for range r.IntN(5) {
			text += filling(r) + forms[r.IntN(len(forms))]
		}
		queue = append(queue, pending{make: make, text: text, stream: i})
	}
	for len(queue) > 0 {
		i := r.IntN(len(queue))
		q := &queue[i]
		n := min(len(q.text), 1+r.IntN(1<<r.IntN(8)))
		if n == 0 {
			queue = slices.Delete(queue, i, i+1)
			continue
		}
		e := q.make(q.text[:n], q.at)
		e.Task = int32(q.stream % 2)
		q.text, q.at = q.text[n:], q.at+n
		list, of = append(list, e), append(of, q.stream)
	}
	return append(list, withBytes(format.Event{Time: startNS, Kind: format.KindTrap, Value: 134, Hash: 7, Has: format.HasValue | format.HasHash},
		"panicked at "+secret+"\nstack", "")), of
}

// FuzzRedact: whatever the secret and however it is cut, it is gone.
func FuzzRedact(f *testing.F) {
	f.Add("hunter2", "the password is hunter2, aHVudGVyMg== in base64", uint8(3))
	f.Add("\x00\x01\x02\x03", "\x00\x01\x02\x03\x00\x01\x02\x03", uint8(1))
	f.Add("aaaa", "aaaaaaaaaaaaaaaa", uint8(5))
	f.Add("äöüß", "xäöüßx", uint8(4))
	f.Fuzz(func(t *testing.T, secret, text string, step uint8) {
		if len(secret) < minSecret || len(secret) > 1000 || len(text) > 4000 || strings.TrimSpace(secret) != secret || !utf8.ValidString(secret) {
			return // the header has it otherwise
		}
		var m made
		for b := range slices.Chunk([]byte(text+secret+text), int(step)+1) {
			m.events = append(m.events, fdWrite(1, string(b)), fdRead(0, string(b)))
		}
		m.header.Program = &format.Program{Name: "app.wasm", Env: []string{"S=" + secret}}
		in := m.open(t)
		out, err := redactTrace(t, in, Rules{Env: []string{"S"}}, Options{})
		if errors.Is(err, errFiller) || errors.As(err, new(*ProgramError)) || errors.As(err, new(*ShortError)) {
			return
		}
		must(t, err)
		for i, e := range m.events {
			if strings.Contains(string(e.Input)+string(e.Output), secret) {
				if got := out.texts(t)[i]; strings.Contains(got, secret) {
					t.Fatalf("%q is left in event %d: %q", secret, i, got)
				}
			}
		}
		out.same(t, in)
	})
}

// maskedTexts redacts events with rules and returns what became of their bytes,
// with x for the filler.
func maskedTexts(t *testing.T, rules Rules, events ...format.Event) []string {
	t.Helper()
	in := made{events: events}.open(t)
	out, err := redactTrace(t, in, rules, Options{})
	must(t, err)
	out.same(t, in)
	list := out.texts(t)
	for i, e := range events {
		b := []byte(list[i])
		for j, c := range slices.Concat(e.Input, e.Output) {
			if c != b[j] {
				b[j] = 'x'
			}
		}
		list[i] = string(b)
	}
	return list
}

func checkTexts(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A secret that is cut is found in each stream, whatever comes between.
func TestSplit(t *testing.T) {
	got := maskedTexts(t, regexps("geheim(?:er)?"), fdWrite(1, "say geh"), fdRead(0, "ge"), fdRead(4, "hei"), fdWrite(1, "eim"), fdRead(0, "heim!"), fdRead(5, "geheim"),
		event("fd_pread", 0, 3, "", "geh", 6, 64, 1, 100, 32), fdWrite(1, "."), event("fd_pread", 0, 3, "", "eim", 6, 64, 1, 103, 32))
	checkTexts(t, got, "say xxx", "xx", "hei", "xxx", "xxxx!", "xxxxxx", "xxx", ".", "xxx")
}

// What a component prints is one stream, however often it gets that.
func TestSplitOnStdout(t *testing.T) {
	write := func(stream int64, text string) format.Event {
		return event("[method]output-stream.write", 0, 0, blob(text), "\x00", stream)
	}
	stdout := func(number int64) format.Event { return event("get-stdout", -1, number, "", "") }
	drop := event("output-stream", -1, 0, "", "", 1)
	drop.Kind, drop.Has = format.KindDrop, drop.Has&^format.HasValue
	got := maskedTexts(t, regexps("geheim"), write(3, "geheim"), stdout(1), write(1, "geh"), drop, stdout(1), stdout(2), write(2, "e"), write(1, "im"), write(3, "geh"), drop, write(1, "eim"))
	checkTexts(t, got, blob("xxxxxx")+"\x00", "", blob("xxx")+"\x00", "", "", "", blob("x")+"\x00", blob("xx")+"\x00", blob("geh")+"\x00", "", blob("eim")+"\x00")
}

// The pieces of a stream end with it: a descriptor is used again.
func TestClosedStream(t *testing.T) {
	got := maskedTexts(t, regexps("geheim"), fdRead(5, "geheim"), fdRead(4, "ge"), fdWrite(1, "-"), event("fd_close", 0, 0, "", "", 4), fdRead(0, "-"), fdRead(4, "heim"))
	checkTexts(t, got, "xxxxxx", "ge", "-", "", "-", "heim")
}

// What stands side by side in the file makes no secret.
func TestNeighbours(t *testing.T) {
	got := maskedTexts(t, regexps("geheim"), fdRead(5, "geheim"), fdRead(0, "ge"), event("random_get", 0, 0, "", "heim", 64, 4))
	checkTexts(t, got, "xxxxxx", "xx", "xxxx")
}

// Of a text that is longer than the trace keeps, the end of a secret may be
// missing, and its beginning behind that.
func TestCutText(t *testing.T) {
	write := func(text string, all int64) format.Event { return event("fd_write", 0, all, text, "", 7, 64, 1, 32) }
	got := maskedTexts(t, regexps("geheim(?:nis)?"), fdRead(5, "geheimnis"), write("so geheim", 100), write("mnis ist", 8), write("geheimn", 100), write("s", 1))
	checkTexts(t, got, "xxxxxxxxx", "so xxxxxx", "xxxx ist", "xxxxxxx", "s")
	got = maskedTexts(t, regexps("geheimnis"), fdRead(5, "geheimnis"), fdRead(4, "das gehei"), event("fd_close", 0, 0, "", "", 4), fdRead(6, "geheim"))
	checkTexts(t, got, "xxxxxxxxx", "das xxxxx", "", "xxxxxx")
}

// What was only looked at, and what was not accepted, comes again: a secret that
// it ends in is masked as far as it is there.
func TestAgainAndAgain(t *testing.T) {
	peek := func(s string) format.Event {
		return event("sock_recv", 0, int64(len(s)), "", "\x00\x00"+s, 4, 64, 1, 1, 32, 36)
	}
	write := func(errno int32, n int64, s string) format.Event {
		return event("fd_write", errno, n, s, "", 4, 64, 1, 32)
	}
	got := maskedTexts(t, regexps("geheimnis"), fdRead(0, "geheimnis"), peek("das gehei"), peek("das geheim"), fdRead(4, "das geheimnis"),
		write(6, 0, "das gehei"), write(0, 4, "das geheim"), write(0, 9, "geheimnis"))
	checkTexts(t, got, "xxxxxxxxx", "\x00\x00das xxxxx", "\x00\x00das xxxxxx", "das xxxxxxxxx", "das xxxxx", "das xxxxxx", "xxxxxxxxx")
}

// A character of base64 beside a secret has some of its bits and is masked. In a
// component's values it may be the length of a text, and is none then.
func TestBesideBase64(t *testing.T) {
	text := base64.RawStdEncoding.EncodeToString([]byte("<geheim>geheim>"))
	got := maskedTexts(t, regexps("geheim"), fdRead(0, "geheim"), fdWrite(1, text), event("[method]output-stream.write", 0, 0, blob(text), "\x00", 1))
	checkTexts(t, got, "xxxxxx", "Pxxxxxxxxxxxxxxxxxx+", blob("Pxxxxxxxxxxxxxxxxxx+")+"\x00")
	long := text[2:] + strings.Repeat("=", 100-len(text)) // whose length is a letter
	got = maskedTexts(t, regexps("geheim"), fdRead(0, "geheim"), event("[method]output-stream.write", 0, 0, blob(long), "\x00", 1))
	if d := canon.NewDecoder([]byte(got[1])); len(d.Blob()) != len(long) {
		t.Errorf("the length is masked: %q", got[1])
	}
}

// Numbers hold bytes as well: of a short buffer, and of a parameter.
func TestNumbers(t *testing.T) {
	secret := int64(binary.LittleEndian.Uint64([]byte("geheim\x00\x00")))
	in := made{events: []format.Event{fdRead(0, "geheim"), event("random_get", 0, secret, "", "", 64, 6), event("fd_close", 0, 0, "", "", secret)}}.open(t)
	out, err := redactTrace(t, in, regexps("geheim"), Options{})
	must(t, err)
	out.gone(t, "geheim")
	if out.Rules[0].Places != 3 {
		t.Errorf("%d places, want 3", out.Rules[0].Places)
	}
}

// Hashes of bytes that may hold a secret are removed, those of iovecs are not.
func TestHashes(t *testing.T) {
	hashed := func(e format.Event) format.Event { e.Hash, e.Has = 42, e.Has|format.HasHash; return e }
	long := strings.Repeat("y", call.DefaultTextLimit)
	events := []format.Event{hashed(fdWrite(1, "geheim")), hashed(fdWrite(5, "geheim")), hashed(fdWrite(5, long)), hashed(fdRead(0, "geheim")),
		hashed(withBytes(format.Event{Kind: format.KindExit, Has: format.HasValue}, "", ""))}
	out, err := redactTrace(t, made{events: events}.open(t), regexps("geheim"), Options{})
	must(t, err)
	var got []bool
	for e, err := range out.Events(reader.Query{}) {
		must(t, err)
		got = append(got, e.Has&format.HasHash != 0)
	}
	if want := []bool{true, true, false, true, false}; !slices.Equal(got, want) {
		t.Errorf("hashes %v, want %v", got, want)
	}
	if x := out.Summary().Exit; x == nil || x.Memory != "" {
		t.Errorf("exit %+v", x)
	}
}

// Text that was UTF-8 is UTF-8 again, as a component's strings must be, even if
// the secret begins and ends within a character.
func TestUTF8(t *testing.T) {
	name := "häßlich"
	events := []format.Event{fdRead(0, name[2:4]+"ßli!"), fdWrite(1, name), event("[method]fields.append", 0, 0, blob(name)+blob(name), "\x00", 1)}
	in := made{events: events}.open(t)
	out, err := redactTrace(t, in, regexps("[^a-z!]+li"), Options{})
	must(t, err)
	out.same(t, in)
	texts := out.texts(t)
	if !utf8.ValidString(texts[1]) || texts[1] == name {
		t.Errorf("%q became %q", name, texts[1])
	}
	if d := canon.NewDecoder([]byte(texts[2])); d.String() == name || d.Err() != nil {
		t.Errorf("%q: %v", texts[2], d.Err())
	}
}

// header is a request of HTTP/1.1.
const request = "GET / HTTP/1.1\r\nHost: example\r\nauthorization: Bearer abcdefgh\r\nCookie: a=1; session=0123456789; b=2\r\nX-Long: first\r\n second\r\n\r\n"

func TestHeaders(t *testing.T) {
	rules := Rules{Headers: []string{"Authorization", "cookie", "x-long"}}
	got := maskedTexts(t, rules, fdRead(4, request[:45]), fdRead(4, request[45:]), fdWrite(1, "token abcdefgh, session 0123456789, second"), fdWrite(1, "b=2; Bearer"))
	masked := "GET / HTTP/1.1\r\nHost: example\r\nauthorization: Bearer xxxxxxxx\r\nCookie: xxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nX-Long: xxxxx\r\n xxxxxx\r\n\r\n"
	checkTexts(t, got, masked[:45], masked[45:], "token xxxxxxxx, session xxxxxxxxxx, xxxxxx", "b=2; Bearer")
}

// A * stands for any text, and case does not matter.
func TestNames(t *testing.T) {
	m := made{events: []format.Event{fdRead(0, "X-Api-Key: eins1\nx-apikeys: zwei2\n"), fdWrite(1, "eins1 zwei2 drei3 vier4")}}
	m.header.Program = &format.Program{Name: "app.wasm", Env: []string{"A_KEY=drei3", "KEY_A=vier4"}}
	in := m.open(t)
	out, err := redactTrace(t, in, Rules{Headers: []string{"x-*-key"}, Env: []string{"*_KEY"}}, Options{})
	must(t, err)
	out.gone(t, "eins1", "drei3")
	if n := out.same(t, in); n != 15 {
		t.Errorf("%d bytes masked, want 15", n)
	}
}

// The password of basic authentication is a secret in plain as well.
func TestBasic(t *testing.T) {
	header := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("me:hunter22")) + "\r\n"
	got := maskedTexts(t, Rules{Headers: []string{"authorization"}}, fdRead(4, header), fdWrite(1, "hunter22, me:hunter22"))
	checkTexts(t, got, "Authorization: Basic xxxxxxxxxxxxxxxx\r\n", "xxxxxxxx, xxxxxxxxxxx")
}

func TestComponentHeaders(t *testing.T) {
	rules := Rules{Headers: []string{"X-Key"}}
	got := maskedTexts(t, rules,
		event("[method]fields.append", 0, 0, blob("x-key")+blob("onesecret"), "\x00", 1),
		event("[method]fields.get", -1, 0, blob("X-KEY"), "\x02"+blob("twosecret")+blob("3rdsecret"), 1),
		event("[method]fields.entries", -1, 0, "", "\x02"+blob("host")+blob("example")+blob("x-key")+blob("4thsecret"), 1),
		event("[method]output-stream.write", 0, 0, blob("onesecret twosecret 3rdsecret 4thsecret example"), "\x00", 1))
	x := strings.Repeat("x", 9)
	checkTexts(t, got, blob("x-key")+blob(x)+"\x00", blob("X-KEY")+"\x02"+blob(x)+blob(x), "\x02"+blob("host")+blob("example")+blob("x-key")+blob(x),
		blob(strings.Join([]string{x, x, x, x, "example"}, " "))+"\x00")
}

// The environment that the program got has bytes that the header does not.
func TestEnviron(t *testing.T) {
	m := made{events: []format.Event{event("environ_get", 0, 0, "", "\x40\x00\x00\x00\x48\x00\x00\x00A=1\x00KEY=\xff\xfeabcd\x00", 64, 96), fdWrite(1, "<\xff\xfeabcd>")}}
	m.header.Program = &format.Program{Name: "app.wasm", Env: []string{"A=1", "KEY=\xff\xfeabcd"}}
	in := m.open(t)
	out, err := redactTrace(t, in, Rules{Env: []string{"KEY"}}, Options{})
	must(t, err)
	out.gone(t, "\xff\xfeabcd")
	if n := out.same(t, in); n != 12 {
		t.Errorf("%d bytes masked, want 12", n)
	}
}

func TestComponentEnvironment(t *testing.T) {
	got := maskedTexts(t, Rules{Env: []string{"KEY"}}, event("get-environment", -1, 0, "", "\x02"+blob("LANG")+blob("KEYS")+blob("KEY")+blob("abcdef")),
		event("[method]output-stream.write", 0, 0, blob("KEYS, abcdef"), "\x00", 1))
	checkTexts(t, got, "\x02"+blob("LANG")+blob("KEYS")+blob("KEY")+blob("xxxxxx"), blob("KEYS, xxxxxx")+"\x00")
	// A variable without a value is no reason to take names for values.
	got = maskedTexts(t, Rules{Env: []string{"*"}}, event("get-environment", -1, 0, "", "\x02"+blob("EMPTY")+blob("")+blob("KEY_OF")+blob("abcdef")))
	checkTexts(t, got, "\x02"+blob("EMPTY")+blob("")+blob("KEY_OF")+blob("xxxxxx"))
}

// TestExchange: partial traces have a request and its response in one call.
func TestExchange(t *testing.T) {
	fields := func(name, value string) string { return "\x02" + blob("x-empty") + blob("") + blob(name) + blob(value) }
	got := maskedTexts(t, Rules{Headers: []string{"authorization", "set-cookie"}},
		event("handle", -1, 0, blob("GET")+blob("https://h/?t=abcdef")+fields("authorization", "Bearer abcdef"), "\xc8\x01"+fields("set-cookie", "id=ghijklmnop")+blob("ghijklmnop")))
	checkTexts(t, got, blob("GET")+blob("https://h/?t=xxxxxx")+fields("authorization", "Bearer xxxxxx")+"\xc8\x01"+fields("set-cookie", "xxxxxxxxxxxxx")+blob("xxxxxxxxxx"))
}

// TestHostileName: a function of preview1 may have a component's name.
func TestHostileName(t *testing.T) {
	e := event("fd_write", 0, 0, "Authorization: Bearer abcdef", "")
	_, functions := names()
	e.Function = int16(slices.Index(functions, "wasi:http/outgoing-handler#handle"))
	checkTexts(t, maskedTexts(t, regexps("abcdef"), e), "Authorization: Bearer xxxxxx")
}

// BenchmarkRedact masks a token in events of 100 bytes: every tenth has it.
func BenchmarkRedact(b *testing.B) {
	var m made
	filling := strings.Repeat("lorem ipsum dolor sit amet ", 4)[:86]
	for i := range 200_000 {
		text := filling + "0123456789abcd"
		if i%10 == 0 {
			text = filling + "geheim-geheim!"
		}
		m.events = append(m.events, fdWrite(1, text))
	}
	in := m.open(b)
	path := filepath.Join(b.TempDir(), "out")
	b.SetBytes(100 * int64(len(m.events)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Redact(ctx, in, regexps("geheim-geheim"), Options{}, edit.Output{Path: path, Force: true}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(m.events)), "ns/event")
}
