package redact

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/format"
)

func matcherOf(t testing.TB, texts ...string) *matcher {
	t.Helper()
	var list []needle
	for i, text := range texts {
		list = append(list, needle{text: []byte(text), rules: []int{i}})
	}
	m, err := newMatcher(list)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// random is a text of few letters, so that needles overlap and repeat.
func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = "ab"[r.IntN(2)]
	}
	return b
}

// The matcher finds what a search for each needle finds.
func TestMatcher(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var texts []string
		for range 1 + r.IntN(8) {
			texts = append(texts, string(random(r, minSecret+r.IntN(6))))
		}
		m := matcherOf(t, texts...)
		text := random(r, r.IntN(60))
		var got []span
		m.find(text, len(text), func(s span, n *needle) {
			if string(n.text) != string(text[s.from:s.to]) {
				t.Fatalf("found %q at %v of %q", n.text, s, text)
			}
			got = append(got, s)
		})
		var want []span
		for i := range text {
			longest := 0
			for _, x := range texts {
				if bytes.HasPrefix(text[i:], []byte(x)) {
					longest = max(longest, len(x))
				}
			}
			if longest > 0 {
				want = append(want, span{i, i + longest})
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q in %q: %v, want %v", texts, text, got, want)
		}
		checkEnds(t, m, texts, text)
	}
}

// checkEnds compares open and rest with a search for each needle.
func checkEnds(t *testing.T, m *matcher, texts []string, text []byte) {
	t.Helper()
	open, rest := len(text), 0
	for _, x := range texts {
		for n := 1; n < len(x); n++ {
			if bytes.HasSuffix(text, []byte(x[:n])) {
				open = min(open, len(text)-n)
			}
			if n >= minSecret && bytes.HasPrefix(text, []byte(x[len(x)-n:])) {
				rest = max(rest, n)
			}
		}
	}
	if got, _ := m.open(text); got != open {
		t.Fatalf("%q may begin at %d of %q, want %d", texts, got, text, open)
	}
	if got, _ := m.rest(text); got != rest {
		t.Fatalf("%d bytes of %q are the rest of one of %q, want %d", got, text, texts, rest)
	}
}

// A digest of a secret tells of it: whoever has it can try what it is of.
func TestDigests(t *testing.T) {
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("hunter22\n")))
	raw := md5.Sum([]byte("hunter22"))
	events := []format.Event{fdWrite(1, "hunter22"), fdWrite(1, "sum "+sum), fdWrite(1, string(raw[:])),
		pathOpen(3, "key", 8), fdRead(8, "one\ntwo two\n"), event("fd_close", 0, 0, "", "", 8), fdWrite(1, fmt.Sprintf("%X", sha1.Sum([]byte("one\ntwo two\n"))))}
	rules := regexps("hunter22")
	rules.Paths = []string{"key"}
	got := maskedTexts(t, rules, events...)
	checkTexts(t, got[:3], "xxxxxxxx", "sum "+strings.Repeat("x", 64), strings.Repeat("x", 16))
	checkTexts(t, got[6:], strings.Repeat("x", 40))
}

func TestFiller(t *testing.T) {
	if m := matcherOf(t, "lower", "UPPER"); m.filler != 'x' {
		t.Errorf("filler %q", m.filler)
	}
	if m := matcherOf(t, "xXzZ"); m.filler != 'q' {
		t.Errorf("filler %q", m.filler)
	}
	var all []byte
	for c := range 128 {
		all = append(all, byte(c))
	}
	if _, err := newMatcher([]needle{{text: all}}); err != errFiller {
		t.Errorf("no character is left: %v, want %v", err, errFiller)
	}
}

// mask masks a secret in a text, with all its encodings.
func maskIn(t testing.TB, secret, text string) string {
	t.Helper()
	m, err := newMatcher(encodings([]byte(secret), []int{0}))
	if err != nil {
		t.Fatal(err)
	}
	k := newMasker(nil, m, nil, 1)
	return k.string(text)
}

// Whatever stands around it, a secret does not survive being encoded.
func TestEncodings(t *testing.T) {
	for _, secret := range []string{"hunter2!", "pass", "häßlich & \"geheim\"\n", "a/b+c=d e", "🔑🔒", "\xff\x00\x80\x12\x34"} {
		for before := range 4 {
			for after := range 4 {
				plain := strings.Repeat("<", before) + secret + strings.Repeat(">", after)
				for name, text := range encoded(plain) {
					got := maskIn(t, secret, "("+text+")")
					if len(got) != len(text)+2 {
						t.Errorf("%s of %q: %d bytes became %d", name, plain, len(text)+2, len(got))
					}
					if left := kept(text, got[1:len(got)-1]); left > 2*(before+after)*6 {
						t.Errorf("%s of %q: %q became %q", name, plain, text, got)
					}
				}
			}
		}
	}
}

// kept counts the bytes that stayed.
func kept(before, after string) (n int) {
	for i := range before {
		if before[i] == after[i] {
			n++
		}
	}
	return n
}

func encoded(s string) map[string]string {
	js, _ := json.Marshal(s)
	m := map[string]string{
		"plain": s, "hex": hex.EncodeToString([]byte(s)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(s))),
		"base64": base64.RawStdEncoding.EncodeToString([]byte(s)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(s)),
		"query": url.QueryEscape(s), "path": url.PathEscape(s), "go": strings.Trim(fmt.Sprint([]byte(s)), "[]"),
		"rust": strings.Trim(strings.ReplaceAll(fmt.Sprint([]byte(s)), " ", ", "), "[]"),
	}
	if strings.ToValidUTF8(s, "") == s {
		m["json"] = string(js[1 : len(js)-1])
	}
	return m
}

// Secrets that are very long are found although they are searched for in pieces.
func TestLongSecret(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	secret := make([]byte, 3*maxNeedle+1)
	for i := range secret {
		secret[i] = byte('a' + r.IntN(20))
	}
	text := "before " + string(secret) + " after"
	got := maskIn(t, string(secret), text)
	want := "before " + strings.Repeat(string(got[10]), len(secret)) + " after"
	if got != want || strings.Contains(string(secret), got[10:11]) {
		t.Errorf("%d of %d bytes stayed", kept(text, got), len(text))
	}
}

func TestWiden(t *testing.T) {
	text := []byte("aä€b")
	for _, test := range []struct{ in, want span }{{span{0, 1}, span{0, 1}}, {span{2, 3}, span{1, 3}}, {span{1, 4}, span{1, 6}}, {span{4, 5}, span{3, 6}}} {
		if got := widen(text, []span{test.in}); !slices.Equal(got, []span{test.want}) {
			t.Errorf("%v: %v, want %v", test.in, got, test.want)
		}
	}
	if got := widen([]byte("a\xc3"), []span{{1, 2}}); !slices.Equal(got, []span{{1, 2}}) {
		t.Errorf("of what is not UTF-8: %v", got)
	}
}

// BenchmarkFind looks for one secret in text that has none.
func BenchmarkFind(b *testing.B) {
	m, err := newMatcher(append(encodings([]byte("geheim-geheim"), nil), digests([]byte("geheim-geheim"), nil)...))
	if err != nil {
		b.Fatal(err)
	}
	text := bytes.Repeat([]byte("lorem ipsum dolor sit amet, consectetur "), 1<<20/40)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m.find(text, len(text), func(span, *needle) { b.Fatal("found") })
	}
}
