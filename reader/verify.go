package reader

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// Problem is something that Verify found wrong.
type Problem struct {
	Offset  int64 // bytes from file start
	Segment int   // -1 outside any
	Frame   int   // -1 outside any
	Err     error // what is wrong, with its place
}

func (p Problem) String() string { return p.Err.Error() }

// Verify makes every check there is of the file itself, without its sidecar:
// magic, checksums, numbering and order of frames, continuity of segments and
// events, schema and dictionaries against their copies, footer and index
// against the frames, statistics against the rows, attachments against their
// sha256, totals and root hash, padding, and that every batch decodes. Each
// problem is reported. It returns the root hash of what the file holds; the
// error is that of reading or of ctx.
func (f *File) Verify(ctx context.Context, report func(Problem)) (format.Root, error) {
	return verify(ctx, f.source, report)
}

// Verify is File.Verify for a file that may be too damaged to be opened.
func Verify(ctx context.Context, r io.ReaderAt, size int64, o Options, report func(Problem)) (format.Root, error) {
	src, err := newSource(r, size, o)
	if err != nil {
		return format.Root{}, err
	}
	return verify(ctx, src, report)
}

// verifier walks through a file and remembers what the copies in index and
// footer must say.
type verifier struct {
	*source
	ctx    context.Context
	report func(Problem)

	footer       *layout // nil if it is damaged
	walker       *walker
	table        *table
	frames       int64 // number of the next frame
	layout       layout
	rows         []format.Frame // since the last index frame
	first        bool           // an index frame has been met
	dictionaries int
	open         *attachment // that more chunks belong to
	digest       hash.Hash
	names        map[string]bool
	event        int64
	summary      format.Summary
	root         format.Root
	damaged      bool // a frame could not be read: what follows from all is not checked
}

func verify(ctx context.Context, s *source, report func(Problem)) (format.Root, error) {
	if report == nil {
		return format.Root{}, errors.New("verify without a function to report problems to")
	}
	v := &verifier{source: s, ctx: ctx, report: report, names: map[string]bool{}}
	v.summary.Kinds = map[string]int64{}
	if err := v.tail(); err != nil {
		return format.Root{}, err
	}
	for {
		if err := ctx.Err(); err != nil {
			return v.root, err
		}
		fr, gap, err := v.walker.next()
		if err == io.EOF {
			break
		}
		if err == nil && gap != nil {
			v.damaged = true
			v.problem(gap.frame, gap.from, gap.err)
			continue
		}
		if err == nil {
			err = v.frame(fr)
		}
		if err != nil && !errors.Is(err, format.ErrCorrupt) {
			return v.root, err
		}
	}
	v.end()
	return v.root, nil
}

func (v *verifier) problem(fr *frame, at int64, err error) {
	p := Problem{Offset: at, Segment: -1, Frame: -1, Err: err}
	if fr != nil {
		p.Segment, p.Frame = fr.segment(), int(fr.Frame)
	}
	v.report(p)
}

// wrong reports what is wrong with a frame.
func (v *verifier) wrong(fr *frame, detail string, args ...any) {
	v.problem(fr, fr.at, v.source.corrupt(fr.segment(), fr.at, nil, "%s frame %d: %s", fr.Kind, fr.Frame, fmt.Sprintf(detail, args...)))
}

// wrongAt reports what is wrong outside any frame.
func (v *verifier) wrongAt(at int64, detail string, args ...any) {
	v.problem(nil, at, v.corrupt(-1, at, nil, detail, args...))
}

// tail checks both ends of the file.
func (v *verifier) tail() error {
	v.walker = newWalker(v.source, v.size)
	if err := v.checkMagic(); errors.Is(err, format.ErrNotTrace) {
		v.problem(nil, 0, err)
	} else if err != nil {
		return err
	}
	l, err := v.footerLayout()
	if err != nil {
		if !errors.Is(err, format.ErrCorrupt) && !errors.Is(err, format.ErrNotTrace) {
			return err
		}
		v.problem(nil, v.size, err)
		return nil
	}
	v.footer = l
	v.walker.end, v.walker.tail = l.end, true
	v.walker.known = knownOffsets(l)
	mark := make([]byte, format.EndOfStreamSize)
	if err := v.read(mark, l.end); err != nil {
		return err
	}
	if !bytes.Equal(mark, []byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}) {
		v.wrongAt(l.end, "end of stream %x, want ffffffff00000000", mark)
	}
	return nil
}

func (v *verifier) footerLayout() (*layout, error) {
	footer, end, err := v.readFooter()
	if err != nil {
		return nil, err
	}
	l, err := v.parseFooter(footer, end)
	if err != nil {
		return nil, v.wrap(end, "footer", err)
	}
	return l, nil
}

// knownOffsets are those of the frames that the footer lists.
func knownOffsets(l *layout) []int64 {
	known := []int64{l.first}
	for _, b := range slices.Concat(l.dictionaries, l.segments) {
		known = append(known, b.Offset)
	}
	for _, loc := range l.index {
		known = append(known, loc[0])
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// frame makes the checks that are common to all frames, then its kind's.
func (v *verifier) frame(fr *frame) error {
	if int64(fr.Frame) != v.frames {
		v.wrong(fr, "its number should be %d", v.frames)
	}
	v.frames = int64(fr.Frame) + 1
	body, err := v.body(fr, nil)
	if err == nil {
		err = v.content(fr, body)
	}
	if errors.Is(err, format.ErrCorrupt) {
		v.damaged = true
		v.problem(fr, fr.at, err)
	}
	return err
}

func (v *verifier) content(fr *frame, body []byte) error {
	m, err := v.parse(fr)
	if err != nil {
		return err
	}
	if fr.Flags&^(format.FlagMore|format.FlagDetached) != 0 || fr.Flags != 0 && fr.Kind != format.FrameAttachment {
		v.wrong(fr, "flags %#x", fr.Flags)
	}
	if v.open != nil && fr.Kind != format.FrameAttachment {
		v.wrong(fr, "attachment %q is not complete before it", v.open.Name)
		v.open = nil
	}
	if fr.Kind != format.FrameSchema && v.layout.schema == nil && !v.damaged {
		v.wrong(fr, "before the schema")
	}
	switch fr.Kind {
	case format.FrameSchema:
		return v.schema(fr, m)
	case format.FrameDictionary:
		return v.dictionary(fr, m, body)
	case format.FrameEvents:
		return v.events(fr, m, body)
	case format.FrameAttachment:
		return v.attachment(fr, m, body)
	case format.FrameIndex:
		return v.index(fr, m, body)
	}
	v.wrong(fr, "kind %d is not known", fr.Kind)
	return nil
}

func (v *verifier) schema(fr *frame, m *ipc.Message) error {
	v.root.Frame(fr.Kind, fr.message, nil)
	v.addRow(frameRow(fr))
	if v.layout.schema != nil || fr.at != format.FirstFrame {
		v.wrong(fr, "not the first frame")
		return nil
	}
	if err := v.layout.add(v.source, fr); err != nil {
		return err
	}
	if v.footer != nil && !sameSchema(m.Schema, v.footer.schema) {
		v.wrong(fr, "the schema is not that of the footer")
	}
	t, err := newTable(m.Schema)
	if err != nil {
		return v.wrap(fr.at, "schema", err)
	}
	v.table = t
	return nil
}

func sameSchema(a, b *arrow.Schema) bool {
	return a.Equal(b) && a.Metadata().Equal(b.Metadata())
}

func (v *verifier) dictionary(fr *frame, m *ipc.Message, body []byte) error {
	v.root.Frame(fr.Kind, fr.message, body)
	row := frameRow(fr)
	if v.padding(fr, m.Buffers, body) { // the buffers are in the body
		row.RawBytes = (&content{m: m, data: body}).rawBytes()
	}
	v.addRow(row)
	if int64(fr.Rows) != m.Rows {
		v.wrong(fr, "message of %d rows, the trailer says %d", m.Rows, fr.Rows)
	}
	if m.DictionaryID != int64(v.dictionaries) {
		v.wrong(fr, "dictionary %d, want %d", m.DictionaryID, v.dictionaries)
	}
	v.dictionaries++
	if err := v.layout.add(v.source, fr); err != nil || v.table == nil {
		return err
	}
	id, values, err := v.readDictionary(fr, v.table)
	if err != nil {
		return err
	}
	v.table.setDictionary(id, values)
	return nil
}

// events checks a segment.
func (v *verifier) events(fr *frame, m *ipc.Message, body []byte) error {
	v.root.Frame(fr.Kind, fr.message, body)
	if err := v.layout.add(v.source, fr); err != nil {
		return err
	}
	if int(fr.Segment) != v.summary.Segments && !v.damaged {
		v.wrong(fr, "segment %d, want %d", fr.Segment, v.summary.Segments)
	}
	if fr.FirstEvent != v.event && !v.damaged {
		v.wrong(fr, "first event %d, want %d", fr.FirstEvent, v.event)
	}
	v.event = fr.FirstEvent + int64(fr.Rows)
	v.padding(fr, m.Buffers, body)
	row := frameRow(fr)
	defer func() {
		addRow(&v.summary, row)
		v.addRow(row)
	}()
	if v.table == nil {
		return nil
	}
	rec, err := v.record(v.table, fr)
	if err != nil {
		return err
	}
	rec.Release()
	row.RawBytes = (&content{m: m, data: body}).rawBytes()
	if !v.table.events {
		return nil
	}
	b, err := v.readBatch(v.table, fr, int(fr.Segment), nil)
	if err != nil {
		return err
	}
	if err := b.load(allColumns); err != nil {
		return v.source.damaged(fr, err)
	}
	if first, last := b.times(); first != fr.FirstTime || last != fr.LastTime {
		v.wrong(fr, "times %d to %d, the trailer says %d to %d", first, last, fr.FirstTime, fr.LastTime)
	}
	row.Functions = b.stats(v.table)
	if exit := b.exit(); exit != nil {
		v.summary.Exit = exit
	}
	return nil
}

// padding checks that buffers lie in the body one after the other, and that
// nothing hides between and behind them. It reports whether they do.
func (v *verifier) padding(fr *frame, buffers []ipc.Span, body []byte) bool {
	at, size := int64(0), int64(len(body))
	for _, b := range append(slices.Clone(buffers), ipc.Span{Offset: size}) {
		if b.Offset < at || b.Offset > size || b.Length < 0 || b.Length > size-b.Offset {
			v.wrong(fr, "a buffer of %d bytes at %d of the body, want it in %d to %d", b.Length, b.Offset, at, size)
			return false
		}
		if b.Offset-at >= format.FrameAlign || !zero(body[at:b.Offset]) {
			v.wrong(fr, "bytes %d to %d of the body are not padding", at, b.Offset)
			return false
		}
		at = b.Offset + b.Length
	}
	return true
}

func zero(data []byte) bool {
	return len(bytes.Trim(data, "\x00")) == 0
}

// attachment checks a chunk, and with the last one the sha256.
func (v *verifier) attachment(fr *frame, m *ipc.Message, body []byte) error {
	var list []attachment
	if v.open != nil {
		list = []attachment{*v.open}
	}
	row, err := v.attachmentRow(fr, list)
	if err != nil {
		return err
	}
	v.addRow(row)
	if v.open == nil {
		v.begin(fr, row.Attachment)
	} else if v.open.Attachment != *row.Attachment {
		v.wrong(fr, "a chunk of attachment %q, want one of %q", row.Attachment.Name, v.open.Name)
		v.begin(fr, row.Attachment)
	}
	end := row.Payload + row.Chunk
	v.padding(fr, m.Buffers, body[:row.Payload])
	if int64(len(body))-end >= format.FrameAlign || !zero(body[end:]) {
		v.wrong(fr, "bytes %d to %d of the body are not padding", end, len(body))
	}
	v.digest.Write(body[row.Payload:end])
	v.open.add(row)
	more := fr.Flags&format.FlagMore != 0
	if more != (v.open.have() < v.open.Size && !v.open.Detached) {
		v.wrong(fr, "attachment %q has %d of %d bytes, more chunks: %v", v.open.Name, v.open.have(), v.open.Size, more)
	}
	if more {
		return nil
	}
	if sum := v.digest.Sum(nil); !v.open.Detached && !bytes.Equal(sum, v.open.SHA256[:]) {
		v.wrong(fr, "attachment %q has sha256 %x, want %x", v.open.Name, sum, v.open.SHA256)
	}
	v.open = nil
	return nil
}

func (v *verifier) begin(fr *frame, a *format.Attachment) {
	v.root.Attachment(a)
	v.open, v.digest = &attachment{Attachment: *a}, sha256.New()
	if v.names[a.Name] {
		v.wrong(fr, "a second attachment %q", a.Name)
	}
	v.names[a.Name] = true
}

// index checks a chunk of the index against the frames since the last one.
func (v *verifier) index(fr *frame, m *ipc.Message, body []byte) error {
	if err := v.layout.add(v.source, fr); err != nil {
		return err
	}
	v.padding(fr, m.Buffers, body[:fr.Payload])
	rows, _, err := v.readIndex(fr)
	if err != nil {
		return err
	}
	if end := int64(fr.Payload) + payloadSize(body[fr.Payload:]); !zero(body[end:]) || int64(len(body))-end >= format.FrameAlign {
		v.wrong(fr, "bytes %d to %d of the body are not padding", end, len(body))
	}
	v.names2(fr, m)
	if v.damaged {
		v.rows = nil
		return nil
	}
	if len(rows) != len(v.rows) {
		v.wrong(fr, "%d rows for %d frames", len(rows), len(v.rows))
	}
	for i := range min(len(rows), len(v.rows)) {
		if column := differs(&rows[i], &v.rows[i]); column != "" {
			v.wrong(fr, "the row of frame %d: %s", v.rows[i].Number, column)
		}
	}
	v.rows = v.rows[:0]
	return nil
}

// payloadSize is the length of the Arrow stream that is an index's payload.
func payloadSize(data []byte) int64 {
	rest := data
	for range 2 {
		_, _, after, err := message(rest)
		if err != nil {
			return int64(len(data))
		}
		rest = after
	}
	return int64(len(data) - len(rest) + format.EndOfStreamSize)
}

// names2 checks the copies of the dictionaries in the first index frame.
func (v *verifier) names2(fr *frame, m *ipc.Message) {
	first := !v.first
	v.first = true
	if !first || v.table == nil || !v.table.events || v.damaged {
		return
	}
	for _, c := range []struct {
		key  string
		want []string
	}{{format.KeyModules, v.table.modules}, {format.KeyFunctions, v.table.functions}} {
		if got := names(m, c.key); !slices.Equal(got, c.want) {
			v.wrong(fr, "%s is not a copy of the dictionary", c.key)
		}
	}
}

// differs names the first field in which two rows of the index differ.
func differs(got, want *format.Frame) string {
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range g.NumField() {
		a, b := g.Field(i).Interface(), w.Field(i).Interface()
		if len(got.Functions)+len(want.Functions) == 0 && g.Type().Field(i).Name == "Functions" {
			continue
		}
		if !reflect.DeepEqual(a, b) {
			return fmt.Sprintf("%s is %v, want %v", strings.ToLower(g.Type().Field(i).Name), text(a), text(b))
		}
	}
	return ""
}

// text shortens a value for a message.
func text(v any) string {
	if a, ok := v.(*format.Attachment); ok && a != nil {
		v = *a
	}
	s := fmt.Sprintf("%+v", v)
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return s
}

func (v *verifier) addRow(row *format.Frame) { v.rows = append(v.rows, *row) }

// end checks the footer against what was met.
func (v *verifier) end() {
	if v.open != nil {
		v.wrongAt(v.walker.end, "attachment %q is not complete: %d of %d bytes", v.open.Name, v.open.have(), v.open.Size)
	}
	if v.table != nil && v.dictionaries < len(v.table.dictionaries) && !v.damaged {
		v.wrongAt(v.walker.end, "%d dictionaries, the schema wants %d", v.dictionaries, len(v.table.dictionaries))
	}
	if v.footer == nil || v.damaged {
		return
	}
	if len(v.rows) > 0 {
		v.wrongAt(v.footer.end, "%d frames at the end are not in the index", len(v.rows))
	}
	for _, c := range []struct {
		name string
		same bool
	}{
		{"dictionaries", slices.Equal(v.layout.dictionaries, v.footer.dictionaries)},
		{"record batches", slices.Equal(v.layout.segments, v.footer.segments)},
		{"index", slices.Equal(v.layout.index, v.footer.index)},
	} {
		if !c.same {
			v.wrongAt(v.footer.end, "the footer's list of %s is not that of the frames", c.name)
		}
	}
	v.totals()
}

// totals checks the summary.
func (v *verifier) totals() {
	got, want := v.footer.summary, &v.summary
	want.Root = v.root.String()
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"events", got.Events, want.Events},
		{"segments", got.Segments, want.Segments},
		{"first time", got.FirstTimeNS, want.FirstTimeNS},
		{"last time", got.LastTimeNS, want.LastTimeNS},
		{"stored bytes", got.StoredBytes, want.StoredBytes},
		{"raw bytes", got.RawBytes, want.RawBytes},
		{"kinds", got.Kinds, want.Kinds},
		{"functions", sorted(got.Functions), sorted(want.Functions)},
		{"exit", exitOf(got.Exit), exitOf(want.Exit)},
		{"root", got.Root, want.Root},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			v.wrongAt(v.footer.end, "summary: %s is %s, want %s", c.name, text(c.got), text(c.want))
		}
	}
}

// exitOf leaves out of an exit what its event does not tell in full.
func exitOf(e *format.Exit) format.Exit {
	if e == nil {
		return format.Exit{}
	}
	return format.Exit{Status: e.Status, Memory: e.Memory, Code: e.Code}
}

func sorted(stats []format.FunctionStats) []format.FunctionStats {
	list := append([]format.FunctionStats{}, stats...)
	slices.SortFunc(list, func(a, b format.FunctionStats) int {
		return strings.Compare(a.Kind+"\x00"+a.Module+"\x00"+a.Function, b.Kind+"\x00"+b.Module+"\x00"+b.Function)
	})
	for i := range list {
		if len(list[i].Times) == 0 {
			list[i].Times = nil
		}
	}
	return list
}
