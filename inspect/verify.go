package inspect

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// Verification is the outcome of Verify.
type Verification struct {
	OK       bool      `json:"ok"`
	Root     string    `json:"root"`           // root hash of what was read, hex
	Problems []Problem `json:"problems"`       // the first MaxProblems
	Count    int64     `json:"problems_total"` // of all
}

// MaxProblems is how many problems a Verification keeps.
const MaxProblems = 1000

// Problem is one thing that is wrong with a trace.
type Problem struct {
	Offset  int64  `json:"offset"`  // bytes from file start
	Segment int    `json:"segment"` // -1: in none
	Frame   int    `json:"frame"`   // -1: in none
	Error   string `json:"error"`
}

// String is the problem in one line.
func (p Problem) String() string { return escape(p.Error) }

// Verify makes every check of the reader on the file at path, without its
// sidecar, and if wantRoot is not empty, that the root hash is that one. The
// report function, which may be nil, is given each problem as it is found. The
// error is of what kept the checks from being made, not of what they found.
func Verify(ctx context.Context, path string, o reader.Options, wantRoot string, report func(Problem)) (*Verification, error) {
	file, err := reader.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return VerifyAt(ctx, file, info.Size(), o, wantRoot, report)
}

// VerifyAt is Verify for a trace of the given size in bytes that is no file.
func VerifyAt(ctx context.Context, r io.ReaderAt, size int64, o reader.Options, wantRoot string, report func(Problem)) (*Verification, error) {
	v := &Verification{Problems: []Problem{}}
	note := func(p Problem) {
		if v.Count++; v.Count <= MaxProblems {
			v.Problems = append(v.Problems, p)
		}
		if report != nil {
			report(p)
		}
	}
	root, err := reader.Verify(ctx, r, size, o, func(p reader.Problem) {
		note(Problem{p.Offset, p.Segment, p.Frame, p.Err.Error()})
	})
	if err != nil {
		return nil, err
	}
	v.Root = root.String()
	if wantRoot != "" && !strings.EqualFold(wantRoot, v.Root) {
		note(Problem{format.FirstFrame, -1, -1, fmt.Sprintf("root hash %s, want %s", v.Root, strings.ToLower(wantRoot))})
	}
	v.OK = v.Count == 0
	return v, nil
}
