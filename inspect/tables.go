package inspect

import (
	"cmp"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/inspect/wasm"
	"github.com/tracetool/tracetool/reader"
)

// Segment is one segment of a trace.
type Segment struct {
	Number      int      `json:"segment"`
	FirstEvent  int64    `json:"first_event"`
	Records     int64    `json:"records"`
	Batches     int      `json:"batches"`     // record batches: always 1
	DurationNS  int64    `json:"duration_ns"` // from its first event to its last
	SizeBytes   int64    `json:"size_bytes"`  // in the file, header included
	RawBytes    int64    `json:"raw_bytes"`   // of the columns before compression
	StoredBytes int64    `json:"stored_bytes"`
	Compression *float64 `json:"compression,omitempty"` // part saved, 0 to 1
	Open        bool     `json:"open,omitempty"`        // still in the sidecar, not in the file
}

// Segments returns all segments, those that are open last.
func Segments(f *reader.File) ([]Segment, error) {
	list := make([]Segment, f.Segments())
	for i := range list {
		fr, err := f.Segment(i)
		if err != nil {
			return nil, err
		}
		list[i] = Segment{
			Number: i, FirstEvent: fr.FirstEvent, Records: fr.Rows, Batches: 1,
			DurationNS: span(fr.FirstTimeNS, fr.LastTimeNS),
			SizeBytes:  fr.Metadata + fr.StoredBytes, RawBytes: fr.RawBytes, StoredBytes: fr.StoredBytes,
			Open: fr.Offset < format.FirstFrame,
		}
		if !list[i].Open {
			list[i].Compression = saved(fr.StoredBytes, fr.RawBytes)
		}
	}
	return list, nil
}

// Function is how the events of one function and kind add up. The times are
// those of the events that have a duration; quantiles are within 13 %.
type Function struct {
	Kind    string `json:"kind"`
	Module  string `json:"module,omitempty"`
	Name    string `json:"function,omitempty"`
	Count   int64  `json:"count"`
	Errors  int64  `json:"errors"`
	Bytes   int64  `json:"bytes"` // moved between guest and host
	Timed   int64  `json:"timed"`
	TotalNS int64  `json:"total_ns,omitempty"`
	P50NS   int64  `json:"p50_ns,omitempty"`
	P99NS   int64  `json:"p99_ns,omitempty"`
	MaxNS   int64  `json:"max_ns,omitempty"`
}

// Functions returns the totals of each function: those that took longest
// first, then by count and name.
func Functions(f *reader.File) []Function {
	stats := f.Summary().Functions
	list := make([]Function, len(stats))
	for i, s := range stats {
		list[i] = Function{
			Kind: s.Kind, Module: s.Module, Name: s.Function, Count: s.Count, Errors: s.Errors, Bytes: s.Bytes,
			Timed: s.Timed, TotalNS: s.TotalNS, MaxNS: s.MaxNS,
			P50NS: min(s.Times.Quantile(0.5), s.MaxNS), P99NS: min(s.Times.Quantile(0.99), s.MaxNS),
		}
	}
	slices.SortFunc(list, func(a, b Function) int {
		return cmp.Or(cmp.Compare(b.TotalNS, a.TotalNS), cmp.Compare(b.Count, a.Count),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Module, b.Module), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// Attachment is a file in a trace.
type Attachment struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type,omitempty"`
	Size      int64  `json:"size"` // bytes
	SHA256    string `json:"sha256"`
	Detached  bool   `json:"detached,omitempty"` // kept elsewhere
}

// Attachments returns the attachments in the order of the file.
func Attachments(f *reader.File) []Attachment {
	list := []Attachment{}
	for _, a := range f.Attachments() {
		list = append(list, Attachment{a.Name, a.MediaType, a.Size, hex.EncodeToString(a.SHA256[:]), a.Detached})
	}
	return list
}

// Module is an attached WebAssembly module or component.
type Module struct {
	Name     string       `json:"name"` // of the attachment
	SHA256   string       `json:"sha256"`
	Size     int64        `json:"size"`           // bytes
	Main     bool         `json:"main,omitempty"` // the program that was run
	Detached bool         `json:"detached,omitempty"`
	Declares *wasm.Binary `json:"declares,omitempty"` // nil if its bytes are elsewhere or cannot be understood
	Error    string       `json:"error,omitempty"`    // why they cannot
}

// Modules returns the attached modules with what they declare. A module that
// cannot be understood has Error set; the others are not affected.
func Modules(f *reader.File) []Module {
	list := modules(f)
	for i := range list {
		if err := list[i].read(f); err != nil && !errors.Is(err, reader.ErrDetached) {
			list[i].Error = err.Error()
		}
	}
	return list
}

// modules lists the modules without reading them.
func modules(f *reader.File) []Module {
	list := []Module{}
	p := f.Header().Program
	for _, a := range Attachments(f) {
		if a.MediaType == format.MediaTypeWasm {
			list = append(list, Module{Name: a.Name, SHA256: a.SHA256, Size: a.Size, Detached: a.Detached,
				Main: p != nil && p.Name == a.Name})
		}
	}
	return list
}

func (m *Module) read(f *reader.File) error {
	a, err := f.OpenAttachment(m.Name)
	if err != nil {
		return err
	}
	m.Declares, err = wasm.Read(a, m.Size)
	return err
}
