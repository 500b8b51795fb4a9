package call

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
)

func hashed(ev *format.Event, hash uint64) *format.Event {
	ev.Hash, ev.Has = hash, ev.Has|format.HasHash
	return ev
}

func pollEvent(userdata, timeout uint64) *format.Event {
	return event([]int64{64, 256, 1, 400}, 0, nil, pack(userdata, uint64(0), uint64(1), timeout, uint64(0), uint64(0)), nil)
}

func TestDiffer(t *testing.T) {
	long := strings.Repeat("x", 1100)
	for _, test := range []struct {
		name     string
		function string
		a, b     *format.Event
		same     []Difference // of calls by the same module
		other    []Difference // of calls by another one
	}{
		{"equal", "fd_write",
			hashed(event([]int64{1, 64, 1, 80}, 0, 6, []byte("Hello\n"), nil), 1),
			hashed(event([]int64{1, 64, 1, 80}, 0, 6, []byte("Hello\n"), nil), 1), nil, nil},
		{"addresses and iovecs", "fd_write",
			hashed(event([]int64{1, 64, 1, 80}, 0, 6, []byte("Hello\n"), nil), 1),
			hashed(event([]int64{1, 96, 2, 80}, 0, 6, []byte("Hello\n"), nil), 2),
			[]Difference{{"iovs", "0x40", "0x60"}, {"iovs_len", "1", "2"}, {"iovecs (hash)", "1", "2"}}, nil},
		{"text", "fd_write",
			hashed(event([]int64{1, 64, 1, 80}, 0, 6, []byte("Hello\n"), nil), 1),
			hashed(event([]int64{2, 64, 1, 80}, 0, 6, []byte("Hallo!\n"), nil), 1),
			[]Difference{{"text", `"Hello\n"`, `"Hallo!\n"`}, {"fd", "1", "2"}},
			[]Difference{{"text", `"Hello\n"`, `"Hallo!\n"`}, {"fd", "1", "2"}}},
		{"text far in", "fd_write",
			event([]int64{1, 64, 1, 80}, 0, 6, []byte(long+"a"), nil),
			event([]int64{1, 64, 1, 80}, 0, 6, []byte(long+"b"), nil),
			[]Difference{{"text from byte 1084", `"` + long[:16] + `a"`, `"` + long[:16] + `b"`}},
			[]Difference{{"text from byte 1084", `"` + long[:16] + `a"`, `"` + long[:16] + `b"`}}},
		{"text not kept", "fd_write",
			hashed(event([]int64{4, 64, 1, 80}, 0, 6, []byte(long[:1024]), nil), 16),
			hashed(event([]int64{4, 64, 1, 80}, 0, 6, []byte(long[:1024]), nil), 17),
			[]Difference{{"text (hash of all of it)", "10", "11"}},
			[]Difference{{"text (hash of all of it)", "10", "11"}}},
		{"path and flags", "path_open",
			event([]int64{3, 1, 64, 1, 0, 2, 0, 0, 96}, 0, 5, []byte("a"), nil),
			event([]int64{3, 1, 64, 2, 9, 2, 0, 0, 96}, 0, 5, []byte("bc"), nil),
			[]Difference{{"path", `"a"`, `"bc"`}, {"oflags", "0", "O_CREAT|O_TRUNC"}},
			[]Difference{{"path", `"a"`, `"bc"`}, {"oflags", "0", "O_CREAT|O_TRUNC"}}},
		{"userdata", "poll_oneoff", pollEvent(1, 1e9), pollEvent(2, 1e9),
			[]Difference{{"in",
				"[{userdata: 1, type: clock, clock: monotonic, timeout: 1s, precision: 0s, flags: 0}]",
				"[{userdata: 2, type: clock, clock: monotonic, timeout: 1s, precision: 0s, flags: 0}]"}}, nil},
		{"timeout", "poll_oneoff", pollEvent(1, 1e9), pollEvent(1, 2e9),
			[]Difference{{"in",
				"[{userdata: 1, type: clock, clock: monotonic, timeout: 1s, precision: 0s, flags: 0}]",
				"[{userdata: 1, type: clock, clock: monotonic, timeout: 2s, precision: 0s, flags: 0}]"}},
			[]Difference{{"in",
				"[{type: clock, clock: monotonic, timeout: 1s}]", "[{type: clock, clock: monotonic, timeout: 2s}]"}}},
	} {
		fn, _ := Lookup(Module, test.function)
		if diff := cmp.Diff(test.same, Differ(fn, testHeader(), test.a, test.b, true)); diff != "" {
			t.Errorf("%s, same module (-want +got):\n%s", test.name, diff)
		}
		if diff := cmp.Diff(test.other, Differ(fn, testHeader(), test.a, test.b, false)); diff != "" {
			t.Errorf("%s, other module (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestDifferUnknownFunction(t *testing.T) {
	a := event([]int64{1, 2}, nil, nil, []byte("in"), nil)
	b := event([]int64{1, 3}, nil, nil, []byte("on"), nil)
	want := []Difference{{"p1", "2", "3"}, {"input", `"in"`, `"on"`}}
	if diff := cmp.Diff(want, Differ(nil, nil, a, b, true)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDifferAllocatesNothing(t *testing.T) {
	fn, _ := Lookup(Module, "fd_write")
	h := testHeader()
	ev := hashed(event([]int64{1, 64, 1, 80}, 0, 6, []byte("Hello\n"), nil), 1)
	if n := testing.AllocsPerRun(10, func() { Differ(fn, h, ev, ev, true) }); n != 0 {
		t.Errorf("%v allocations for equal calls", n)
	}
}

func TestDifferResults(t *testing.T) {
	later := testHeader()
	later.StartNS++
	for _, test := range []struct {
		name     string
		function string
		a, b     *format.Event
		hb       *format.Header
		want     []Difference
	}{
		{"equal", "fd_read", event([]int64{0, 64, 1, 80}, 0, 2, nil, []byte("ab")), event([]int64{0, 64, 1, 80}, 0, 2, nil, []byte("ab")), testHeader(), nil},
		{"data", "fd_read", event([]int64{0, 64, 1, 80}, 0, 2, nil, []byte("ab")), event([]int64{0, 64, 1, 80}, 0, 3, nil, []byte("abc")), testHeader(),
			[]Difference{{"text", `"ab"`, `"abc"`}, {"nread", "2", "3"}}},
		{"errno", "fd_read", event([]int64{0, 64, 1, 80}, 0, 0, nil, nil), event([]int64{0, 64, 1, 80}, 6, nil, nil, nil), testHeader(),
			[]Difference{{"errno", "0", "EAGAIN"}}},
		{"derived clock", "clock_time_get", event([]int64{1, 1, 64}, 0, nil, nil, nil), event([]int64{1, 1, 64}, 0, nil, nil, nil), later,
			[]Difference{{"timestamp", "1.234567s", "1.234566999s"}}},
		{"left by a failure", "poll_oneoff", event([]int64{0, 64, 0, 80}, 28, 1, nil, nil), event([]int64{0, 64, 0, 80}, 28, 1, nil, []byte("a")), testHeader(),
			[]Difference{{"output", `""`, `"a"`}}},
	} {
		fn, _ := Lookup(Module, test.function)
		if diff := cmp.Diff(test.want, DifferResults(fn, testHeader(), test.hb, test.a, test.b)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
