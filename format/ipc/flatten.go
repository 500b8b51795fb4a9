package ipc

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/bitutil"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// FromRecord lays out a record's arrays as a batch. Buffers share the arrays'
// memory where their layout allows it. Dictionary columns give their indices.
func FromRecord(rec arrow.Record) (*Batch, error) {
	b := &Batch{Rows: rec.NumRows()}
	for i, col := range rec.Columns() {
		if err := b.add(col.Data()); err != nil {
			return nil, fmt.Errorf("column %q: %w", rec.ColumnName(i), err)
		}
	}
	return b, nil
}

// FromArray lays out one array: the values of a dictionary.
func FromArray(a arrow.Array) (*Batch, error) {
	b := &Batch{Rows: int64(a.Len())}
	return b, b.add(a.Data())
}

func (b *Batch) add(d arrow.ArrayData) error {
	n, off := d.Len(), d.Offset()
	nulls := 0
	if d.DataType().ID() == arrow.NULL {
		b.Nodes = append(b.Nodes, Node{int64(n), int64(n)})
		return nil
	}
	bufs := d.Buffers()
	if len(bufs) > 0 && bufs[0] != nil && bufs[0].Len() > 0 {
		nulls = n - bitutil.CountSetBits(bufs[0].Bytes(), off, n)
	}
	b.Nodes = append(b.Nodes, Node{int64(n), int64(nulls)})
	if nulls == 0 {
		b.push(nil)
	} else {
		b.push(bitmap(bufs[0], off, n))
	}
	switch t := d.DataType().(type) {
	case *arrow.BooleanType:
		b.push(bitmap(bufs[1], off, n))
	case *arrow.StringType, *arrow.BinaryType:
		return b.addVariable(bufs, off, n, 4)
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		return b.addVariable(bufs, off, n, 8)
	case *arrow.ListType:
		return b.addList(d, 4)
	case *arrow.LargeListType:
		return b.addList(d, 8)
	case *arrow.FixedSizeListType:
		size := int(t.Len())
		return b.addSlice(d.Children()[0], off*size, (off+n)*size)
	case *arrow.StructType:
		for _, c := range d.Children() {
			if err := b.addSlice(c, off, off+n); err != nil {
				return err
			}
		}
	case *arrow.DictionaryType:
		return b.addFixed(bufs[1], off, n, t.IndexType.(arrow.FixedWidthDataType).BitWidth()/8)
	case arrow.FixedWidthDataType:
		return b.addFixed(bufs[1], off, n, t.BitWidth()/8)
	default:
		return fmt.Errorf("type %s is not one that every reader opens", t)
	}
	return nil
}

func (b *Batch) push(data []byte) { b.Buffers = append(b.Buffers, Buffer{Data: data}) }

func (b *Batch) addFixed(buf *memory.Buffer, off, n, width int) error {
	if n == 0 {
		b.push(nil)
		return nil
	}
	b.push(buf.Bytes()[off*width : (off+n)*width])
	return nil
}

func (b *Batch) addSlice(d arrow.ArrayData, i, j int) error {
	s := array.NewSliceData(d, int64(i), int64(j))
	defer s.Release()
	return b.add(s)
}

// addVariable adds the offsets and the data of strings or binaries.
func (b *Batch) addVariable(bufs []*memory.Buffer, off, n, width int) error {
	offsets, first, last := rebase(bufs[1], off, n, width)
	b.push(offsets)
	if last == first {
		b.push(nil)
		return nil
	}
	b.push(bufs[2].Bytes()[first:last])
	return nil
}

func (b *Batch) addList(d arrow.ArrayData, width int) error {
	offsets, first, last := rebase(d.Buffers()[1], d.Offset(), d.Len(), width)
	b.push(offsets)
	return b.addSlice(d.Children()[0], first, last)
}

// rebase returns n+1 offsets of the given width that start at 0, and the range
// of the values that they stand for.
func rebase(buf *memory.Buffer, off, n, width int) (offsets []byte, first, last int) {
	if n == 0 || buf == nil || buf.Len() == 0 {
		return make([]byte, (n+1)*width), 0, 0
	}
	raw := buf.Bytes()[off*width : (off+n+1)*width]
	at := func(i int) int {
		if width == 4 {
			return int(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		return int(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	first, last = at(0), at(n)
	if first == 0 {
		return raw, first, last
	}
	offsets = make([]byte, 0, len(raw))
	for i := 0; i <= n; i++ {
		if width == 4 {
			offsets = binary.LittleEndian.AppendUint32(offsets, uint32(at(i)-first))
		} else {
			offsets = binary.LittleEndian.AppendUint64(offsets, uint64(at(i)-first))
		}
	}
	return offsets, first, last
}

// bitmap returns n bits from bit off on, byte-aligned.
func bitmap(buf *memory.Buffer, off, n int) []byte {
	if n == 0 {
		return nil
	}
	if off == 0 {
		return buf.Bytes()[:bitutil.BytesForBits(int64(n))]
	}
	out := make([]byte, bitutil.BytesForBits(int64(n)))
	bitutil.CopyBitmap(buf.Bytes(), off, n, out, 0)
	return out
}
