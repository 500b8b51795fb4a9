package component

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tracetool/tracetool/format/canon"
)

// echoHost returns what it is given, and keeps it.
type echoHost struct {
	seen []byte
	sig  *canon.Func
}

func (h *echoHost) Func(_, _ string, sig *canon.Func) (HostFunc, error) {
	h.sig = sig
	return func(_ context.Context, c *Call) error {
		h.seen = bytes.Clone(c.Args.Rest())
		c.Result.Raw(h.seen)
		return nil
	}, nil
}

func (h *echoHost) Drop(context.Context, string, uint32) error { return nil }

// run decodes, compiles and instantiates a component.
func run(t testing.TB, wasm []byte, host Host) (*Instance, error) {
	t.Helper()
	ctx := context.Background()
	c, err := Decode(wasm)
	if err != nil {
		return nil, err
	}
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(256))
	t.Cleanup(func() { rt.Close(ctx) })
	p, err := c.Compile(ctx, rt)
	if err != nil {
		return nil, err
	}
	return p.Instantiate(ctx, host)
}

// echo passes a value through a guest.
func echo(t testing.TB, typ *canon.Type, enc encoding, value []byte) {
	t.Helper()
	host := &echoHost{}
	in, err := run(t, echoComponent(t, typ, enc), host)
	if err != nil {
		t.Fatalf("%s: %v", typ, err)
	}
	if got := host.sig.Result.String(); got != typ.String() {
		t.Fatalf("%s is decoded as %s", typ, got)
	}
	result, err := in.Call(context.Background(), "", "f", value)
	switch {
	case err != nil:
		t.Fatalf("%s, encoding %d, %x: %v", typ, enc, value, err)
	case !bytes.Equal(host.seen, value):
		t.Fatalf("%s, encoding %d: the host was given %x, want %x", typ, enc, host.seen, value)
	case !bytes.Equal(result, value):
		t.Fatalf("%s, encoding %d: %x is returned, want %x", typ, enc, result, value)
	}
}

// echoed are values of a type, as canonical bytes.
var echoed = []struct{ typ, value string }{
	{"bool", "\x01"}, {"u8", "\xff"}, {"s8", "\x80"}, {"u16", "\xff\xff\x03"}, {"s16", "\xff\xff\x03"},
	{"u32", "\xff\xff\xff\xff\x0f"}, {"s32", "\xff\xff\xff\xff\x0f"},
	{"u64", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}, {"s64", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
	{"f32", "\x00\x00\xc0\x7f"}, {"f64", "\x00\x00\x00\x00\x00\x00\xf8\x7f"}, {"char", "\xff\xff\x43"},
	{"string", "\x00"}, {"string", "\x05plain"}, {"string", "\x03\xc3\xa9a"}, {"string", "\x08\xe2\x82\xac\xf0\x9f\x98\x80x"},
	{"list<u8>", "\x03\x00\x01\xff"}, {"list<s8>", "\x02\x80\x7f"}, {"list<u16>", "\x02\x00\xff\xff\x03"}, {"list<list<string>>", "\x02\x01\x01a\x02\x00\x01b"},
	{"list<u8, 3>", "\x00\x01\xff"}, {"list<s8, 20>", "\x80\x7f\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"},
	{"list<u64, 1>", "\x07"}, {"list<u16, 16>", "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\xac\x02"},
	{"list<tuple<u8, string>, 2>", "\x01\x01a\x02\x00"}, {"list<list<list<u16, 2>, 2>>", "\x02\x01\x02\x03\x04\x05\x06\x07\x08"},
	{"variant{a(list<u32, 2>), b(f32)}", "\x00\x05\x06"}, {"option<list<string, 9>>", "\x01\x00\x01b\x00\x00\x00\x00\x00\x00\x01i"},
	{"map<string, u32>", "\x02\x01k\x01\x01k\x02"}, {"map<char, bool>", "\x00"}, {"map<u8, map<string, list<u8>>>", "\x02\xff\x01\x01x\x02\x00\xff\x00\x00"},
	{"option<map<s64, u8>>", "\x01\x01\x01\x80"}, {"list<map<bool, string>>", "\x01\x01\x01\x01x"},
	{"record{a: u8, b: u64, c: u16}", "\x01\x80\x01\x03"}, {"tuple<f32, string, bool>", "\x00\x00\x80\x3f\x01x\x00"},
	{"variant{a(u8), b(f32), c(u64), d}", "\x00\x09"}, {"variant{a(u8), b(f32), c(u64), d}", "\x01\x00\x00\x80\x3f"},
	{"variant{a(f64), b(string)}", "\x00\x00\x00\x00\x00\x00\x00\xf0\x3f"}, {"variant{a(f64), b(string)}", "\x01\x01x"},
	{"enum{a, b, c}", "\x02"}, {"option<string>", "\x00"}, {"option<string>", "\x01\x01x"}, {"option<option<u8>>", "\x01\x00"},
	{"result", "\x01"}, {"result<u64, string>", "\x00\x07"}, {"result<u64, string>", "\x01\x01e"}, {"result<_, enum{x, y}>", "\x01\x01"},
	{"flags{a, b, c, d, e, f, g, h, i}", "\x81\x02"}, {"list<flags{a, b}>", "\x02\x01\x03"},
	{"tuple<u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64>", "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11"},
	{"list<variant{a, b(list<tuple<u8, option<string>>>)}>", "\x02\x00\x01\x01\x07\x01\x01z"},
}

func TestEcho(t *testing.T) {
	for _, tt := range echoed {
		for _, enc := range []encoding{utf8Strings, utf16Strings, latin1OrUTF16} {
			echo(t, parseType(t, tt.typ), enc, []byte(tt.value))
		}
	}
}

func TestCallMistakes(t *testing.T) {
	in, err := run(t, echoComponent(t, parseType(t, "enum{a, b}"), utf8Strings), &echoHost{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for _, args := range []string{"", "\x02", "\x00\x00"} {
		if _, err := in.Call(ctx, "", "f", []byte(args)); !errors.Is(err, canon.ErrMalformed) {
			t.Errorf("%x: %v", args, err)
		}
	}
	for _, f := range [][2]string{{"", "g"}, {"f", "f"}, {"", "echo"}} {
		if _, err := in.Call(ctx, f[0], f[1], nil); !errors.Is(err, ErrNoExport) {
			t.Errorf("%q: %v", f, err)
		}
	}
	if _, err := in.Call(ctx, "", "f", []byte{1}); err != nil {
		t.Errorf("after mistakes: %v", err)
	}
}

// wrongHost gives results that are not of the function's type.
type wrongHost struct{ result string }

func (h wrongHost) Func(string, string, *canon.Func) (HostFunc, error) {
	return func(_ context.Context, c *Call) error { c.Result.Raw([]byte(h.result)); return nil }, nil
}

func (h wrongHost) Drop(context.Context, string, uint32) error { return nil }

func TestHostMistakes(t *testing.T) {
	for _, tt := range []struct{ typ, value, result string }{
		{"u8", "\x00", ""}, {"u8", "\x00", "\x00\x00"}, {"string", "\x00", "\x05ab"}, {"option<u8>", "\x00", "\x01"},
		{"list<u32>", "\x00", "\xff\xff\xff\xff\x0f"},
	} {
		in, err := run(t, echoComponent(t, parseType(t, tt.typ), utf8Strings), wrongHost{tt.result})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Call(context.Background(), "", "f", []byte(tt.value)); !errors.Is(err, canon.ErrMalformed) {
			t.Errorf("%s: %v", tt.typ, err)
		}
		if _, err := in.Call(context.Background(), "", "f", []byte(tt.value)); err == nil {
			t.Errorf("%s: the instance can be entered after a trap", tt.typ)
		}
	}
}

// exitingHost ends the guest.
type exitingHost struct{ wrongHost }

func (exitingHost) Func(string, string, *canon.Func) (HostFunc, error) {
	return func(context.Context, *Call) error { return &ExitError{Code: 7} }, nil
}

func TestExit(t *testing.T) {
	in, err := run(t, echoComponent(t, parseType(t, "u8"), utf8Strings), exitingHost{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = in.Call(context.Background(), "", "f", []byte{1})
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 7 {
		t.Errorf("%v, want exit code 7", err)
	}
}

// missingHost provides nothing.
type missingHost struct{ wrongHost }

func (missingHost) Func(_, name string, _ *canon.Func) (HostFunc, error) {
	return nil, errors.New(name)
}

func TestMissingImport(t *testing.T) {
	_, err := run(t, echoComponent(t, parseType(t, "u8"), utf8Strings), missingHost{})
	var link *LinkError
	if !errors.As(err, &link) || len(link.Missing) != 1 || link.Missing[0] != "echo" {
		t.Errorf("%v, want echo as missing", err)
	}
}

// FuzzEcho: values of any type pass through a guest unchanged.
func FuzzEcho(f *testing.F) {
	for i, tt := range echoed {
		f.Add(tt.typ, []byte(tt.value), uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, value []byte, enc uint8) {
		fn, err := canon.ParseFunc("func() -> " + text)
		if err != nil || fn.Result == nil || len(text) > 2000 || hasNames(fn.Result) {
			return
		}
		rest, err := canon.Validate(fn.Result, value)
		if err != nil {
			return
		}
		echo(t, fn.Result, encoding(enc%3), value[:len(value)-len(rest)])
	})
}

// hasNames: a name is none of a component's, or there are handles.
func hasNames(t *canon.Type) bool {
	if t == nil {
		return false
	}
	if t.Kind >= canon.Own || t.Kind == canon.Flags && len(t.Fields) > maxFlags {
		return true
	}
	var names nameSet
	for _, f := range t.Fields {
		if t.Kind != canon.Tuple && (!isKebab(f.Name) || names.add(f.Name) != nil) || hasNames(f.Type) {
			return true
		}
	}
	return hasNames(t.Elem) || hasNames(t.Err)
}

// TestMatchLists: a map stands in for one of equal keys and values, not for the
// list that it is in memory.
func TestMatchLists(t *testing.T) {
	for _, tt := range []struct{ found, want, mistake string }{
		{"map<string, list<u8>>", "map<string, list<u8>>", ""},
		{"map<u8, u8>", "map<u16, u8>", "expected u16, found u8"},
		{"map<u8, u8>", "map<u8, s8>", "expected s8, found u8"},
		{"list<tuple<u8, u8>>", "map<u8, u8>", "expected map, found list"},
		{"list<u8, 3>", "list<u8, 3>", ""},
		{"list<u8, 3>", "list<u8, 4>", "expected a list of 4 elements, found one of 3"},
		{"list<u8, 3>", "list<u8>", "expected list, found list of fixed length"},
		{"map<u8, u8>", "list<tuple<u8, u8>>", "expected list, found map"},
	} {
		found, err1 := internal(parseType(t, tt.found))
		want, err2 := internal(parseType(t, tt.want))
		work := maxWork
		err := errors.Join(err1, err2, (&scope{work: &work}).matcher(nil).val(found, want))
		if (err == nil) != (tt.mistake == "") || err != nil && !strings.HasSuffix(err.Error(), tt.mistake) {
			t.Errorf("%s for %s: %v, want %q", tt.found, tt.want, err, tt.mistake)
		}
	}
}
