package writer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"testing"

	"github.com/tracetool/tracetool/format"
)

// pattern is a source of any size that needs no memory.
type pattern struct{ size int64 }

func (p pattern) ReadAt(data []byte, at int64) (int, error) {
	n := int(min(int64(len(data)), p.size-at))
	for i := range data[:n] {
		v := at + int64(i)
		data[i] = byte(v ^ v>>8 ^ v>>16)
	}
	if n < len(data) {
		return n, io.EOF
	}
	return n, nil
}

func (p pattern) bytes() []byte {
	data := make([]byte, p.size)
	_, _ = p.ReadAt(data, 0) // cannot fail within its size
	return data
}

func TestAttach(t *testing.T) {
	sizes := []int64{0, 1, 63, 64, 1<<20 - 1, 1 << 20, 1<<20 + 1}
	if !testing.Short() {
		sizes = append(sizes, chunkBytes-1, chunkBytes, chunkBytes+1)
	}
	for _, size := range sizes {
		path := tracePath(t)
		w := mustCreate(t, path, options)
		data := pattern{size}.bytes()
		if err := w.Attach("memory", "text/plain", data); err != nil {
			t.Fatal(err)
		}
		if err := w.AttachFrom("source", "", pattern{size}, size); err != nil {
			t.Fatal(err)
		}
		appendAll(t, w, clockEvents(3))
		mustClose(t, w)
		f := check(t, path, clockEvents(3))
		want := []format.Attachment{
			{Name: "memory", MediaType: "text/plain", Size: size, SHA256: sha256.Sum256(data)},
			{Name: "source", Size: size, SHA256: sha256.Sum256(data)},
		}
		for i, a := range f.Attachments() {
			if a != want[i] {
				t.Errorf("%+v, want %+v", a, want[i])
			}
			if got, err := f.ReadAttachment(a.Name); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s of %d bytes: %d others: %v", a.Name, size, len(got), err)
			}
		}
		if n := len(f.Attachments()); n != len(want) {
			t.Errorf("%d attachments, want %d", n, len(want))
		}
	}
}

// TestDetached: the root hash is the same with and without the bytes.
func TestDetached(t *testing.T) {
	header := &format.Header{ID: "018f0000-0000-7000-8000-000000000000", StartNS: 1}
	data := []byte("\x00asm\x01\x00\x00\x00")
	roots := map[string]int{}
	for _, detached := range []bool{false, true} {
		path := tracePath(t)
		opts := options
		opts.Header = header
		w := mustCreate(t, path, opts)
		a := format.Attachment{Name: "a.wasm", MediaType: format.MediaTypeWasm, Size: int64(len(data)), SHA256: sha256.Sum256(data)}
		var err error
		if detached {
			err = w.AttachDetached(a)
		} else {
			err = w.Attach(a.Name, a.MediaType, data)
		}
		if err != nil {
			t.Fatal(err)
		}
		appendAll(t, w, clockEvents(3))
		mustClose(t, w)
		f := check(t, path, clockEvents(3))
		if got := f.Attachments()[0]; got.Detached != detached || got.Size != a.Size || got.SHA256 != a.SHA256 {
			t.Errorf("%+v, want %+v, detached %v", got, a, detached)
		}
		roots[f.Summary().Root]++
	}
	if len(roots) != 1 {
		t.Errorf("roots %v, want one", roots)
	}
}

func TestAttachErrors(t *testing.T) {
	w := mustCreate(t, tracePath(t), options)
	if err := w.Attach("a", "", nil); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	tests := map[string]func() error{
		"duplicate":     func() error { return w.Attach("a", "", nil) },
		"no name":       func() error { return w.Attach("", "", nil) },
		"short":         func() error { return w.AttachFrom("b", "", pattern{5}, 6) },
		"unreadable":    func() error { return w.AttachFrom("b", "", failingReader{broken}, 6) },
		"negative size": func() error { return w.AttachFrom("b", "", pattern{5}, -1) },
		"negative":      func() error { return w.AttachDetached(format.Attachment{Name: "b", Size: -1}) },
	}
	for name, f := range tests {
		err := f()
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if name == "unreadable" && !errors.Is(err, broken) {
			t.Errorf("%s: %v, want %v", name, err, broken)
		}
	}
	appendAll(t, w, clockEvents(1))
	if err := w.Attach("c", "", nil); !errors.Is(err, ErrStarted) {
		t.Errorf("%v, want %v", err, ErrStarted)
	}
}

type failingReader struct{ err error }

func (r failingReader) ReadAt([]byte, int64) (int, error) { return 0, r.err }

// TestAttachmentChanges: bytes that are not those of the digest make no trace.
func TestAttachmentChanges(t *testing.T) {
	tests := map[string]struct{ before, after []byte }{
		"changed": {[]byte("before"), []byte("after!")},
		"shorter": {[]byte("before"), []byte("bef")},
	}
	for name, tt := range tests {
		path := tracePath(t)
		w, err := Create(path, options)
		if err != nil {
			t.Fatal(err)
		}
		r := bytes.NewReader(tt.before)
		if err := w.AttachFrom("a", "", r, int64(len(tt.before))); err != nil {
			t.Fatal(err)
		}
		r.Reset(tt.after)
		if err := w.Append(clockEvent(0)); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := w.Close(); err == nil {
			t.Errorf("%s: Close says nothing", name)
		}
		checkGone(t, path)
	}
}
