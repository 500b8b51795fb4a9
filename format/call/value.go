package call

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// A value is a decoded argument or result. It has a form for people, in the
// style of strace, and one for programs, see Arg.
type value interface {
	appendText(dst []byte, p printer) []byte
	public() any
}

// printer says how values are printed.
type printer struct {
	maxText int  // bytes of a text, -1 for all
	all     bool // also print fields that only programs care for
}

// maxItems is how many elements of a list are printed.
const maxItems = 32

type (
	number    int64
	unsigned  uint64
	float     float64
	address32 uint32   // of guest memory
	symbol    string   // name of an enumerator
	flagSet   []string // names of the bits that are set
	instant   uint64   // ns since the Unix epoch
	span      int64    // ns
	path      []byte   // text that is not cut
	list      []value
	object    []field
)

// text is a run of bytes that people may be able to read.
type text struct {
	data []byte
	more bool // the call had more bytes than were kept
}

type field struct {
	name  string
	value value
	quiet bool // not printed for people
}

func (v number) appendText(dst []byte, _ printer) []byte {
	return strconv.AppendInt(dst, int64(v), 10)
}
func (v number) public() any { return int64(v) }

func (v unsigned) appendText(dst []byte, _ printer) []byte {
	return strconv.AppendUint(dst, uint64(v), 10)
}
func (v unsigned) public() any { return uint64(v) }

func (v float) appendText(dst []byte, _ printer) []byte {
	return strconv.AppendFloat(dst, float64(v), 'g', -1, 64)
}

// public returns a string for what JSON has no number for.
func (v float) public() any {
	if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return float64(v)
}

func (v address32) appendText(dst []byte, _ printer) []byte {
	return strconv.AppendUint(append(dst, "0x"...), uint64(v), 16)
}
func (v address32) public() any { return uint64(v) }

func (v symbol) appendText(dst []byte, _ printer) []byte { return append(dst, v...) }
func (v symbol) public() any                             { return string(v) }

func (v flagSet) appendText(dst []byte, _ printer) []byte {
	if len(v) == 0 {
		return append(dst, '0')
	}
	for i, name := range v {
		if i > 0 {
			dst = append(dst, '|')
		}
		dst = append(dst, name...)
	}
	return dst
}

func (v flagSet) public() any {
	list := make([]any, len(v))
	for i, name := range v {
		list[i] = name
	}
	return list
}

func (v instant) appendText(dst []byte, _ printer) []byte {
	if v == 0 || v > math.MaxInt64 {
		return strconv.AppendUint(dst, uint64(v), 10)
	}
	return time.Unix(0, int64(v)).UTC().AppendFormat(dst, time.RFC3339Nano)
}
func (v instant) public() any { return uint64(v) }

// appendText prints seconds, with as many digits as it takes.
func (v span) appendText(dst []byte, _ printer) []byte {
	n := uint64(v)
	if v < 0 {
		dst, n = append(dst, '-'), -n
	}
	dst = strconv.AppendUint(dst, n/1e9, 10)
	if frac := n % 1e9; frac > 0 {
		digits := strconv.AppendUint(nil, 1e9+frac, 10)
		dst = append(append(dst, '.'), bytes.TrimRight(digits[1:], "0")...)
	}
	return append(dst, 's')
}
func (v span) public() any { return int64(v) }

// maxPath is where even a path is cut.
const maxPath = 4096

func (v path) appendText(dst []byte, _ printer) []byte { return appendQuoted(dst, v, maxPath, false) }
func (v path) public() any                             { return publicBytes(v) }

func (v text) appendText(dst []byte, p printer) []byte {
	return appendQuoted(dst, v.data, p.maxText, v.more)
}
func (v text) public() any { return publicBytes(v.data) }

func (v list) appendText(dst []byte, p printer) []byte {
	dst = append(dst, '[')
	for i, item := range v {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if i == maxItems {
			dst = append(dst, "..."...)
			break
		}
		dst = item.appendText(dst, p)
	}
	return append(dst, ']')
}

func (v list) public() any {
	items := make([]any, len(v))
	for i, item := range v {
		items[i] = item.public()
	}
	return items
}

func (v object) appendText(dst []byte, p printer) []byte {
	dst = append(dst, '{')
	first := true
	for _, f := range v {
		if f.quiet && !p.all {
			continue
		}
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
		dst = append(append(dst, f.name...), ": "...)
		dst = f.value.appendText(dst, p)
	}
	return append(dst, '}')
}

func (v object) public() any {
	o := make(Object, len(v))
	for i, f := range v {
		o[i] = Arg{Name: f.name, Value: f.value.public()}
	}
	return o
}

// appendQuoted appends at most limit bytes of data as a Go string literal,
// which escapes control characters, and "..." if there were more.
func appendQuoted(dst, data []byte, limit int, more bool) []byte {
	if limit >= 0 && len(data) > limit {
		data, more = wholeRunes(data[:limit]), true
	}
	dst = strconv.AppendQuote(dst, string(data))
	if more {
		dst = append(dst, "..."...)
	}
	return dst
}

// wholeRunes drops the beginning of a character from the end of data.
func wholeRunes(data []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(data); i++ {
		if c := data[len(data)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(data[len(data)-i:]) {
				return data[:len(data)-i]
			}
			break
		}
	}
	return data
}

// appendEscaped appends text from outside without quotes.
func appendEscaped(dst []byte, s string) []byte {
	for i, r := range s {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			q := strconv.Quote(s[i : i+max(1, runeLen(s[i:]))])
			dst = append(dst, q[1:len(q)-1]...)
			continue
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

func runeLen(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// Arg is a decoded argument or result. Its value is a string, int64, uint64,
// float64, []any of such values, or Object.
type Arg struct {
	Name  string
	Value any
}

// Object is a value with named parts. Bytes that are not UTF-8 are an object
// with the one part "base64".
type Object []Arg

// publicBytes returns bytes for programs, losing none.
func publicBytes(data []byte) any {
	if utf8.Valid(data) {
		return string(data)
	}
	return Object{{Name: "base64", Value: base64.StdEncoding.EncodeToString(data)}}
}

// MarshalJSON keeps the order of the parts. Integers that a float64 cannot
// hold are strings.
func (o Object) MarshalJSON() ([]byte, error) { return o.AppendJSON(nil) }

// AppendJSON appends what MarshalJSON returns.
func (o Object) AppendJSON(dst []byte) ([]byte, error) {
	dst = append(dst, '{')
	for i, a := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendJSONString(dst, a.Name), ':')
		var err error
		if dst, err = appendJSON(dst, a.Value); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// maxSafe is the largest integer up to which a float64 holds all.
const maxSafe = 1 << 53

func appendJSON(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return AppendJSONString(dst, v), nil
	case int64:
		if v > maxSafe || v < -maxSafe {
			return append(strconv.AppendInt(append(dst, '"'), v, 10), '"'), nil
		}
		return strconv.AppendInt(dst, v, 10), nil
	case uint64:
		if v > maxSafe {
			return append(strconv.AppendUint(append(dst, '"'), v, 10), '"'), nil
		}
		return strconv.AppendUint(dst, v, 10), nil
	case []any:
		return appendJSONList(dst, v)
	case Object:
		return v.AppendJSON(dst)
	}
	b, err := json.Marshal(v)
	return append(dst, b...), err
}

// AppendJSONString appends a string as json.Marshal writes it, which most need
// nothing of.
func AppendJSONString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			b, _ := json.Marshal(s) // never fails for a string
			return append(dst, b...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

func appendJSONList(dst []byte, items []any) ([]byte, error) {
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendJSON(dst, item); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}
