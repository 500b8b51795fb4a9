package convert

import (
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tracetool/tracetool/format"
)

// filler turns JSON values into rows of a schema. It reads the values of the
// dialect or, if foreign, those of another program, from which the schema was
// inferred.
type filler struct {
	scanner
	foreign bool
	// deviates: the columns do not tell all of this foreign record: keys in
	// another order or there twice, null where its like is absent elsewhere.
	deviates bool
	// taken is what the row takes in the columns at least, in bytes. Text tells
	// little of that: "{}" is a null in each column.
	taken int64

	builder  *array.RecordBuilder
	root     *column              // the record, or its one value
	original *array.StringBuilder // of keyOriginal, or nil
	value    bool                 // records are no objects
	buf      []byte               // of decoded bytes
	packed   []byte               // of compacted JSON
}

// column is where the values of a field go.
type column struct {
	name     string
	builder  array.Builder
	nullable bool
	json     bool // keyJSON
	explicit bool // keyNull
	point    bool // keyFloat
	members  []*column
	index    map[string]int // of members by name
	row      int            // number of the object that set it last
	rows     int            // objects read
	width    int64          // bytes that one value takes at least, also if it is null
}

func newFiller(schema *arrow.Schema, foreign bool) (*filler, error) {
	f := &filler{foreign: foreign, builder: array.NewRecordBuilder(memory.DefaultAllocator, schema)}
	f.python = foreign
	f.value = foreign && marked(schema.Metadata(), keyRow, valueColumn)
	f.root = &column{index: map[string]int{}}
	for i, field := range schema.Fields() {
		if b, ok := f.builder.Field(i).(*array.StringBuilder); ok && foreign && marked(field.Metadata, keyOriginal, "true") {
			f.original = b
			continue
		}
		if err := f.root.add(field, f.builder.Field(i)); err != nil {
			return nil, err
		}
	}
	if f.root.width > maxRowBytes {
		return nil, fmt.Errorf("a row of these columns has more than %d bytes", maxRowBytes)
	}
	if f.value {
		if len(f.root.members) != 1 {
			return nil, fmt.Errorf("%d columns in a table of values, want 1", len(f.root.members))
		}
		f.root.members[0].explicit = true
	}
	return f, nil
}

func (c *column) add(field arrow.Field, b array.Builder) error {
	m := &column{
		name: field.Name, builder: b, nullable: field.Nullable, index: map[string]int{},
		json:     marked(field.Metadata, keyJSON, "true"),
		explicit: marked(field.Metadata, keyNull, "explicit"),
		point:    marked(field.Metadata, keyFloat, "point"),
	}
	c.index[field.Name] = len(c.members)
	c.members = append(c.members, m)
	switch b := b.(type) {
	case *array.StructBuilder:
		for i, f := range field.Type.(*arrow.StructType).Fields() {
			if err := m.add(f, b.FieldBuilder(i)); err != nil {
				return err
			}
		}
	case array.ListLikeBuilder:
		element := field.Type.(arrow.NestedType).Fields()[0]
		if _, ok := b.(*array.FixedSizeListBuilder); ok && !element.Nullable {
			return fmt.Errorf("field %q: fixed_size_list of elements that are never null is not supported", field.Name)
		}
		if err := m.add(element, b.ValueBuilder()); err != nil {
			return err
		}
		m.members[0].explicit = true
	}
	m.width = m.least()
	c.width = min(c.width+m.width, maxRowBytes+1)
	return nil
}

// maxRowBytes is the size of a row that the writer still takes.
const maxRowBytes = 512 << 20

// least returns the column's width, beyond maxRowBytes if it is more than that.
func (c *column) least() int64 {
	switch b := c.builder.(type) {
	case *array.StructBuilder:
		return max(c.width, 1)
	case *array.FixedSizeListBuilder:
		return min(int64(b.Type().(*arrow.FixedSizeListType).Len())*c.width, maxRowBytes+1)
	}
	if t, ok := c.builder.Type().(arrow.FixedWidthDataType); ok {
		return max(int64(t.BitWidth()/8), 1)
	}
	return 4 // an offset
}

// row appends the record at the current position.
func (f *filler) row() {
	f.deviates, f.taken = false, f.root.width
	if f.value {
		f.field(f.root.members[0])
		return
	}
	f.object(f.root)
}

// foreignRow appends a whole foreign record.
func (f *filler) foreignRow(record []byte) error {
	f.reset(record)
	f.row()
	f.end()
	if f.err == nil && f.original != nil {
		if f.deviates {
			f.packed = compact(f.packed[:0], record)
			f.original.BinaryBuilder.Append(f.packed)
		} else {
			f.original.AppendNull()
		}
	}
	return f.err
}

// object appends the members of an object to the columns of those names.
func (f *filler) object(c *column) {
	c.rows++
	next := 0
	for more := f.open('{'); more; more = f.next('}') {
		i, ok := c.find(f.key(), next)
		if !ok || f.lone {
			f.fail("a key that is none of the columns")
			return
		}
		m := c.members[i]
		if m.row == c.rows {
			f.duplicate()
			continue
		}
		f.deviates = f.deviates || i < next
		next = i + 1
		m.row = c.rows
		f.field(m)
	}
	if f.err != nil {
		return
	}
	for _, m := range c.members {
		if m.row != c.rows {
			f.deviates = f.deviates || m.explicit
			f.appendNull(m)
		}
	}
}

// find returns the number of the member, of which next is the likeliest.
func (c *column) find(key []byte, next int) (int, bool) {
	if next < len(c.members) && c.members[next].name == string(key) {
		return next, true
	}
	i, ok := c.index[string(key)]
	return i, ok
}

func (f *filler) duplicate() {
	if !f.foreign {
		f.fail("a key that was there before")
		return
	}
	f.deviates = true
	f.skip()
}

func (f *filler) appendNull(c *column) {
	if !c.nullable {
		f.fail("no value for %q, which is never null", c.name)
		return
	}
	c.builder.AppendNull()
}

// field appends a value, which may be null.
func (f *filler) field(c *column) {
	if f.null() {
		f.deviates = f.deviates || !c.explicit
		f.appendNull(c)
		return
	}
	if f.err != nil {
		return
	}
	switch b := c.builder.(type) {
	case *array.StringBuilder:
		f.string(c, b)
	case *array.Int64Builder:
		b.Append(f.integer())
	case *array.Float64Builder:
		b.Append(f.float(c, 64))
	case *array.BooleanBuilder:
		b.Append(f.boolean())
	case *array.StructBuilder:
		b.Append(true)
		f.object(c)
	case *array.FixedSizeListBuilder:
		b.Append(true)
		f.list(c, int(b.Type().(*arrow.FixedSizeListType).Len()))
	case array.ListLikeBuilder:
		b.Append(true)
		f.list(c, -1)
	default:
		f.rare(b)
	}
}

// rare appends a value of a type that is not inferred.
func (f *filler) rare(b array.Builder) {
	const i8, i16, i32 = 1 << 7, 1 << 15, 1 << 31
	switch b := b.(type) {
	case *array.Int8Builder:
		b.Append(int8(f.bounded(-i8, i8-1)))
	case *array.Int16Builder:
		b.Append(int16(f.bounded(-i16, i16-1)))
	case *array.Int32Builder:
		b.Append(int32(f.bounded(-i32, i32-1)))
	case *array.Uint8Builder:
		b.Append(uint8(f.bounded(0, 2*i8-1)))
	case *array.Uint16Builder:
		b.Append(uint16(f.bounded(0, 2*i16-1)))
	case *array.Uint32Builder:
		b.Append(uint32(f.bounded(0, 2*i32-1)))
	case *array.Uint64Builder:
		b.Append(f.unsigned())
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(f.integer()))
	case *array.Float32Builder:
		b.Append(narrow(f.float(nil, 32)))
	case *array.LargeStringBuilder:
		b.BinaryBuilder.Append(f.bytes(&f.buf))
	case *array.BinaryBuilder: // also large_binary
		b.Append(f.bytes(&f.buf))
	case *array.FixedSizeBinaryBuilder:
		v := f.bytes(&f.buf)
		if want := b.Type().(*arrow.FixedSizeBinaryType).ByteWidth; f.err == nil && len(v) != want {
			f.fail("%d bytes, want %d", len(v), want)
			return
		}
		b.Append(v)
	default:
		f.fail("a value in a column of type %s", b.Type())
	}
}

func (f *filler) string(c *column, b *array.StringBuilder) {
	switch {
	case !f.foreign:
		b.BinaryBuilder.Append(f.bytes(&f.buf))
	case c.json:
		f.packed = compact(f.packed[:0], f.skip())
		b.BinaryBuilder.Append(f.packed)
	default:
		b.BinaryBuilder.Append(f.textOnly())
	}
}

// list appends the elements of an array, which must be want unless that is -1.
func (f *filler) list(c *column, want int) {
	n := 0
	for more := f.open('['); more && f.err == nil; more = f.next(']') {
		if n == want {
			f.fail("more than %d elements", want)
			return
		}
		if want < 0 {
			f.take(c.members[0].width)
		}
		f.field(c.members[0])
		n++
	}
	if f.err == nil && want >= 0 && n != want {
		f.fail("%d elements, want %d", n, want)
	}
}

// take counts what one more element takes.
func (f *filler) take(n int64) {
	if f.taken += n; f.err == nil && f.taken > maxRowBytes {
		f.err = &kindError{format.ErrLimit, fmt.Sprintf("a row of more than %d bytes in its columns", maxRowBytes)}
	}
}

func (f *filler) unsigned() uint64 {
	digits := f.digitsOrString()
	v, err := strconv.ParseUint(string(digits), 10, 64)
	if f.err == nil && err != nil {
		f.fail("found %q, want an integer of 64 bits", clip(digits))
	}
	return v
}

func (s *scanner) digitsOrString() []byte {
	if s.err == nil && s.peek() == '"' {
		return s.text()
	}
	return s.number()
}

// float reads a number, or in the dialect a string for one that JSON lacks.
func (f *filler) float(c *column, bits int) float64 {
	if !f.foreign && f.peek() == '"' {
		t := f.text()
		v, ok := special(string(t))
		if !ok {
			f.fail("found %q, want a number", clip(t))
		}
		return v
	}
	n := f.number()
	if f.err != nil {
		return 0
	}
	if v, ok := special(string(n)); ok {
		return v
	}
	v, err := strconv.ParseFloat(string(n), bits)
	if err != nil {
		f.fail("number %s is out of range", clip(n))
	}
	if f.foreign && math.Trunc(v) == v && math.Abs(v) < maxPlain && hasPoint(n) != c.point {
		f.deviates = true
	}
	return v
}
