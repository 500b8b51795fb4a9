package canon

// Validate checks that data begins with a value of type t and returns what
// follows it. The type must be within the limits of this package.
func Validate(t *Type, data []byte) (rest []byte, err error) {
	d := NewDecoder(data)
	d.skip(t)
	return d.data, d.err
}

// ValidateArgs checks that data has the values of the parameters and no more.
func ValidateArgs(params []Field, data []byte) error {
	d := NewDecoder(data)
	for _, p := range params {
		d.skip(p.Type)
	}
	return d.End()
}

// Texts checks as Validate does that data begins with a value of type t, and
// calls each with every string and list<u8>, of fixed length too, in it: the type, and the bytes,
// which begin at data[at]. What follows the value is returned.
func Texts(t *Type, data []byte, each func(t *Type, at int, text []byte)) (rest []byte, err error) {
	d := NewDecoder(data)
	d.text = each
	d.skip(t)
	return d.data, d.err
}

// tell tells Texts of the bytes that were read last.
func (d *Decoder) tell(t *Type, data []byte) {
	if d.text != nil && d.err == nil {
		d.text(t, d.size-len(d.data)-len(data), data)
	}
}

// skip reads a value of type t and checks it.
func (d *Decoder) skip(t *Type) {
	if d.err != nil {
		return
	}
	switch t.Kind {
	case Bool:
		d.Bool()
	case U8, U16, U32, U64, S8, S16, S32, S64, F32, F64, Char:
		d.skipNumber(t.Kind)
	case String:
		d.tell(t, d.utf8())
	case List, Map:
		d.skipList(t)
	case FixedList:
		d.skipFixed(t)
	case Record, Tuple:
		for _, f := range t.Fields {
			d.skip(f.Type)
		}
	case Variant, Enum:
		if c := d.caseOf(t); c != nil && c.Type != nil {
			d.skip(c.Type)
		}
	case Option:
		if d.Some() {
			d.skip(t.Elem)
		}
	case Result:
		if payload := d.resultOf(t); payload != nil {
			d.skip(payload)
		}
	case Flags:
		d.flagsOf(t)
	case Own, Borrow:
		d.Rep()
	default:
		d.fail("a type of unknown kind %d", t.Kind)
	}
}

func (d *Decoder) skipNumber(k Kind) {
	switch k {
	case U8:
		d.U8()
	case U16:
		d.U16()
	case U32:
		d.U32()
	case U64:
		d.U64()
	case S8:
		d.S8()
	case S16:
		d.S16()
	case S32:
		d.S32()
	case S64:
		d.S64()
	case F32:
		d.F32()
	case F64:
		d.F64()
	case Char:
		d.Char()
	}
}

func (d *Decoder) skipList(t *Type) {
	if t.Elem.Kind == U8 {
		d.tell(t, d.Blob())
		return
	}
	for range d.Len() {
		if d.err != nil {
			return
		}
		d.skip(t.Elem)
	}
}

func (d *Decoder) skipFixed(t *Type) {
	if t.Elem.Kind == U8 {
		d.tell(t, d.take(uint64(t.Len)))
		return
	}
	for range t.Len {
		if d.err != nil {
			return
		}
		d.skip(t.Elem)
	}
}

// caseOf reads the case of a variant or enum, nil if there is no such case.
func (d *Decoder) caseOf(t *Type) *Field {
	n := d.U64()
	if d.err == nil && n >= uint64(len(t.Fields)) {
		d.fail("case %d of %d", n, len(t.Fields))
	}
	if d.err != nil {
		return nil
	}
	return &t.Fields[n]
}

// resultOf reads which payload a result has, nil if it has none.
func (d *Decoder) resultOf(t *Type) *Type {
	if d.IsErr() {
		return t.Err
	}
	return t.Elem
}

// flagsOf reads flags of which no bit is set that has no label.
func (d *Decoder) flagsOf(t *Type) uint64 {
	return d.unsigned(1<<len(t.Fields) - 1)
}
