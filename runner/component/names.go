package component

import (
	"fmt"
	"strings"
)

// nameSet holds the names of a scope. Names that differ in case only are the
// same.
type nameSet struct{ seen map[string]bool }

func (n *nameSet) add(name string) error {
	if n.seen == nil {
		n.seen = map[string]bool{}
	}
	key := strings.ToLower(name)
	if n.seen[key] {
		return fmt.Errorf("%q conflicts with a previous name", name)
	}
	n.seen[key] = true
	return nil
}

// extern adds the name of an import or export.
func (n *nameSet) extern(name string, _ entity, _ *scope) error { return n.add(name) }

// label reads the name of a field, case, flag or parameter.
func (r *reader) label() string {
	name := r.name()
	if r.err == nil && !isKebab(name) {
		r.fail("%q is not a kebab-case name", name)
	}
	return name
}

// externName reads the name of an import or export.
func (r *reader) externName() string {
	switch form := r.byte(); form {
	case 0, 1:
		return r.name()
	default:
		if r.err == nil {
			r.unsupported("a name of form %#x", form)
		}
		return ""
	}
}

// isKebab: words of letters and digits, joined by hyphens, each in one case and
// the first letter of the first word no digit.
func isKebab(name string) bool {
	for i, word := range strings.Split(name, "-") {
		if !isWord(word, i == 0) {
			return false
		}
	}
	return true
}

func isWord(word string, first bool) bool {
	if word == "" || first && isDigit(word[0]) {
		return false
	}
	lower, upper := false, false
	for i := range len(word) {
		switch c := word[i]; {
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			upper = true
		case !isDigit(c):
			return false
		}
	}
	return !lower || !upper
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// withoutVersion drops "@0.2.3" from the name of an interface.
func withoutVersion(name string) string {
	before, _, _ := strings.Cut(name, "@")
	return before
}
