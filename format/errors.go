package format

import (
	"errors"
	"fmt"
	"io"
)

// The conditions that callers branch on; test for them with errors.Is.
var (
	// ErrCorrupt is matched by everything that is wrong with a file's bytes.
	ErrCorrupt = errors.New("corrupt trace")
	// ErrTruncated is matched where a file ends too early. It also matches
	// ErrCorrupt and io.ErrUnexpectedEOF.
	ErrTruncated = fmt.Errorf("truncated trace: %w", io.ErrUnexpectedEOF)
	// ErrNotTrace is matched by files that are something else.
	ErrNotTrace = errors.New("not a trace")
	// ErrVersion is matched by traces of a newer format version.
	ErrVersion = errors.New("newer trace format")
	// ErrLimit is matched where a declared size exceeds a limit.
	ErrLimit = errors.New("limit exceeded")
)

// CorruptError says where a trace is damaged and how.
type CorruptError struct {
	Path    string // file name, empty where unknown
	Segment int    // number of the segment, -1 outside any
	Offset  int64  // bytes from file start of the frame or part concerned
	Detail  string // what is wrong: "checksum", with expected and found
	Err     error  // ErrTruncated, ErrLimit, ErrNotTrace or nil
}

func (e *CorruptError) Error() string {
	s := e.Path
	if s == "" {
		s = "trace"
	}
	if e.Segment >= 0 {
		s += fmt.Sprintf(": segment %d", e.Segment)
	}
	s += fmt.Sprintf(" at byte %d: %s", e.Offset, e.Detail)
	if e.Err == ErrTruncated {
		s += ": file ends too early"
	}
	return s
}

// Is makes every CorruptError match ErrCorrupt, but for ErrNotTrace.
func (e *CorruptError) Is(target error) bool {
	return target == ErrCorrupt && e.Err != ErrNotTrace
}

func (e *CorruptError) Unwrap() error { return e.Err }
