package ipc

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxZeros bounds Encoder.zeros: full segments have the same few lengths,
// those sealed on time any.
const maxZeros = 64

// Align is what a body's start and length are multiples of.
const Align = 64

// Buffer is one uncompressed buffer of an array: Data, or where Data is nil
// that many zero bytes, which are neither allocated nor compressed anew.
type Buffer struct {
	Data  []byte
	Zeros int
	// Words, if not 0: Data is a column of 64-bit integers that differ from the
	// one that many before mostly in their low bytes. For times and ends of
	// values, which rise, it is 1; see Jitter.
	Words int
	// Bytes: Data is the bytes of values, whatever they are: most often text.
	Bytes bool
	// Codes: Data is numbers of which many are alike: codes of a dictionary.
	Codes bool
}

// Jitter is Words of durations and others that neither rise nor fall: any word
// before serves, and decoders are faster by a third if it is one that they have
// not just written.
const Jitter = 16

func (b Buffer) size() int {
	if b.Data != nil {
		return len(b.Data)
	}
	return b.Zeros
}

// Batch is a record batch before encoding: nodes and buffers depth first, as
// Arrow lays them out.
type Batch struct {
	Rows    int64
	Nodes   []Node
	Buffers []Buffer
}

// RawBytes is the size of the buffers before compression.
func (b *Batch) RawBytes() int64 {
	var n int64
	for _, buf := range b.Buffers {
		n += int64(buf.size())
	}
	return n
}

// Encoder turns batches into messages and bodies. It is for one goroutine.
type Encoder struct {
	codec Codec
	zstd  *zstd.Encoder
	lz4   *lz4.Writer
	words wordEncoder
	bytes byteEncoder
	zeros map[int][]byte // compressed runs of zeros by length
	body  []byte
	spans []Span
}

// NewEncoder returns an encoder for the codec.
func NewEncoder(codec Codec) (*Encoder, error) {
	blocks := new(blockEncoder)
	e := &Encoder{codec: codec, words: wordEncoder{blocks}, bytes: byteEncoder{blockEncoder: blocks}, zeros: map[int][]byte{}}
	switch codec {
	case None:
	case Zstd:
		// The default window, 4 MiB, and memory: less of either costs a fifth
		// of the speed on text. A frame's CRC32C makes zstd's own redundant.
		z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		e.zstd = z
	case LZ4:
		e.lz4 = lz4.NewWriter(nil)
		if err := e.lz4.Apply(lz4.ConcurrencyOption(1), lz4.ChecksumOption(false)); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("unknown compression codec %d", codec)
	}
	return e, nil
}

// Encode returns the message and the body of a record batch, or of the
// dictionary batch with that id if dictionary is not negative; dictionaries
// are never compressed. The body's length is a multiple of Align; it is valid
// until the next call.
func (e *Encoder) Encode(b *Batch, dictionary int64, metadata []KeyValue) (message, body []byte, err error) {
	codec := e.codec
	if dictionary >= 0 || b.Rows == 0 {
		codec = None
	}
	e.body, e.spans = e.body[:0], e.spans[:0]
	for _, buf := range b.Buffers {
		if codec == None {
			e.pad(Align) // so that readers use the bytes in place
		}
		start := len(e.body)
		if codec == None {
			e.appendRaw(buf)
		} else if err := e.appendCompressed(buf); err != nil {
			return nil, nil, err
		}
		e.spans = append(e.spans, Span{int64(start), int64(len(e.body) - start)})
		e.pad(8)
	}
	e.pad(Align)
	message = batchMessage(b.Rows, b.Nodes, e.spans, codec, dictionary, int64(len(e.body)), metadata)
	return message, e.body, nil
}

// EncodePayload returns the message and the beginning of the body of a batch
// without rows whose body carries a payload of the given size after what is
// returned. The whole body's length is a multiple of Align.
func (e *Encoder) EncodePayload(b *Batch, size int64, metadata []KeyValue) (message, prefix []byte, err error) {
	if b.Rows != 0 {
		return nil, nil, fmt.Errorf("payload after a batch of %d rows, want none", b.Rows)
	}
	if _, prefix, err = e.Encode(b, -1, nil); err != nil {
		return nil, nil, err
	}
	length := int64(len(prefix)) + size
	length += -length & (Align - 1)
	return batchMessage(0, b.Nodes, e.spans, None, -1, length, metadata), prefix, nil
}

func (e *Encoder) pad(align int) {
	for len(e.body)%align != 0 {
		e.body = append(e.body, 0)
	}
}

func (e *Encoder) appendRaw(b Buffer) {
	if b.Data != nil {
		e.body = append(e.body, b.Data...)
		return
	}
	e.body = append(e.body, make([]byte, b.Zeros)...)
}

// appendCompressed appends a buffer as Arrow compresses it: its length, then
// the compressed bytes, or -1 and the bytes as they are where that is shorter.
func (e *Encoder) appendCompressed(b Buffer) error {
	n := b.size()
	if n == 0 {
		return nil
	}
	if b.Data == nil {
		packed, ok := e.zeros[n]
		if !ok {
			start := len(e.body)
			if err := e.compress(Buffer{Data: make([]byte, n)}); err != nil {
				return err
			}
			if len(e.zeros) >= maxZeros {
				clear(e.zeros)
			}
			e.zeros[n] = bytes.Clone(e.body[start:])
			return nil
		}
		e.body = append(e.body, packed...)
		return nil
	}
	return e.compress(b)
}

func (e *Encoder) compress(b Buffer) error {
	start, data := len(e.body), b.Data
	e.body = binary.LittleEndian.AppendUint64(e.body, uint64(len(data)))
	packed := true
	if e.codec == Zstd {
		e.body, packed = e.appendZstd(e.body, b)
	} else {
		w := sliceWriter{e.body}
		e.lz4.Reset(&w)
		if _, err := e.lz4.Write(data); err != nil {
			return err
		}
		if err := e.lz4.Close(); err != nil {
			return err
		}
		e.body = w.data
	}
	if !packed || len(e.body)-start-8 >= len(data) {
		e.body = binary.LittleEndian.AppendUint64(e.body[:start], ^uint64(0))
		e.body = append(e.body, data...)
	}
	return nil
}

// appendZstd appends a frame. packed is false, and what is appended of no use,
// if that would be longer than the data.
func (e *Encoder) appendZstd(dst []byte, b Buffer) (out []byte, packed bool) {
	if b.Words > 0 && len(b.Data)%8 == 0 {
		if out, ok := e.words.append(dst, b.Data, b.Words); ok {
			return out, true
		}
	}
	if len(b.Data) >= minBytes && e.forBytes(dst, b) {
		return e.bytes.append(dst, b.Data)
	}
	return e.zstd.EncodeAll(b.Data, dst), true
}

// forBytes reports whether the byte encoder does better than the general one:
// in less time, and not much longer. It uses the memory behind dst.
func (e *Encoder) forBytes(dst []byte, b Buffer) bool {
	switch {
	case b.Codes:
		return true
	case b.Bytes:
		return !e.monotonous(dst, b.Data)
	}
	return e.bytes.periodic(b.Data)
}

// monotonous: data begins with the same line again and again, in which the
// general encoder finds better matches, and as quickly. It uses the memory
// behind dst.
func (e *Encoder) monotonous(dst, data []byte) bool {
	const sample, ratio = 16 << 10, 16
	head := data[:min(len(data), sample)]
	return len(e.zstd.EncodeAll(head, dst))-len(dst) < len(head)/ratio
}

type sliceWriter struct{ data []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.data = append(w.data, p...)
	return len(p), nil
}
