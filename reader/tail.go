package reader

import (
	"encoding/json"
	"os"

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
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return nil, err
	}
	s := &source{r: &endReader{file: r, size: info.Size()}, path: path, size: info.Size(), limits: o.Limits.WithDefaults(), brief: true}
	if info.IsDir() {
		return nil, s.notTrace("a directory")
	}
	l, err := s.readEnd()
	if err != nil {
		return nil, err
	}
	// The outer field hides the inner one from the decoder.
	var h struct {
		format.Header
		Functions json.RawMessage `json:"functions"`
	}
	if err = decodeHeader(l.schema, &h); err == nil {
		err = checkVersion(int64(h.Version))
	}
	if err != nil {
		return nil, s.wrap(format.FirstFrame, "schema", err)
	}
	return &Tail{Header: &h.Header, Summary: l.summary, Size: s.size}, nil
}

// Recording reports whether a recorder is at work on the trace at path.
func Recording(path string) bool { return sidecarLocked(path + format.SidecarSuffix) }

// endReader reads the end of a file at once: footers are mostly smaller, and
// a disk takes as long for one page as for several.
type endReader struct {
	file *os.File
	size int64
	end  []byte // the last bytes, once they are read
}

const endSize = 16 << 10

// ReadAt implements io.ReaderAt.
func (e *endReader) ReadAt(p []byte, off int64) (int, error) {
	start := max(0, e.size-endSize) &^ 4095
	if off < start || off+int64(len(p)) > e.size {
		return e.file.ReadAt(p, off)
	}
	if e.end == nil {
		end := make([]byte, e.size-start)
		if n, err := e.file.ReadAt(end, start); err != nil && n < len(end) {
			return 0, err
		}
		e.end = end
	}
	return copy(p, e.end[off-start:]), nil
}
