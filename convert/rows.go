package convert

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/tracetool/tracetool/format"
)

// Metadata of fields that were inferred from another program's records. It
// says how to write the same records again.
const (
	keyJSON     = "tracetool.json"     // "true": the text is JSON, its values had several types
	keyNull     = "tracetool.null"     // "explicit": null stands for null; otherwise for a key that was absent
	keyFloat    = "tracetool.float"    // "point": whole numbers were written with a decimal point
	keyOriginal = "tracetool.original" // "true": the record's own text, where the other columns do not tell all of it
	keyRow      = "tracetool.row"      // "value", of the schema: records were no objects, but this one column
)

// valueColumn is the name of the one column of records that are no objects.
const valueColumn = "value"

// originalColumn is the name of the column with keyOriginal, with underscores
// before it where the records have that key.
const originalColumn = "_original"

func marked(m arrow.Metadata, key, value string) bool {
	i := m.FindKey(key)
	return i >= 0 && m.Values()[i] == value
}

// cell appends the value in row i of an array, which is not null.
type cell func(dst []byte, i int) []byte

// member is a column, or a member of a struct.
type member struct {
	arr      arrow.Array
	key      []byte // `"name":`
	cell     cell
	explicit bool // null is written
}

// rowEncoder appends the rows of records of one schema.
type rowEncoder struct {
	plain    bool
	value    bool // plain records are no objects
	members  []member
	original *array.String

	check scanner // of text that is said to be JSON
	text  []byte
	err   error // what a row has that cannot be written
}

// load makes rec the record whose rows are appended.
func (e *rowEncoder) load(rec arrow.Record) error {
	e.members, e.original = e.members[:0], nil
	meta := rec.Schema().Metadata()
	for i, f := range rec.Schema().Fields() {
		if s, ok := rec.Column(i).(*array.String); ok && e.plain && marked(f.Metadata, keyOriginal, "true") {
			e.original = s
			continue
		}
		m, err := e.member(f, rec.Column(i))
		if err != nil {
			return err
		}
		e.members = append(e.members, m)
	}
	e.value = e.plain && marked(meta, keyRow, valueColumn) && len(e.members) == 1
	return checkNames(e.members)
}

// checkNames refuses columns of one name, of which JSON readers see the last.
func checkNames(members []member) error {
	seen := make(map[string]bool, len(members))
	for i := range members {
		key := string(members[i].key)
		if seen[key] {
			return fmt.Errorf("column %s is there twice, which JSON cannot tell", strings.TrimSuffix(key, ":"))
		}
		seen[key] = true
	}
	return nil
}

// append appends row i as an object, or in plain form as what it was.
func (e *rowEncoder) append(dst []byte, i int) ([]byte, error) {
	switch {
	case e.original != nil && e.original.IsValid(i):
		dst = e.json(dst, e.original.Value(i))
	case e.value:
		dst = e.members[0].append(dst, i)
	default:
		dst = appendObject(dst, e.members, i)
	}
	return dst, e.err
}

// json appends text that its column says is JSON. Whoever wrote the trace may
// have put anything there. Only between values can there be the end of a line,
// which would end the record.
func (e *rowEncoder) json(dst []byte, text string) []byte {
	e.text = append(e.text[:0], text...)
	e.check.python = true
	e.check.reset(e.text)
	e.check.skip()
	e.check.end()
	if err := e.check.err; err != nil && e.err == nil {
		e.err = fmt.Errorf("%w: a text that is said to be JSON: %w", format.ErrCorrupt, err)
	} else if !utf8.Valid(e.text) && e.err == nil {
		e.err = fmt.Errorf("%w: a text that is said to be JSON is not UTF-8", format.ErrCorrupt)
	}
	switch {
	case e.err != nil:
		return dst
	case strings.IndexByte(text, '\n') >= 0, strings.IndexByte(text, '\r') >= 0:
		return compact(dst, e.text)
	}
	return append(dst, text...)
}

func (m *member) append(dst []byte, i int) []byte {
	if m.arr.IsNull(i) {
		return append(dst, "null"...)
	}
	return m.cell(dst, i)
}

func appendObject(dst []byte, members []member, i int) []byte {
	dst = append(dst, '{')
	empty := len(dst)
	for j := range members {
		m := &members[j]
		null := m.arr.IsNull(i)
		if null && !m.explicit {
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = m.append(append(dst, m.key...), i)
	}
	return append(dst, '}')
}

func (e *rowEncoder) member(f arrow.Field, arr arrow.Array) (member, error) {
	if !utf8.ValidString(f.Name) {
		return member{}, fmt.Errorf("column name %q is not UTF-8", f.Name)
	}
	c, err := e.cell(f, arr)
	return member{
		arr: arr, cell: c,
		key:      append(appendString(nil, f.Name), ':'),
		explicit: e.plain && marked(f.Metadata, keyNull, "explicit"),
	}, err
}

// cell returns what appends the values of an array.
func (e *rowEncoder) cell(f arrow.Field, arr arrow.Array) (cell, error) {
	integer := appendInt
	if e.plain {
		integer = appendPlainInt
	}
	switch a := arr.(type) {
	case *array.Null:
		return func(dst []byte, i int) []byte { return append(dst, "null"...) }, nil
	case *array.Boolean:
		return func(dst []byte, i int) []byte { return appendBool(dst, a.Value(i)) }, nil
	case *array.Int8:
		return func(dst []byte, i int) []byte { return appendPlainInt(dst, int64(a.Value(i))) }, nil
	case *array.Int16:
		return func(dst []byte, i int) []byte { return appendPlainInt(dst, int64(a.Value(i))) }, nil
	case *array.Int32:
		return func(dst []byte, i int) []byte { return appendPlainInt(dst, int64(a.Value(i))) }, nil
	case *array.Int64:
		return func(dst []byte, i int) []byte { return integer(dst, a.Value(i)) }, nil
	case *array.Timestamp:
		return func(dst []byte, i int) []byte { return integer(dst, int64(a.Value(i))) }, nil
	case *array.Uint8:
		return func(dst []byte, i int) []byte { return appendUint(dst, uint64(a.Value(i))) }, nil
	case *array.Uint16:
		return func(dst []byte, i int) []byte { return appendUint(dst, uint64(a.Value(i))) }, nil
	case *array.Uint32:
		return func(dst []byte, i int) []byte { return appendUint(dst, uint64(a.Value(i))) }, nil
	case *array.Uint64:
		return func(dst []byte, i int) []byte { return appendUint(dst, a.Value(i)) }, nil
	case *array.Float32:
		return e.float(f, 32, func(i int) float64 { return widen(a.Value(i)) }), nil
	case *array.Float64:
		return e.float(f, 64, a.Value), nil
	}
	return e.longCell(f, arr)
}

// longCell is cell for the types whose values have no fixed size.
func (e *rowEncoder) longCell(f arrow.Field, arr arrow.Array) (cell, error) {
	switch a := arr.(type) {
	case *array.String:
		if e.plain && marked(f.Metadata, keyJSON, "true") {
			return func(dst []byte, i int) []byte { return e.json(dst, a.Value(i)) }, nil
		}
		return func(dst []byte, i int) []byte { return appendText(dst, a.Value(i)) }, nil
	case *array.LargeString:
		return func(dst []byte, i int) []byte { return appendText(dst, a.Value(i)) }, nil
	case *array.Binary:
		return func(dst []byte, i int) []byte { return appendBytes(dst, a.Value(i)) }, nil
	case *array.LargeBinary:
		return func(dst []byte, i int) []byte { return appendBytes(dst, a.Value(i)) }, nil
	case *array.FixedSizeBinary:
		return func(dst []byte, i int) []byte { return appendBytes(dst, a.Value(i)) }, nil
	case *array.Struct:
		return e.structure(a)
	case array.ListLike:
		return e.list(a)
	}
	return nil, fmt.Errorf("column %q: type %s is not supported in JSON", f.Name, arr.DataType())
}

func (e *rowEncoder) structure(a *array.Struct) (cell, error) {
	fields := a.DataType().(*arrow.StructType).Fields()
	members := make([]member, len(fields))
	for i, f := range fields {
		var err error
		if members[i], err = e.member(f, a.Field(i)); err != nil {
			return nil, err
		}
	}
	return func(dst []byte, i int) []byte { return appendObject(dst, members, i) }, checkNames(members)
}

func (e *rowEncoder) list(a array.ListLike) (cell, error) {
	element, err := e.member(a.DataType().(arrow.NestedType).Fields()[0], a.ListValues())
	return func(dst []byte, i int) []byte {
		from, to := a.ValueOffsets(i)
		dst = append(dst, '[')
		for j := from; j < to; j++ {
			if j > from {
				dst = append(dst, ',')
			}
			dst = element.append(dst, int(j))
		}
		return append(dst, ']')
	}, err
}

func (e *rowEncoder) float(f arrow.Field, bits int, value func(i int) float64) cell {
	point := e.plain && marked(f.Metadata, keyFloat, "point")
	return func(dst []byte, i int) []byte {
		v := value(i)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			if e.plain {
				return append(dst, plainSpecial(v)...)
			}
			return appendSpecial(dst, v)
		}
		start := len(dst)
		dst = appendFloat(dst, v, bits)
		if point && !hasPoint(dst[start:]) {
			dst = append(dst, ".0"...)
		}
		return dst
	}
}

// widen converts a float32 and keeps the bits of a NaN, which a conversion
// would make quiet.
func widen(v float32) float64 {
	if bits := math.Float32bits(v); v != v {
		return math.Float64frombits(uint64(bits>>31)<<63 | 0x7FF<<52 | uint64(bits&(1<<23-1))<<29)
	}
	return float64(v)
}

// narrow is the inverse of widen.
func narrow(v float64) float32 {
	if bits := math.Float64bits(v); v != v {
		return math.Float32frombits(uint32(bits>>63)<<31 | 0xFF<<23 | uint32(bits>>29)&(1<<23-1))
	}
	return float32(v)
}

// plainSpecial is how Python writes numbers that JSON lacks.
func plainSpecial(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return "NaN"
}

// hasPoint reports whether a number is not written as an integer.
func hasPoint(number []byte) bool {
	for _, c := range number {
		if c == '.' || c == 'e' || c == 'E' {
			return true
		}
	}
	return false
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}
