package canon

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxItems is how many elements of a list are printed where text is cut.
const maxItems = 32

// AppendText appends a value for people, in one line and without control
// characters: 12, "text", [a, b], (a, b), {name: "x"}, {"key": 1}, some(1),
// err(closed), fields#3. A list<u8> is shown as text. maxText is the number of bytes shown
// of a string or list<u8>, of other lists and of maps 32 elements; -1 shows all. Data that
// is malformed is shown up to the mistake, which follows it in <>.
func AppendText(dst []byte, t *Type, data []byte, maxText int) []byte {
	d := NewDecoder(data)
	dst = AppendTextFrom(dst, t, &d, maxText)
	return appendMistake(dst, d.End())
}

// AppendTextFrom appends the next value of d as AppendText does, and leaves its
// mistakes to the caller.
func AppendTextFrom(dst []byte, t *Type, d *Decoder, maxText int) []byte {
	p := printer{d: d, maxText: maxText}
	return p.value(dst, t)
}

func appendMistake(dst []byte, err error) []byte {
	if err == nil {
		return dst
	}
	return append(append(append(dst, '<'), err.Error()...), '>')
}

type printer struct {
	d       *Decoder
	maxText int
}

func (p *printer) value(dst []byte, t *Type) []byte {
	if p.d.err != nil {
		return dst
	}
	switch t.Kind {
	case String:
		return appendQuoted(dst, p.d.utf8(), p.maxText)
	case List:
		if t.Elem.Kind == U8 {
			return appendQuoted(dst, p.d.Blob(), p.maxText)
		}
		return append(p.elements(append(dst, '['), t.Elem, p.d.Len(), p.value), ']')
	case FixedList:
		if t.Elem.Kind == U8 {
			return appendQuoted(dst, p.d.take(uint64(t.Len)), p.maxText)
		}
		return append(p.elements(append(dst, '['), t.Elem, int(t.Len), p.value), ']')
	case Map:
		return append(p.elements(append(dst, '{'), t.Elem, p.d.Len(), p.entry), '}')
	case Record, Tuple:
		return p.fields(dst, t)
	case Variant, Enum:
		return p.variant(dst, t)
	case Option:
		if !p.d.Some() {
			return append(dst, "none"...)
		}
		return p.payload(append(dst, "some"...), t.Elem)
	case Result:
		return p.result(dst, t)
	case Flags:
		return appendList(dst, "{", "}", flagNames(t, p.d.flagsOf(t)))
	case Own, Borrow:
		return strconv.AppendUint(append(append(dst, shortName(t.Resource)...), '#'), uint64(p.d.Rep()), 10)
	}
	return appendScalar(dst, t, p.d)
}

// appendScalar appends a number, a bool or a char.
func appendScalar(dst []byte, t *Type, d *Decoder) []byte {
	switch t.Kind {
	case Bool:
		return strconv.AppendBool(dst, d.Bool())
	case Char:
		return strconv.AppendQuoteRune(dst, d.Char())
	case F32:
		return appendFloat(dst, float64(d.F32()), 32)
	case F64:
		return appendFloat(dst, d.F64(), 64)
	case S8, S16, S32, S64:
		return strconv.AppendInt(dst, d.integer(t.Kind), 10)
	}
	return strconv.AppendUint(dst, uint64(d.integer(t.Kind)), 10)
}

// integer reads an integer of any kind; a u64 as its bits.
func (d *Decoder) integer(k Kind) int64 {
	switch k {
	case U8:
		return int64(d.U8())
	case U16:
		return int64(d.U16())
	case U32:
		return int64(d.U32())
	case U64:
		return int64(d.U64())
	case S8:
		return int64(d.S8())
	case S16:
		return int64(d.S16())
	case S32:
		return int64(d.S32())
	case S64:
		return d.S64()
	}
	d.fail("a type of unknown kind %d", k)
	return 0
}

// appendFloat appends the shortest decimal number that is read as the same.
func appendFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, "nan"...)
	case math.IsInf(v, 1):
		return append(dst, "inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}

// elements appends the n of a list or a map, by one.
func (p *printer) elements(dst []byte, elem *Type, n int, one func([]byte, *Type) []byte) []byte {
	for i := 0; i < n && p.d.err == nil; i++ {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		switch {
		case p.maxText < 0 || i < maxItems:
			dst = one(dst, elem)
			continue
		case i == maxItems:
			dst = append(dst, "..."...)
		}
		for ; i < n && p.d.err == nil; i++ {
			p.d.skip(elem)
		}
	}
	return dst
}

// entry appends a key of a map and its value.
func (p *printer) entry(dst []byte, t *Type) []byte {
	dst = append(p.value(dst, t.Fields[0].Type), ": "...)
	return p.value(dst, t.Fields[1].Type)
}

func (p *printer) fields(dst []byte, t *Type) []byte {
	open, end := byte('{'), byte('}')
	if t.Kind == Tuple {
		open, end = '(', ')'
	}
	dst = append(dst, open)
	for i, f := range t.Fields {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if t.Kind == Record {
			dst = append(append(dst, f.Name...), ": "...)
		}
		dst = p.value(dst, f.Type)
	}
	return append(dst, end)
}

func (p *printer) variant(dst []byte, t *Type) []byte {
	c := p.d.caseOf(t)
	if c == nil {
		return dst
	}
	return p.payload(append(dst, c.Name...), c.Type)
}

func (p *printer) result(dst []byte, t *Type) []byte {
	name, payload := "ok", t.Elem
	if p.d.IsErr() {
		name, payload = "err", t.Err
	}
	return p.payload(append(dst, name...), payload)
}

func (p *printer) payload(dst []byte, t *Type) []byte {
	if t == nil {
		return dst
	}
	return append(p.value(append(dst, '('), t), ')')
}

func appendList(dst []byte, open, end string, names []string) []byte {
	return append(append(append(dst, open...), strings.Join(names, ", ")...), end...)
}

// flagNames lists the labels of the bits that are set.
func flagNames(t *Type, bits uint64) []string {
	var names []string
	for i, f := range t.Fields {
		if bits>>i&1 != 0 {
			names = append(names, f.Name)
		}
	}
	return names
}

// shortName is a resource's name without its interface: "fields" of
// "wasi:http/types.fields".
func shortName(resource string) string { return resource[strings.LastIndexByte(resource, '.')+1:] }

// appendQuoted appends data as a Go string literal, which escapes control
// characters, and "..." if it is longer than limit.
func appendQuoted(dst, data []byte, limit int) []byte {
	if limit < 0 || len(data) <= limit {
		return strconv.AppendQuote(dst, string(data))
	}
	for limit > 0 && !utf8.RuneStart(data[limit]) {
		limit--
	}
	return append(strconv.AppendQuote(dst, string(data[:limit])), "..."...)
}
