package canon

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parseType returns the type that a signature has as its result.
func parseType(t testing.TB, text string) *Type {
	t.Helper()
	f, err := ParseFunc("func() -> " + text)
	if err != nil {
		t.Fatal(err)
	}
	return f.Result
}

// signatures are in the form that String writes.
var signatures = []string{
	"func()",
	"func() -> u64",
	"func(self: borrow<wasi:io/streams.input-stream>, len: u64) -> result<list<u8>, variant{last-operation-failed(own<wasi:io/error.error>), closed}>",
	"func(a: record{b: bool, c: tuple<s8, u8, s16, u16, s32, u32, s64, f32, f64, char>}) -> option<option<string>>",
	"func(a: flags{read, write}, b: enum{x, y}) -> result",
	"func(a: result<string>, b: result<_, u8>, c: list<own<r>>)",
	"func(a: list<u8, 4>) -> list<list<list<string, 2>>, 4294967295>",
	"func(a: map<string, map<u8, option<bool>>>) -> map<char, tuple<f32>>",
}

func TestSignatures(t *testing.T) {
	for _, s := range signatures {
		f, err := ParseFunc(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if got := f.String(); got != s {
			t.Errorf("%s\nbecomes %s", s, got)
		}
		again, err := ParseFunc(strings.ReplaceAll(s, " ", "\n "))
		if err != nil || !cmp.Equal(f, again) {
			t.Errorf("%s, with other white space: %v, %v", s, again, err)
		}
	}
}

func TestSignatureMistakes(t *testing.T) {
	wide := "record{" + strings.Repeat("a: u8, ", MaxNodes) + "a: u8}"
	for _, tt := range []struct{ text, want string }{
		{"", `byte 0: "", want "func"`},
		{"func(", "want a word"},
		{"func() -> ", "want a word"},
		{"func() -> u7", `byte 10: "u7", want a type`},
		{"func() -> u8 u8", "want the end"},
		{"func(a u8)", `want ":"`},
		{"func(a: u8", `want ","`},
		{"func() -> list", `want "<"`},
		{"func() -> list<u8", `want ">"`},
		{"func() -> result<_>", `want ","`},
		{"func() -> map<u8>", `want ","`},
		{"func() -> list<u8, 0>", `"0>", want the length of a list, from 1`},
		{"func() -> list<u8, 4294967296>", "want the length"},
		{"func() -> list<u8, +1>", "want the length"},
		{"func() -> list<u8, 01>", "want the length"},
		{"func() -> list<u8, >", "want a word"},
		{"func() -> option<u8, 1>", `want ">"`},
		{"func() -> map<u8, u8", `want ">"`},
		{"func() -> map<f32, u8>", `byte 14: "f32, u8>", want a bool, an integer, char or string as the key of a map`},
		{"func() -> map<list<u8>, u8>", "as the key of a map"},
		{"func() -> own<>", "want a word"},
		{"func() -> tuple<>", "at least one field of a tuple"},
		{"func() -> enum{}", "at least one field of a enum"},
		{"func() -> enum{a(u8)}", `want ","`},
		{"func() -> flags{" + strings.Repeat("a, ", MaxFlags) + "a}", "at most 64 labels"},
		{"func() -> " + strings.Repeat("list<", MaxDepth) + "u8" + strings.Repeat(">", MaxDepth), "at most 100 types within types"},
		{"func() -> " + wide, "at most 50000 types"},
	} {
		_, err := ParseFunc(tt.text)
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60s: %v, want %q", tt.text, err, tt.want)
		}
	}
}

// values are of a type each, in their two printed forms.
var values = []struct {
	typ        string
	encode     func(e *Encoder)
	bytes      string
	text, json string
}{
	{"bool", func(e *Encoder) { e.Bool(true) }, "\x01", "true", "true"},
	{"u8", func(e *Encoder) { e.U8(200) }, "\xc8", "200", "200"},
	{"s8", func(e *Encoder) { e.S8(-2) }, "\xfe", "-2", "-2"},
	{"u16", func(e *Encoder) { e.U16(300) }, "\xac\x02", "300", "300"},
	{"s16", func(e *Encoder) { e.S16(-1) }, "\x01", "-1", "-1"},
	{"u32", func(e *Encoder) { e.U32(math.MaxUint32) }, "\xff\xff\xff\xff\x0f", "4294967295", "4294967295"},
	{"s32", func(e *Encoder) { e.S32(math.MinInt32) }, "\xff\xff\xff\xff\x0f", "-2147483648", "-2147483648"},
	{"u64", func(e *Encoder) { e.U64(math.MaxUint64) }, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "18446744073709551615", `"18446744073709551615"`},
	{"s64", func(e *Encoder) { e.S64(math.MinInt64) }, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "-9223372036854775808", `"-9223372036854775808"`},
	{"f32", func(e *Encoder) { e.F32(1.5) }, "\x00\x00\xc0\x3f", "1.5", "1.5"},
	{"f32", func(e *Encoder) { e.F32(math.Float32frombits(0xffc00001)) }, "\x00\x00\xc0\x7f", "nan", `"nan"`},
	{"f64", func(e *Encoder) { e.F64(math.Float64frombits(0xfff0000000000001)) }, "\x00\x00\x00\x00\x00\x00\xf8\x7f", "nan", `"nan"`},
	{"f64", func(e *Encoder) { e.F64(math.Inf(-1)) }, "\x00\x00\x00\x00\x00\x00\xf0\xff", "-inf", `"-inf"`},
	{"char", func(e *Encoder) { e.Char('é') }, "\xe9\x01", "'é'", `"é"`},
	{"string", func(e *Encoder) { e.String("a\n") }, "\x02a\n", `"a\n"`, `"a\n"`},
	{"list<u8>", func(e *Encoder) { e.Blob([]byte{'a', 0xff}) }, "\x02a\xff", `"a\xff"`, `{"base64":"Yf8="}`},
	{"list<u8>", func(e *Encoder) { e.Len(1); e.U8('a') }, "\x01a", `"a"`, `"a"`},
	{"list<s16>", func(e *Encoder) { e.Len(2); e.S16(1); e.S16(-1) }, "\x02\x02\x01", "[1, -1]", "[1,-1]"},
	{"list<u8, 3>", func(e *Encoder) { e.Raw([]byte{'a', 'b', 'c'}) }, "abc", `"abc"`, `"abc"`},
	{"list<u8, 2>", func(e *Encoder) { e.U8(0); e.U8(255) }, "\x00\xff", `"\x00\xff"`, `{"base64":"AP8="}`},
	{"list<string, 2>", func(e *Encoder) { e.String("a"); e.String("") }, "\x01a\x00", `["a", ""]`, `["a",""]`},
	{"list<list<u16, 2>>", func(e *Encoder) { e.Len(1); e.U16(1); e.U16(300) }, "\x01\x01\xac\x02", `[[1, 300]]`, `[[1,300]]`},
	{"map<string, u8>", func(e *Encoder) { e.Len(2); e.String("k"); e.U8(1); e.String("k"); e.U8(2) }, "\x02\x01k\x01\x01k\x02", `{"k": 1, "k": 2}`, `[["k",1],["k",2]]`},
	{"map<u64, list<u8>>", func(e *Encoder) { e.Len(1); e.U64(7); e.Blob([]byte{0xff}) }, "\x01\x07\x01\xff", `{7: "\xff"}`, `[[7,{"base64":"/w=="}]]`},
	{"map<bool, u8>", func(e *Encoder) { e.Len(0) }, "\x00", "{}", "[]"},
	{"record{a: u8, b: string}", func(e *Encoder) { e.U8(1); e.String("") }, "\x01\x00", `{a: 1, b: ""}`, `{"a":1,"b":""}`},
	{"tuple<u8, bool>", func(e *Encoder) { e.U8(1); e.Bool(false) }, "\x01\x00", "(1, false)", "[1,false]"},
	{"variant{a, b(u8)}", func(e *Encoder) { e.Case(1); e.U8(3) }, "\x01\x03", "b(3)", `{"b":3}`},
	{"variant{a, b(u8)}", func(e *Encoder) { e.Case(0) }, "\x00", "a", `"a"`},
	{"enum{a, b}", func(e *Encoder) { e.Case(1) }, "\x01", "b", `"b"`},
	{"option<u8>", func(e *Encoder) { e.None() }, "\x00", "none", "null"},
	{"option<u8>", func(e *Encoder) { e.Some(); e.U8(7) }, "\x01\x07", "some(7)", "7"},
	{"option<option<u8>>", func(e *Encoder) { e.Some(); e.None() }, "\x01\x00", "some(none)", `{"some":null}`},
	{"result", func(e *Encoder) { e.OK() }, "\x00", "ok", `{"ok":null}`},
	{"result<u8, enum{closed}>", func(e *Encoder) { e.Err(); e.Case(0) }, "\x01\x00", "err(closed)", `{"err":"closed"}`},
	{"flags{a, b, c}", func(e *Encoder) { e.Flags(5) }, "\x05", "{a, c}", `["a","c"]`},
	{"flags{a}", func(e *Encoder) { e.Flags(0) }, "\x00", "{}", "[]"},
	{"own<wasi:http/types.fields>", func(e *Encoder) { e.Rep(3) }, "\x03", "fields#3", `"fields#3"`},
	{"borrow<r>", func(e *Encoder) { e.Rep(1) }, "\x01", "r#1", `"r#1"`},
}

func TestValues(t *testing.T) {
	for _, v := range values {
		typ := parseType(t, v.typ)
		var e Encoder
		v.encode(&e)
		if got := string(e.Bytes()); got != v.bytes {
			t.Errorf("%s: %x, want %x", v.typ, got, v.bytes)
		}
		if rest, err := Validate(typ, append(e.Bytes(), 9)); err != nil || len(rest) != 1 {
			t.Errorf("%s: %d bytes left, %v", v.typ, len(rest), err)
		}
		if got := string(AppendText(nil, typ, e.Bytes(), -1)); got != v.text {
			t.Errorf("%s: %s, want %s", v.typ, got, v.text)
		}
		got, err := AppendJSON(nil, typ, e.Bytes())
		if err != nil || string(got) != v.json {
			t.Errorf("%s: %s, %v, want %s", v.typ, got, err, v.json)
		}
		for n := range e.Bytes() {
			if _, err := Validate(typ, e.Bytes()[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s, %d bytes of %d: %v", v.typ, n, len(e.Bytes()), err)
			}
		}
	}
}

func TestMalformedValues(t *testing.T) {
	for _, tt := range []struct{ typ, data, want string }{
		{"bool", "\x02", "at byte 1: 2, want 0 or 1"},
		{"u16", "\x80\x80\x04", "65536, want at most 65535"},
		{"u32", "\x80\x00", "a number in more bytes than it takes"},
		{"u32", "\x80", "ends within a number"},
		{"u64", strings.Repeat("\xff", 10), "beyond 64 bits"},
		{"s16", "\x80\x80\x04", "32768, want -32768 to 32767"},
		{"char", "\x80\xb0\x03", "a surrogate is no char: 0xd800"},
		{"char", "\x80\x80\x44", "1114112, want at most 1114111"},
		{"f32", "\x01\x00\xc0\x7f", "a NaN that is not canonical: 7fc00001"},
		{"f64", "\x00\x00\x00\x00\x00\x00\xf8\xff", "a NaN that is not canonical"},
		{"string", "\x01\xff", "not UTF-8"},
		{"string", "\x05abc", "3 bytes, want 5"},
		{"list<u16>", "\x05\x01", "a list of 5 elements in 1 bytes"},
		{"list<u8, 3>", "ab", "2 bytes, want 3"},
		{"list<u16, 4294967295>", "\x01", "ends within a number"},
		{"map<bool, u16>", "\x05\x01\x01", "a list of 5 elements in 2 bytes"},
		{"map<bool, u16>", "\x01\x02\x01", "2, want 0 or 1"},
		{"enum{a, b}", "\x02", "case 2 of 2"},
		{"flags{a, b}", "\x04", "4, want at most 3"},
		{"option<u8>", "\x03", "3, want 0 or 1"},
	} {
		_, err := Validate(parseType(t, tt.typ), []byte(tt.data))
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.typ, err, tt.want)
		}
	}
	if err := ValidateArgs([]Field{{Type: &Type{Kind: U8}}}, []byte{1, 2}); err == nil {
		t.Error("a byte too many is accepted")
	}
	if got := string(AppendText(nil, parseType(t, "list<u16>"), []byte("\x02\x01\x80"), -1)); !strings.HasPrefix(got, "[1, 0]<malformed value at byte 2") {
		t.Error(got)
	}
}

// TestDecoder reads back what an encoder wrote, with every verb.
func TestDecoder(t *testing.T) {
	var e Encoder
	for range 2 { // Reset forgets the first round
		e.Reset()
		e.Bool(true)
		e.U8(255)
		e.U16(65535)
		e.U32(7)
		e.U64(1 << 63)
		e.S8(-128)
		e.S16(-32768)
		e.S32(-7)
		e.S64(math.MinInt64)
		e.F32(0.5)
		e.F64(-0.25)
		e.Char('x')
		e.String("text")
		e.Blob([]byte("blob"))
		e.Some()
		e.Err()
		e.OK()
		e.None()
		e.Flags(6)
		e.Rep(4)
		e.Raw([]byte{1, 9})
	}
	d := NewDecoder(e.Bytes())
	got := []any{d.Bool(), d.U8(), d.U16(), d.U32(), d.U64(), d.S8(), d.S16(), d.S32(), d.S64(), d.F32(), d.F64(), d.Char(),
		d.String(), string(d.Blob()), d.Some(), d.IsErr(), d.IsErr(), d.Some(), d.Flags(), d.Rep(), d.Len(), d.Case()}
	want := []any{true, uint8(255), uint16(65535), uint32(7), uint64(1 << 63), int8(-128), int16(-32768), int32(-7), int64(math.MinInt64),
		float32(0.5), -0.25, 'x', "text", "blob", true, true, false, false, uint64(6), uint32(4), 1, 9}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := d.End(); err != nil {
		t.Error(err)
	}
	if d.U8(); d.Err() == nil || d.Bool() || d.Err() != d.End() {
		t.Errorf("the first mistake does not stay: %v, %v", d.Err(), d.End())
	}
}

func TestCutText(t *testing.T) {
	var e Encoder
	e.Len(40)
	for range 40 {
		e.String("héllo")
	}
	got := string(AppendText(nil, parseType(t, "list<string>"), e.Bytes(), 2))
	if want := "[" + strings.Repeat(`"h"..., `, 32) + "...]"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	e.Reset()
	e.Len(33)
	for range 33 {
		e.U8(1)
		e.String("héllo")
	}
	got = string(AppendText(nil, parseType(t, "map<u8, string>"), e.Bytes(), 2))
	if want := "{" + strings.Repeat(`1: "h"..., `, 32) + "...}"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestSelf(t *testing.T) {
	for sig, want := range map[string]string{"func(a: borrow<r>)": "r", "func(a: own<q>)": "q", "func(a: u8, b: own<q>)": "", "func()": ""} {
		f, err := ParseFunc(sig)
		if err != nil {
			t.Fatal(err)
		}
		if self := f.Self(); self != nil && self.Resource != want || self == nil && want != "" {
			t.Errorf("%s: %v, want %q", sig, self, want)
		}
	}
}

// FuzzValue: signatures come back as they are written, and whatever bytes hold,
// every way of reading them agrees on whether they are a value.
func FuzzValue(f *testing.F) {
	for _, s := range signatures {
		f.Add(s, []byte("\x00\x01\x02"))
	}
	for _, v := range values {
		f.Add("func() -> "+v.typ, []byte(v.bytes))
	}
	f.Fuzz(func(t *testing.T, sig string, data []byte) {
		fn, err := ParseFunc(sig)
		if err != nil {
			return
		}
		again, err := ParseFunc(fn.String())
		if err != nil || fn.String() != again.String() {
			t.Fatalf("%s is read as another function: %v", fn, err)
		}
		if fn.Result == nil {
			return
		}
		checkValue(t, fn.Result, data)
	})
}

func checkValue(t *testing.T, typ *Type, data []byte) {
	rest, want := Validate(typ, data)
	data = data[:len(data)-len(rest)]
	js, err := AppendJSON(nil, typ, data)
	if (err == nil) != (want == nil) {
		t.Fatalf("%s: %v as JSON, but %v", typ, err, want)
	}
	if want == nil && !json.Valid(js) {
		t.Fatalf("%s: not JSON: %s", typ, js)
	}
	for _, limit := range []int{-1, 3} {
		for _, c := range AppendText(nil, typ, data, limit) {
			if c < ' ' {
				t.Fatalf("%s: a control character", typ)
			}
		}
	}
}

// Texts are the strings and bytes of a value, with their places.
func TestTexts(t *testing.T) {
	typ := parseType(t, "result<list<tuple<string, list<u8>, u32, option<map<string, list<u8, 2>>>>>, string>")
	value := "\x00\x02\x01a\x02\x00\xff\x05\x00\x00\x01x\x07\x01\x01\x03end\x09\x08"
	var got []string
	each := func(of *Type, at int, text []byte) {
		got = append(got, fmt.Sprintf("%s %d %q", of.Kind, at, text))
		if string(text) != value[at:at+len(text)] {
			t.Errorf("at %d is %q, not %q", at, value[at:at+len(text)], text)
		}
	}
	rest, err := Texts(typ, []byte(value+"more"), each)
	want := []string{`string 3 "a"`, `list 5 "\x00\xff"`, `string 10 ""`, `list 11 "x"`, `string 16 "end"`, `list of fixed length 19 "\t\b"`}
	if err != nil || string(rest) != "more" || !slices.Equal(got, want) {
		t.Errorf("texts %q, want %q; rest %q, %v", got, want, rest, err)
	}
	if _, err := Texts(typ, []byte(value[:len(value)-1]), func(*Type, int, []byte) {}); !errors.Is(err, ErrMalformed) {
		t.Errorf("a value that is cut: %v", err)
	}
}
