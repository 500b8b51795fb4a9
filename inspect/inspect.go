// Package inspect answers questions about a trace: what it is of, how its
// segments and functions add up, what its events say, where two traces differ.
// Start with Summarize, Events and Diff.
//
// Everything comes as plain structs for JSON and YAML, and as text. Text never
// has control characters from the trace: names, arguments and paths are escaped
// as in a Go string literal. Nothing here writes a trace; see convert/edit.
//
// Summaries read the footer and the index only, so their cost does not grow
// with the number of events. Iterating costs memory of a segment.
package inspect

import (
	"math"
	"strings"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// State says whether a trace is whole.
type State string

// The states of a trace.
const (
	Recording State = "recording" // a recorder is still at it
	Complete  State = "complete"  // closed, and the program ended if there was one
	CutShort  State = "cut short" // the recorder died, or was stopped before the program ended
	Partial   State = "partial"   // closed, but of another recorder, which does not keep the end of the program
)

// Summary is what is known of a trace without reading its events.
type Summary struct {
	ID      string            `json:"id"` // UUID
	State   State             `json:"state"`
	Start   time.Time         `json:"start"` // when recording began
	Tool    string            `json:"tool"`
	Version int               `json:"format_version"`
	Source  string            `json:"source,omitempty"` // what the trace was made from
	Partial *format.Partial   `json:"partial,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`

	Redacted *format.Redacted `json:"redacted,omitempty"` // what was masked in it

	DurationNS  int64 `json:"duration_ns"` // from the first event to the last
	FirstTimeNS int64 `json:"first_time_ns,string"`
	LastTimeNS  int64 `json:"last_time_ns,string"`

	Program *format.Program `json:"program,omitempty"`
	Host    *format.Host    `json:"host,omitempty"`
	Exit    *format.Exit    `json:"exit,omitempty"`

	Modules     []Module     `json:"modules"` // without what they declare; see Modules
	Attachments []Attachment `json:"attachments"`

	Events        int64    `json:"events"` // rows, for a table of other records
	Batches       int      `json:"batches"`
	StoredBytes   int64    `json:"stored_bytes"`          // bodies of all segments
	RawBytes      int64    `json:"raw_bytes"`             // the same before compression
	MetadataBytes int64    `json:"metadata_bytes"`        // headers of all segments
	Compression   *float64 `json:"compression,omitempty"` // part saved, 0 to 1; absent if there are no bytes

	Kinds     map[string]int64 `json:"kinds,omitempty"`   // events by kind
	Columns   []Column         `json:"columns,omitempty"` // of a table of other records
	Segments  []Segment        `json:"segments"`
	Functions []Function       `json:"functions"`
	Root      string           `json:"root"` // root hash, hex
}

// Column is a column of a table of other records than events.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // in Arrow's words
	Nullable bool   `json:"nullable,omitempty"`
}

// Summarize returns the summary of a trace.
func Summarize(f *reader.File) (*Summary, error) {
	segments, err := Segments(f)
	if err != nil {
		return nil, err
	}
	h, sum := f.Header(), f.Summary()
	s := &Summary{
		ID: h.ID, State: stateOf(f), Start: time.Unix(0, h.StartNS).UTC(), Tool: h.Tool, Version: h.Version, Source: h.Source, Partial: h.Partial, Tags: h.Tags, Redacted: h.Redacted,
		FirstTimeNS: sum.FirstTimeNS, LastTimeNS: sum.LastTimeNS, DurationNS: span(sum.FirstTimeNS, sum.LastTimeNS),
		Program: h.Program, Host: h.Host, Exit: sum.Exit,
		Modules: modules(f), Attachments: Attachments(f),
		Events: sum.Events, Segments: segments, Functions: Functions(f), Root: sum.Root,
	}
	for i := range segments {
		s.Batches += segments[i].Batches
		s.StoredBytes += segments[i].StoredBytes
		s.RawBytes += segments[i].RawBytes
		s.MetadataBytes += segments[i].SizeBytes - segments[i].StoredBytes
	}
	s.Compression = saved(s.StoredBytes, s.RawBytes)
	if f.IsEvents() {
		s.Kinds = sum.Kinds
	} else {
		s.Columns = columns(f)
	}
	return s, nil
}

// stateOf tells a recording that ended from one that was cut: a command leaves
// an exit or trap event. Filtered and merged traces, which have the column
// "seq", need not have kept it; recovered ones would have.
func stateOf(f *reader.File) State {
	h, sum := f.Header(), f.Summary()
	switch p := h.Program; {
	case f.Live():
		return Recording
	case !sum.Closed, h.Partial != nil && h.Partial.Lost != "":
		return CutShort
	case h.Partial != nil:
		return Partial
	case h.Session != nil:
		if sum.Kinds[format.KindEnd.String()] == 0 && !selected(f) {
			return CutShort
		}
	case p != nil && !p.Reactor && !p.Embedded && sum.Exit == nil && !selected(f):
		return CutShort
	}
	return Complete
}

func selected(f *reader.File) bool {
	return f.IsEvents() && f.Schema().NumFields() > format.ColSeq && !strings.HasPrefix(f.Header().Source, "recover")
}

// span is the time between two instants; rows need not be in order of time,
// and damaged ones may say anything.
func span(first, last int64) int64 {
	d := last - first
	switch {
	case last < first:
		return 0
	case d < 0: // beyond what int64 has
		return math.MaxInt64
	}
	return d
}

// saved is the part of raw that compression saved, negative if it added.
func saved(stored, raw int64) *float64 {
	if raw <= 0 {
		return nil
	}
	r := 1 - float64(stored)/float64(raw)
	return &r
}

func columns(f *reader.File) []Column {
	fields := f.Schema().Fields()
	list := make([]Column, len(fields))
	for i, c := range fields {
		list[i] = Column{c.Name, c.Type.String(), c.Nullable}
	}
	return list
}
