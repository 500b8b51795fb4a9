package wasm

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

var errShort = errors.New("ends too early")

// decoder reads the values of the binary format. After the first error all
// reads give zero values.
type decoder struct {
	buf []byte
	at  int
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) left() int { return len(d.buf) - d.at }

func (d *decoder) u8() byte {
	if d.err != nil || d.left() == 0 {
		d.fail(errShort)
		return 0
	}
	d.at++
	return d.buf[d.at-1]
}

// leb reads an LEB128 number of at most the given bits, unsigned. Signed ones
// are read alike where only their length matters.
func (d *decoder) leb(bits int) (v uint64) {
	for shift := 0; shift < bits; shift += 7 {
		b := d.u8()
		v |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return v
		}
	}
	d.fail(fmt.Errorf("number of more than %d bits", bits))
	return 0
}

func (d *decoder) u32() uint32 {
	v := d.leb(32)
	if v > 1<<32-1 {
		d.fail(errors.New("number of more than 32 bits"))
	}
	return uint32(v)
}

// count reads the length of a vector whose elements take at least min bytes.
func (d *decoder) count(min int) int {
	n := d.u32()
	if int64(n) > int64(d.left()/min) {
		d.fail(fmt.Errorf("%d elements in %d bytes", n, d.left()))
		return 0
	}
	return int(n)
}

func (d *decoder) name() string {
	n := d.count(1)
	b := d.buf[d.at : d.at+n]
	d.at += n
	if !utf8.Valid(b) {
		d.fail(errors.New("name is not UTF-8"))
	}
	return string(b)
}
