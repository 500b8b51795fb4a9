package call

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
)

func ofKind(k format.Kind, ev *format.Event) *format.Event {
	ev.Kind = k
	ev.Has &^= format.HasDuration
	return ev
}

func TestFormatKinds(t *testing.T) {
	for _, test := range []struct {
		function string
		ev       *format.Event
		want     string
	}{
		{"", ofKind(format.KindExit, event(nil, nil, 3, nil, nil)), "+++ exited with 3 +++"},
		{"", ofKind(format.KindTrap, event(nil, nil, nil, []byte("unreachable\x1b\nat main"), nil)), `+++ trapped: unreachable\x1b +++`},
		{"run", ofKind(format.KindStart, event([]int64{1, -2}, nil, nil, nil, nil)), "--- start run(1, -2) ---"},
		{"run", ofKind(format.KindStart, event(nil, nil, nil, nil, nil)), "--- start run() ---"},
		{"run", ofKind(format.KindExport, event(nil, nil, 5, nil, nil)), "--- export run = 5 ---"},
		{"", ofKind(format.KindWrite, event([]int64{4096}, nil, nil, nil, []byte("abc"))), `--- write 0x1000 "abc" ---`},
		{"[resource-drop]fields", ofKind(format.KindDrop, event([]int64{7}, nil, nil, nil, nil)), "--- drop [resource-drop]fields(7) ---"},
		{"", ofKind(format.KindInput, event(nil, nil, nil, []byte("q"), nil)), `--- input "q" ---`},
		{"", ofKind(format.KindResize, event([]int64{80, 24}, nil, nil, nil, nil)), "--- resize(80, 24) ---"},
		{"", ofKind(format.KindFrame, event(nil, nil, 9, nil, []byte("cells"))), `--- frame "cells" = 9 ---`},
		{"", ofKind(format.KindEnd, event(nil, nil, nil, nil, nil)), "--- end ---"},
		{"", ofKind(99, event(nil, nil, nil, nil, nil)), "--- unknown ---"},
	} {
		if got := string(Format(nil, nil, "", test.function, test.ev, Options{})); got != test.want {
			t.Errorf("%v: got  %s\nwant %s", test.ev.Kind, got, test.want)
		}
	}
}

func TestFormatOwnFunctions(t *testing.T) {
	h := &format.Header{Functions: []format.Function{
		{Module: "env", Name: "log", Params: params(i32("level", ""), ptr("msg"), size("msg_len")), Reads: []format.Region{buf(roleText, 1, 2)}},
		{Module: "env", Name: "ratio", Params: params(format.Param{Name: "a", Type: format.F32}, format.Param{Name: "b", Type: format.F64}),
			Result: params(format.Param{Type: format.F64})},
		{Module: "env", Name: "find", Params: params(ptr("key")), Result: params(i32("errno", "")), Errno: true},
		{Module: "env", Name: "swap", Params: params(ptr("at")), Compare: true},
	}}
	for _, test := range []struct {
		function string
		ev       *format.Event
		want     string
	}{
		{"log", event([]int64{0xffffffff, 64, 2}, nil, nil, []byte("hi"), nil), `log(level=-1, "hi") <12us>`},
		{"ratio", event([]int64{int64(math.Float32bits(1.5)), int64(math.Float64bits(-2))}, nil, int(int64(math.Float64bits(0.25))), nil, nil),
			"ratio(a=1.5, b=-2) = 0.25 <12us>"},
		{"ratio", event([]int64{0, 0}, nil, nil, nil, nil), "ratio(a=0, b=0) = ? <12us>"},
		{"find", event([]int64{64}, 44, nil, nil, nil), "find() = -1 errno 44 <12us>"},
		{"swap", event([]int64{64}, nil, nil, nil, AppendWrite(nil, 64, []byte("a"))), `swap(writes=[{addr: 0x40, data: "a"}]) <12us>`},
		{"other\n", event([]int64{1, -2}, nil, 5, []byte("in"), []byte("out")), `other\n(1, -2, "in", "out") = 5 <12us>`},
	} {
		if got := string(Format(nil, h, "env", test.function, test.ev, Options{})); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestFormatText(t *testing.T) {
	long := bytes.Repeat([]byte("ab"), 1000)
	for _, test := range []struct {
		name string
		ev   *format.Event
		opts Options
		want string // begins with the function
	}{
		{"64 bytes", event([]int64{1, 64, 1, 80}, 0, 2000, long, nil), Options{}, `fd_write(1, "` + strings.Repeat("ab", 32) + `"...) = 2000`},
		{"whole characters", event([]int64{1, 64, 1, 80}, 0, 4, []byte("éé"), nil), Options{MaxText: 3}, `fd_write(1, "é"...) = 4`},
		{"all", event([]int64{1, 64, 1, 80}, 0, 2000, long, nil), Options{MaxText: -1}, `fd_write(1, "` + string(long) + `") = 2000`},
		{"not all kept", event([]int64{4, 64, 1, 80}, 0, 2000, long[:1024], nil), Options{MaxText: -1}, `fd_write(4, "` + string(long[:1024]) + `"...) = 2000`},
		{"kept to the last byte", event([]int64{4, 64, 1, 80}, 0, 1024, long[:1024], nil), Options{MaxText: -1}, `fd_write(4, "` + string(long[:1024]) + `") = 1024`},
		{"accepted in part", event([]int64{1, 64, 1, 80}, 0, 1, []byte("abc"), nil), Options{}, `fd_write(1, "abc") = 1`},
		{"failed read that moved bytes", event([]int64{0, 64, 2, 80}, 6, nil, nil, []byte("abc")), Options{}, `fd_read(0, "abc") = -1 EAGAIN`},
	} {
		test.ev.Has &^= format.HasDuration
		function, _, _ := strings.Cut(test.want, "(")
		if diff := cmp.Diff(test.want, string(Format(nil, nil, Module, function, test.ev, test.opts))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestAppendDuration(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0ns", 999: "999ns", 1000: "1us", 12_999: "12us", 999_999: "999us", 1_000_000: "1ms", 3_450_000: "3.4ms",
		999_999_999: "999.9ms", 1_000_000_000: "1s", 61_250_000_000: "61.2s", -5: "-5ns",
	} {
		if got := string(appendDuration(nil, ns)); got != want {
			t.Errorf("%d ns: %s, want %s", ns, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0s", 1: "0.000000001s", 1_500_000_000: "1.5s", -1_000_000: "-0.001s", math.MinInt64: "-9223372036.854775808s",
	} {
		if got := string(span(ns).appendText(nil, printer{})); got != want {
			t.Errorf("%d ns: %s, want %s", ns, got, want)
		}
	}
}

func TestJSONIntegers(t *testing.T) {
	o := Object{{"a", int64(1 << 53)}, {"b", int64(-1<<53 - 1)}, {"c", uint64(math.MaxUint64)}, {"d", []any{uint64(1), Object{}, "<"}}}
	got, err := o.MarshalJSON()
	want := `{"a":9007199254740992,"b":"-9007199254740993","c":"18446744073709551615","d":[1,{},"\u003c"]}`
	if string(got) != want || err != nil {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

func FuzzAppendJSONString(f *testing.F) {
	for _, s := range []string{"", "a", "\"", "\\", "<", "\x7f", "é", "\u2028", "\xff", "\n\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(AppendJSONString(nil, s)); got != string(want) {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	})
}
