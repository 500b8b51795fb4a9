package convert

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/tracetool/tracetool/convert/wasmrr"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
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
		return "", nil, notForm(head, path)
	}
	return form, b, nil
}

// notForm says in the reader's words what a file is that begins with head.
func notForm(head []byte, path string) error {
	_, err := reader.New(bytes.NewReader(head), int64(len(head)), reader.Options{})
	var corrupt *format.CorruptError
	if !errors.As(err, &corrupt) {
		return err
	}
	if path == "" {
		path = "input"
	}
	what := strings.TrimPrefix(corrupt.Detail, format.ErrNotTrace.Error()+": ")
	return fmt.Errorf("%s: %w: %s, nor JSON", path, format.ErrNotTrace, what)
}

// openInput opens a file as open does. Of a directory only reading fails, and
// Windows does not say why.
func openInput(path string, open func(string) (*os.File, error)) (*os.File, error) {
	file, err := open(path)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		file.Close()
		return nil, &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	}
	return file, nil
}

// detectFile is detect for a file.
func detectFile(path string) (Form, error) {
	file, err := openInput(path, reader.OpenFile)
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
	switch {
	case bytes.HasPrefix(head, []byte(format.Magic)), bytes.HasPrefix(head, []byte("\xFF\xFF\xFF\xFF")):
		return Arrow
	case wasmrr.IsCBOR(head):
		return WasmRRCBOR
	}
	s := scanner{b: bytes.TrimPrefix(head, []byte("\uFEFF"))}
	switch c := s.peek(); c {
	case '{':
	case '[', '"', '-', 't', 'f', 'n', 'N', 'I', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return Foreign
	default:
		return ""
	}
	if !s.open('{') {
		return Foreign
	}
	switch string(s.key()) {
	case "tracetool":
	case "events":
		if isRR(&s) {
			return WasmRR
		}
		return Foreign
	default:
		return Foreign
	}
	// Somebody else's records may have that key as well, but no text of ours ends
	// with it, or has something else there than a version.
	if _, version := parseInt(s.number()); !version || !s.next('}') {
		return Foreign
	}
	if string(s.key()) == "type" {
		return JSONL
	}
	return JSON
}
