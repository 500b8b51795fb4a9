package component

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tracetool/tracetool/format/canon"
)

// nameSet holds the names of a scope, and the resources that some of them are of.
// Names that differ in case only are the same.
type nameSet struct {
	seen      map[string]bool
	resources map[string]*resource
	inline    bool // of an instance that is a set of items: their types have no names in it
}

func (n *nameSet) add(name string) error { return n.addKey(name, name) }

func (n *nameSet) addKey(name, key string) error {
	if n.seen == nil {
		n.seen = map[string]bool{}
	}
	key = strings.ToLower(key)
	if n.seen[key] {
		return fmt.Errorf("%q conflicts with a previous name", name)
	}
	n.seen[key] = true
	return nil
}

// extern adds the name of an import or export.
func (n *nameSet) extern(name string, e entity) error {
	parsed, err := parseExtern(name)
	if err != nil {
		return err
	}
	if err := n.addKey(name, parsed.key()); err != nil {
		return err
	}
	if parsed.annotation != "" {
		if err := n.annotated(parsed, e); err != nil {
			return fmt.Errorf("%q %w", name, err)
		}
	} else if e.sort == sortType && e.typ.res != nil {
		if n.resources == nil {
			n.resources = map[string]*resource{}
		}
		n.resources[name] = e.typ.res
	}
	return nil
}

// annotated checks that what is named as a resource's function is one.
func (n *nameSet) annotated(name externName, e entity) error {
	res := n.resources[name.label]
	switch {
	case e.sort != sortFunc:
		return fmt.Errorf("names something that is not a func, but of sort %s", e.sort)
	case res == nil || n.inline && name.annotation != annotationStatic:
		return fmt.Errorf("is of the resource %q, which has no name here", name.label)
	case name.annotation == annotationConstructor && !constructs(e.fn.result, res):
		return fmt.Errorf("does not return an own handle of %q, or a result of one", name.label)
	case name.annotation == annotationMethod && !hasSelf(e.fn, res):
		return fmt.Errorf("has no first parameter \"self\" that is a borrow handle of %q", name.label)
	}
	return nil
}

func constructs(result *valType, res *resource) bool {
	if result != nil && result.kind == canon.Result {
		result = result.elem
	}
	return result != nil && result.kind == canon.Own && result.res == res
}

func hasSelf(f *funcType, res *resource) bool {
	return len(f.params) > 0 && f.params[0].name == "self" && f.params[0].typ.kind == canon.Borrow && f.params[0].typ.res == res
}

// externName is the name of an import or export: a label, the name of an
// interface, or that of a resource's function.
type externName struct {
	annotation string // before a function of a resource, else empty
	label      string // of the resource, or the whole name
	member     string // of the function, but for constructors
}

const (
	annotationConstructor = "constructor"
	annotationMethod      = "method"
	annotationStatic      = "static"
)

// key is what names are compared by. Only a constructor may have the name of
// something else, its resource.
func (n externName) key() string {
	switch {
	case n.annotation == annotationConstructor:
		return "[" + n.annotation + "]" + n.label
	case n.annotation == "" || strings.EqualFold(n.label, n.member):
		return n.label
	}
	return n.label + "." + n.member
}

func parseExtern(name string) (n externName, err error) {
	rest, annotated := strings.CutPrefix(name, "[")
	if !annotated {
		n.label = name
		if strings.Contains(name, ":") {
			return n, checkInterface(name)
		}
		return n, checkLabel(name, name)
	}
	n.annotation, n.label, _ = strings.Cut(rest, "]")
	switch {
	case n.annotation == annotationConstructor:
		return n, checkLabel(n.label, name)
	case n.annotation == annotationMethod || n.annotation == annotationStatic:
		var found bool
		if n.label, n.member, found = strings.Cut(n.label, "."); !found {
			return n, fmt.Errorf("%q: expected the names of a resource and of its function, joined by a point", name)
		}
		return n, errors.Join(checkLabel(n.label, name), checkLabel(n.member, name))
	case strings.HasPrefix(n.annotation, "async"):
		return n, fmt.Errorf("%w: the name %q of an async function (WASI 0.3)", ErrUnsupported, name)
	}
	return n, fmt.Errorf("%q: an annotation that is none of constructor, method and static", name)
}

func checkLabel(label, name string) error {
	switch {
	case isKebab(label):
		return nil
	case label == name:
		return fmt.Errorf("%q is not a kebab-case name", name)
	}
	return fmt.Errorf("%q in the name %q is not in kebab case", label, name)
}

// checkInterface checks a name such as "wasi:io/streams@0.2.6".
func checkInterface(name string) error {
	path, version, versioned := strings.Cut(name, "@")
	namespace, path, _ := strings.Cut(path, ":")
	pkg, iface, found := strings.Cut(path, "/")
	switch {
	case !found:
		return fmt.Errorf("%q: expected NAMESPACE:PACKAGE/INTERFACE", name)
	case strings.ToLower(namespace+pkg) != namespace+pkg:
		return fmt.Errorf("%q: a namespace or package with upper-case letters", name)
	case versioned && !isVersion(version):
		return fmt.Errorf("%q: expected a semantic version behind @, such as 0.2.6", name)
	}
	for _, label := range []string{namespace, pkg, iface} {
		if err := checkLabel(label, name); err != nil {
			return err
		}
	}
	return nil
}

// isVersion: the text is a version as semver.org defines it.
func isVersion(text string) bool {
	text, build, built := strings.Cut(text, "+")
	numbers, pre, prerelease := strings.Cut(text, "-")
	parts := strings.Split(numbers, ".")
	for _, p := range parts {
		if !isIdentifier(p, true) || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return len(parts) == 3 && (!prerelease || areIdentifiers(pre, true)) && (!built || areIdentifiers(build, false))
}

func areIdentifiers(text string, strict bool) bool {
	for _, id := range strings.Split(text, ".") {
		if !isIdentifier(id, strict) {
			return false
		}
	}
	return true
}

// isIdentifier: letters, digits and hyphens; strict: a number has no needless
// zeros.
func isIdentifier(text string, strict bool) bool {
	number := true
	for i := range len(text) {
		c := text[i]
		number = number && isDigit(c)
		if !isDigit(c) && c != '-' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return text != "" && !(strict && number && len(text) > 1 && text[0] == '0')
}

// label reads the name of a field, case, flag or parameter.
func (r *reader) label() string {
	name := r.name()
	if r.err == nil && !isKebab(name) {
		r.fail("%q is not a kebab-case name", name)
	}
	return name
}

// externName reads the name of an import or export, and its attributes.
func (r *reader) externName() (name string, a attributes) {
	switch form := r.byte(); form {
	case 0, 1:
		name = r.name()
	case 2:
		name = r.name()
		a = r.attributes(name)
	default:
		if r.err == nil {
			r.unsupported("a name of form %#x", form)
		}
	}
	return name, a
}

// attributes say more of an import or export than its name. Whether one can
// stand in for another does not depend on them. An identifier for others, which
// means nothing here, may be there too.
type attributes struct {
	implements *string // name of an interface, nil: none
}

// Codes of attributes.
const (
	attrImplements = iota
	attrVersionSuffix
	attrExternalID
)

func (r *reader) attributes(name string) (a attributes) {
	seen := map[byte]bool{}
	r.vector(func(int) {
		code := r.byte()
		if seen[code] {
			r.fail("a second attribute %#x of %q", code, name)
		}
		seen[code] = true
		switch code {
		case attrImplements:
			iface := r.name()
			a.implements = &iface
		case attrVersionSuffix:
			r.unsupported("the rest of a version beside the name %q", name)
		case attrExternalID:
			r.name()
		default:
			r.fail("an attribute %#x of %q", code, name)
		}
	})
	return a
}

// check: only instances with names of their own implement an interface.
func (a attributes) check(name string, e entity) error {
	switch {
	case a.implements == nil:
		return nil
	case e.sort != sortInstance:
		return fmt.Errorf("%q is of sort %s, only an instance implements an interface", name, e.sort)
	case !isKebab(name):
		return fmt.Errorf("%q implements an interface, but is not a kebab-case name", name)
	}
	return checkInterface(*a.implements)
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
