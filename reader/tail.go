package reader

import (
	"encoding/json"
	"os"

	"github.com/tracetool/tracetool/format"
)

// Tail is what the end of a trace tells of the whole.
type Tail struct {
	Header  *format.Header  // without Functions, which would take most of the time
	Summary *format.Summary // without the rows of a sidecar
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
	s := &source{r: r, path: path, size: info.Size(), limits: o.Limits.WithDefaults()}
	if info.IsDir() {
		return nil, s.notTrace("a directory")
	}
	l, err := s.readLayout()
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
