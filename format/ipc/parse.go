package ipc

import (
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
)

// maxDepth bounds the nesting of fields.
const maxDepth = 64

// ParseMessage parses the flatbuffer of an encapsulated message: the metadata
// without its 8-byte prefix; bytes after the flatbuffer are ignored. It never
// panics, and allocates in proportion to the metadata's length.
func ParseMessage(metadata []byte) (*Message, error) {
	t := rootTable(metadata)
	m := &Message{
		Kind:       MessageKind(t.byteAt(1)),
		BodyLength: t.int64At(3),
		Codec:      None,
	}
	m.Metadata = parseMetadata(t, 4)
	header, ok := t.tableAt(2)
	if t.bad || !ok {
		return nil, errFlatbuffer
	}
	if v := t.int16At(0); v != metadataV5 {
		return nil, fmt.Errorf("message has metadata version %d, want %d (V5)", v, metadataV5)
	}
	var err error
	switch m.Kind {
	case SchemaKind:
		m.Schema, err = parseSchema(header)
	case DictionaryKind:
		m.DictionaryID, m.Delta = header.int64At(0), header.byteAt(2) != 0
		if header, ok = header.tableAt(1); !ok {
			return nil, errFlatbuffer
		}
		err = m.parseBatch(header)
	case RecordBatchKind:
		err = m.parseBatch(header)
	default:
		err = fmt.Errorf("message of kind %d, want schema, dictionary or record batch", m.Kind)
	}
	if err == nil {
		err = t.err()
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Message) parseBatch(t table) error {
	m.Rows = t.int64At(0)
	start, n := t.vector(1, 16)
	m.Nodes = make([]Node, n)
	for i := range m.Nodes {
		p := start + 16*i
		m.Nodes[i] = Node{t.i64(p), t.i64(p + 8)}
	}
	start, n = t.vector(2, 16)
	m.Buffers = make([]Span, n)
	for i := range m.Buffers {
		p := start + 16*i
		m.Buffers[i] = Span{t.i64(p), t.i64(p + 8)}
	}
	if c, ok := t.tableAt(3); ok {
		i := slices.Index(arrowCodecs[:], int8(c.byteAt(0)))
		if i < 0 {
			return fmt.Errorf("unknown compression codec %d", c.byteAt(0))
		}
		m.Codec = Codec(i)
	}
	if m.Rows < 0 || m.BodyLength < 0 {
		return errors.New("negative length")
	}
	return t.err()
}

// ParseFooter parses the flatbuffer of a file's footer.
func ParseFooter(footer []byte) (*FooterInfo, error) { return parseFooter(footer, parseSchema) }

// ParseFooterMetadata is ParseFooter but for the fields of the schema, which it has
// none of: they take longer than everything else.
func ParseFooterMetadata(footer []byte) (*FooterInfo, error) {
	return parseFooter(footer, func(t table) (*arrow.Schema, error) {
		meta := parseArrowMetadata(t, 2)
		return arrow.NewSchema(nil, &meta), t.err()
	})
}

func parseFooter(footer []byte, parseSchema func(table) (*arrow.Schema, error)) (*FooterInfo, error) {
	t := rootTable(footer)
	schema, ok := t.tableAt(1)
	if !ok {
		return nil, errFlatbuffer
	}
	f := &FooterInfo{
		Dictionaries: parseBlocks(t, 2),
		Batches:      parseBlocks(t, 3),
		Metadata:     parseMetadata(t, 4),
	}
	var err error
	if f.Schema, err = parseSchema(schema); err == nil {
		err = t.err()
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func parseBlocks(t table, slot int) []Block {
	start, n := t.vector(slot, 24)
	blocks := make([]Block, n)
	for i := range blocks {
		p := start + 24*i
		blocks[i] = Block{t.i64(p), int32(t.u32(p + 8)), t.i64(p + 16)}
	}
	return blocks
}

func parseMetadata(t table, slot int) []KeyValue {
	var kvs []KeyValue
	for _, kv := range t.tables(slot) {
		kvs = append(kvs, KeyValue{kv.stringAt(0), kv.stringAt(1)})
	}
	return kvs
}

func parseSchema(t table) (*arrow.Schema, error) {
	if t.int16At(0) != 0 {
		return nil, errors.New("schema is big-endian")
	}
	fields, err := parseFields(t, 1, 0)
	if err != nil {
		return nil, err
	}
	meta := parseArrowMetadata(t, 2)
	return arrow.NewSchema(fields, &meta), t.err()
}

func parseArrowMetadata(t table, slot int) arrow.Metadata {
	var keys, values []string
	for _, kv := range parseMetadata(t, slot) {
		keys, values = append(keys, kv.Key), append(values, kv.Value)
	}
	return arrow.NewMetadata(keys, values)
}

func parseFields(t table, slot, depth int) ([]arrow.Field, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("fields are nested more than %d deep", maxDepth)
	}
	tables := t.tables(slot)
	fields := make([]arrow.Field, len(tables))
	for i, ft := range tables {
		children, err := parseFields(ft, 5, depth+1)
		if err != nil {
			return nil, err
		}
		f := arrow.Field{Name: ft.stringAt(0), Nullable: ft.byteAt(1) != 0, Metadata: parseArrowMetadata(ft, 6)}
		if f.Type, err = parseType(ft, children); err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
		if dict, ok := ft.tableAt(4); ok {
			index := arrow.DataType(arrow.PrimitiveTypes.Int32)
			if it, ok := dict.tableAt(1); ok {
				if index, err = intType(it); err != nil {
					return nil, fmt.Errorf("field %q: %w", f.Name, err)
				}
			}
			f.Type = &arrow.DictionaryType{IndexType: index, ValueType: f.Type}
		}
		fields[i] = f
	}
	return fields, t.err()
}

func intType(t table) (arrow.DataType, error) {
	bits, signed := t.int32At(0), t.byteAt(1) != 0
	types := map[int32][2]arrow.DataType{
		8:  {arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Int8},
		16: {arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Int16},
		32: {arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Int32},
		64: {arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Int64},
	}
	pair, ok := types[bits]
	if !ok {
		return nil, fmt.Errorf("integer of %d bits", bits)
	}
	if signed {
		return pair[1], nil
	}
	return pair[0], nil
}

func parseType(field table, children []arrow.Field) (arrow.DataType, error) {
	kind := field.byteAt(2)
	t, _ := field.tableAt(3)
	switch kind {
	case typeNull:
		return arrow.Null, nil
	case typeInt:
		return intType(t)
	case typeFloatingPoint:
		switch p := t.int16At(0); p {
		case 1:
			return arrow.PrimitiveTypes.Float32, nil
		case 2:
			return arrow.PrimitiveTypes.Float64, nil
		default:
			return nil, fmt.Errorf("floating point precision %d", p)
		}
	case typeBool:
		return arrow.FixedWidthTypes.Boolean, nil
	case typeUtf8:
		return arrow.BinaryTypes.String, nil
	case typeBinary:
		return arrow.BinaryTypes.Binary, nil
	case typeLargeUtf8:
		return arrow.BinaryTypes.LargeString, nil
	case typeLargeBinary:
		return arrow.BinaryTypes.LargeBinary, nil
	case typeFixedSizeBinary:
		n := t.int32At(0)
		if n < 0 {
			return nil, fmt.Errorf("fixed size of %d bytes", n)
		}
		return &arrow.FixedSizeBinaryType{ByteWidth: int(n)}, nil
	case typeTimestamp:
		unit := t.int16At(0)
		if unit < 0 || unit > 3 {
			return nil, fmt.Errorf("time unit %d", unit)
		}
		return &arrow.TimestampType{Unit: arrow.TimeUnit(unit), TimeZone: t.stringAt(1)}, nil
	case typeStruct:
		return arrow.StructOf(children...), nil
	case typeList, typeLargeList, typeFixedSizeList:
		if len(children) != 1 {
			return nil, fmt.Errorf("list with %d children, want 1", len(children))
		}
		if kind == typeList {
			return arrow.ListOfField(children[0]), nil
		}
		if kind == typeLargeList {
			return arrow.LargeListOfField(children[0]), nil
		}
		n := t.int32At(0)
		if n <= 0 {
			return nil, fmt.Errorf("fixed size list of %d elements", n)
		}
		return arrow.FixedSizeListOfField(n, children[0]), nil
	}
	return nil, fmt.Errorf("Arrow type %d is not supported", kind)
}
