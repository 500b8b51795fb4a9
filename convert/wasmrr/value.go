package wasmrr

import (
	"encoding/hex"
	"fmt"

	"github.com/tracetool/tracetool/format/canon"
)

// encode reads a value of type t from s and appends its canonical bytes.
func encode(e *canon.Encoder, t *canon.Type, s Source) error {
	switch t.Kind {
	case canon.U16, canon.U32, canon.U64:
		v, err := s.Uint()
		e.U64(v)
		return err
	case canon.String:
		v, err := s.Text()
		e.Blob(v)
		return err
	case canon.Option:
		null, err := s.Null()
		if err != nil || null {
			e.None()
			return err
		}
		e.Some()
		return encode(e, t.Elem, s)
	case canon.Tuple:
		return encodeTuple(e, t, s)
	case canon.List:
		if t.Elem.Kind == canon.U8 {
			return encodeHex(e, s)
		}
		return encodeList(e, t, s)
	}
	panic("no member is a " + t.Kind.String())
}

func encodeTuple(e *canon.Encoder, t *canon.Type, s Source) error {
	n := 0
	err := s.List(func() error {
		if n++; n > len(t.Fields) {
			return fmt.Errorf("found more than %d elements, want a %s", len(t.Fields), t)
		}
		return encode(e, t.Fields[n-1].Type, s)
	})
	if err == nil && n < len(t.Fields) {
		err = fmt.Errorf("found %d elements, want a %s", n, t)
	}
	return err
}

// encodeList collects the elements first, since their number precedes them.
func encodeList(e *canon.Encoder, t *canon.Type, s Source) error {
	var elements canon.Encoder
	n := 0
	err := s.List(func() error {
		n++
		return encode(&elements, t.Elem, s)
	})
	e.Len(n)
	e.Raw(elements.Bytes())
	return err
}

func encodeHex(e *canon.Encoder, s Source) error {
	digits, err := s.Text()
	if err != nil {
		return err
	}
	data := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(data, digits); err != nil {
		return fmt.Errorf("found %q, want pairs of hex digits", clip(digits))
	}
	e.Blob(data)
	return nil
}
