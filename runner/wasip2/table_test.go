package wasip2

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
)

// TestTable compares the table with the names of all that WASI 0.2 has, as they
// are in its WIT.
func TestTable(t *testing.T) {
	want, err := os.ReadFile("testdata/functions.txt")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(want, []byte("\n")); n != 29+177 {
		t.Fatalf("%d lines, want 29 interfaces and 177 functions", n)
	}
	names := map[string][]string{}
	for _, i := range Interfaces {
		var list []string
		for _, f := range i.Functions {
			list = append(list, "  "+f.Name)
		}
		slices.Sort(list)
		names[i.Name] = append(list, names[i.Name]...)
	}
	var got []string
	for line := range strings.Lines(string(want)) {
		if name := strings.TrimSpace(line); strings.HasPrefix(line, "wasi:") {
			got = append(append(got, name), names[name]...)
			delete(names, name)
		}
	}
	if diff := cmp.Diff(string(want), strings.Join(got, "\n")+"\n"); diff != "" || len(names) > 0 {
		t.Errorf("%s\nnot in WASI 0.2: %v", diff, names)
	}
}

func TestSignatures(t *testing.T) {
	all, err := entries()
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range all {
		if text := e.sig.String(); strings.Contains(text, "$") || strings.Contains(text, "<>") {
			t.Errorf("%v: %s", name, text)
		}
	}
	if got := all[[2]string{"wasi:io/streams", "[method]input-stream.read"}].sig.String(); got !=
		"func(self: borrow<wasi:io/streams.input-stream>, len: u64) -> result<list<u8>, variant{last-operation-failed(own<wasi:io/error.error>), closed}>" {
		t.Error(got)
	}
}

func TestFunc(t *testing.T) {
	h, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ iface, name, sig, want string }{
		{"wasi:clocks/monotonic-clock@0.2.9", "now", "func() -> u64", ""},
		{"wasi:clocks/monotonic-clock@0.2.9", "subscribe-instant", "func(other-name: u64) -> own<wasi:io/poll.pollable>", ""},
		{"wasi:clocks/monotonic-clock@0.2.9", "now", "func() -> u32", "now is imported as func() -> u32, want func() -> u64"},
		{"wasi:clocks/monotonic-clock@0.2.9", "now", "func()", "want func() -> u64"},
		{"wasi:clocks/monotonic-clock@0.2.9", "now", "func(a: u8) -> u64", "want func() -> u64"},
		{"wasi:clocks/monotonic-clock@0.2.9", "later", "func()", "wasi:clocks/monotonic-clock@0.2.9: WASI 0.2 has no function later"},
		{"wasi:threads/x@0.2.9", "now", "func()", "has no function now"},
	} {
		sig, err := canon.ParseFunc(tt.sig)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Func(tt.iface, tt.name, sig)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s %s: %v, want %q", tt.iface, tt.name, tt.sig, err, tt.want)
		}
	}
}

// TestMalformedArguments gives every function bytes that are no arguments: it
// must not panic. Numbers of resources are mostly those of none.
func TestMalformedArguments(t *testing.T) {
	for _, args := range [][]byte{nil, {0}, {1}, bytes.Repeat([]byte{1}, 64), bytes.Repeat([]byte{0xff}, 64)} {
		all, _ := entries()
		for name := range all {
			g := newGuest(t, Config{})
			for _, r := range []string{"wasi:sockets/instance-network instance-network", web + "[constructor]fields"} {
				g.rep(r)
			}
			g.raw(name[0], name[1], args)
		}
	}
}

// TestVersions: any version of WASI 0.2 will do, and no other one.
func TestVersions(t *testing.T) {
	for iface, known := range map[string]bool{
		"wasi:random/random": true, "wasi:random/random@0.2.0": true, "wasi:random/random@0.2.99": true,
		"wasi:random/random@0.3.0": false, "wasi:random/random@0.20.0": false, "wasi:random/random@1.0.0": false, "acme:random/random@0.2.0": false,
	} {
		if _, err := lookup(iface, "get-random-u64", nil); (err == nil) != known {
			t.Errorf("%s: %v, want it known: %t", iface, err, known)
		}
	}
	sig, err := canon.ParseFunc("func() -> string")
	if err != nil {
		t.Fatal(err)
	}
	var other *component.TypeError
	if _, err := lookup("wasi:random/random@0.2.0", "get-random-u64", sig); !errors.As(err, &other) || other.Want.String() != "func() -> u64" {
		t.Errorf("another type: %v", err)
	}
}
