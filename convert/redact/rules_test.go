package redact

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

func pathOpen(dir int64, path string, fd int64) format.Event {
	return event("path_open", 0, fd, path, "", dir, 0, 64, int64(len(path)), 0, 0, 0, 0, 96)
}

// The contents of a file are masked where they were moved, in whatever pieces,
// and its lines and what they assign elsewhere as well.
func TestPath(t *testing.T) {
	rules := Rules{Paths: []string{"/data/conf/*.env"}}
	got := maskedTexts(t, rules,
		pathOpen(3, "conf", 7), pathOpen(7, "app.env", 8), pathOpen(3, "conf/other.txt", 9),
		fdRead(8, "USER=me\nPASS=swordf"), fdRead(9, "USER=me, ab"), fdRead(8, "ish\nab\n"),
		fdWrite(1, "with swordfish, ab: USER=me"), fdWrite(8, "written there"),
		event("fd_renumber", 0, 0, "", "", 8, 10), fdRead(10, "more\n"), event("fd_close", 0, 0, "", "", 10), pathOpen(3, "x", 10), fdRead(10, "other"))
	checkTexts(t, got, "conf", "app.env", "conf/other.txt",
		"xxxxxxx\nxxxxxxxxxxx", "xxxxxxx, ab", "xxx\nxx\n",
		"with xxxxxxxxx, ab: xxxxxxx", "xxxxxxxxxxxxx",
		"", "xxxx\n", "", "x", "other")
}

func TestPathOfComponent(t *testing.T) {
	rules := Rules{Paths: []string{"key"}}
	got := maskedTexts(t, rules,
		event("get-directories", -1, 0, "", "\x01\x01"+blob("/")),
		event("[method]descriptor.open-at", 0, 0, "\x00"+blob("etc/key"), "\x00\x02", 1),
		event("[method]descriptor.read-via-stream", 0, 0, "\x00", "\x00\x05", 2),
		event("[method]input-stream.read", 0, 0, "\x05", "\x00"+blob("abcde"), 5),
		event("[method]descriptor.read", 0, 0, "\x05\x05", "\x00"+blob("fgh")+"\x01", 2),
		event("[method]input-stream.read", 0, 0, "\x05", "\x00"+blob("klmno"), 6),
		event("[method]output-stream.write", 0, 0, blob("it is abcdefgh"), "\x00", 1))
	checkTexts(t, got, "\x01\x01"+blob("/"), "\x00"+blob("etc/key")+"\x00\x02", "\x00\x00\x05",
		"\x05\x00"+blob("xxxxx"), "\x05\x05\x00"+blob("xxx")+"\x01", "\x05\x00"+blob("klmno"), blob("it is xxxxxxxx")+"\x00")
}

// A file that is no text is masked as a whole, and searched for if it is long.
func TestBinaryFile(t *testing.T) {
	key := "\x00\x01\x02\xff \n\x07abcdefghijk"
	got := maskedTexts(t, Rules{Paths: []string{"key"}}, pathOpen(3, "key", 8), fdRead(8, key[:10]), fdRead(8, key[10:]), fdWrite(1, "<"+key+">"), fdWrite(1, "abcdefgh"))
	checkTexts(t, got, "key", "xxxxxxxxxx", "xxxxxxxx", "<xxxxxxxxxxxxxxxxxx>", "abcdefgh")
}

func TestMatchPath(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"key.pem", "/data/key.pem", true}, {"*.pem", "a/b.pem", true}, {"*.pem", "a.pem/b", false}, {"/data/*", "data/x/y", true},
		{"data/key", "/data/key", true}, {"./data/../data/key", "/data/key", true}, {"/key", "/data/key", false}, {"key", "keys", false}, {"*", "x", true},
	} {
		if got := matchPath(test.pattern, test.name); got != test.want {
			t.Errorf("%q matches %q: %t", test.pattern, test.name, got)
		}
	}
}

// Lines that are too short to be searched for are counted.
func TestShortLines(t *testing.T) {
	in := made{events: []format.Event{pathOpen(3, "key", 8), fdRead(8, "on\nlonger\n---- \n"), fdWrite(1, "on")}}.open(t)
	out, err := redactTrace(t, in, Rules{Paths: []string{"key"}}, Options{})
	must(t, err)
	if want := []Short{{"--path key", 1, true}}; !slices.Equal(out.Short, want) {
		t.Errorf("short %v, want %v", out.Short, want)
	}
	if got := out.texts(t); strings.ReplaceAll(got[1], got[1][:1], "x") != "xx\nxxxxxx\nxxxx \n" || got[2] != "on" {
		t.Errorf("%q", got)
	}
}

// Secrets that are too short stay if they may, and are counted.
func TestShortSecrets(t *testing.T) {
	in := made{events: []format.Event{fdRead(0, "a: on\na: longer\n")}}.open(t)
	out, err := redactTrace(t, in, Rules{Headers: []string{"a"}}, Options{Short: true})
	must(t, err)
	if want := []Short{{"--header a", 1, false}}; !slices.Equal(out.Short, want) {
		t.Errorf("short %v, want %v", out.Short, want)
	}
	if n := out.same(t, in); n != 6 {
		t.Errorf("%d bytes masked, want 6", n)
	}
}

func TestRegexps(t *testing.T) {
	got := maskedTexts(t, regexps(`id-[0-9]+`, `pin=(\w+);tan=(\w+)?`), fdRead(0, "id-12"), fdRead(0, "34 and id-999"), fdWrite(1, "id-1234, id, pin=abcd;tan="), fdWrite(1, "efgh."))
	checkTexts(t, got, "xxxxx", "xx and xxxxxx", "xxxxxxx, id, pin=xxxx;tan=", "xxxx.")
}

// However a stream is cut, its secrets are those of the whole, long ones and such
// as are far from each other too.
func TestRegexpsInPieces(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 3))
		var whole strings.Builder
		want := map[string]bool{}
		for range 1 + r.IntN(6) {
			secret := fmt.Sprintf("<%d%s>", r.Uint64(), strings.Repeat("a", r.IntN(keptWindow/4)))
			want[secret] = true
			whole.WriteString(strings.Repeat(". ", r.IntN(2*keptWindow)) + secret)
		}
		var m made
		for text := whole.String(); text != ""; {
			n := min(len(text), 1+r.IntN(1<<r.IntN(16)))
			m.events = append(m.events, fdRead(0, text[:n]), fdWrite(1, "."))
			text = text[n:]
		}
		out, err := redactTrace(t, m.open(t), regexps("<[^>]*>"), Options{})
		must(t, err)
		if got := out.Rules[0].Secrets; got != len(want) {
			t.Errorf("seed %d: %d secrets, want %d", seed, got, len(want))
		}
		for secret := range want {
			out.gone(t, secret[:20])
		}
	}
}

// What is masked outside of events: header and attachments.
func TestHeaderAndAttachments(t *testing.T) {
	large := strings.Repeat("0123456789", scanBytes/10+2) // the secret is across two pieces of the scan
	at := scanBytes - 3
	m := made{attachments: map[string]string{"geheim.txt": "so geheim", "large": large[:at] + "geheim" + large[at:]}}
	m.header = format.Header{Tags: map[string]string{"geheim": "sehr geheim"}, Program: &format.Program{Name: "app.wasm", Args: []string{"geheim"}, Env: []string{"A=geheim"},
		Dirs: []format.Preopen{{Host: "/home/geheim", Guest: "/"}}, Dial: []format.Dialed{{Address: "geheim:80"}}, Cwd: "/geheim"}}
	m.events = []format.Event{fdRead(0, "-")}
	in := m.open(t)
	before := *in.Header()
	out, err := redactTrace(t, in, regexps("geheim"), Options{})
	must(t, err)
	out.gone(t, "geheim", "Z2VoZWlt")
	h := out.Header()
	if h.Tags["xxxxxx"] != "sehr xxxxxx" || h.Program.Dirs[0].Host != "/home/xxxxxx" || h.Program.Env[0] != "A=xxxxxx" || h.ID == before.ID {
		t.Errorf("%+v, program %+v", h, h.Program)
	}
	for name, want := range map[string]string{"xxxxxx.txt": "so xxxxxx", "large": large[:at] + "xxxxxx" + large[at:]} {
		if data, err := out.ReadAttachment(name); err != nil || string(data) != want {
			t.Errorf("%s: %v, as expected %t", name, err, string(data) == want)
		}
	}
	if diff := cmp.Diff(before, *in.Header()); diff != "" {
		t.Errorf("the header that was read has changed:\n%s", diff)
	}
	want := &format.Redacted{Rules: []format.RedactedBy{{Rule: "regexp", Secrets: 1, Places: 10}}, Places: 10}
	if diff := cmp.Diff(want, h.Redacted); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Every text in a header is masked, those of fields that are added later too.
func TestEveryHeaderText(t *testing.T) {
	h := new(format.Header)
	fillTexts(reflect.ValueOf(h).Elem())
	changed, err := eachText(h, func(s string) string { return strings.Repeat("x", len(s)) })
	must(t, err)
	if changed.ID != "geheim" || changed.Program.SHA256 != "geheim" || changed.Functions[0].Name != "geheim" {
		t.Errorf("%+v", changed)
	}
	changed.ID, changed.Program.SHA256, changed.Functions, changed.Redacted = "", "", nil, nil
	data, err := json.Marshal(changed)
	must(t, err)
	if strings.Contains(string(data), "geheim") || !strings.Contains(string(data), `"tags":{"xxxxxx":"xxxxxx"}`) {
		t.Errorf("%s", data)
	}
}

// fillTexts puts a text wherever there may be one.
func fillTexts(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("geheim")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillTexts(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillTexts(v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			fillTexts(v.Field(i))
		}
	case reflect.Map:
		if v.Type() == reflect.TypeFor[map[string]string]() {
			v.Set(reflect.ValueOf(map[string]string{"geheim": "geheim"}))
		}
	}
}

// Redacting again adds to what was masked.
func TestAgain(t *testing.T) {
	in := made{events: []format.Event{fdRead(0, "eins zwei")}}.open(t)
	once, err := redactTrace(t, in, regexps("eins"), Options{})
	must(t, err)
	twice, err := redactTrace(t, once.File, regexps("zwei"), Options{})
	must(t, err)
	if r := twice.Header().Redacted; r.Places != 2 || len(r.Rules) != 2 || twice.texts(t)[0] != "xxxx xxxx" {
		t.Errorf("%+v, %q", r, twice.texts(t))
	}
}

// Each rule counts what it found, also where another one found it too.
func TestCounts(t *testing.T) {
	m := made{events: []format.Event{fdRead(0, "Token: abcdefgh\n"), fdWrite(1, "abcdefgh ab"), fdWrite(1, "cd")}}
	m.header.Program = &format.Program{Name: "app.wasm", Env: []string{"T=abcd"}}
	out, err := redactTrace(t, m.open(t), Rules{Headers: []string{"token"}, Env: []string{"T"}}, Options{})
	must(t, err)
	want := &format.Redacted{Rules: []format.RedactedBy{{Rule: "header", Name: "token", Secrets: 1, Places: 2}, {Rule: "env", Name: "T", Secrets: 1, Places: 2}}, Places: 4}
	if diff := cmp.Diff(want, out.Redacted); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRefused(t *testing.T) {
	events := []format.Event{fdRead(0, "token abc def")}
	plain := made{events: events, module: "has token in it"}
	for name, test := range map[string]struct {
		trace   made
		rules   Rules
		options Options
		check   func(error) bool
	}{
		"nothing": {plain, regexps("none"), Options{}, func(err error) bool { return errors.As(err, new(*UnmatchedError)) }},
		"short":   {plain, regexps("abc"), Options{}, func(err error) bool { return errors.As(err, new(*ShortError)) }},
		"zeros": {made{events: []format.Event{fdRead(0, "a\x00\x00\x00\x00b")}}, regexps("[^0-9]+"), Options{},
			func(err error) bool { return errors.As(err, new(*ShortError)) }},
		"program":  {plain, regexps("token"), Options{}, func(err error) bool { return errors.As(err, new(*ProgramError)) }},
		"no rules": {plain, Rules{}, Options{}, func(err error) bool { return err != nil }},
		"session": {made{events: events, header: format.Header{Session: map[string]any{"schema_version": 1}}}, regexps("token"), Options{},
			func(err error) bool { return errors.Is(err, ErrUnsupported) }},
		"unmatched lets it": {plain, regexps("none"), Options{Unmatched: true}, func(err error) bool { return err == nil }},
		"program lets it":   {plain, regexps("token"), Options{Program: true}, func(err error) bool { return err == nil }},
	} {
		if _, err := redactTrace(t, test.trace.open(t), test.rules, test.options); !test.check(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is searched for is bounded.
func TestTooMany(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	for b.Len() < maxSecretBytes*11/10 {
		fmt.Fprintf(&b, "%0*d\n", 20+r.IntN(1000), r.Uint64())
	}
	in := made{events: []format.Event{pathOpen(3, "key", 8), fdRead(8, b.String())}}.open(t)
	if _, err := redactTrace(t, in, Rules{Paths: []string{"key"}}, Options{}); !errors.Is(err, ErrTooMany) {
		t.Errorf("%v, want %v", err, ErrTooMany)
	}
}

// An event in parts is one text, and stays in its rows.
func TestParts(t *testing.T) {
	text := strings.Repeat("0123456789", 30)
	m := made{size: 64, rows: 5, events: []format.Event{fdRead(0, text[:61]+"geheim"+text), fdWrite(1, text[:60]+"geh"), fdWrite(1, "eim"), fdRead(0, text)}}
	in := m.open(t)
	if in.Summary().Kinds["part"] == 0 {
		t.Fatal("no event is in parts")
	}
	out, err := redactTrace(t, in, regexps("geheim"), Options{})
	must(t, err)
	if n := out.same(t, in); n != 12 {
		t.Errorf("%d bytes masked, want 12", n)
	}
	out.gone(t, "geheim")
}

// Parts of different tasks may be mixed, and the last may be missing.
func TestMixedParts(t *testing.T) {
	part := func(task int32, s string) format.Event {
		e := withBytes(format.Event{Kind: format.KindPart, Task: task}, "", s)
		return e
	}
	last := func(task int32, s string) format.Event { e := fdRead(0, s); e.Task = task; return e }
	m := made{events: []format.Event{part(1, "a gehe"), part(2, "b geh"), last(0, "geheim"), part(1, "im - ge"), last(2, "eim"), last(1, "heim"), part(3, "c geheim")}}
	in := m.open(t)
	out, err := redactTrace(t, in, regexps("geheim"), Options{})
	must(t, err)
	out.same(t, in)
	var got []string
	for e, err := range out.Events(reader.Query{RawParts: true}) {
		must(t, err)
		got = append(got, string(e.Output))
	}
	checkTexts(t, got, "a xxxx", "b xxx", "xxxxxx", "xx - xx", "xxx", "xxxx", "c xxxxxx")
}

// A recording in progress is refused: it would grow between the passes.
func TestLive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live")
	w, err := writer.Create(path, writer.Options{Header: &format.Header{Program: &format.Program{Name: "x"}}, Modules: []string{"m"}, Functions: []string{"f"}})
	must(t, err)
	defer w.Abort()
	must(t, w.Start())
	in := openTrace(t, path)
	if _, err := Redact(ctx, in, regexps("geheim"), Options{}, edit.Output{Path: filepath.Join(t.TempDir(), "out")}); !errors.Is(err, edit.ErrLive) {
		t.Errorf("%v, want %v", err, edit.ErrLive)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
