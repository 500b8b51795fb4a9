package convert

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tracetool/tracetool/format"
)

// detectBytes is how far the form is looked for.
const detectBytes = 4096

// detect tells the form from the first bytes. The returned reader has them
// still. format.ErrNotTrace is returned for what cannot be any of the forms.
func detect(r io.Reader, path string) (Form, io.Reader, error) {
	b := bufio.NewReaderSize(r, detectBytes)
	head, err := b.Peek(detectBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", nil, err
	}
	form := formOf(head)
	if form == "" {
		if path == "" {
			path = "input"
		}
		return "", nil, fmt.Errorf("%s: %w, nor JSON: it begins with %q", path, format.ErrNotTrace, clip(head))
	}
	return form, b, nil
}

// detectFile is detect for a file.
func detectFile(path string) (Form, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	form, _, err := detect(file, path)
	return form, err
}

// formOf returns the form of a text or trace that begins with head, empty for
// none. An Arrow stream begins with the mark of a message.
func formOf(head []byte) Form {
	if bytes.HasPrefix(head, []byte(format.Magic)) || bytes.HasPrefix(head, []byte("\xFF\xFF\xFF\xFF")) {
		return Arrow
	}
	s := scanner{b: bytes.TrimPrefix(head, []byte("\uFEFF"))}
	switch c := s.peek(); c {
	case '{':
	case '[', '"', '-', 't', 'f', 'n', 'N', 'I', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return Foreign
	default:
		return ""
	}
	if !s.open('{') || string(s.key()) != "tracetool" {
		return Foreign
	}
	s.number()
	if s.next('}') && string(s.key()) == "type" {
		return JSONL
	}
	return JSON
}
