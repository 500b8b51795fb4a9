package session

import (
	"time"

	"github.com/tracetool/tracetool/format"
)

// SchemaVersion is the version of the session's records. It is raised only for
// changes that older readers would misread.
const SchemaVersion = 1

// Trace is a recorded session. All of it is in memory.
type Trace struct {
	Header  Header
	Records []Record // in the order of what happened; the last is the end
	// Program and Attachments are those of the trace's file: for sessions of
	// WebAssembly programs the module and how it is started.
	Program     *format.Program
	Attachments []Attachment
}

// Attachment is a file inside a trace.
type Attachment struct {
	Name      string
	MediaType string
	Data      []byte
}

// Header says what a session is of and what was recorded of it.
type Header struct {
	SchemaVersion int
	Size          Size // at the start
	Seed          uint64
	Profile       string // names the capabilities of the screen, see Options
	Cells         bool   // frames keep their cells
}

func (h *Header) check() error { return h.Size.check() }

// Record is one thing that the program was given, or a frame that it drew.
type Record struct {
	Kind format.Kind   // input, resize, tick, frame or end
	Time time.Duration // since the start of the session

	Event Event // input
	Size  Size  // resize

	Index    int64         // frame: its number, from 0; end: number of frames
	Checksum uint64        // frame: FNV-1a of its canonical bytes
	Chain    uint64        // frame, end: FNV-1a of all that was given and drawn so far, see SPEC.md
	Cells    []byte        // frame: what it shows, as changes of the frame before; nil if not kept
	Duration time.Duration // frame: how long the program took for it
	Timed    bool          // frame: there is a Duration

	Exit *ExitError // end: how the program ended, nil if it did not
}

// Frames is the number of frames.
func (t *Trace) Frames() int64 {
	if n := len(t.Records); n > 0 && t.Records[n-1].Kind == format.KindEnd {
		return t.Records[n-1].Index
	}
	return 0
}
