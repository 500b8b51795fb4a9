package convert

import (
	"errors"
	"fmt"

	"github.com/tracetool/tracetool/format"
)

// What can be wrong with the records of a trace in text, beside the kinds of
// package format: LineError.Err.
var (
	ErrHeader = errors.New("no header before the records, or a second one")
	ErrAfter  = errors.New("a record after the summary")
	// ErrSummary matches format.ErrTruncated too.
	ErrSummary = fmt.Errorf("no summary: %w", format.ErrTruncated)
	ErrCounts  = errors.New("the summary counts other records than there are")
	ErrHex     = errors.New("not the hex digits of a hash")
)

// ErrProgram is matched where Options.Program is set and cannot be used.
var ErrProgram = errors.New("a program is only put into a trace made from one of wasm-rr")

// LineError says where a text input is wrong and how. It matches
// format.ErrCorrupt, but where Err is format.ErrNotTrace.
type LineError struct {
	Path   string // file name, empty where unknown
	Line   int64  // from 1; 0 for an input that is no text
	Offset int64  // bytes from the start of the input to the record concerned
	Detail string // what is wrong, with what was found and what was expected
	Err    error  // format.ErrTruncated, ErrLimit, ErrVersion, ErrNotTrace, one of the above or nil
}

func (e *LineError) Error() string {
	path := e.Path
	if path == "" {
		path = "input"
	}
	if e.Line == 0 {
		return fmt.Sprintf("%s: byte %d: %s", path, e.Offset, e.Detail)
	}
	return fmt.Sprintf("%s: line %d: %s", path, e.Line, e.Detail)
}

// Is makes every LineError match format.ErrCorrupt, but for those of files
// that are something else or newer.
func (e *LineError) Is(target error) bool {
	return target == format.ErrCorrupt && e.Err != format.ErrNotTrace && e.Err != format.ErrVersion
}

func (e *LineError) Unwrap() error { return e.Err }
