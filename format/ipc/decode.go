package ipc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// ErrTooLarge is matched where a body declares more decoded bytes than its
// limit.
var ErrTooLarge = errors.New("decoded size exceeds the limit")

// Body is a batch's body, whose buffers are decompressed when asked for.
type Body struct {
	m       *Message
	data    []byte
	buffers [][]byte
	budget  int64 // decoded bytes that may still be allocated

	// Memory is by number what buffers may be decompressed into and have been:
	// a buffer that finds none, or too little, leaves what it has allocated
	// here. Nil stands for memory that is not to be used again.
	Memory [][]byte
}

// NewBody checks that the message's buffers lie inside the body. At most limit
// bytes will be decoded from it.
func NewBody(m *Message, data []byte, limit int64) (*Body, error) {
	for i, s := range m.Buffers {
		if s.Offset < 0 || s.Length < 0 || s.Offset > int64(len(data)) || s.Length > int64(len(data))-s.Offset {
			return nil, fmt.Errorf("buffer %d lies outside the body of %d bytes", i, len(data))
		}
	}
	return &Body{m: m, data: data, buffers: make([][]byte, len(m.Buffers)), budget: limit}, nil
}

// Buffer returns buffer i decompressed.
func (b *Body) Buffer(i int) ([]byte, error) {
	if i >= len(b.buffers) {
		return nil, fmt.Errorf("no buffer %d: the message has %d", i, len(b.buffers))
	}
	if b.buffers[i] != nil {
		return b.buffers[i], nil
	}
	s := b.m.Buffers[i]
	data, err := b.decompress(i, b.data[s.Offset:s.Offset+s.Length])
	if err != nil {
		return nil, fmt.Errorf("buffer %d: %w", i, err)
	}
	b.buffers[i] = data
	return data, nil
}

func (b *Body) decompress(i int, data []byte) ([]byte, error) {
	if b.m.Codec == None || len(data) == 0 {
		return data, nil
	}
	if len(data) < 8 {
		return nil, errors.New("compressed buffer without its length")
	}
	n := int64(binary.LittleEndian.Uint64(data))
	data = data[8:]
	if n == -1 {
		return data, nil
	}
	if n < 0 {
		return nil, fmt.Errorf("decoded length %d", n)
	}
	if n > b.budget {
		return nil, fmt.Errorf("%w: buffer of %d bytes, %d left", ErrTooLarge, n, b.budget)
	}
	b.budget -= n
	return inflate(b.m.Codec, data, b.memory(i, n))
}

// memory returns n bytes for a buffer.
func (b *Body) memory(i int, n int64) []byte {
	if i >= len(b.Memory) {
		return make([]byte, n)
	}
	if int64(cap(b.Memory[i])) < n {
		b.Memory[i] = make([]byte, n)
	}
	return b.Memory[i][:n:n]
}

// zstdDecoders and lz4Readers are reused, since making one costs more than
// decoding a small buffer.
var (
	zstdDecoders = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true),
			zstd.WithDecoderMaxMemory(math.MaxInt64>>1), zstd.WithDecoderMaxWindow(1<<29))
		if err != nil {
			return err
		}
		return d
	}}
	lz4Readers = sync.Pool{New: func() any { return lz4.NewReader(nil) }}
)

// inflate decompresses data into out, which it must fill.
func inflate(codec Codec, data, out []byte) ([]byte, error) {
	if codec == LZ4 {
		r := lz4Readers.Get().(*lz4.Reader)
		defer lz4Readers.Put(r)
		r.Reset(bytes.NewReader(data))
		if _, err := io.ReadFull(r, out); err != nil {
			return nil, fmt.Errorf("lz4: %w", err)
		}
		return out, nil
	}
	d, ok := zstdDecoders.Get().(*zstd.Decoder)
	if !ok {
		return nil, errors.New("zstd: no decoder")
	}
	defer zstdDecoders.Put(d)
	n := len(out)
	out, err := d.DecodeAll(data, out[:0])
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	if len(out) != n {
		return nil, fmt.Errorf("zstd: decoded %d bytes, want %d", len(out), n)
	}
	return out, nil
}

// Record turns the body into a record of the schema. dictionaries are the
// values of its dictionary fields in the order of their ids. Every length,
// offset and index is checked, so that using the record cannot panic.
func (b *Body) Record(schema *arrow.Schema, dictionaries []arrow.Array) (arrow.Record, error) {
	c := cursor{body: b, dictionaries: dictionaries}
	columns := make([]arrow.Array, schema.NumFields())
	for i, f := range schema.Fields() {
		data, err := c.array(f.Type, b.m.Rows)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		columns[i] = array.MakeFromData(data)
	}
	if c.node != len(b.m.Nodes) || c.buffer != len(b.m.Buffers) {
		return nil, fmt.Errorf("message has %d nodes and %d buffers, the schema wants %d and %d",
			len(b.m.Nodes), len(b.m.Buffers), c.node, c.buffer)
	}
	return array.NewRecord(schema, columns, b.m.Rows), nil
}

// Values turns a dictionary batch's body into its values.
func (b *Body) Values(dt arrow.DataType) (arrow.Array, error) {
	c := cursor{body: b}
	data, err := c.array(dt, b.m.Rows)
	if err != nil {
		return nil, err
	}
	return array.MakeFromData(data), nil
}

// maxLength is the largest number of elements of an array.
const maxLength = math.MaxInt32 * int64(8)

// cursor walks a batch's nodes and buffers as its schema is walked.
type cursor struct {
	body         *Body
	dictionaries []arrow.Array
	node         int
	buffer       int
	dictionary   int
}

func (c *cursor) next() ([]byte, error) {
	c.buffer++
	return c.body.Buffer(c.buffer - 1)
}

// sized returns the next buffer, which must hold at least want bytes.
func (c *cursor) sized(want int64) ([]byte, error) {
	data, err := c.next()
	if err != nil {
		return nil, err
	}
	if int64(len(data)) < want {
		return nil, fmt.Errorf("buffer %d has %d bytes, want %d", c.buffer-1, len(data), want)
	}
	return data, nil
}

func (c *cursor) array(dt arrow.DataType, want int64) (arrow.ArrayData, error) {
	if c.node >= len(c.body.m.Nodes) {
		return nil, fmt.Errorf("no node %d: the message has %d", c.node, len(c.body.m.Nodes))
	}
	n := c.body.m.Nodes[c.node]
	c.node++
	if n.Length != want || n.Nulls < 0 || n.Nulls > n.Length || want > maxLength {
		return nil, fmt.Errorf("node %d: length %d with %d nulls, want length %d", c.node-1, n.Length, n.Nulls, want)
	}
	// Arrays without buffers would otherwise be of any length.
	if c.body.budget -= want; c.body.budget < 0 {
		return nil, fmt.Errorf("%w: %d values", ErrTooLarge, want)
	}
	if dt.ID() == arrow.NULL {
		return array.NewData(dt, int(want), []*memory.Buffer{nil}, nil, int(want), 0), nil
	}
	validity, err := c.validity(n)
	if err != nil {
		return nil, err
	}
	return c.values(dt, n, validity)
}

func (c *cursor) validity(n Node) (*memory.Buffer, error) {
	data, err := c.next()
	if err != nil {
		return nil, err
	}
	if len(data) == 0 && n.Nulls == 0 {
		return nil, nil
	}
	if int64(len(data)) < bitutil.BytesForBits(n.Length) {
		return nil, fmt.Errorf("validity of %d bytes for %d rows", len(data), n.Length)
	}
	if nulls := n.Length - int64(bitutil.CountSetBits(data, 0, int(n.Length))); nulls != n.Nulls {
		return nil, fmt.Errorf("validity has %d nulls, the node says %d", nulls, n.Nulls)
	}
	return memory.NewBufferBytes(data), nil
}

func (c *cursor) values(dt arrow.DataType, n Node, validity *memory.Buffer) (arrow.ArrayData, error) {
	rows := int(n.Length)
	build := func(bufs []*memory.Buffer, children []arrow.ArrayData) arrow.ArrayData {
		return array.NewData(dt, rows, append([]*memory.Buffer{validity}, bufs...), children, int(n.Nulls), 0)
	}
	switch t := dt.(type) {
	case *arrow.StringType, *arrow.BinaryType:
		bufs, err := c.variable(n.Length, 4)
		return build(bufs, nil), err
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		bufs, err := c.variable(n.Length, 8)
		return build(bufs, nil), err
	case *arrow.ListType, *arrow.LargeListType:
		width := 4
		if dt.ID() == arrow.LARGE_LIST {
			width = 8
		}
		offsets, last, err := c.offsets(n.Length, width)
		if err != nil {
			return nil, err
		}
		child, err := c.array(t.(arrow.ListLikeType).Elem(), last)
		if err != nil {
			return nil, err
		}
		return build([]*memory.Buffer{offsets}, []arrow.ArrayData{child}), nil
	case *arrow.FixedSizeListType:
		if n.Length > maxLength/int64(t.Len()) {
			return nil, fmt.Errorf("%d lists of %d elements", n.Length, t.Len())
		}
		child, err := c.array(t.Elem(), n.Length*int64(t.Len()))
		if err != nil {
			return nil, err
		}
		return build(nil, []arrow.ArrayData{child}), nil
	case *arrow.StructType:
		children := make([]arrow.ArrayData, t.NumFields())
		for i, f := range t.Fields() {
			var err error
			if children[i], err = c.array(f.Type, n.Length); err != nil {
				return nil, err
			}
		}
		return build(nil, children), nil
	case *arrow.DictionaryType:
		return c.dictionaryData(t, n, validity)
	case arrow.FixedWidthDataType:
		if width := int64(t.BitWidth()); width > 0 && n.Length > (math.MaxInt64-7)/width {
			return nil, fmt.Errorf("%d values of %d bits", n.Length, width)
		}
		data, err := c.sized((n.Length*int64(t.BitWidth()) + 7) / 8)
		if err != nil {
			return nil, err
		}
		return build([]*memory.Buffer{memory.NewBufferBytes(data)}, nil), nil
	}
	return nil, fmt.Errorf("type %s is not supported", dt)
}

func (c *cursor) dictionaryData(t *arrow.DictionaryType, n Node, validity *memory.Buffer) (arrow.ArrayData, error) {
	if c.dictionary >= len(c.dictionaries) {
		return nil, fmt.Errorf("no dictionary %d", c.dictionary)
	}
	values := c.dictionaries[c.dictionary]
	c.dictionary++
	width := t.IndexType.(arrow.FixedWidthDataType).BitWidth() / 8
	data, err := c.sized(n.Length * int64(width))
	if err != nil {
		return nil, err
	}
	for i := 0; i < int(n.Length); i++ {
		if validity != nil && !bitutil.BitIsSet(validity.Bytes(), i) {
			continue
		}
		if k := index(data, i, width); k < 0 || k >= int64(values.Len()) {
			return nil, fmt.Errorf("row %d: dictionary index %d of %d", i, k, values.Len())
		}
	}
	return array.NewDataWithDictionary(t, int(n.Length), []*memory.Buffer{validity, memory.NewBufferBytes(data)},
		int(n.Nulls), 0, values.Data().(*array.Data)), nil
}

func index(data []byte, i, width int) int64 {
	switch width {
	case 1:
		return int64(int8(data[i]))
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(data[2*i:])))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(data[4*i:])))
	}
	return int64(binary.LittleEndian.Uint64(data[8*i:]))
}

// variable returns the offsets and the data of strings or binaries.
func (c *cursor) variable(rows int64, width int) ([]*memory.Buffer, error) {
	offsets, last, err := c.offsets(rows, width)
	if err != nil {
		return nil, err
	}
	data, err := c.sized(last)
	if err != nil {
		return nil, err
	}
	return []*memory.Buffer{offsets, memory.NewBufferBytes(data)}, nil
}

// offsets returns rows+1 offsets, checked to start at 0 or above and never to
// fall, and the last of them.
func (c *cursor) offsets(rows int64, width int) (*memory.Buffer, int64, error) {
	data, err := c.next()
	if err != nil {
		return nil, 0, err
	}
	if rows == 0 && len(data) == 0 {
		return memory.NewBufferBytes(make([]byte, width)), 0, nil
	}
	if int64(len(data)) < (rows+1)*int64(width) {
		return nil, 0, fmt.Errorf("%d bytes of offsets for %d rows", len(data), rows)
	}
	last := int64(0)
	for i := 0; i <= int(rows); i++ {
		o := index(data, i, width)
		if o < last {
			return nil, 0, fmt.Errorf("row %d: offset %d after %d", i, o, last)
		}
		last = o
	}
	return memory.NewBufferBytes(data), last, nil
}
