package convert

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
)

// kinds is a set of the kinds of value that a node has seen.
type kinds uint8

const (
	kindBool kinds = 1 << iota
	kindInt
	kindFloat
	kindString
	kindObject
	kindArray
	kindText // what no column type keeps: such a node's values stay JSON
)

// Limits of inferred columns. Objects that go beyond them stay JSON.
const (
	maxMembers = 1024 // of one object
	maxNodes   = 8192 // of a table
	maxColumns = 24   // nesting
)

// node is what inference knows of one place in the records: the record itself,
// a member of an object, the elements of an array.
type node struct {
	name    string
	kinds   kinds
	present int64 // times it was there
	nulls   int64 // of those, times it was null
	objects int64 // times it was an object
	wide    bool  // an integer that float64 lacks
	pointed bool  // a whole number with a decimal point
	bare    bool  // one without
	members []*node
	index   map[string]int
	element *node
}

// inferrer learns the schema of records, one by one.
type inferrer struct {
	scanner
	root  node
	nodes int
	// irregular: some records have keys in another order or there twice, or
	// spell whole numbers in two ways.
	irregular bool
}

func newInferrer() *inferrer {
	return &inferrer{scanner: scanner{python: true}}
}

// record looks at one record.
func (f *inferrer) record(text []byte) error {
	f.reset(text)
	f.value(&f.root, 0)
	f.end()
	return f.err
}

func (f *inferrer) value(n *node, depth int) {
	n.present++
	switch c := f.peek(); {
	case c == 'n':
		f.word("null")
		n.nulls++
	case n.mixed():
		f.skip()
	case c == '{' && depth < maxColumns:
		n.kinds |= kindObject
		f.object(n, depth)
	case c == '[' && depth < maxColumns:
		n.kinds |= kindArray
		f.array(n, depth)
	case c == '{' || c == '[':
		n.kinds |= kindText
		f.skip()
	case c == '"':
		n.kinds |= kindString
		f.text()
		if f.lone {
			n.kinds |= kindText
		}
	case c == 't' || c == 'f':
		n.kinds |= kindBool
		f.boolean()
	default:
		n.number(f.number())
	}
	if n.mixed() {
		n.members, n.index, n.element = nil, nil, nil
	}
}

// mixed reports whether the values have no type in common.
func (n *node) mixed() bool {
	switch n.kinds {
	case 0, kindBool, kindInt, kindFloat, kindString, kindObject, kindArray:
		return false
	case kindInt | kindFloat:
		return n.wide
	}
	return true
}

func (n *node) number(text []byte) {
	if v, ok := parseInt(text); ok && string(text) != "-0" {
		n.kinds |= kindInt
		n.bare = true
		n.wide = n.wide || int64(float64(v)) != v || v > maxExact || v < -maxExact
		return
	}
	n.kinds |= kindFloat
	if !exactFloat(text) {
		n.kinds |= kindText
	}
	if v, err := strconv.ParseFloat(string(text), 64); err == nil && v == float64(int64(v)) {
		n.pointed = n.pointed || hasPoint(text)
		n.bare = n.bare || !hasPoint(text)
	}
}

func (f *inferrer) array(n *node, depth int) {
	if n.element == nil {
		n.element = f.newNode("")
	}
	for more := f.open('['); more; more = f.next(']') {
		f.value(n.element, depth+1)
	}
}

func (f *inferrer) object(n *node, depth int) {
	n.objects++
	next := 0
	for more := f.open('{'); more; more = f.next('}') {
		key := f.key()
		if f.lone {
			n.kinds |= kindText
			f.skip()
			continue
		}
		i, ok := n.find(key, next)
		if !ok && !f.room(n) {
			f.skip()
			continue
		}
		if !ok {
			i = next
			n.insert(i, f.newNode(string(key)))
		}
		f.irregular = f.irregular || i < next
		next = i + 1
		f.value(n.members[i], depth+1)
	}
}

func (n *node) find(key []byte, next int) (int, bool) {
	if next < len(n.members) && n.members[next].name == string(key) {
		return next, true
	}
	i, ok := n.index[string(key)]
	return i, ok
}

// insert adds a member behind the one that stood before it in this object, so
// that objects which leave out keys agree on an order.
func (n *node) insert(at int, m *node) {
	n.members = slices.Insert(n.members, at, m)
	if n.index == nil {
		n.index = map[string]int{}
	}
	for i := at; i < len(n.members); i++ {
		n.index[n.members[i].name] = i
	}
}

func (f *inferrer) newNode(name string) *node {
	f.nodes++
	return &node{name: name}
}

// room reports whether the object may have another member; if not, it will
// stay JSON.
func (f *inferrer) room(n *node) bool {
	if len(n.members) < maxMembers && f.nodes < maxNodes {
		return true
	}
	n.kinds |= kindText
	return false
}

// schema returns the table that all records fit in.
func (f *inferrer) schema() *arrow.Schema {
	root := &f.root
	if root.kinds != kindObject || root.nulls > 0 || len(root.members) == 0 {
		field := f.field(root, valueColumn, 0, false)
		meta := arrow.NewMetadata([]string{keyRow}, []string{valueColumn})
		fields := []arrow.Field{field}
		return arrow.NewSchema(f.withOriginal(fields), &meta)
	}
	return arrow.NewSchema(f.withOriginal(f.fields(root)), nil)
}

// withOriginal adds the column for the records' own text if some need it.
func (f *inferrer) withOriginal(fields []arrow.Field) []arrow.Field {
	if !f.irregular {
		return fields
	}
	name := originalColumn
	for slices.ContainsFunc(fields, func(f arrow.Field) bool { return f.Name == name }) {
		name = "_" + name
	}
	return append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true,
		Metadata: arrow.NewMetadata([]string{keyOriginal}, []string{"true"})})
}

func (f *inferrer) fields(n *node) []arrow.Field {
	fields := make([]arrow.Field, len(n.members))
	for i, m := range n.members {
		fields[i] = f.field(m, m.name, n.objects-m.present, true)
	}
	return fields
}

// field returns the column for a node that was absent that often.
func (f *inferrer) field(n *node, name string, absent int64, member bool) arrow.Field {
	field := arrow.Field{Name: name, Nullable: true}
	var keys, values []string
	field.Type = f.dataType(n)
	if n.isText() {
		keys, values = append(keys, keyJSON), append(values, "true")
	}
	if member && n.nulls > 0 {
		if n.nulls >= absent {
			keys, values = append(keys, keyNull), append(values, "explicit")
		}
		f.irregular = f.irregular || absent > 0
	}
	if field.Type == arrow.PrimitiveTypes.Float64 && n.pointed {
		if !n.bare {
			keys, values = append(keys, keyFloat), append(values, "point")
		}
		f.irregular = f.irregular || n.bare
	}
	if len(keys) > 0 {
		field.Metadata = arrow.NewMetadata(keys, values)
	}
	return field
}

// isText reports whether the values stay JSON: they are of several types, or
// objects without any member, which not every reader takes.
func (n *node) isText() bool {
	return n.mixed() || n.kinds == kindObject && len(n.members) == 0
}

func (f *inferrer) dataType(n *node) arrow.DataType {
	switch {
	case n.isText():
		return arrow.BinaryTypes.String
	case n.kinds == kindBool:
		return arrow.FixedWidthTypes.Boolean
	case n.kinds == kindInt:
		return arrow.PrimitiveTypes.Int64
	case n.kinds&kindFloat != 0:
		return arrow.PrimitiveTypes.Float64
	case n.kinds == kindObject:
		return arrow.StructOf(f.fields(n)...)
	case n.kinds == kindArray:
		return arrow.ListOfField(f.field(n.element, "item", 0, false))
	}
	return arrow.BinaryTypes.String // also where there was never a value
}

// exactFloat reports whether float64 tells the number apart: writing it in as
// few digits as float64 needs gives the same decimal number.
func exactFloat(text []byte) bool {
	if _, ok := special(string(text)); ok {
		return true
	}
	digits, exponent, ok := decimal(text)
	// Any 15 digits survive, but for the outermost exponents.
	if ok && len(digits) <= 15 && exponent > -290 && exponent < 290 {
		return true
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !ok {
		return false
	}
	again, exp, _ := decimal(strconv.AppendFloat(nil, v, 'e', -1, 64))
	return bytes.Equal(digits, again) && exponent == exp
}

// decimal returns a number's significant digits and the power of ten of the
// last one. ok is false for an absurd exponent.
func decimal(text []byte) (digits []byte, exponent int, ok bool) {
	mantissa := text
	if e := bytes.IndexAny(text, "eE"); e >= 0 {
		var err error
		if exponent, err = strconv.Atoi(string(text[e+1:])); err != nil || exponent < -1e6 || exponent > 1e6 {
			return nil, 0, false
		}
		mantissa = text[:e]
	}
	if dot := bytes.IndexByte(mantissa, '.'); dot >= 0 {
		exponent -= len(mantissa) - dot - 1
		mantissa = slices.Concat(mantissa[:dot], mantissa[dot+1:])
	}
	digits = bytes.TrimLeft(mantissa, "-0")
	trimmed := bytes.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	if len(trimmed) == 0 {
		exponent = 0
	}
	return trimmed, exponent, true
}
