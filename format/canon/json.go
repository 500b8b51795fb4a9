package canon

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// maxSafe is the largest integer up to which a float64 holds all.
const maxSafe = 1 << 53

// AppendJSON appends a value as JSON: numbers (as strings of digits beyond
// 2^53), "nan", "inf" and "-inf" for the floats that JSON lacks, strings,
// arrays for lists and tuples, [[key, value], ...] for maps, a string or {"base64": ...} for list<u8>,
// objects for records, "name" or {"name": payload} for variants and enums, null
// or the value for options (of options: {"some": value}), {"ok": ...} or
// {"err": ...} for results (null without payload), arrays of labels for flags,
// "fields#3" for resources.
func AppendJSON(dst []byte, t *Type, data []byte) ([]byte, error) {
	d := NewDecoder(data)
	dst = AppendJSONFrom(dst, t, &d)
	return dst, d.End()
}

// AppendJSONFrom appends the next value of d as AppendJSON does. It is JSON
// only if d has no mistake.
func AppendJSONFrom(dst []byte, t *Type, d *Decoder) []byte {
	if d.err != nil {
		return dst
	}
	switch t.Kind {
	case String, Char, F32, F64, Own, Borrow:
		return jsonText(dst, t, d)
	case List, Map:
		if t.Elem.Kind == U8 {
			return appendBytes(dst, d.Blob())
		}
		return jsonElements(dst, t.Elem, d.Len(), d)
	case FixedList:
		if t.Elem.Kind == U8 {
			return appendBytes(dst, d.take(uint64(t.Len)))
		}
		return jsonElements(dst, t.Elem, int(t.Len), d)
	case Record, Tuple:
		return jsonFields(dst, t, d)
	case Variant, Enum:
		c := d.caseOf(t)
		switch {
		case c == nil:
			return dst
		case c.Type == nil:
			return appendString(dst, c.Name)
		}
		return jsonMember(dst, c.Name, c.Type, d)
	case Option:
		return jsonOption(dst, t, d)
	case Result:
		if d.IsErr() {
			return jsonMember(dst, "err", t.Err, d)
		}
		return jsonMember(dst, "ok", t.Elem, d)
	case Flags:
		names, _ := json.Marshal(append([]string{}, flagNames(t, d.flagsOf(t))...))
		return append(dst, names...)
	case Bool:
		return strconv.AppendBool(dst, d.Bool())
	}
	return jsonInteger(dst, t.Kind, d)
}

// jsonInteger appends an integer, as a string where a float64 cannot hold it.
func jsonInteger(dst []byte, k Kind, d *Decoder) []byte {
	v := d.integer(k)
	switch {
	case k == U64 && uint64(v) > maxSafe:
		return append(strconv.AppendUint(append(dst, '"'), uint64(v), 10), '"')
	case v > maxSafe || v < -maxSafe:
		return append(strconv.AppendInt(append(dst, '"'), v, 10), '"')
	}
	return strconv.AppendInt(dst, v, 10)
}

// jsonText appends what is a string in JSON, or may be one.
func jsonText(dst []byte, t *Type, d *Decoder) []byte {
	switch t.Kind {
	case String:
		return appendString(dst, d.String())
	case Char:
		return appendString(dst, string(d.Char()))
	case Own, Borrow:
		return appendString(dst, shortName(t.Resource)+"#"+strconv.FormatUint(uint64(d.Rep()), 10))
	}
	v := appendScalar(nil, t, d)
	if c := v[len(v)-1]; c < '0' || c > '9' {
		return appendString(dst, string(v))
	}
	return append(dst, v...)
}

func jsonElements(dst []byte, elem *Type, n int, d *Decoder) []byte {
	dst = append(dst, '[')
	for i := 0; i < n && d.err == nil; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSONFrom(dst, elem, d)
	}
	return append(dst, ']')
}

func jsonFields(dst []byte, t *Type, d *Decoder) []byte {
	open, end := byte('{'), byte('}')
	if t.Kind == Tuple {
		open, end = '[', ']'
	}
	dst = append(dst, open)
	for i, f := range t.Fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		if t.Kind == Record {
			dst = append(appendString(dst, f.Name), ':')
		}
		dst = AppendJSONFrom(dst, f.Type, d)
	}
	return append(dst, end)
}

// jsonOption appends an option. Those of options keep their two kinds of
// nothing apart.
func jsonOption(dst []byte, t *Type, d *Decoder) []byte {
	switch {
	case !d.Some():
		return append(dst, "null"...)
	case t.Elem.Kind == Option:
		return jsonMember(dst, "some", t.Elem, d)
	}
	return AppendJSONFrom(dst, t.Elem, d)
}

// jsonMember appends an object with one member.
func jsonMember(dst []byte, name string, t *Type, d *Decoder) []byte {
	dst = append(appendString(append(dst, '{'), name), ':')
	if t == nil {
		dst = append(dst, "null"...)
	} else {
		dst = AppendJSONFrom(dst, t, d)
	}
	return append(dst, '}')
}

// appendBytes appends bytes as a string where they are one, else as base64.
func appendBytes(dst, data []byte) []byte {
	if utf8.Valid(data) {
		return appendString(dst, string(data))
	}
	return append(appendString(append(dst, `{"base64":`...), base64.StdEncoding.EncodeToString(data)), '}')
}

// appendString appends a JSON string.
func appendString(dst []byte, s string) []byte {
	b, _ := json.Marshal(s) // of a string it cannot fail
	return append(dst, b...)
}
