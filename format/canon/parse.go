package canon

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseFunc reads a signature as Func.String writes it. White space between
// words does not matter. Mistakes match ErrMalformed.
func ParseFunc(s string) (*Func, error) {
	p := &parser{text: s}
	f := &Func{}
	p.want("func")
	p.want("(")
	f.Params = p.fields(")", p.record)
	if p.accept("->") {
		f.Result = p.typ()
	}
	if p.err == nil && p.rest() != "" {
		p.fail("the end")
	}
	if p.err != nil {
		return nil, p.err
	}
	return f, nil
}

// parser reads a signature. The first mistake stays.
type parser struct {
	text  string
	at    int // bytes read
	depth int
	nodes int
	err   error
}

// rest is what follows the white space.
func (p *parser) rest() string {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\n' || p.text[p.at] == '\t') {
		p.at++
	}
	return p.text[p.at:]
}

func (p *parser) fail(want string) {
	if p.err != nil {
		return
	}
	found := p.rest()
	if len(found) > 20 {
		found = found[:20] + "..."
	}
	p.err = fmt.Errorf("%w signature at byte %d: %q, want %s", ErrMalformed, p.at, found, want)
}

// accept skips a piece of punctuation if it comes next.
func (p *parser) accept(s string) bool {
	if p.err != nil || !strings.HasPrefix(p.rest(), s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *parser) want(s string) {
	if !p.accept(s) {
		p.fail(fmt.Sprintf("%q", s))
	}
}

// delimiters end a word.
const delimiters = " \t\n<>{}(),"

// word reads a name or a kind. It is printed as it is: no control characters.
func (p *parser) word(stop string) string {
	s := p.rest()
	if end := strings.IndexAny(s, stop); end >= 0 {
		s = s[:end]
	}
	if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		p.fail("a word")
	}
	p.at += len(s)
	return s
}

// fields reads a list up to its end, which is not read if the list is broken.
func (p *parser) fields(end string, one func() Field) []Field {
	var list []Field
	if p.accept(end) {
		return nil
	}
	for p.err == nil {
		list = append(list, one())
		if p.accept(end) {
			return list
		}
		p.want(",")
	}
	return nil
}

// record reads "name: type".
func (p *parser) record() Field {
	f := Field{Name: p.word(delimiters + ":")}
	p.want(":")
	f.Type = p.typ()
	return f
}

// unnamed reads a field of a tuple.
func (p *parser) unnamed() Field { return Field{Type: p.typ()} }

// label reads a case of an enum or a label of flags.
func (p *parser) label() Field { return Field{Name: p.word(delimiters + ":")} }

// variant reads "name" or "name(type)".
func (p *parser) variant() Field {
	f := p.label()
	if p.accept("(") {
		f.Type = p.typ()
		p.want(")")
	}
	return f
}

var kindsByName = func() map[string]Kind {
	m := map[string]Kind{}
	for k, name := range kindNames {
		m[name] = Kind(k)
	}
	return m
}()

func (p *parser) typ() *Type {
	start := p.at
	k, ok := kindsByName[p.word(delimiters+":")]
	if !ok && p.err == nil {
		p.at = start
		p.fail("a type")
	}
	t := &Type{Kind: k}
	p.depth++
	p.nodes++
	switch {
	case p.err != nil:
	case p.depth > MaxDepth:
		p.fail(fmt.Sprintf("at most %d types within types", MaxDepth))
	case p.nodes > MaxNodes:
		p.fail(fmt.Sprintf("at most %d types", MaxNodes))
	default:
		p.inner(t)
	}
	p.depth--
	return t
}

// inner reads what follows the kind.
func (p *parser) inner(t *Type) {
	switch t.Kind {
	case List, Option:
		p.want("<")
		t.Elem = p.typ()
		if t.Kind == List && p.accept(",") {
			t.Kind, t.Len = FixedList, p.length()
		}
		p.want(">")
	case Map:
		p.want("<")
		t.Elem = p.entry()
		p.want(">")
	case Result:
		if p.accept("<") {
			p.result(t)
		}
	case Own, Borrow:
		p.want("<")
		t.Resource = p.word(delimiters)
		p.want(">")
	case Tuple:
		p.want("<")
		t.Fields = p.fields(">", p.unnamed)
	case Record, Variant, Enum, Flags:
		p.want("{")
		t.Fields = p.fields("}", map[Kind]func() Field{Record: p.record, Variant: p.variant, Enum: p.label, Flags: p.label}[t.Kind])
	}
	switch n := len(t.Fields); {
	case n == 0 && (t.Kind == Tuple || t.Kind >= Record && t.Kind <= Enum || t.Kind == Flags):
		p.fail(fmt.Sprintf("at least one field of a %s before it", t.Kind))
	case n > MaxFlags && t.Kind == Flags:
		p.fail(fmt.Sprintf("at most %d labels of flags before it", MaxFlags))
	}
	p.nodes += len(t.Fields)
}

// length reads that of a list of fixed length.
func (p *parser) length() uint32 {
	start := p.at
	word := p.word(delimiters)
	n, err := strconv.ParseUint(word, 10, 32)
	if p.err == nil && (err != nil || n == 0 || word[0] == '0') {
		p.at = start
		p.fail("the length of a list, from 1")
	}
	return uint32(n)
}

// entry reads "K, V", a map's types of keys and of values, as a tuple.
func (p *parser) entry() *Type {
	start := p.at
	key := p.typ()
	if p.err == nil && !key.Kind.IsKey() {
		p.at = start
		p.fail("a bool, an integer, char or string as the key of a map")
	}
	p.want(",")
	return &Type{Kind: Tuple, Fields: []Field{{Type: key}, {Type: p.typ()}}}
}

// result reads "T>", "T, E>" or "_, E>".
func (p *parser) result(t *Type) {
	if p.accept("_") {
		p.want(",")
		t.Err = p.typ()
	} else {
		t.Elem = p.typ()
		if p.accept(",") {
			t.Err = p.typ()
		}
	}
	p.want(">")
}
