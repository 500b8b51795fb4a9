package redact

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/tracetool/tracetool/format"
)

// masked is an attachment with spans masked.
type masked struct {
	io.ReaderAt
	spans  []span // in order
	filler byte
}

func (m *masked) ReadAt(p []byte, off int64) (int, error) {
	n, err := m.ReaderAt.ReadAt(p, off)
	i, _ := slices.BinarySearchFunc(m.spans, off, func(s span, off int64) int { return cmp.Compare(int64(s.to), off+1) })
	for ; i < len(m.spans) && int64(m.spans[i].from) < off+int64(n); i++ {
		s := m.spans[i]
		for at := max(int64(s.from), off); at < min(int64(s.to), off+int64(n)); at++ {
			p[at-off] = m.filler
		}
	}
	return n, err
}

// scanBytes is how much of an attachment is looked at at a time.
const scanBytes = 1 << 20

// attachment finds the needles in an attachment.
func (k *masker) attachment(r io.ReaderAt, size int64) ([]span, error) {
	if k.longest == 0 {
		return nil, nil
	}
	var spans []span
	covered := int64(0)
	buf := make([]byte, 1+scanBytes+k.longest+1) // with the characters around, and the rest of a needle
	for at := int64(0); at < size; at += scanBytes {
		from := max(0, at-1)
		n := min(size-from, int64(len(buf)))
		if got, err := r.ReadAt(buf[:n], from); int64(got) < n {
			return nil, cmp.Or(err, io.ErrUnexpectedEOF)
		}
		limit := int(min(at-from+scanBytes, n))
		k.find(buf[:n], limit, func(s span, needle *needle) {
			if end := from + int64(s.to); end > covered {
				k.count(needle.rules)
				covered = end
			}
			s = needle.around(s, buf[:n])
			spans = add(spans, span{int(from) + s.from, int(from) + s.to})
		})
		if len(spans) > maxSplit {
			return nil, fmt.Errorf("%w: more than %d places", format.ErrLimit, maxSplit)
		}
	}
	return spans, nil
}
