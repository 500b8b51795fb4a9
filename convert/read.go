package convert

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/tracetool/tracetool/format"
)

// textSource reads a trace in the JSONL dialect or as a JSON document.
type textSource struct {
	split   *splitter
	sink    sink
	partial bool

	table       *table
	events      *eventParser
	event       format.Event // of the current row
	rows        *rowBatcher
	probe       scanner   // of recordType
	spool       *spool    // bytes of the attachments
	current     *incoming // attachment that is not complete
	count       int64
	attachments int64
	told        *format.Summary // by the input's summary; nil if it has none
	ended       bool
	lost        string
}

// readJSONL reads lines: the header, attachments, rows, the summary.
func (t *textSource) readJSONL() error {
	if err := t.split.skipMark(); err != nil {
		return err
	}
	for {
		at := t.split.position
		line, whole, err := t.split.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if isSpace(line) {
			continue
		}
		if !whole && !complete(line) {
			return t.cut(format.ErrTruncated, fmt.Sprintf("line %d is incomplete", at.line))
		}
		if err := t.line(line); err != nil {
			return at.wrap(err)
		}
	}
	if !t.ended {
		return t.cut(ErrSummary, "no summary at the end")
	}
	return t.finish()
}

func isSpace(line []byte) bool {
	s := scanner{b: line}
	return s.peek() == 0 && s.i == len(line)
}

// complete reports whether the line is a JSON value.
func complete(line []byte) bool {
	s := scanner{b: line}
	s.skip()
	s.end()
	return s.err == nil
}

// cut ends an input that stops too early.
func (t *textSource) cut(kind error, how string) error {
	if !t.partial || t.table == nil {
		return t.split.errorf(kind, "file ends too early: %s", how)
	}
	t.lost = how
	if t.current != nil {
		t.lost += fmt.Sprintf("; attachment %q is left out", t.current.Name)
	}
	return t.finish()
}

// line reads one record.
func (t *textSource) line(line []byte) error {
	if err := checkText(line); err != nil {
		return err
	}
	kind, err := t.recordType(line)
	switch {
	case err != nil:
		return fault(err)
	case t.ended:
		return faultOf(ErrAfter, "a record after the summary")
	case (kind == "header") != (t.table == nil):
		return faultOf(ErrHeader, "the header must be the first record, and only that")
	case kind == "":
		return t.row(line)
	case kind == "header":
		return t.head(line)
	case kind == "attachment":
		return t.attachment(line)
	case kind == "summary":
		return t.summary(line)
	}
	return faultf("record of unknown type %q", kind)
}

// recordType returns the member "type" of a record, empty for a row. Rows
// begin with their number, so that they need not be searched.
func (t *textSource) recordType(line []byte) (string, error) {
	s := &t.probe
	s.reset(line)
	for more := s.open('{'); more; more = s.next('}') {
		switch string(s.key()) {
		case "seq":
			return "", s.err
		case "type":
			kind := string(s.textOnly())
			return kind, s.err
		}
		s.skip()
	}
	return "", s.err
}

func (t *textSource) head(line []byte) error {
	head := &table{}
	s := scanner{b: line}
	for more := s.open('{'); more; more = s.next('}') {
		key := string(s.key())
		if err := t.member(head, key, s.skip()); s.err == nil && err != nil {
			return err
		}
	}
	s.end()
	if s.err != nil {
		return fault(s.err)
	}
	return t.begin(head)
}

func (t *textSource) member(head *table, key string, value []byte) error {
	if value == nil {
		return nil
	}
	if !complete(value) {
		return faultf("malformed value of %q", key)
	}
	if _, err := head.set(key, value); err != nil {
		return faultf("%s: %w", key, err)
	}
	return nil
}

func (t *textSource) begin(head *table) error {
	if err := head.check(); err != nil {
		return fault(err)
	}
	// What is left of a cut trace has its numbers, but they may have gaps.
	head.seq = head.seq || t.partial && head.schema == nil
	t.table = head
	t.events = newEventParser(head.modules, head.functions)
	if head.schema != nil {
		var err error
		if t.rows, err = newRowBatcher(head.schema, t.sink, false); err != nil {
			return fault(err)
		}
	}
	return t.sink.begin(head)
}

// row reads an event, or a row of another program's table.
func (t *textSource) row(line []byte) error {
	if t.current != nil {
		return faultf("attachment %q ends after %d of %d bytes", t.current.Name, t.current.got, t.current.Size)
	}
	t.count++
	if t.rows != nil {
		return t.tableRow(line)
	}
	e := &t.event
	if err := t.events.parse(line, e); err != nil {
		return fault(err)
	}
	if !t.table.seq && e.Seq != t.count-1 {
		return faultf("event %d, want %d", e.Seq, t.count-1)
	}
	return t.sink.event(e)
}

func (t *textSource) tableRow(line []byte) error {
	f := t.rows.filler
	f.reset(line)
	var seq, row bool
	for more := f.open('{'); more; more = f.next('}') {
		switch key := string(f.key()); {
		case key == "seq" && seq, key == "row" && row:
			f.fail("key %q is there twice", key)
		case key == "seq":
			if n := f.integer(); f.err == nil && n != t.count-1 && !t.partial {
				f.fail("row %d, want %d", n, t.count-1)
			}
			seq = true
		case key == "row":
			f.row()
			row = true
		default:
			f.skip()
		}
	}
	f.end()
	if f.err == nil && !row {
		f.fail("no row")
	}
	if f.err != nil {
		return fault(f.err)
	}
	return t.rows.added(len(line))
}

// incoming is an attachment whose chunks are being read.
type incoming struct {
	format.Attachment
	at   int64 // of its bytes in the spool
	hash hash.Hash
	got  int64
}

// attachmentRecord is one chunk of an attachment, or one that is detached.
type attachmentRecord struct {
	format.Attachment
	offset int64
	data   []byte
	first  bool
}

func (t *textSource) attachment(line []byte) error {
	if t.count > 0 {
		return faultf("an attachment after the first event")
	}
	c, err := parseChunk(line)
	if err != nil {
		return fault(err)
	}
	if t.current == nil {
		return t.firstChunk(c)
	}
	if c.first || c.Name != t.current.Name || c.offset != t.current.got {
		return faultf("attachment %q at %d, want %q at %d", c.Name, c.offset, t.current.Name, t.current.got)
	}
	return t.addChunk(c.data)
}

func parseChunk(line []byte) (*attachmentRecord, error) {
	c := &attachmentRecord{}
	s := scanner{b: line}
	for more := s.open('{'); more; more = s.next('}') {
		switch string(s.key()) {
		case "name":
			c.Name = string(s.textOnly())
		case "media_type":
			c.MediaType = string(s.textOnly())
		case "size":
			c.Size = s.bounded(0, 1<<62)
		case "sha256":
			c.first = true
			if n, err := hex.Decode(c.SHA256[:], clipTo(s.text(), 2*sha256.Size)); err != nil || n != sha256.Size {
				s.fail("malformed sha256")
			}
		case "detached":
			c.Detached = s.boolean()
		case "offset":
			c.offset = s.bounded(0, 1<<62)
		case "data":
			c.data = s.base64(nil)
		default:
			s.skip()
		}
	}
	s.end()
	return c, s.err
}

// clipTo returns b, or nil where it is not n bytes long.
func clipTo(b []byte, n int) []byte {
	if len(b) != n {
		return nil
	}
	return b
}

func (t *textSource) firstChunk(c *attachmentRecord) error {
	if !c.first || c.offset != 0 {
		return faultf("attachment %q does not begin with its size and sha256", c.Name)
	}
	t.attachments++
	if c.Detached {
		return t.sink.attach(&c.Attachment, nil)
	}
	if t.spool == nil {
		var err error
		if t.spool, err = newSpool(); err != nil {
			return err
		}
	}
	t.current = &incoming{Attachment: c.Attachment, at: t.spool.size, hash: sha256.New()}
	return t.addChunk(c.data)
}

func (t *textSource) addChunk(data []byte) error {
	a := t.current
	if a.got += int64(len(data)); a.got > a.Size || len(data) == 0 && a.Size > 0 {
		return faultf("attachment %q: chunk of %d bytes ends at %d of %d", a.Name, len(data), a.got, a.Size)
	}
	a.hash.Write(data)
	if _, err := t.spool.Write(data); err != nil {
		return err
	}
	if a.got < a.Size {
		return nil
	}
	t.current = nil
	if got := [sha256.Size]byte(a.hash.Sum(nil)); got != a.SHA256 {
		return faultf("attachment %q: sha256 %x.., want %x..", a.Name, got[:8], a.SHA256[:8])
	}
	return t.sink.attach(&a.Attachment, io.NewSectionReader(t.spool.file, a.at, a.Size))
}

// close removes the temporary files.
func (t *textSource) close() {
	if t.spool != nil {
		t.spool.remove()
	}
}

type summaryRecord struct {
	Counts *struct {
		Events      int64 `json:"events"`
		Attachments int64 `json:"attachments"`
	} `json:"counts"`
	Summary *format.Summary `json:"summary"`
}

func (t *textSource) summary(line []byte) error {
	var s summaryRecord
	if !complete(line) {
		return faultf("malformed summary")
	}
	if err := unmarshal(line, &s); err != nil {
		return fault(err)
	}
	return t.closeWith(&s)
}

// closeWith compares what was read with what the summary says.
func (t *textSource) closeWith(s *summaryRecord) error {
	if s.Counts == nil {
		return faultf("summary without counts")
	}
	if t.current != nil {
		return faultf("attachment %q ends after %d of %d bytes", t.current.Name, t.current.got, t.current.Size)
	}
	t.ended, t.told = true, s.Summary
	if s.Counts.Events == t.count && s.Counts.Attachments == t.attachments {
		return nil
	}
	what := fmt.Sprintf("%d events and %d attachments, the summary says %d and %d",
		t.count, t.attachments, s.Counts.Events, s.Counts.Attachments)
	if !t.partial {
		return faultOf(ErrCounts, "%s", what)
	}
	t.lost, t.told = what, nil
	return nil
}

// finish ends the output. Text of text has the summary of the trace that was
// converted first, unless some of it is lost.
func (t *textSource) finish() error {
	if t.rows != nil {
		if err := t.rows.flush(); err != nil {
			return err
		}
	}
	return t.sink.end(t.told)
}
