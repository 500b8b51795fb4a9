package ui

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"unicode/utf16"
)

// Format is the value of -o, --output.
type Format string

// The formats of results. Text is laid out by each verb itself.
const (
	Text  Format = "text"
	JSON  Format = "json"
	JSONL Format = "jsonl"
	YAML  Format = "yaml"
)

// Encode writes v, which encoding/json must be able to marshal, to w: as
// indented JSON, as JSON on one line, or as YAML. Elements of a slice or array
// are an array in JSON, one line each in JSONL, a sequence in YAML. Characters
// that a terminal would obey are escaped in all three, and nothing is lost.
func Encode(w io.Writer, f Format, v any) error {
	if rv := reflect.ValueOf(v); isList(rv) {
		return encodeList(w, f, rv)
	}
	data, err := marshal(v)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	if err := writeOne(b, f, data); err != nil {
		return err
	}
	return b.Flush()
}

// isList tells lists from values that marshal themselves as something else.
func isList(rv reflect.Value) bool {
	if k := rv.Kind(); k != reflect.Slice && k != reflect.Array {
		return false
	}
	_, marshals := rv.Interface().(json.Marshaler)
	return !marshals && rv.Type().Elem().Kind() != reflect.Uint8
}

func encodeList(w io.Writer, f Format, rv reflect.Value) error {
	l := NewList(w, f)
	for i := range rv.Len() {
		if err := l.Add(rv.Index(i).Interface()); err != nil {
			return err
		}
	}
	return l.Close()
}

// writeOne writes a value that is JSON already.
func writeOne(b *bufio.Writer, f Format, data []byte) error {
	switch f {
	case JSON:
		return writeIndented(b, data, "")
	case JSONL:
		b.Write(data)
		return b.WriteByte('\n')
	case YAML:
		return writeYAML(b, data)
	}
	return fmt.Errorf("output format %q cannot be encoded", f)
}

func writeIndented(b *bufio.Writer, data []byte, prefix string) error {
	var buf bytes.Buffer
	if err := json.Indent(&buf, data, prefix, "  "); err != nil {
		return err
	}
	buf.WriteByte('\n')
	_, err := b.Write(buf.Bytes())
	return err
}

// marshal is json.Marshal without the escapes meant for HTML and with escapes
// for what [Escape] escapes: such characters stand in strings only, where \u
// says the same.
func marshal(v any) ([]byte, error) {
	return marshalWith(v, surrogates)
}

// surrogates is how JSON escapes a character beyond 16 bits.
func surrogates(r rune) string {
	high, low := utf16.EncodeRune(r)
	return fmt.Sprintf(`\u%04x\u%04x`, high, low)
}

// Appender is a value that writes itself as JSON, as json.Marshal would.
type Appender interface {
	AppendJSON(dst []byte) ([]byte, error)
}

// marshalWith leaves to astral how characters beyond 16 bits are escaped.
func marshalWith(v any, astral func(rune) string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return escapeJSON(bytes.TrimSuffix(buf.Bytes(), []byte("\n")), astral), nil
}

// escapeJSON returns data itself where nothing in it must be escaped.
func escapeJSON(data []byte, astral func(rune) string) []byte {
	if isPlain(data) || bytes.IndexFunc(data, jsonMustEscape) < 0 {
		return data
	}
	var out bytes.Buffer
	for _, r := range string(data) {
		switch {
		case !jsonMustEscape(r):
			out.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteString(astral(r))
		}
	}
	return out.Bytes()
}

// isPlain reports whether data is printable ASCII, as most is.
func isPlain(data []byte) bool {
	for _, c := range data {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

func jsonMustEscape(r rune) bool { return mustEscape(r, "\n") }

// List writes a list of values one by one, in memory of one value. It is for
// results as long as a trace.
type List struct {
	b       *bufio.Writer
	f       Format
	n       int
	err     error
	scratch []byte // of the last Appender, kept for its room
}

// NewList returns a list in format f on w.
func NewList(w io.Writer, f Format) *List {
	return &List{b: bufio.NewWriterSize(w, 1<<16), f: f}
}

// Add writes one more element.
func (l *List) Add(v any) error {
	if l.err == nil {
		l.err = l.add(v)
	}
	return l.err
}

func (l *List) add(v any) error {
	l.n++
	data, err := l.marshal(v)
	if err != nil {
		return err
	}
	switch l.f {
	case JSON:
		return l.addJSON(data)
	case YAML:
		return writeYAMLElement(l.b, data)
	}
	return writeOne(l.b, l.f, data)
}

// marshal is the function of that name, without reflection for an Appender.
func (l *List) marshal(v any) (_ []byte, err error) {
	a, ok := v.(Appender)
	if !ok {
		return marshal(v)
	}
	l.scratch, err = a.AppendJSON(l.scratch[:0])
	return escapeJSON(l.scratch, surrogates), err
}

// addJSON ends the line before, whose comma was not known until now.
func (l *List) addJSON(data []byte) error {
	opening := ",\n  "
	if l.n == 1 {
		opening = "[\n  "
	}
	l.b.WriteString(opening)
	var buf bytes.Buffer
	if err := json.Indent(&buf, data, "  ", "  "); err != nil {
		return err
	}
	_, err := l.b.Write(buf.Bytes())
	return err
}

// Flush passes on what was added, for output that is followed while it grows.
func (l *List) Flush() error {
	if l.err == nil {
		l.err = l.b.Flush()
	}
	return l.err
}

// Close ends the list and writes what is buffered. It does not close the writer.
func (l *List) Close() error {
	if l.err != nil {
		return l.err
	}
	switch {
	case l.f == JSON && l.n > 0:
		l.b.WriteString("\n]\n")
	case l.f == JSON, l.f == YAML && l.n == 0:
		l.b.WriteString("[]\n")
	}
	return l.Flush()
}
