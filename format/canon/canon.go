// Package canon is the one representation of component-model values: canonical
// bytes, written and read as a type directs. What a WASI 0.2 function is given
// and returns is recorded, compared, shown and handed to host functions in this
// form; SPEC.md, "Canonical values", is its definition.
//
// Func is a function's type, and ParseFunc and its String the text of one, as a
// trace keeps it. Encoder and Decoder are how host functions write results and
// read arguments. Validate checks bytes from elsewhere, AppendText and
// AppendJSON show them.
//
//	bool                     1 byte, 0 or 1
//	u8, s8                   1 byte
//	u16 to u64, char         unsigned LEB128, in the fewest bytes
//	s16 to s64               the same of the zig-zag form
//	f32, f64                 little-endian bits; a NaN is 7fc00000, 7ff8000000000000
//	string                   length in bytes (LEB128), UTF-8
//	list                     number of elements (LEB128), elements
//	list of fixed length     elements
//	map                      number of entries (LEB128), of each its key and its value
//	record, tuple            fields in order
//	variant                  number of the case (LEB128), its payload
//	enum                     number of the case (LEB128)
//	option                   0, or 1 and the value
//	result                   0 and the ok value, or 1 and the error
//	flags                    a set of bits (LEB128), the first label is bit 0
//	own, borrow              number of the resource (LEB128)
//
// Every value takes at least one byte, so that no list is longer than its bytes.
package canon

// Kind is the shape of a type.
type Kind uint8

// The kinds of type, all that the component model's first version has, maps and
// lists of fixed length.
const (
	Bool Kind = iota
	S8
	U8
	S16
	U16
	S32
	U32
	S64
	U64
	F32
	F64
	Char
	String
	List
	FixedList // list<T, N>
	Map
	Record
	Tuple
	Variant
	Enum
	Option
	Result
	Flags
	Own
	Borrow
	numKinds
)

var kindNames = [numKinds]string{
	"bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string",
	"list", "list of fixed length", "map", "record", "tuple", "variant", "enum", "option", "result", "flags", "own", "borrow",
}

// String is the kind's name as signatures have it: "u8", "list".
func (k Kind) String() string {
	if k >= numKinds {
		return "unknown"
	}
	return kindNames[k]
}

// Scalar: values of the kind are one number, without a length of their own.
func (k Kind) Scalar() bool {
	return k <= Char || k == Enum || k == Flags || k == Own || k == Borrow
}

// Type is the type of a value. It is a tree: a type that occurs twice may be
// shared, but never contains itself.
type Type struct {
	Kind     Kind
	Elem     *Type   // of a list, of fixed length too, or option; of a map, a tuple of a key and its value; of a result's ok value, nil for none
	Err      *Type   // of a result's error, nil for none
	Len      uint32  // of a list of fixed length, at least 1
	Fields   []Field // of a record or tuple; cases of a variant or enum; labels of flags
	Resource string  // of own and borrow: "wasi:io/streams.input-stream"
}

// Field is a parameter, a field, a case or a label.
type Field struct {
	Name string // empty in a tuple
	Type *Type  // nil for a case without payload and for a label
}

// IsKey: the keys of a map may be of the kind.
func (k Kind) IsKey() bool { return k <= String && k != F32 && k != F64 }

// Func is the type of a function.
type Func struct {
	Params []Field
	Result *Type // nil: none
}

// Limits of types. What exceeds them is refused, wherever it comes from.
const (
	MaxDepth = 100   // types within types
	MaxNodes = 50000 // types in one function, each counted as often as it occurs
	MaxFlags = 64    // labels of a flags type
)

// Self returns the parameter that is a resource's handle, for methods: the
// first one if it is own or borrow, nil otherwise.
func (f *Func) Self() *Type {
	if len(f.Params) == 0 {
		return nil
	}
	if t := f.Params[0].Type; t.Kind == Own || t.Kind == Borrow {
		return t
	}
	return nil
}
