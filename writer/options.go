package writer

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/google/uuid"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// Options say how a trace is written. The zero value works.
type Options struct {
	// Header says what the trace is of. Its Version, ID, StartNS and Tool are
	// filled in where they are empty. Open keeps the file's.
	Header *format.Header
	// Modules and Functions are the dictionaries of those columns: all names
	// that events will refer to by their position here. Open takes the file's
	// where they are nil, and else checks that they are the file's first ones.
	Modules   []string
	Functions []string
	// Schema replaces the event table by other columns: such a trace takes
	// WriteRecord instead of Append, and has no rows in a sidecar. Dictionary
	// types are not possible. Open keeps the file's.
	Schema *arrow.Schema
	// Seq adds the column "seq" with each event's Seq. A sidecar has no such
	// column, so it implies NoSidecar. Open keeps the file's columns.
	Seq bool

	// Compression of segments. Default ipc.Zstd.
	Compression ipc.Codec
	// SegmentRows is the number of events after which a segment is sealed.
	// Default 32 Ki. Later segments of a long trace are up to four times as
	// large, of very long ones more; the first one beside a sidecar is smaller.
	SegmentRows int
	// SegmentBytes is the number of input or output bytes after which a
	// segment is sealed, and the most that one row holds. Default 4 MiB, but
	// no more than a quarter of MaxBytes; it grows in very long recordings.
	SegmentBytes int
	// SealInterval seals an open segment that has waited that long, unless
	// it is smaller than the footer that sealing rewrites. Default: only when
	// it is full; to a pipe 100 ms.
	SealInterval time.Duration
	// Sync makes Start and each seal wait until the disk has it.
	Sync bool
	// MaxBytes is the size of the file beyond which Append returns ErrFull.
	// The segment that is open then is still kept, and the events that tell
	// how the program ended (exit, trap, end) are still taken: the file
	// exceeds the size by that much. Default: no limit.
	MaxBytes int64

	// Force replaces an existing file.
	Force bool
	// NoSidecar is for conversions, which can be repeated: the file appears
	// under its name only when it is complete, and has no sidecar.
	NoSidecar bool

	// intercept lets tests count and fail the writes to the trace.
	intercept func(file) file
}

// Defaults of Options.
const (
	DefaultSegmentRows  = 32 << 10
	DefaultSegmentBytes = 4 << 20
	pipeInterval        = 100 * time.Millisecond
)

// The first segment of a recording ends earlier than others.
const (
	firstSegmentRows  = 2 << 10
	firstSegmentBytes = 256 << 10
)

// Segments grow where footers would otherwise be a large part of what is
// written; these bound the memory that they grow to.
const (
	maxSegmentRows  = 1 << 20
	maxSegmentBytes = format.MaxFrameBytes / 2
)

// withDefaults returns the options with defaults in place of zero values.
func (o Options) withDefaults() (Options, error) {
	if o.SegmentRows <= 0 {
		o.SegmentRows = DefaultSegmentRows
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.SegmentRows > maxSegmentRows {
		return o, fmt.Errorf("segments of %d rows, want at most %d", o.SegmentRows, maxSegmentRows)
	}
	if o.SegmentBytes > maxSegmentBytes {
		return o, fmt.Errorf("segments of %d bytes, want at most %d", o.SegmentBytes, maxSegmentBytes)
	}
	if quarter := o.MaxBytes / 4; quarter > 0 {
		o.SegmentBytes = int(min(int64(o.SegmentBytes), max(quarter, 64<<10)))
	}
	for _, names := range [][]string{o.Modules, o.Functions} {
		if len(names) > math.MaxInt16+1 {
			return o, fmt.Errorf("dictionary of %d names, want at most %d", len(names), math.MaxInt16+1)
		}
	}
	return o, nil
}

// completeHeader fills in what is empty.
func completeHeader(h *format.Header) error {
	h.Version = format.Version
	if h.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		h.ID = id.String()
	}
	if h.StartNS == 0 {
		h.StartNS = time.Now().UnixNano()
	}
	if h.Tool == "" {
		h.Tool = "tracetool " + toolVersion()
	}
	return nil
}

// toolVersion is the version of this module in the running program.
func toolVersion() string {
	const path = "github.com/tracetool/tracetool"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == path && m.Version != "" {
			return strings.Trim(m.Version, "()") // "(devel)" in a checkout
		}
	}
	return "devel"
}

// schema returns the schema of a new trace, with the header in its metadata.
func schema(opts *Options, h *format.Header) (*arrow.Schema, error) {
	header, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	fields := format.EventFields()
	keys, values := []string{format.KeyVersion, format.KeyHeader}, []string{fmt.Sprint(format.Version), string(header)}
	if opts.Schema != nil {
		fields = opts.Schema.Fields()
		m := opts.Schema.Metadata()
		for i, k := range m.Keys() {
			if k != format.KeyVersion && k != format.KeyHeader {
				keys, values = append(keys, k), append(values, m.Values()[i])
			}
		}
	} else if opts.Seq {
		fields = append(fields, format.SeqField())
	}
	meta := arrow.NewMetadata(keys, values)
	s := arrow.NewSchema(fields, &meta)
	if opts.Schema != nil {
		err = checkForeign(s)
	}
	return s, err
}

// checkForeign refuses columns that records could not be written of.
func checkForeign(s *arrow.Schema) error {
	for _, f := range s.Fields() {
		if hasDictionary(f.Type) {
			return fmt.Errorf("column %q: dictionaries are only possible in the event table", f.Name)
		}
	}
	if s.NumFields() == 0 {
		return errors.New("table without columns")
	}
	_, err := ipc.SchemaMessage(s)
	return err
}

func hasDictionary(t arrow.DataType) bool {
	if t.ID() == arrow.DICTIONARY {
		return true
	}
	if nested, ok := t.(arrow.NestedType); ok {
		for _, f := range nested.Fields() {
			if hasDictionary(f.Type) {
				return true
			}
		}
	}
	return false
}
