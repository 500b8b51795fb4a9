package redact

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/tracetool/tracetool/reader"
)

// fileRules say which files are secret.
type fileRules struct {
	patterns map[int]string // by rule
	known    map[string][]int
}

func newFileRules(rules []rule) *fileRules {
	f := &fileRules{patterns: map[int]string{}, known: map[string][]int{}}
	for i, r := range rules {
		if r.kind == rulePath {
			f.patterns[i] = r.name
		}
	}
	return f
}

// maxKnown is how many paths are remembered.
const maxKnown = 1 << 12

// match returns the rules that a file is one of.
func (f *fileRules) match(name string) []int {
	if name == "" || len(f.patterns) == 0 {
		return nil
	}
	rules, known := f.known[name]
	if known {
		return rules
	}
	for i, pattern := range f.patterns {
		if matchPath(pattern, name) {
			rules = append(rules, i)
		}
	}
	if len(f.known) < maxKnown {
		f.known[name] = rules
	}
	return rules
}

// matchPath: a pattern is of the whole path, as the guest knows it, or of its
// last element if it has no slash. A * stands for any text.
func matchPath(pattern, name string) bool {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if !strings.Contains(pattern, "/") {
		return reader.Glob(pattern, path.Base(name))
	}
	return reader.Glob(strings.TrimPrefix(path.Clean("/"+pattern), "/"), name)
}

// contents takes what is secret in the contents of a file that are there: the
// lines that are whole, or all of them at the end.
func (f *finder) contents(s *foundStream, end bool) error {
	if len(s.file) == 0 {
		return nil
	}
	data := s.file
	if !end && len(data) < maxContents {
		return nil
	}
	for _, i := range s.byRules {
		f.found[i] = true
	}
	if end && !s.partly && telling(data) >= minSecret && len(f.secrets.files) < maxSecrets {
		f.secrets.files = append(f.secrets.files, digests(data, s.byRules)...)
	}
	s.partly = true
	if !isText(data) {
		s.file = s.file[:0]
		return f.binary(s.byRules, data)
	}
	if at := bytes.LastIndexByte(data, '\n'); !end && at >= 0 {
		data = data[:at+1]
	}
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if err := f.fileLine(s.byRules, line); err != nil {
			return err
		}
	}
	s.file = append(s.file[:0], s.file[len(data):]...)
	return nil
}

// minBinary is the length, of telling bytes, of the shortest contents that are searched for where
// they are no text: a few such bytes are in many numbers.
const minBinary = 16

func (f *finder) binary(rules []int, data []byte) error {
	for _, i := range rules {
		if telling(data) < minBinary {
			f.short[i]++
			continue
		}
		if err := f.add(i, data, inEvent(f.number)); err != nil {
			return err
		}
	}
	return nil
}

// fileLine takes a line of a file, and what it assigns to a name.
func (f *finder) fileLine(rules []int, line []byte) error {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || !bytes.ContainsFunc(line, isWordy) || bytes.HasPrefix(line, []byte("-----")) {
		return nil // punctuation, or the frame of a PEM block
	}
	for _, i := range rules {
		if len(line) < minSecret {
			f.short[i]++
			continue
		}
		if err := f.add(i, line, inEvent(f.number)); err != nil {
			return err
		}
		if err := f.also(i, assigned(line), inEvent(f.number)); err != nil {
			return err
		}
	}
	return nil
}

func isWordy(r rune) bool { return r >= utf8.RuneSelf || r < utf8.RuneSelf && isAlphanumeric(byte(r)) }

// assigned returns the value in a line like NAME=value, name: value or
// "name": "value", nil if it is none.
func assigned(line []byte) []byte {
	at := bytes.IndexAny(line, "=:")
	if at < 0 {
		return nil
	}
	return bytes.Trim(line[at+1:], " \t\"',;")
}

// isText: the bytes are text, of which the ends may be cut within a character.
func isText(data []byte) bool {
	for n := 0; n < utf8.UTFMax-1 && len(data) > 0 && !utf8.RuneStart(data[0]); n++ {
		data = data[1:]
	}
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n == 1 && utf8.FullRune(data) || r < ' ' && !isSpace(byte(r)) {
			return false
		}
		data = data[n:]
	}
	return true
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// contentSpans returns what is masked of a piece of a secret file by its place:
// all but the white space of text, so that it stays as many lines and words.
func contentSpans(data []byte, from int) []span {
	if !isText(data) {
		return []span{{from, from + len(data)}}
	}
	var list []span
	start := -1
	for i, c := range data {
		switch {
		case !isSpace(c) && start < 0:
			start = i
		case isSpace(c) && start >= 0:
			list = append(list, span{from + start, from + i})
			start = -1
		}
	}
	if start >= 0 {
		list = append(list, span{from + start, from + len(data)})
	}
	return list
}
