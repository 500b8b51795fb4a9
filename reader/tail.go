package reader

import (
	"os"
	"strings"
	"sync"

	"github.com/tracetool/tracetool/format"
)

// Tail is what the end of a trace tells of the whole.
type Tail struct {
	Header  *format.Header  // without Functions, which would take most of the time
	Summary *format.Summary // without Functions and without the rows of a sidecar
	Size    int64           // of the file, bytes
}

// ReadTail reads the footer of a trace and nothing else, so that thousands of
// traces can be listed at once. Open tells more, and opens some that are damaged.
func ReadTail(path string, o Options) (*Tail, error) {
	r, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return nil, err
	}
	end := &endReader{file: r, size: info.Size()}
	defer end.release()
	s := &source{r: end, path: path, size: info.Size(), limits: o.Limits.WithDefaults(), brief: true}
	if info.IsDir() {
		return nil, s.notTrace("a directory")
	}
	l, err := s.readEnd()
	if err != nil {
		return nil, err
	}
	h := new(format.Header)
	if err = decodeHeader(l.schema, h, true); err == nil {
		err = checkVersion(int64(h.Version))
	}
	if err != nil {
		return nil, s.wrap(format.FirstFrame, "schema", err)
	}
	return &Tail{Header: h, Summary: l.summary, Size: s.size}, nil
}

// metadataText is a header or a summary to decode; a brief one has no functions.
func metadataText(text string, brief bool) []byte {
	if brief {
		return withoutFunctions(text)
	}
	return []byte(text)
}

// withoutFunctions returns the text of a JSON object with null for its member
// "functions", which takes most of a header and of a summary. Of what stands there
// only strings and brackets are looked at.
func withoutFunctions(text string) []byte {
	depth, from := 0, 0 // from is where the member's value begins
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 1 && from > 0 {
				return []byte(text[:from] + "null" + text[i+1:])
			}
		case '"':
			end := endOfString(text, i)
			if depth == 1 && text[i:end] == `"functions"` && strings.HasPrefix(text[end:], ":[") {
				from = end + 1
			}
			i = end - 1
		}
	}
	return []byte(text)
}

// endOfString returns the end of the JSON string that begins at i, that of the
// text if it has none.
func endOfString(text string, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// Recording reports whether a recorder is at work on the trace at path.
func Recording(path string) bool { return sidecarLocked(path + format.SidecarSuffix) }

// endReader reads the end of a file at once: footers are mostly smaller, and
// a disk takes as long for one page as for several.
type endReader struct {
	file *os.File
	size int64
	end  *[endSize + pageSize]byte // the last bytes, once they are read
}

const (
	endSize  = 16 << 10
	pageSize = 4 << 10
)

var ends = sync.Pool{New: func() any { return new([endSize + pageSize]byte) }}

// release gives back what the next reader may use.
func (e *endReader) release() {
	if e.end != nil {
		ends.Put(e.end)
		e.end = nil
	}
}

// ReadAt implements io.ReaderAt.
func (e *endReader) ReadAt(p []byte, off int64) (int, error) {
	start := e.start()
	if off < start || off+int64(len(p)) > e.size {
		return e.file.ReadAt(p, off)
	}
	if e.end == nil {
		end := ends.Get().(*[endSize + pageSize]byte)
		if n, err := e.file.ReadAt(end[:e.size-start], start); err != nil && int64(n) < e.size-start {
			ends.Put(end)
			return 0, err
		}
		e.end = end
	}
	return copy(p, e.end[off-start:]), nil
}

// start is where the end begins: at a page.
func (e *endReader) start() int64 { return max(0, e.size-endSize) &^ (pageSize - 1) }

// view returns bytes of the end, nil for others and before it is read.
func (e *endReader) view(at, n int64) []byte {
	start := e.start()
	if e.end == nil || at < start || n < 0 || at > e.size-n {
		return nil
	}
	return e.end[at-start : at-start+n]
}
