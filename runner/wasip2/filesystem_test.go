package wasip2

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format/canon"
)

const fs = "wasi:filesystem/types [method]descriptor."

func flags(v uint64) value { return func(e *canon.Encoder) { e.Flags(v) } }

// follow and noFollow are path flags; the others are of open-at.
var (
	noFollow, follow = flags(0), flags(symlinkFollow)
	anyOpen          = flags(0)
	create           = flags(1)
	directory        = flags(2)
	exclusive        = flags(1 | 4)
	truncate         = flags(8)
	reading          = flags(flagRead)
	writing          = flags(flagWrite)
	both             = flags(flagRead | flagWrite)
	noChange, now    = kase(0), kase(1)
)

// newSandbox returns a guest with a directory that has a few things in it, the
// directory's number, and the directory around it, which holds a secret.
func newSandbox(t *testing.T, readOnly bool) (g *guest, d value, inside, outside string) {
	t.Helper()
	outside = t.TempDir()
	inside = filepath.Join(outside, "sandbox")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(inside, "dir/nested"), 0o755),
		os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600),
		os.WriteFile(filepath.Join(inside, "file"), []byte("inside"), 0o600),
		os.Symlink("file", filepath.Join(inside, "link")),
		os.Symlink("..", filepath.Join(inside, "updir")),
		os.Symlink("../secret", filepath.Join(inside, "up")),
		os.Symlink(filepath.Join(outside, "secret"), filepath.Join(inside, "absolute")),
		os.Symlink("dir/../../secret", filepath.Join(inside, "crooked")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	g = newGuest(t, Config{Dirs: []Dir{{Host: inside, Guest: "/data", ReadOnly: readOnly}}})
	return g, g.rep("wasi:filesystem/preopens get-directories"), inside, outside
}

func TestPreopens(t *testing.T) {
	g, _, _, _ := newSandbox(t, false)
	g.want(`[(descriptor#2, "/data")]`, "wasi:filesystem/preopens get-directories")
	if _, err := New(Config{Dirs: []Dir{{Host: filepath.Join(t.TempDir(), "none"), Guest: "/"}}}); err == nil {
		t.Error("a directory that does not exist is accepted")
	}
}

func TestFiles(t *testing.T) {
	g, d, inside, _ := newSandbox(t, false)
	f := g.rep(fs+"open-at", d, follow, str("link"), anyOpen, both)
	g.want("ok(regular-file)", fs+"get-type", f)
	g.want("ok({read, write})", fs+"get-flags", f)
	g.want("ok({read, mutate-directory})", fs+"get-flags", d)
	g.want(`ok(("ins", false))`, fs+"read", f, u64(3), u64(0))
	g.want(`ok(("de", true))`, fs+"read", f, u64(1<<60), u64(4))
	g.want(`ok(("", true))`, fs+"read", f, u64(1), u64(100))
	g.want(`err(invalid)`, fs+"read", f, u64(1), u64(1<<63))
	g.want(`ok(3)`, fs+"write", f, blob("OUT"), u64(0))
	g.want(`err(invalid)`, fs+"write", f, blob("OUT"), u64(1<<63))

	in := g.rep(fs+"read-via-stream", f, u64(2))
	p := g.rep(streams+"input-stream.subscribe", in)
	g.call("wasi:io/poll [method]pollable.block", p)
	g.want(`ok("Tide")`, streams+"input-stream.read", in, u64(100))
	g.want(`err(closed)`, streams+"input-stream.blocking-read", in, u64(100))

	out := g.rep(fs+"write-via-stream", f, u64(1))
	app := g.rep(fs+"append-via-stream", f)
	g.want("ok", streams+"output-stream.write", out, blob("1"))
	g.want("ok", streams+"output-stream.write", app, blob("!"))
	g.want("ok", streams+"output-stream.write", out, blob("2"))
	g.want("ok", fs+"sync", f)
	g.want("ok", fs+"sync-data", f)
	g.want("ok", fs+"sync", d)
	g.want("ok", fs+"sync-data", d)
	g.want("ok", fs+"advise", f, u64(0), u64(0), kase(1))
	g.want("err(is-directory)", fs+"advise", d, u64(0), u64(0), kase(1))
	g.want("ok", fs+"set-size", f, u64(5))
	g.want("err(invalid)", fs+"set-size", f, u64(1<<63))
	g.drop("descriptor", f)
	g.want("ok", streams+"output-stream.write", out, blob("3"))
	data, err := os.ReadFile(filepath.Join(inside, "file"))
	if err != nil || string(data) != "O123d" {
		t.Errorf("%q, %v", data, err)
	}

	r := g.rep(fs+"open-at", d, noFollow, str("file"), anyOpen, reading)
	for _, fn := range []string{"write-via-stream", "set-size"} {
		g.want("err(bad-descriptor)", fs+fn, r, u64(0))
		g.want("err(is-directory)", fs+fn, d, u64(0))
	}
	g.want("err(bad-descriptor)", fs+"append-via-stream", r)
	g.want("err(bad-descriptor)", fs+"write", r, blob("x"), u64(0))
	g.want("err(is-directory)", fs+"read-via-stream", d, u64(0))
	w := g.rep(fs+"open-at", d, noFollow, str("file"), anyOpen, writing)
	g.want("err(bad-descriptor)", fs+"read", w, u64(1), u64(0))
	g.want("err(not-directory)", fs+"read-directory", r)
	g.want("err(not-directory)", fs+"create-directory-at", r, str("x"))
}

func TestOpenAt(t *testing.T) {
	g, d, _, _ := newSandbox(t, false)
	for _, tt := range []struct {
		path        string
		how, access value
		want        string
	}{
		{"link", anyOpen, reading, "err(loop)"},
		{"missing", anyOpen, reading, "err(no-entry)"},
		{"", anyOpen, reading, "err(no-entry)"},
		{"/file", anyOpen, reading, "err(not-permitted)"},
		{"file", directory, reading, "err(not-directory)"},
		{"file", exclusive, writing, "err(exist)"},
		{"dir", anyOpen, writing, "err(is-directory)"},
		{strings.Repeat("x", 5000), anyOpen, reading, "err(name-too-long)"},
		{"a\x00b", create, writing, "err(invalid)"},
	} {
		g.want(tt.want, fs+"open-at", d, noFollow, str(tt.path), tt.how, tt.access)
	}
	f := g.rep(fs+"open-at", d, noFollow, str("new"), create, flags(flagWrite|flagFileSync))
	g.want("ok({write, file-integrity-sync})", fs+"get-flags", f)
	g.want("ok(1)", fs+"write", f, blob("x"), u64(0))
	f = g.rep(fs+"open-at", d, noFollow, str("new"), truncate, flags(flagWrite|flagDataSync))
	g.want("ok(1)", fs+"write", f, blob("x"), u64(1))
	sub := g.rep(fs+"open-at", d, noFollow, str("dir"), directory, reading)
	g.want("ok({read, mutate-directory})", fs+"get-flags", sub)
	g.want("ok", fs+"create-directory-at", sub, str("made"))
}

func TestStatAndTimes(t *testing.T) {
	g, d, inside, _ := newSandbox(t, false)
	at := func(s, ns int) value { return all(kase(2), u64(uint64(s)), u32(uint32(ns))) }
	g.want("ok", fs+"set-times-at", d, noFollow, str("file"), at(5, 6), at(7, 8))
	const times = "data-access-timestamp: some({seconds: 5, nanoseconds: 6}), data-modification-timestamp: some({seconds: 7, nanoseconds: 8})"
	got := g.call(fs+"stat-at", d, follow, str("link"))
	if !strings.HasPrefix(got, "ok({type: regular-file, link-count: 1, size: 6, "+times) {
		t.Error(got)
	}
	f := g.rep(fs+"open-at", d, noFollow, str("file"), anyOpen, both)
	if s := g.call(fs+"stat", f); s != got {
		t.Errorf("stat %s, stat-at %s", s, got)
	}
	g.want("ok", fs+"set-times", f, noChange, at(9, 0))
	if got := g.call(fs+"stat", f); !strings.Contains(got, "{seconds: 5, nanoseconds: 6}") || !strings.Contains(got, "{seconds: 9, nanoseconds: 0}") {
		t.Error(got)
	}
	g.want("ok", fs+"set-times", d, now, noChange)
	g.want("err(invalid)", fs+"set-times", f, noChange, at(0, 1_000_000_000))
	g.want("err(overflow)", fs+"set-times", f, all(kase(2), u64(1<<63), u32(0)), noChange)
	if got := g.call(fs+"stat-at", d, noFollow, str("link")); !strings.HasPrefix(got, "ok({type: symbolic-link, ") {
		t.Error(got)
	}
	g.want("err(no-entry)", fs+"stat-at", d, noFollow, str("missing"))

	hash := g.call(fs+"metadata-hash", f)
	g.want(hash, fs+"metadata-hash-at", d, follow, str("link"))
	if other := g.call(fs+"metadata-hash", d); other == hash {
		t.Error("a file and a directory have the same hash")
	}
	g.want("err(no-entry)", fs+"metadata-hash-at", d, follow, str("missing"))
	again := g.rep(fs+"open-at", d, noFollow, str("file"), anyOpen, reading)
	g.want("true", fs+"is-same-object", f, again)
	g.want("false", fs+"is-same-object", f, d)
	if err := os.WriteFile(filepath.Join(inside, "file"), []byte("more"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.want(hash, fs+"metadata-hash", f)
}

func TestDirectories(t *testing.T) {
	g, d, inside, _ := newSandbox(t, false)
	g.want("ok", fs+"create-directory-at", d, str("a"))
	g.want("err(exist)", fs+"create-directory-at", d, str("a"))
	g.want("ok", fs+"symlink-at", d, str("../file"), str("a/s"))
	g.want("err(not-permitted)", fs+"symlink-at", d, str("/etc"), str("a/t"))
	g.want(`ok("../file")`, fs+"readlink-at", d, str("a/s"))
	g.want(`err(not-permitted)`, fs+"readlink-at", d, str("absolute"))
	g.want(`err(invalid)`, fs+"readlink-at", d, str("file"))
	sub := g.rep(fs+"open-at", d, noFollow, str("a"), directory, reading)
	g.want("ok", fs+"link-at", d, noFollow, str("file"), sub, str("hard"))
	g.want("err(invalid)", fs+"link-at", d, follow, str("file"), sub, str("hard2"))
	g.want("ok", fs+"rename-at", d, str("a/hard"), sub, str("moved"))
	g.want("err(not-empty)", fs+"remove-directory-at", d, str("a"))
	g.want("err(is-directory)", fs+"unlink-file-at", d, str("a"))
	g.want("err(not-directory)", fs+"remove-directory-at", d, str("file"))

	names := map[string]string{}
	first, second := g.rep(fs+"read-directory", sub), g.rep(fs+"read-directory", sub)
	for _, stream := range []value{first, second} {
		for {
			got := g.call("wasi:filesystem/types [method]directory-entry-stream.read-directory-entry", stream)
			if got == "ok(none)" {
				break
			}
			names[got] += "x"
		}
	}
	want := map[string]string{
		`ok(some({type: symbolic-link, name: "s"}))`:    "xx",
		`ok(some({type: regular-file, name: "moved"}))`: "xx",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	g.want("ok", fs+"unlink-file-at", d, str("a/s"))
	g.want("ok", fs+"unlink-file-at", d, str("a/moved"))
	g.want("ok", fs+"remove-directory-at", d, str("a"))
	if _, err := os.Lstat(filepath.Join(inside, "a")); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// TestEscape tries everything that takes a path with every path that leads out.
func TestEscape(t *testing.T) {
	g, d, _, outside := newSandbox(t, false)
	operations := []struct {
		name string
		args func(path string) []value
	}{
		{"open-at", func(p string) []value { return []value{d, follow, str(p), anyOpen, reading} }},
		{"open-at", func(p string) []value { return []value{d, follow, str(p), create, both} }},
		{"open-at", func(p string) []value { return []value{d, follow, str(p), truncate, writing} }},
		{"stat-at", func(p string) []value { return []value{d, follow, str(p)} }},
		{"metadata-hash-at", func(p string) []value { return []value{d, follow, str(p)} }},
		{"set-times-at", func(p string) []value { return []value{d, follow, str(p), now, now} }},
		{"create-directory-at", func(p string) []value { return []value{d, str(p + "/x")} }},
		{"remove-directory-at", func(p string) []value { return []value{d, str(p + "/x")} }},
		{"unlink-file-at", func(p string) []value { return []value{d, str(p + "/secret")} }},
		{"symlink-at", func(p string) []value { return []value{d, str("file"), str(p + "/x")} }},
		{"readlink-at", func(p string) []value { return []value{d, str(p + "/x")} }},
		{"link-at", func(p string) []value { return []value{d, noFollow, str("file"), d, str(p + "/x")} }},
		{"link-at", func(p string) []value { return []value{d, noFollow, str(p + "/secret"), d, str("x")} }},
		{"rename-at", func(p string) []value { return []value{d, str("file"), d, str(p + "/x")} }},
		{"rename-at", func(p string) []value { return []value{d, str(p + "/secret"), d, str("x")} }},
	}
	paths := []string{
		"..", "../secret", "../", "/", outside, filepath.Join(outside, "secret"), "up", "absolute", "updir",
		"updir/secret", "crooked", "dir/../..", "dir/../../secret", "./../secret", "dir/nested/../../../secret",
	}
	for _, op := range operations {
		for _, path := range paths {
			got := g.call(fs+op.name, op.args(path)...)
			if !strings.HasPrefix(got, "err(") {
				t.Errorf("%s %q: %s", op.name, path, got)
			}
		}
	}
	data, err := os.ReadFile(filepath.Join(outside, "secret"))
	entries, _ := os.ReadDir(outside)
	if err != nil || string(data) != "secret" || len(entries) != 2 {
		t.Errorf("outside: %q, %v, %v", data, entries, err)
	}
}

func TestReadOnly(t *testing.T) {
	g, d, _, _ := newSandbox(t, true)
	g.want("ok({read})", fs+"get-flags", d)
	const denied = "err(read-only)"
	sub := g.rep(fs+"open-at", d, noFollow, str("dir"), directory, reading)
	for _, dir := range []value{d, sub} {
		g.want(denied, fs+"open-at", dir, noFollow, str("x"), create, writing)
		g.want(denied, fs+"open-at", dir, noFollow, str("."), directory, flags(flagRead|flagMutateDirectory))
		g.want(denied, fs+"create-directory-at", dir, str("x"))
		g.want(denied, fs+"set-times", dir, now, now)
		g.want(denied, fs+"symlink-at", dir, str("x"), str("y"))
	}
	g.want(denied, fs+"open-at", d, noFollow, str("file"), anyOpen, writing)
	g.want(denied, fs+"open-at", d, noFollow, str("file"), truncate, reading)
	g.want(denied, fs+"unlink-file-at", d, str("file"))
	g.want(denied, fs+"remove-directory-at", d, str("dir"))
	g.want(denied, fs+"rename-at", d, str("file"), d, str("x"))
	g.want(denied, fs+"link-at", d, noFollow, str("file"), d, str("x"))
	g.want(denied, fs+"set-times-at", d, noFollow, str("file"), now, now)
	f := g.rep(fs+"open-at", d, noFollow, str("file"), anyOpen, reading)
	g.want(denied, fs+"set-times", f, now, now)
}

func TestFilesystemErrorCode(t *testing.T) {
	g := newGuest(t, Config{Stderr: broken{}})
	s := g.rep("wasi:cli/stderr get-stderr")
	e := g.rep(streams+"output-stream.write", s, blob("a"))
	g.want("some(insufficient-space)", "wasi:filesystem/types filesystem-error-code", e)
}
