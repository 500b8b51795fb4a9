package wasmrr

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/tracetool/tracetool/format"
)

// CBORReader reads the events of a trace in CBOR (RFC 8949), of which it knows
// what such traces have: unsigned numbers, texts, arrays and maps of a length
// that is told, and null.
type CBORReader struct {
	r      *bufio.Reader
	limit  int64 // bytes of an event
	offset int64 // of what comes next
	start  int64 // of the event
	dec    Decoder
	text   bytes.Buffer
}

// NewCBORReader reads events of at most limit bytes.
func NewCBORReader(r io.Reader, limit int64) *CBORReader {
	return &CBORReader{r: bufio.NewReaderSize(r, 2*shortText), limit: limit}
}

// Offset is where the event began that Next returned, or failed in, in bytes
// from the start.
func (c *CBORReader) Offset() int64 { return c.start }

// Next returns the next event, which is valid until the next call, and io.EOF
// at the end. An error of an input that ends within an event matches
// io.ErrUnexpectedEOF, that of one that is too long format.ErrLimit.
func (c *CBORReader) Next() (*Event, error) {
	c.start = c.offset
	if _, err := c.r.Peek(1); err != nil {
		return nil, err
	}
	return c.dec.Decode(c)
}

// The major types of CBOR.
const (
	majorUint   = 0
	majorText   = 3
	majorArray  = 4
	majorMap    = 5
	majorSimple = 7
)

const simpleNull = 0xf6

var majorNames = [8]string{"an unsigned number", "a negative number", "a byte string", "a text", "an array", "a map", "a tag", "a simple value"}

// take accounts for n bytes of the event.
func (c *CBORReader) take(n uint64) error {
	if n > uint64(c.limit-(c.offset-c.start)) {
		return fmt.Errorf("%w: an event of more than %d bytes", format.ErrLimit, c.limit)
	}
	c.offset += int64(n)
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// head reads the head of an item of a major type: its number or length.
func (c *CBORReader) head(major byte) (uint64, error) {
	first, err := c.r.ReadByte()
	if err != nil {
		return 0, unexpected(err)
	}
	if first>>5 != major {
		return 0, fmt.Errorf("found %s, want %s", majorNames[first>>5], majorNames[major])
	}
	info := first & 0x1f
	if info < 24 {
		return uint64(info), c.take(1)
	}
	if info > 27 {
		return 0, fmt.Errorf("found %s of unknown length, want one that tells it", majorNames[major])
	}
	var arg [8]byte
	n := 1 << (info - 24)
	if _, err := io.ReadFull(c.r, arg[8-n:]); err != nil {
		return 0, unexpected(err)
	}
	return binary.BigEndian.Uint64(arg[:]), c.take(1 + uint64(n))
}

// Object reads a map.
func (c *CBORReader) Object(member func(name []byte) error) error {
	n, err := c.head(majorMap)
	for ; n > 0 && err == nil; n-- {
		var name []byte
		if name, err = c.Text(); err == nil {
			err = member(name)
		}
	}
	return err
}

// List reads an array.
func (c *CBORReader) List(element func() error) error {
	n, err := c.head(majorArray)
	for ; n > 0 && err == nil; n-- {
		err = element()
	}
	return err
}

// Uint reads a number.
func (c *CBORReader) Uint() (uint64, error) { return c.head(majorUint) }

// shortText is how long texts are that the buffer holds. Of longer ones memory
// grows with what is there.
const shortText = 32 << 10

// Text reads a text.
func (c *CBORReader) Text() ([]byte, error) {
	n, err := c.head(majorText)
	if err == nil {
		err = c.take(n)
	}
	if err != nil {
		return nil, err
	}
	c.text.Reset()
	if n <= shortText {
		p, err := c.r.Peek(int(n))
		if err != nil {
			return nil, unexpected(err)
		}
		c.text.Write(p)
		c.r.Discard(int(n))
	} else if _, err := io.CopyN(&c.text, c.r, int64(n)); err != nil {
		return nil, unexpected(err)
	}
	if !utf8.Valid(c.text.Bytes()) {
		return nil, errors.New("a text that is not UTF-8")
	}
	return c.text.Bytes(), nil
}

// Null reads null, if it comes next.
func (c *CBORReader) Null() (bool, error) {
	next, err := c.r.Peek(1)
	if err != nil {
		return false, unexpected(err)
	}
	if next[0] != simpleNull {
		return false, nil
	}
	_, err = c.r.Discard(1)
	return true, errors.Join(err, c.take(1))
}

// appendHead appends the head of an item in the fewest bytes.
func appendHead(dst []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

func appendText[T string | []byte](dst []byte, s T) []byte {
	return append(appendHead(dst, majorText, uint64(len(s))), s...)
}

// IsCBOR reports whether a file that begins with head is a trace in CBOR: a map
// whose first member is "call" and names a kind. Of a file that was cut that
// soon head may end within the name.
func IsCBOR(head []byte) bool {
	const call = "\x64call"
	if len(head) < 1+len(call) || head[0]>>5 != majorMap || head[0]&0x1f >= 24 || string(head[1:1+len(call)]) != call {
		return false
	}
	name := head[1+len(call):]
	for _, k := range Kinds {
		if want := appendText(nil, k.Call); bytes.HasPrefix(name, want) || bytes.HasPrefix(want, name) {
			return true
		}
	}
	return false
}
