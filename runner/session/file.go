package session

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// Epoch is the instant that a session's time is counted from in its file, ns
// since the Unix epoch: the begin of the year 2000. It is the same for all, so
// that the file of a session does not tell when it was made.
const Epoch = 946_684_800_000_000_000

// headerJSON is the member "session" of a trace's header.
type headerJSON struct {
	SchemaVersion *int    `json:"schema_version"`
	Columns       *int    `json:"columns"`
	Rows          *int    `json:"rows"`
	Seed          *string `json:"seed"` // decimal: numbers of JSON end at 2^53
	Profile       string  `json:"profile,omitempty"`
	Cells         bool    `json:"cells,omitempty"`
}

func (h *Header) toJSON() (map[string]any, error) {
	seed := strconv.FormatUint(h.Seed, 10)
	text, err := json.Marshal(headerJSON{&h.SchemaVersion, &h.Size.Columns, &h.Size.Rows, &seed, h.Profile, h.Cells})
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(text, &m)
}

// headerOf reads a session's header from that of its trace.
func headerOf(h *format.Header) (Header, error) {
	fail := func(fault Fault, detail string) (Header, error) {
		return Header{}, &ValidationError{Fault: fault, Record: -1, Detail: detail}
	}
	if h.Session == nil {
		return fail(NoHeader, "the trace is of no session")
	}
	text, err := json.Marshal(h.Session)
	if err != nil {
		return fail(BadHeader, err.Error())
	}
	var j headerJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return fail(BadHeader, err.Error())
	}
	if j.SchemaVersion == nil || j.Columns == nil || j.Rows == nil || j.Seed == nil {
		return fail(BadHeader, "want schema_version, columns, rows and seed")
	}
	seed, err := strconv.ParseUint(*j.Seed, 10, 64)
	if err != nil {
		return fail(BadHeader, fmt.Sprintf("seed %q, want an integer of 64 bits", clip(*j.Seed)))
	}
	return Header{*j.SchemaVersion, Size{*j.Columns, *j.Rows}, seed, j.Profile, j.Cells}, nil
}

// traceHeader is the header of the trace's file. Its id follows from what is
// in the trace, so that the file does too.
func (t *Trace) traceHeader() (*format.Header, error) {
	session, err := t.Header.toJSON()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%016x", t.Records[len(t.Records)-1].Chain)
	if t.Program != nil {
		name += t.Program.SHA256
	}
	id := uuid.NewSHA1(uuid.NameSpaceOID, []byte("tracetool session "+name))
	return &format.Header{
		Version: format.Version, ID: id.String(), StartNS: Epoch, Tool: "tracetool session",
		Program: t.Program, Session: session,
	}, nil
}

// Save writes the trace to a new file whose extension says the form, see
// convert.FormOf. With force it replaces one. The trace must be valid.
func (t *Trace) Save(path string, force bool) error {
	return t.write(convert.Output{Path: path}, convert.Options{Force: force})
}

// Write writes the trace to a stream.
func (t *Trace) Write(w io.Writer, form convert.Form) error {
	return t.write(convert.Output{Writer: w}, convert.Options{To: form})
}

func (t *Trace) write(out convert.Output, opts convert.Options) error {
	if err := t.Validate(); err != nil {
		return err
	}
	header, err := t.traceHeader()
	if err != nil {
		return err
	}
	return convert.Write(out, opts, func(to convert.Receiver) error {
		if err := to.Begin(&convert.Head{Header: header}); err != nil {
			return err
		}
		for i := range t.Attachments {
			if err := t.Attachments[i].give(to); err != nil {
				return err
			}
		}
		var e format.Event
		for i := range t.Records {
			t.Records[i].toEvent(&e, int64(i))
			if err := to.Event(&e); err != nil {
				return err
			}
		}
		return to.End()
	})
}

func (a *Attachment) give(to convert.Receiver) error {
	size := int64(len(a.Data))
	about := format.Attachment{Name: a.Name, MediaType: a.MediaType, Size: size, SHA256: sha256.Sum256(a.Data)}
	return to.Attach(&about, io.NewSectionReader(bytes.NewReader(a.Data), 0, size))
}

// toEvent stores the record as a row of the event table.
func (r *Record) toEvent(e *format.Event, seq int64) {
	*e = format.Event{Kind: r.Kind, Time: Epoch + int64(r.Time), Seq: seq}
	switch r.Kind {
	case format.KindInput:
		e.Input, e.Has = []byte(r.Event.String()), format.HasInput
	case format.KindResize:
		e.P[0], e.P[1], e.Has = int64(r.Size.Columns), int64(r.Size.Rows), format.HasParams(2)
	case format.KindFrame:
		e.P[0], e.Hash, e.Value = r.Index, r.Checksum, int64(r.Chain)
		e.Has = format.HasParams(1) | format.HasHash | format.HasValue
		if r.Cells != nil {
			e.Output, e.Has = r.Cells, e.Has|format.HasOutput
		}
		if r.Timed {
			e.Duration, e.Has = int64(r.Duration), e.Has|format.HasDuration
		}
	case format.KindEnd:
		e.P[0], e.Value, e.Has = r.Index, int64(r.Chain), format.HasParams(1)|format.HasValue
		if r.Exit != nil {
			e.P[1], e.Has = int64(r.Exit.Code), e.Has|format.HasParams(2)
		}
	}
}

// columns are the columns that the rows of a kind have, and those that they
// may have beside them.
var columns = [...]struct{ want, may format.Fields }{
	format.KindInput:  {want: format.HasInput},
	format.KindResize: {want: format.HasParams(2)},
	format.KindTick:   {},
	format.KindFrame:  {format.HasParams(1) | format.HasHash | format.HasValue, format.HasOutput | format.HasDuration},
	format.KindEnd:    {format.HasParams(1) | format.HasValue, format.HasParams(2)},
}

// columnNames lists nullable columns.
func columnNames(fields format.Fields) string {
	var names []string
	bit := format.Fields(1)
	for _, c := range format.EventFields() {
		if !c.Nullable {
			continue
		}
		if fields&bit != 0 {
			names = append(names, c.Name)
		}
		bit <<= 1
	}
	return strings.Join(names, ", ")
}

// ofSession reports whether sessions have records of that kind.
func ofSession(k format.Kind) bool { return k >= format.KindInput && k <= format.KindEnd }

// Load reads a session from a file in any form. Its errors are *LoadError.
func Load(ctx context.Context, path string) (*Trace, error) {
	return load(ctx, convert.Input{Path: path})
}

// Read reads a session from a stream in any form. Its errors are *LoadError.
func Read(ctx context.Context, r io.Reader) (*Trace, error) {
	return load(ctx, convert.Input{Reader: r})
}

// FromFile reads the session in an open trace. Its errors are *LoadError.
func FromFile(ctx context.Context, f *reader.File) (*Trace, error) {
	return load(ctx, convert.Input{File: f})
}

// Check reads a session from a stream in any form and validates it as Read
// does, but keeps none of it: memory does not grow with its length.
func Check(ctx context.Context, r io.Reader) error {
	return (&loader{checkOnly: true}).load(ctx, convert.Input{Reader: r})
}

func load(ctx context.Context, in convert.Input) (*Trace, error) {
	l := &loader{}
	if err := l.load(ctx, in); err != nil {
		return nil, err
	}
	return l.trace, nil
}

func (l *loader) load(ctx context.Context, in convert.Input) error {
	if _, err := convert.Read(ctx, in, convert.Options{}, l); err != nil {
		return &LoadError{Path: in.Path, Err: l.explain(err)}
	}
	return nil
}

// loader makes a trace of the rows of its file.
type loader struct {
	trace  *Trace
	check  *validator
	events map[string]Event // by text: a session has few that differ
	parts  [2][]byte        // of the input and output of the row to come
	chunks [][]Record       // so far: one slice that grows would be copied over and over

	bytes     int64 // of the records so far
	checkOnly bool  // records are not kept
	last      Record
}

const (
	chunkRecords = 1 << 12
	recordBytes  = 128     // that a Record takes, about
	maxRow       = 1 << 28 // bytes of a row that is in parts
	maxBytes     = 4 << 30 // that are loaded of one session: a container of some KiB may hold more
)

// explain gives an error of the file its type.
func (l *loader) explain(err error) error {
	var line *convert.LineError
	if !errors.As(err, &line) {
		if errors.Is(err, format.ErrNotTrace) && l.trace == nil {
			return &ValidationError{Fault: NoHeader, Record: -1, Detail: err.Error()}
		}
		return err
	}
	if line.Err == convert.ErrHeader {
		if l.trace == nil {
			return &ValidationError{Fault: NoHeader, Record: -1, Detail: line.Detail}
		}
		return l.check.faultf(SecondHeader, "%s", line.Detail)
	}
	for _, f := range lineFaults {
		if line.Err == f.kind && l.trace != nil {
			return l.check.faultf(f.fault, "%s", line.Detail)
		}
	}
	return &ParseError{Line: line.Line, Reason: line.Detail, Err: line}
}

func (l *loader) Begin(head *convert.Head) error {
	header, err := headerOf(head.Header)
	if err != nil {
		return err
	}
	l.trace = &Trace{Header: header, Program: head.Header.Program}
	l.events = map[string]Event{}
	l.check, err = newValidator(&l.trace.Header)
	return err
}

// maxAttachment bounds what is loaded of one file inside the trace.
const maxAttachment = 1 << 30

func (l *loader) Attach(a *format.Attachment, r *io.SectionReader) error {
	if r == nil {
		return fmt.Errorf("attachment %q: %w", a.Name, reader.ErrDetached)
	}
	if a.Size > maxAttachment {
		return fmt.Errorf("attachment %q of %d bytes: %w", a.Name, a.Size, format.ErrLimit)
	}
	if l.checkOnly {
		return nil // its bytes are checked where they are read
	}
	data := make([]byte, a.Size)
	if _, err := io.ReadFull(r, data); err != nil {
		return fmt.Errorf("attachment %q: %w", a.Name, err)
	}
	l.trace.Attachments = append(l.trace.Attachments, Attachment{Name: a.Name, MediaType: a.MediaType, Data: data})
	return nil
}

func (l *loader) Event(e *format.Event) error {
	if l.bytes += recordBytes + int64(len(e.Input)+len(e.Output)); l.bytes > maxBytes && !l.checkOnly {
		return fmt.Errorf("records of more than %d bytes, which is more than is loaded", int64(maxBytes))
	}
	if e.Kind == format.KindPart {
		if len(l.parts[0])+len(l.parts[1]) > maxRow {
			return l.check.faultf(BadRecord, "a row of more than %d bytes", maxRow)
		}
		l.parts[0], l.parts[1] = append(l.parts[0], e.Input...), append(l.parts[1], e.Output...)
		return nil
	}
	l.join(e)
	r := l.place()
	if err := l.record(e, r); err != nil {
		return err
	}
	return l.check.record(r, e.Input)
}

// place is where the next record goes.
func (l *loader) place() *Record {
	if l.checkOnly {
		l.last = Record{}
		return &l.last
	}
	if n := len(l.chunks); n == 0 || len(l.chunks[n-1]) == chunkRecords {
		l.chunks = append(l.chunks, make([]Record, 0, chunkRecords))
	}
	chunk := &l.chunks[len(l.chunks)-1]
	*chunk = append(*chunk, Record{})
	return &(*chunk)[len(*chunk)-1]
}

// join puts the parts before a row too large in front of its bytes.
func (l *loader) join(e *format.Event) {
	for i, bytes := range []*[]byte{&e.Input, &e.Output} {
		if len(l.parts[i]) > 0 {
			*bytes = append(l.parts[i], *bytes...)
			l.parts[i] = nil
		}
	}
}

// record stores the row as a record.
func (l *loader) record(e *format.Event, r *Record) (err error) {
	if !ofSession(e.Kind) {
		return l.check.faultf(BadRecord, "%s", e.Kind)
	}
	has := &columns[e.Kind]
	switch {
	case e.Has&has.want != has.want:
		return l.check.faultf(BadRecord, "%s without %s", e.Kind, columnNames(has.want&^e.Has))
	case e.Has&^(has.want|has.may) != 0:
		return l.check.faultf(BadRecord, "%s with %s", e.Kind, columnNames(e.Has&^(has.want|has.may)))
	case e.Task != 0:
		return l.check.faultf(BadRecord, "%s of the task %d, want 0", e.Kind, e.Task)
	}
	r.Kind, r.Time = e.Kind, time.Duration(e.Time-Epoch)
	switch e.Kind {
	case format.KindInput:
		r.Event, err = l.event(e.Input)
	case format.KindResize:
		r.Size = Size{int(e.P[0]), int(e.P[1])}
	case format.KindFrame:
		r.Index, r.Checksum, r.Chain = e.P[0], e.Hash, uint64(e.Value)
		r.Duration, r.Timed = time.Duration(e.Duration), e.Has&format.HasDuration != 0
		if e.Has&format.HasOutput != 0 {
			r.Cells = append([]byte{}, e.Output...)
		}
	case format.KindEnd:
		r.Index, r.Chain = e.P[0], uint64(e.Value)
		if e.Has&format.HasParams(2) == format.HasParams(2) {
			r.Exit = &ExitError{Code: int(e.P[1])}
		}
	}
	return err
}

// maxEvents bounds the events that are remembered by their text.
const maxEvents = 1 << 12

func (l *loader) event(b []byte) (Event, error) {
	if ev, ok := l.events[string(b)]; ok {
		return ev, nil
	}
	text := string(b)
	ev, err := ParseEvent(text)
	if err != nil {
		fault := BadEvent
		if errors.Is(err, errHex) {
			fault = BadHex
		}
		return nil, l.check.faultf(fault, "%s", err)
	}
	if len(l.events) < maxEvents && len(text) <= maxKeyName {
		l.events[text] = ev
	}
	return ev, nil
}

func (l *loader) End() error {
	l.trace.Records = slices.Concat(l.chunks...)
	return l.check.end()
}
