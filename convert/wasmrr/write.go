package wasmrr

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tracetool/tracetool/format/canon"
)

// Encoding is how a trace is written.
type Encoding int

// The encodings of wasm-rr.
const (
	JSON Encoding = iota
	CBOR
)

// Writer writes a trace, in the bytes that wasm-rr itself would have written.
type Writer struct {
	w      *bufio.Writer
	enc    Encoding
	events int64
	buf    []byte
}

// NewWriter begins a trace. Close ends it.
func NewWriter(w io.Writer, enc Encoding) *Writer {
	return &Writer{w: bufio.NewWriterSize(w, 64<<10), enc: enc}
}

// Events is the number of events written.
func (w *Writer) Events() int64 { return w.events }

// Write writes an event. One whose values are not of its kind's types is an
// error that matches canon.ErrMalformed.
func (w *Writer) Write(e *Event) error {
	values, err := e.values()
	if err != nil {
		return err
	}
	b := w.buf[:0]
	if w.enc == CBOR {
		b = appendHead(b, majorMap, uint64(1+len(e.Kind.Members)))
		b = appendText(appendText(b, "call"), e.Kind.Call)
		for i, m := range e.Kind.Members {
			b = appendCBOR(appendText(b, m.Name), m.Type, &values[i])
		}
	} else {
		b = append(b, w.separator()...)
		b = append(append(b, `{"call":"`...), e.Kind.Call...)
		b = append(b, '"')
		for i, m := range e.Kind.Members {
			b = append(append(append(b, `,"`...), m.Name...), `":`...)
			b = appendJSON(b, m.Type, &values[i])
		}
		b = append(b, '}')
	}
	w.buf = b
	w.events++
	_, err = w.w.Write(b)
	return err
}

const jsonStart = `{"events":[` + "\n"

func (w *Writer) separator() string {
	if w.events == 0 {
		return jsonStart
	}
	return ",\n"
}

// Close ends the trace. It does not close what it was written to.
func (w *Writer) Close() error {
	if w.enc == JSON {
		if w.events == 0 {
			w.w.WriteString(jsonStart)
		}
		w.w.WriteString("\n]}")
	}
	return w.w.Flush()
}

// values returns a decoder for each member, whose value has been checked.
func (e *Event) values() ([]canon.Decoder, error) {
	k := e.Kind
	params, result := e.Params, e.Result
	if k.sized {
		params = nil // it is the length of the member
	}
	list := make([]canon.Decoder, len(k.Members))
	for i, m := range k.Members {
		from := &result
		if i < k.params {
			from = &params
		}
		rest, err := canon.Validate(m.Type, *from)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", k.Call, m.Name, err)
		}
		list[i] = canon.NewDecoder((*from)[:len(*from)-len(rest)])
		*from = rest
	}
	if n := len(params) + len(result); n > 0 {
		return nil, fmt.Errorf("%s: %w value: %d bytes too many", k.Call, canon.ErrMalformed, n)
	}
	return list, nil
}

func appendCBOR(dst []byte, t *canon.Type, d *canon.Decoder) []byte {
	switch t.Kind {
	case canon.String:
		return appendText(dst, d.String())
	case canon.Option:
		if !d.Some() {
			return append(dst, simpleNull)
		}
		return appendCBOR(dst, t.Elem, d)
	case canon.Tuple:
		dst = appendHead(dst, majorArray, uint64(len(t.Fields)))
		for _, f := range t.Fields {
			dst = appendCBOR(dst, f.Type, d)
		}
		return dst
	case canon.List:
		if t.Elem.Kind == canon.U8 {
			return appendText(dst, hex.EncodeToString(d.Blob()))
		}
		n := d.Len()
		dst = appendHead(dst, majorArray, uint64(n))
		for range n {
			dst = appendCBOR(dst, t.Elem, d)
		}
		return dst
	}
	return appendHead(dst, majorUint, d.U64())
}

func appendJSON(dst []byte, t *canon.Type, d *canon.Decoder) []byte {
	switch t.Kind {
	case canon.String:
		return appendString(dst, d.String())
	case canon.Option:
		if !d.Some() {
			return append(dst, "null"...)
		}
		return appendJSON(dst, t.Elem, d)
	case canon.Tuple:
		return appendArray(dst, len(t.Fields), func(dst []byte, i int) []byte { return appendJSON(dst, t.Fields[i].Type, d) })
	case canon.List:
		if t.Elem.Kind == canon.U8 {
			return append(hex.AppendEncode(append(dst, '"'), d.Blob()), '"')
		}
		return appendArray(dst, d.Len(), func(dst []byte, _ int) []byte { return appendJSON(dst, t.Elem, d) })
	}
	return strconv.AppendUint(dst, d.U64(), 10)
}

func appendArray(dst []byte, n int, element func(dst []byte, i int) []byte) []byte {
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = element(dst, i)
	}
	return append(dst, ']')
}

// appendString appends a JSON string without escapes that are not needed.
func appendString(dst []byte, s string) []byte {
	plain := func(r rune) bool { return r >= ' ' && r < 0x7f && r != '"' && r != '\\' }
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return append(append(append(dst, '"'), s...), '"')
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s) // of a string it cannot fail
	return append(dst, strings.TrimSuffix(b.String(), "\n")...)
}
