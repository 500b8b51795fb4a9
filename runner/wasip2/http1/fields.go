package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// maxHeader is the most bytes a header or trailer section may have.
const maxHeader = 256 << 10

// readLine reads a line and returns it without its end. left counts the bytes
// that may be read.
func readLine(r *bufio.Reader, left *int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if *left -= len(part); *left < 0 {
			return nil, ErrHeader
		}
		line = append(line, part...)
		switch err {
		case nil:
			return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
		case bufio.ErrBufferFull:
		case io.EOF:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// ReadFields reads fields up to and with the empty line behind them.
func ReadFields(r *bufio.Reader) ([]Field, error) {
	left := maxHeader
	return readFields(r, &left)
}

// readFields reads fields up to and with the empty line.
func readFields(r *bufio.Reader, left *int) ([]Field, error) {
	var fields []Field
	for {
		line, err := readLine(r, left)
		switch {
		case err != nil:
			return nil, err
		case len(line) == 0:
			return fields, nil
		}
		f, err := parseField(line)
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
}

func parseField(line []byte) (Field, error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	value = bytes.Trim(value, " \t")
	if !ok || !ValidName(string(name)) || !ValidValue(value) {
		return Field{}, fmt.Errorf("%w: field %.60q", ErrProtocol, line)
	}
	return Field{string(name), value}, nil
}

// ValidName tells whether a field name, or a method, is one: a token.
func ValidName(name string) bool {
	return name != "" && strings.IndexFunc(name, func(r rune) bool { return !tokenRune(r) }) < 0
}

func tokenRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
		strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// ValidValue tells whether a field value can be sent: any bytes but control
// characters.
func ValidValue(value []byte) bool {
	for _, b := range value {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

// values returns the values of all fields of a name, split at commas.
func values(fields []Field, name string) []string {
	var list []string
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		for v := range strings.SplitSeq(string(f.Value), ",") {
			list = append(list, strings.TrimSpace(v))
		}
	}
	return list
}
