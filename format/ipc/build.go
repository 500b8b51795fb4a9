package ipc

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	flatbuffers "github.com/google/flatbuffers/go"
)

// Numbers of the Type union in Arrow's Schema.fbs.
const (
	typeNull            = 1
	typeInt             = 2
	typeFloatingPoint   = 3
	typeBinary          = 4
	typeUtf8            = 5
	typeBool            = 6
	typeTimestamp       = 10
	typeList            = 12
	typeStruct          = 13
	typeFixedSizeBinary = 15
	typeFixedSizeList   = 16
	typeLargeBinary     = 19
	typeLargeUtf8       = 20
	typeLargeList       = 21
)

// SchemaMessage returns the message that describes s, with s's metadata.
// Dictionary fields are numbered from 0, depth first.
func SchemaMessage(s *arrow.Schema) ([]byte, error) {
	b := flatbuffers.NewBuilder(1024)
	schema, err := buildSchema(b, s)
	if err != nil {
		return nil, err
	}
	return buildMessage(b, SchemaKind, schema, 0, nil), nil
}

// Footer returns the flatbuffer that closes an Arrow file.
func Footer(s *arrow.Schema, dictionaries, batches []Block, metadata []KeyValue) ([]byte, error) {
	b := flatbuffers.NewBuilder(1024 + 24*len(batches))
	schema, err := buildSchema(b, s)
	if err != nil {
		return nil, err
	}
	meta := buildMetadata(b, metadata)
	dicts := buildBlocks(b, dictionaries)
	recs := buildBlocks(b, batches)
	b.StartObject(5)
	b.PrependInt16Slot(0, metadataV5, 0)
	b.PrependUOffsetTSlot(1, schema, 0)
	b.PrependUOffsetTSlot(2, dicts, 0)
	b.PrependUOffsetTSlot(3, recs, 0)
	b.PrependUOffsetTSlot(4, meta, 0)
	b.Finish(b.EndObject())
	return b.FinishedBytes(), nil
}

// batchMessage returns the message of a record batch, or of a dictionary batch
// if dictionary is not negative.
func batchMessage(rows int64, nodes []Node, buffers []Span, codec Codec, dictionary, bodyLength int64, metadata []KeyValue) []byte {
	b := flatbuffers.NewBuilder(256 + 16*(len(nodes)+len(buffers)))
	b.StartVector(16, len(nodes), 8)
	for i := len(nodes) - 1; i >= 0; i-- {
		b.Prep(8, 16)
		b.PrependInt64(nodes[i].Nulls)
		b.PrependInt64(nodes[i].Length)
	}
	nodeVec := b.EndVector(len(nodes))
	b.StartVector(16, len(buffers), 8)
	for i := len(buffers) - 1; i >= 0; i-- {
		b.Prep(8, 16)
		b.PrependInt64(buffers[i].Length)
		b.PrependInt64(buffers[i].Offset)
	}
	bufferVec := b.EndVector(len(buffers))
	var compression flatbuffers.UOffsetT
	if codec != None {
		b.StartObject(2)
		b.PrependInt8Slot(0, arrowCodecs[codec], 0)
		compression = b.EndObject()
	}
	b.StartObject(5)
	b.PrependInt64Slot(0, rows, 0)
	b.PrependUOffsetTSlot(1, nodeVec, 0)
	b.PrependUOffsetTSlot(2, bufferVec, 0)
	b.PrependUOffsetTSlot(3, compression, 0)
	header, kind := b.EndObject(), RecordBatchKind
	if dictionary >= 0 {
		b.StartObject(3)
		b.PrependInt64Slot(0, dictionary, 0)
		b.PrependUOffsetTSlot(1, header, 0)
		header, kind = b.EndObject(), DictionaryKind
	}
	return buildMessage(b, kind, header, bodyLength, metadata)
}

func buildMessage(b *flatbuffers.Builder, kind MessageKind, header flatbuffers.UOffsetT, bodyLength int64, metadata []KeyValue) []byte {
	meta := buildMetadata(b, metadata)
	b.StartObject(5)
	b.PrependInt16Slot(0, metadataV5, 0)
	b.PrependByteSlot(1, byte(kind), 0)
	b.PrependUOffsetTSlot(2, header, 0)
	b.PrependInt64Slot(3, bodyLength, 0)
	b.PrependUOffsetTSlot(4, meta, 0)
	b.Finish(b.EndObject())
	return b.FinishedBytes()
}

func buildMetadata(b *flatbuffers.Builder, kvs []KeyValue) flatbuffers.UOffsetT {
	if len(kvs) == 0 {
		return 0
	}
	offsets := make([]flatbuffers.UOffsetT, len(kvs))
	for i, kv := range kvs {
		k, v := b.CreateString(kv.Key), b.CreateString(kv.Value)
		b.StartObject(2)
		b.PrependUOffsetTSlot(0, k, 0)
		b.PrependUOffsetTSlot(1, v, 0)
		offsets[i] = b.EndObject()
	}
	return buildVector(b, offsets)
}

func buildVector(b *flatbuffers.Builder, offsets []flatbuffers.UOffsetT) flatbuffers.UOffsetT {
	b.StartVector(4, len(offsets), 4)
	for i := len(offsets) - 1; i >= 0; i-- {
		b.PrependUOffsetT(offsets[i])
	}
	return b.EndVector(len(offsets))
}

func buildBlocks(b *flatbuffers.Builder, blocks []Block) flatbuffers.UOffsetT {
	b.StartVector(24, len(blocks), 8)
	for i := len(blocks) - 1; i >= 0; i-- {
		b.Prep(8, 24)
		b.PrependInt64(blocks[i].Body)
		b.Pad(4)
		b.PrependInt32(blocks[i].Metadata)
		b.PrependInt64(blocks[i].Offset)
	}
	return b.EndVector(len(blocks))
}

func buildSchema(b *flatbuffers.Builder, s *arrow.Schema) (flatbuffers.UOffsetT, error) {
	var dictionaries int64
	fields := make([]flatbuffers.UOffsetT, s.NumFields())
	for i, f := range s.Fields() {
		var err error
		if fields[i], err = buildField(b, f, &dictionaries); err != nil {
			return 0, err
		}
	}
	vec := buildVector(b, fields)
	meta := buildMetadata(b, keyValues(s.Metadata()))
	b.StartObject(4)
	b.PrependUOffsetTSlot(1, vec, 0)
	b.PrependUOffsetTSlot(2, meta, 0)
	return b.EndObject(), nil
}

func keyValues(m arrow.Metadata) []KeyValue {
	kvs := make([]KeyValue, m.Len())
	for i := range kvs {
		kvs[i] = KeyValue{m.Keys()[i], m.Values()[i]}
	}
	return kvs
}

func buildField(b *flatbuffers.Builder, f arrow.Field, dictionaries *int64) (flatbuffers.UOffsetT, error) {
	dt := f.Type
	var dictionary flatbuffers.UOffsetT
	if d, ok := dt.(*arrow.DictionaryType); ok {
		index, ok := d.IndexType.(arrow.FixedWidthDataType)
		if !ok {
			return 0, fmt.Errorf("field %q: dictionary index %s is not an integer", f.Name, d.IndexType)
		}
		indexType := buildInt(b, index.BitWidth(), true)
		b.StartObject(4)
		b.PrependInt64Slot(0, *dictionaries, 0)
		b.PrependUOffsetTSlot(1, indexType, 0)
		dictionary = b.EndObject()
		*dictionaries++
		dt = d.ValueType
	}
	var children []flatbuffers.UOffsetT
	if nested, ok := dt.(arrow.NestedType); ok {
		for _, c := range nested.Fields() {
			child, err := buildField(b, c, dictionaries)
			if err != nil {
				return 0, err
			}
			children = append(children, child)
		}
	}
	childVec := buildVector(b, children)
	name := b.CreateString(f.Name)
	meta := buildMetadata(b, keyValues(f.Metadata))
	kind, typ, err := buildType(b, dt)
	if err != nil {
		return 0, fmt.Errorf("field %q: %w", f.Name, err)
	}
	b.StartObject(7)
	b.PrependUOffsetTSlot(0, name, 0)
	b.PrependBoolSlot(1, f.Nullable, false)
	b.PrependByteSlot(2, kind, 0)
	b.PrependUOffsetTSlot(3, typ, 0)
	b.PrependUOffsetTSlot(4, dictionary, 0)
	b.PrependUOffsetTSlot(5, childVec, 0)
	b.PrependUOffsetTSlot(6, meta, 0)
	return b.EndObject(), nil
}

func buildInt(b *flatbuffers.Builder, bits int, signed bool) flatbuffers.UOffsetT {
	b.StartObject(2)
	b.PrependInt32Slot(0, int32(bits), 0)
	b.PrependBoolSlot(1, signed, false)
	return b.EndObject()
}

// buildType returns the number of the Type union's member and its table.
func buildType(b *flatbuffers.Builder, dt arrow.DataType) (byte, flatbuffers.UOffsetT, error) {
	empty := func() flatbuffers.UOffsetT { b.StartObject(0); return b.EndObject() }
	switch t := dt.(type) {
	case *arrow.NullType:
		return typeNull, empty(), nil
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type:
		return typeInt, buildInt(b, t.(arrow.FixedWidthDataType).BitWidth(), true), nil
	case *arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type, *arrow.Uint64Type:
		return typeInt, buildInt(b, t.(arrow.FixedWidthDataType).BitWidth(), false), nil
	case *arrow.Float32Type, *arrow.Float64Type:
		b.StartObject(1)
		b.PrependInt16Slot(0, int16(t.(arrow.FixedWidthDataType).BitWidth()/32), 0)
		return typeFloatingPoint, b.EndObject(), nil
	case *arrow.BooleanType:
		return typeBool, empty(), nil
	case *arrow.StringType:
		return typeUtf8, empty(), nil
	case *arrow.BinaryType:
		return typeBinary, empty(), nil
	case *arrow.LargeStringType:
		return typeLargeUtf8, empty(), nil
	case *arrow.LargeBinaryType:
		return typeLargeBinary, empty(), nil
	case *arrow.FixedSizeBinaryType:
		b.StartObject(1)
		b.PrependInt32Slot(0, int32(t.ByteWidth), 0)
		return typeFixedSizeBinary, b.EndObject(), nil
	case *arrow.TimestampType:
		zone := b.CreateString(t.TimeZone)
		b.StartObject(2)
		b.PrependInt16Slot(0, int16(t.Unit), 0)
		if t.TimeZone != "" {
			b.PrependUOffsetTSlot(1, zone, 0)
		}
		return typeTimestamp, b.EndObject(), nil
	case *arrow.ListType:
		return typeList, empty(), nil
	case *arrow.LargeListType:
		return typeLargeList, empty(), nil
	case *arrow.StructType:
		return typeStruct, empty(), nil
	case *arrow.FixedSizeListType:
		b.StartObject(1)
		b.PrependInt32Slot(0, t.Len(), 0)
		return typeFixedSizeList, b.EndObject(), nil
	}
	return 0, 0, fmt.Errorf("type %s is not one that every reader opens", dt)
}

// AppendMessage appends an encapsulated message with its body, padded to 8
// bytes: one message of a stream.
func AppendMessage(dst, message, body []byte) []byte {
	padded := len(message) + (-len(message) & 7)
	dst = binary.LittleEndian.AppendUint32(dst, 0xFFFFFFFF)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(padded))
	dst = append(dst, message...)
	dst = append(dst, make([]byte, padded-len(message))...)
	return append(dst, body...)
}

// AppendEndOfStream appends the mark that ends a stream.
func AppendEndOfStream(dst []byte) []byte {
	return append(dst, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0)
}
