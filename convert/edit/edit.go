// Package edit makes traces from traces: Filter keeps some events, Merge joins
// several traces by time, Recover saves what a damaged file or a dead recorder
// left, Snapshot copies a recording in progress, AddAttachment embeds one more
// file, and Rewrite is for packages that change what the rows hold.
//
// Each writes a new trace; the file appears under its name only when it is
// complete. Attachments are copied, and the header's Source says what the trace
// was made from. Memory grows with a segment, or with a single event that is
// larger, never with the file.
package edit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// Output is where a new trace goes and how it is written.
type Output struct {
	Path        string             // file to be made, mode 0600; or
	Pipe        io.Writer          // a stream
	Force       bool               // replace an existing file
	Sync        bool               // wait until the disk has it
	Compression ipc.Codec          // default zstd
	Source      string             // Header.Source: the command with its arguments, "filter a.trace.arrow"; empty: only its verb
	Progress    func(events int64) // called with the number of events written, every few thousand; may be nil
	Mode        os.FileMode        // of the file; default 0600
	KeepID      bool               // Filter: the new trace takes the place of the other one and has its id
	// Detach is given the modules, which the trace then names and does not
	// hold. Default: they are embedded.
	Detach func(data []byte) error
}

// Result is what was written.
type Result struct {
	ID          string `json:"id"`
	Events      int64  `json:"events"` // rows
	Attachments int    `json:"attachments"`

	ended bool // there is an exit or trap event
}

func (o *Output) create(opts writer.Options) (*writer.Writer, error) {
	opts.Force, opts.Sync, opts.Compression, opts.NoSidecar, opts.Mode = o.Force, o.Sync, o.Compression, true, o.Mode
	if o.Pipe != nil {
		return writer.New(o.Pipe, opts)
	}
	return writer.Create(o.Path, opts)
}

// write creates a trace, fills it and closes it. A trace that could not be
// filled is removed.
func (o *Output) write(opts writer.Options, fill func(*sink) error) (*Result, error) {
	w, err := o.create(opts)
	if err != nil {
		return nil, err
	}
	s := &sink{w: w, progress: o.Progress, detach: o.Detach}
	if err := fill(s); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &Result{ID: w.Header().ID, Events: s.rows, Attachments: s.attachments, ended: s.ended}, nil
}

// sink counts what goes into a trace.
type sink struct {
	w           *writer.Writer
	rows        int64
	attachments int
	ended       bool // an exit or trap event has been appended
	progress    func(int64)
	detach      func(data []byte) error
}

var kinds = format.KindNames()

// reportEvery is how many rows pass between two reports of progress, and looks
// at the context.
const reportEvery = 1 << 12

func (s *sink) append(ctx context.Context, e *format.Event) error {
	if int(e.Kind) >= len(kinds) {
		return fmt.Errorf("event %d: its kind is of a later version of the format", e.Seq)
	}
	if err := s.w.Append(e); err != nil {
		return err
	}
	s.rows++
	s.ended = s.ended || e.Kind == format.KindExit || e.Kind == format.KindTrap
	if s.rows%reportEvery != 0 {
		return nil
	}
	s.report()
	return ctx.Err()
}

func (s *sink) report() {
	if s.progress != nil {
		s.progress(s.rows)
	}
}

// events appends the events of a query.
func (s *sink) events(ctx context.Context, in *reader.File, q reader.Query) error {
	for e, err := range in.Events(q) {
		if err != nil {
			return err
		}
		if err := s.append(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// attach copies an attachment under a name. One that the trace does not hold is
// embedded if the trace was opened with a way to its bytes.
func (s *sink) attach(in *reader.File, a format.Attachment, name string) error {
	r, err := in.OpenAttachment(a.Name)
	a.Name = name
	if errors.Is(err, reader.ErrDetached) {
		s.attachments++
		return s.w.AttachDetached(a)
	}
	if err != nil {
		return err
	}
	if s.detach != nil && a.MediaType == format.MediaTypeWasm {
		return s.attachElsewhere(in, a)
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // checks its sha256, which the writer makes anew
		return err
	}
	s.attachments++
	return s.w.AttachFrom(name, a.MediaType, r, a.Size)
}

// attachElsewhere hands a module over and names it.
func (s *sink) attachElsewhere(in *reader.File, a format.Attachment) error {
	data, err := in.ReadAttachment(a.Name)
	if err != nil {
		return err
	}
	if err := s.detach(data); err != nil {
		return err
	}
	s.attachments++
	return s.w.AttachDetached(a)
}

func (s *sink) attachAll(in *reader.File) error {
	for _, a := range in.Attachments() {
		if err := s.attach(in, a, a.Name); err != nil {
			return fmt.Errorf("attachment %q: %w", a.Name, err)
		}
	}
	return nil
}

// records appends the rows from one number up to, and without, another of a
// table of other records than events; to 0 is no bound.
func (s *sink) records(ctx context.Context, in *reader.File, from, to int64) error {
	for i := range in.Segments() {
		fr, err := in.Segment(i)
		if err != nil {
			return err
		}
		last := fr.Rows
		if to > 0 {
			last = min(last, to-fr.FirstEvent)
		}
		if err := s.record(in, i, max(from-fr.FirstEvent, 0), last); err != nil {
			return err
		}
		s.report()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// record appends the rows from first to last of a segment, if there are any.
func (s *sink) record(in *reader.File, segment int, first, last int64) error {
	if first >= last {
		return nil
	}
	rec, err := in.Record(segment)
	if err != nil {
		return err
	}
	defer rec.Release()
	part := rec.NewSlice(first, min(last, rec.NumRows()))
	defer part.Release()
	s.rows += part.NumRows()
	return s.w.WriteRecord(part)
}

// optionsLike returns the options of a trace with the header, columns and
// dictionaries of another.
func optionsLike(in *reader.File, source string) writer.Options {
	h := *in.Header()
	h.Source = source
	opts := writer.Options{Header: &h}
	if !in.IsEvents() {
		opts.Schema = in.Schema()
		return opts
	}
	opts.Modules, opts.Functions = in.Modules(), in.Functions()
	opts.Seq = in.Schema().NumFields() > format.ColSeq
	return opts
}

// Filter writes the events that q selects, with their numbers in the column
// "seq". The trace has an id of its own. Of a table of other records the query
// can only select a range of rows.
func Filter(ctx context.Context, in *reader.File, q reader.Query, out Output) (*Result, error) {
	opts := optionsLike(in, cmp.Or(out.Source, "filter"))
	if !out.KeepID {
		opts.Header.ID = ""
	}
	if !in.IsEvents() && !rangeOnly(q) {
		return nil, errors.New("a table of other records than events can only be filtered by row numbers")
	}
	opts.Seq, q.RawParts = in.IsEvents(), false
	return out.write(opts, func(s *sink) error {
		if err := s.attachAll(in); err != nil {
			return err
		}
		if !in.IsEvents() {
			return s.records(ctx, in, q.FromEvent, q.ToEvent)
		}
		return s.events(ctx, in, q)
	})
}

func rangeOnly(q reader.Query) bool {
	return q.FromTime == 0 && q.ToTime == 0 && len(q.Kinds) == 0 && len(q.Functions) == 0 && !q.Errors &&
		len(q.Errno) == 0 && q.Task == nil && q.Match == nil
}
