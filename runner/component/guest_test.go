package component

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format/canon"
)

func load(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// u32s are numbers as canonical bytes.
func u32s(numbers ...uint32) []byte {
	var e canon.Encoder
	for _, n := range numbers {
		e.U32(n)
	}
	return e.Bytes()
}

// fileHost provides test:host/files: files of sizes 10, 20 and so on.
type fileHost struct {
	log   []string
	n     uint32
	keeps error // of every drop
}

func (h *fileHost) Func(iface, name string, _ *canon.Func) (HostFunc, error) {
	call, ok := map[string]HostFunc{
		"open": func(_ context.Context, c *Call) error {
			h.n++
			h.log = append(h.log, fmt.Sprint("open ", h.n))
			c.Result.Rep(h.n)
			return nil
		},
		"[method]file.size": func(_ context.Context, c *Call) error {
			rep := c.Args.Rep()
			h.log = append(h.log, fmt.Sprint("size ", rep))
			c.Result.U32(10 * rep)
			return nil
		},
		"close": func(_ context.Context, c *Call) error {
			h.log = append(h.log, fmt.Sprint("close ", c.Args.Rep()))
			return nil
		},
	}[name]
	if iface != "test:host/files" || !ok {
		return nil, fmt.Errorf("no %s#%s", iface, name)
	}
	return call, nil
}

func (h *fileHost) Drop(_ context.Context, resource string, rep uint32) error {
	h.log = append(h.log, fmt.Sprint("drop ", resource, " ", rep))
	return h.keeps
}

func TestGuestResources(t *testing.T) {
	in, err := run(t, load(t, "resources.wasm"), &fileHost{})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range []uint32{5, 70, 900} {
		expectCall(t, in, "use", u32s(n), u32s(n))
		expectCall(t, in, "destroyed", nil, u32s([]uint32{5, 75, 975}[i]))
	}
}

func TestHostResources(t *testing.T) {
	host := &fileHost{}
	in, err := run(t, load(t, "resources.wasm"), host)
	if err != nil {
		t.Fatal(err)
	}
	expectCall(t, in, "files", nil, u32s(30))
	want := []string{"open 1", "open 2", "size 1", "size 2", "close 1", "drop test:host/files.file 2"}
	if diff := cmp.Diff(want, host.log); diff != "" {
		t.Error(diff)
	}
}

func TestResourceTraps(t *testing.T) {
	for name, want := range map[string]string{
		"drop-twice": "unknown handle index", "use-unknown": "unknown handle index 77",
		"drop-wrong": "used with the wrong type",
	} {
		in, err := run(t, load(t, "resources.wasm"), &fileHost{})
		if err != nil {
			t.Fatal(err)
		}
		expectTrap(t, in, name, nil, want)
	}
}

// TestDropTraps: a host may refuse a drop, which ends the guest.
func TestDropTraps(t *testing.T) {
	in, err := run(t, load(t, "resources.wasm"), &fileHost{keeps: errors.New("still in use")})
	if err != nil {
		t.Fatal(err)
	}
	expectTrap(t, in, "files", nil, "still in use")
}

func TestResourceItems(t *testing.T) {
	c, err := Decode(load(t, "resources.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	imports := c.Imports()
	if len(imports) != 1 || len(imports[0].Funcs) != 3 {
		t.Fatalf("%+v", imports)
	}
	if diff := cmp.Diff([]string{"test:host/files.file"}, imports[0].Resources); diff != "" {
		t.Error(diff)
	}
	const want = "func(self: borrow<test:host/files.file>) -> u32"
	if got := imports[0].Funcs[1].Type.String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func expectCall(t *testing.T, in *Instance, name string, args, want []byte) {
	t.Helper()
	got, err := in.Call(context.Background(), "", name, args)
	if err != nil || string(got) != string(want) {
		t.Errorf("%s(%x) = %x, %v, want %x", name, args, got, err, want)
	}
}

func expectTrap(t *testing.T, in *Instance, name string, args []byte, want string) {
	t.Helper()
	_, err := in.Call(context.Background(), "", name, args)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s(%x): %v, want %q", name, args, err, want)
	}
	if _, err := in.Call(context.Background(), "", name, args); err == nil || !strings.Contains(err.Error(), "cannot enter") {
		t.Errorf("%s after a trap: %v", name, err)
	}
}

// callHost implements "call" by a function of the test.
type callHost func(ctx context.Context) error

func (h callHost) Func(string, string, *canon.Func) (HostFunc, error) {
	return func(ctx context.Context, c *Call) error {
		c.Args.U32()
		return h(ctx)
	}, nil
}

func (h callHost) Drop(context.Context, string, uint32) error { return nil }

// rules instantiates rules.wasm, with bytes at address 32 of its memory.
func rules(t *testing.T, host Host, poked string) *Instance {
	t.Helper()
	in, err := run(t, load(t, "rules.wasm"), host)
	if err != nil {
		t.Fatal(err)
	}
	var e canon.Encoder
	e.U32(32)
	var v uint64
	for i := range len(poked) {
		v |= uint64(poked[i]) << (8 * i)
	}
	e.U64(v)
	expectCall(t, in, "poke", e.Bytes(), nil)
	return in
}

// noCall is for guests that call nothing.
var noCall = callHost(func(context.Context) error { return errors.New("called") })

// TestLift: what a guest returns becomes canonical.
func TestLift(t *testing.T) {
	for _, tt := range []struct {
		name, memory string
		args         []byte
		want         string
	}{
		{"utf8", "h\xc3\xa9", u32s(32, 3), "\x03h\xc3\xa9"},
		{"utf8", "", u32s(65536, 0), "\x00"}, // at the end of the memory
		{"utf16", "h\x00\xe9\x00", u32s(32, 2), "\x03h\xc3\xa9"},
		{"utf16", "\x3d\xd8\x00\xde", u32s(32, 2), "\x04\xf0\x9f\x98\x80"},
		{"latin1", "h\xe9", u32s(32, 2), "\x03h\xc3\xa9"},
		{"latin1", "\xac\x20", u32s(32, 1|utf16Tag), "\x03\xe2\x82\xac"},
		{"bytes", "\x00\xff", u32s(32, 2), "\x02\x00\xff"},
		{"longs", "\xff\x7f", u32s(32, 2), "\x02\xff\xff\x01\x00"},
		{"pair", "\x01\x00\x00\x00\x80", u32s(32), "\x01\x80\x01"},
		{"shape", "\x01", u32s(32), "\x01\x00"},
		{"char", "", u32s(0x10ffff), "\xff\xff\x43"},
		{"bool", "", u32s(0x100), "\x01"},
		{"u8", "", u32s(0x1ff), "\xff"},    // what is beyond its bits is cut
		{"s16", "", u32s(0x1ffff), "\x01"}, // likewise: -1
		{"color", "", u32s(1), "\x01"},
	} {
		expectCall(t, rules(t, noCall, tt.memory), tt.name, tt.args, []byte(tt.want))
	}
}

// TestLiftTraps: what no value is ends the guest.
func TestLiftTraps(t *testing.T) {
	for _, tt := range []struct {
		name, memory string
		args         []byte
		want         string
	}{
		{"utf8", "\xff", u32s(32, 1), "invalid utf-8"},
		{"utf8", "\xed\xa0\x80", u32s(32, 3), "invalid utf-8"}, // a surrogate
		{"utf8", "", u32s(65535, 2), "out of bounds"},
		{"utf8", "", u32s(0xffffffff, 0xffffffff), "out of bounds"},
		{"utf16", "", u32s(33, 1), "not aligned"},
		{"utf16", "", u32s(32, 0x80000000), "out of bounds"},
		{"utf16", "\x00\xd8", u32s(32, 1), "surrogate"},
		{"utf16", "\x00\xd8a\x00", u32s(32, 2), "surrogate"},
		{"utf16", "\x00\xdc", u32s(32, 1), "surrogate"},
		{"latin1", "", u32s(33, 1), "not aligned"},
		{"latin1", "", u32s(65535, 2|utf16Tag), "not aligned"},
		{"bytes", "", u32s(1, 0xffffffff), "out of bounds"},
		{"longs", "", u32s(36, 1), "not aligned"},
		{"longs", "", u32s(32, 0x20000000), "out of bounds"},
		{"pair", "", u32s(34), "not aligned"},
		{"pair", "", u32s(65532), "out of bounds"},
		{"shape", "\x02", u32s(32), "invalid discriminant 2"},
		{"char", "", u32s(0x110000), "invalid `char`"},
		{"char", "", u32s(0xd800), "invalid `char`"},
		{"color", "", u32s(2), "invalid discriminant 2"},
		{"unreachable", "", nil, "unreachable"},
	} {
		expectTrap(t, rules(t, noCall, tt.memory), tt.name, tt.args, tt.want)
	}
}

// TestRealloc: an allocator must give memory that is there, and aligned.
func TestRealloc(t *testing.T) {
	for _, tt := range []struct {
		name, args string
		next       uint32
		want       string // of the trap, empty: none
	}{
		{"take", "\x03abc", 65533, ""},
		{"take", "\x03abc", 65534, "beyond end of memory"},
		{"take", "\x00", 65537, "beyond end of memory"},
		{"take", "\x01a", 0xffffffff, "beyond end of memory"},
		{"take16", "\x03abc", 65530, ""},
		{"take16", "\x03abc", 65529, "not aligned"},
		{"take16", "\x03abc", 65532, "beyond end of memory"},
		{"take-longs", "\x03\x01\x02\x03", 64, ""},
		{"take-longs", "\x03\x01\x02\x03", 68, "not aligned"},
		{"take-longs", "\x03\x01\x02\x03", 65520, "beyond end of memory"},
	} {
		in := rules(t, noCall, "")
		expectCall(t, in, "next", u32s(tt.next), nil)
		if tt.want != "" {
			expectTrap(t, in, tt.name, []byte(tt.args), tt.want)
			continue
		}
		expectCall(t, in, tt.name, []byte(tt.args), u32s(3))
	}
}

// TestPostReturn: it is called once for each call, with the core result.
func TestPostReturn(t *testing.T) {
	in := rules(t, noCall, "ab")
	expectCall(t, in, "posts", nil, u32s(0))
	expectCall(t, in, "utf8", u32s(32, 2), []byte("\x02ab"))
	expectCall(t, in, "posts", nil, u32s(16)) // the address of the result
	expectCall(t, in, "utf8", u32s(32, 1), []byte("\x01a"))
	expectCall(t, in, "posts", nil, u32s(32))
}

// TestLeave: neither an allocator nor what is called after a return may call
// out of the component.
func TestLeave(t *testing.T) {
	const want = "cannot leave component instance"
	expectTrap(t, rules(t, noCall, ""), "take-calls", []byte("\x01a"), want)
	expectTrap(t, rules(t, noCall, ""), "post-call", u32s(1), want)
}

// TestReentrance: a component is not entered while it calls out.
func TestReentrance(t *testing.T) {
	var in *Instance
	host := callHost(func(ctx context.Context) error {
		_, err := in.Call(ctx, "", "nothing", nil)
		return err
	})
	in = rules(t, host, "")
	expectTrap(t, in, "call", u32s(1), "cannot enter component instance")
}

// TestHostError: the error of a host function ends the guest and is the call's.
func TestHostError(t *testing.T) {
	mine := errors.New("mine")
	in := rules(t, callHost(func(context.Context) error { return mine }), "")
	if _, err := in.Call(context.Background(), "", "call", u32s(1)); !errors.Is(err, mine) {
		t.Error(err)
	}
}
