package session

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/format"
)

// Fault is what is wrong with the records of a session.
type Fault string

// The faults that a ValidationError tells.
const (
	NoHeader       Fault = "no header"
	SecondHeader   Fault = "a second header"
	BadHeader      Fault = "malformed header"
	UnknownVersion Fault = "unknown schema version"
	SizeRange      Fault = "size out of range"
	TimeBackwards  Fault = "time goes backwards"
	FrameGap       Fault = "gap in the frames"
	FrameRepeat    Fault = "frame repeated"
	BrokenChain    Fault = "chain broken"
	BadHex         Fault = "malformed hex"
	BadEvent       Fault = "malformed event"
	BadCells       Fault = "malformed cells"
	BadRecord      Fault = "record of no session"
	AfterSummary   Fault = "record after the summary"
	NoSummary      Fault = "no summary"
	CountsDiffer   Fault = "counts disagree"
)

// ValidationError says what is wrong with a session whose text or table is
// intact. It matches format.ErrCorrupt; that of an unknown version matches
// format.ErrVersion instead.
type ValidationError struct {
	Fault  Fault
	Record int64  // number of the record from 0, that of the event in its trace; -1 where it is none
	Frame  int64  // frame that was expected next, from 0
	Detail string // what was found and what was expected; may be empty
}

func (e *ValidationError) Error() string {
	place := "header"
	if e.Record >= 0 {
		place = fmt.Sprintf("record %d, at frame %d", e.Record, e.Frame)
	}
	if e.Detail == "" {
		return fmt.Sprintf("%s: %s", place, string(e.Fault))
	}
	return fmt.Sprintf("%s: %s: %s", place, string(e.Fault), e.Detail)
}

// Is makes the error match the sentinels of package format.
func (e *ValidationError) Is(target error) bool {
	if e.Fault == UnknownVersion {
		return target == format.ErrVersion
	}
	return target == format.ErrCorrupt
}

// ParseError says where the text of a session is malformed.
type ParseError struct {
	Line   int64 // from 1
	Reason string
	Err    *convert.LineError
}

func (e *ParseError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }
func (e *ParseError) Unwrap() error { return e.Err }

// LoadError says that a file could not be loaded: Err is a *ParseError, a
// *ValidationError, a *format.CorruptError of the container, or an error of
// the file system.
type LoadError struct {
	Path string // empty for a stream
	Err  error
}

func (e *LoadError) Error() string {
	var file *fs.PathError
	var container *format.CorruptError
	switch {
	case errors.As(e.Err, &file), errors.As(e.Err, &container):
		return e.Err.Error() // they name the file themselves
	case e.Path == "":
		return "session: " + e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

func (e *LoadError) Unwrap() error { return e.Err }

// lineFaults are the faults that the reader of text finds itself.
var lineFaults = []struct {
	kind  error
	fault Fault
}{
	{convert.ErrAfter, AfterSummary}, {convert.ErrCounts, CountsDiffer}, {convert.ErrSummary, NoSummary}, {convert.ErrHex, BadHex},
}
