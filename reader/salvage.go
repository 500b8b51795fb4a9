package reader

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/google/uuid"

	"github.com/tracetool/tracetool/format"
)

// Salvaged is what survives in a damaged trace. It reads as a File whose
// segments are those that survive, under their own numbers of events; an
// attachment is there only if all of it is.
type Salvaged struct {
	*File
	// Complete is whether the file had its footer, intact.
	Complete bool
	// Lost says what did not survive, in the order of the file.
	Lost []Loss
}

// Loss is something that did not survive.
type Loss struct {
	Offset int64  // bytes from file start
	Bytes  int64  // 0 if it was not there to begin with
	Detail string // in words, with the place
}

func (l Loss) String() string { return l.Detail }

// Salvage scans a file for the frames whose checksums hold. The error is that
// of reading, or one that matches format.ErrCorrupt if not even the schema
// survives, or format.ErrNotTrace.
func Salvage(r io.ReaderAt, size int64, o Options) (*Salvaged, error) {
	src, err := newSource(r, size, o)
	if err != nil {
		return nil, err
	}
	return salvage(src, nil, o)
}

// SalvagePath is Salvage for a file and the sidecar that a recorder left
// beside it, unless Options.NoSidecar is set. Close the result.
func SalvagePath(path string, o Options) (*Salvaged, error) {
	r, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	s, err := salvageFile(r, path, o)
	if err != nil {
		r.Close()
		return nil, err
	}
	s.closer = r
	return s, nil
}

func salvageFile(r *os.File, path string, o Options) (*Salvaged, error) {
	info, err := r.Stat()
	if err != nil {
		return nil, err
	}
	src := &source{r: r, size: info.Size(), path: path, limits: o.Limits.WithDefaults()}
	if info.IsDir() {
		return nil, src.notTrace("a directory")
	}
	var side *sidecar
	var lost []Loss
	if !o.NoSidecar {
		side, err = readSidecar(path+format.SidecarSuffix, src.limits)
		if err != nil && !errors.Is(err, format.ErrCorrupt) {
			return nil, err
		}
		if err != nil {
			lost = []Loss{{Detail: fmt.Sprintf("the open segment: %v", err)}}
		}
	}
	s, err := salvage(src, side, o)
	if err != nil {
		return nil, err
	}
	s.Lost = append(s.Lost, lost...)
	return s, nil
}

func salvage(src *source, side *sidecar, o Options) (*Salvaged, error) {
	f := &File{source: src, layout: &layout{first: format.FirstFrame}, elsewhere: o.Elsewhere}
	g := &salvager{source: src, Salvaged: &Salvaged{File: f}}
	if err := g.begin(); err != nil {
		return nil, err
	}
	if err := g.scan(); err != nil {
		return nil, err
	}
	if err := g.finish(side); err != nil {
		return nil, err
	}
	return g.Salvaged, nil
}

// salvager collects what survives.
type salvager struct {
	*source
	*Salvaged
	walker  *walker
	footer  *layout // nil if the tail is damaged
	rows    []format.Frame
	partial []attachment // attachments, complete or not
	numbers []int64      // original numbers of surviving segments
}

// begin reads the tail if it is intact: it tells where frames are.
func (g *salvager) begin() error {
	if err := g.checkMagic(); err != nil && !g.startsAnyway() {
		return err
	} else if err != nil {
		g.lose(0, format.FirstFrame, "bytes 0 to %d: the file's first bytes are damaged", format.FirstFrame)
	}
	g.walker = newWalker(g.source, g.size)
	footer, end, err := g.readFooter()
	if err == nil {
		var l *layout
		if l, err = g.parseFooter(footer, end); err == nil {
			g.Complete, g.footer = true, l
			g.walker.end, g.walker.tail = l.end, true
			g.know(l)
			return nil
		}
	}
	if errors.Is(err, format.ErrVersion) || !errors.Is(err, format.ErrCorrupt) && !errors.Is(err, format.ErrLimit) {
		return g.wrap(0, "footer", err)
	}
	return nil
}

// startsAnyway reports whether a file whose magic is damaged has our first
// frame, or our footer.
func (g *salvager) startsAnyway() bool {
	if fr, _ := g.header(format.FirstFrame, g.size); fr != nil && fr.Kind == format.FrameSchema {
		return true
	}
	_, _, err := g.readFooter()
	return err == nil
}

// know collects the offsets of all frames that the footer and the index tell.
func (g *salvager) know(l *layout) {
	known := []int64{l.first}
	for _, b := range slices.Concat(l.dictionaries, l.segments) {
		known = append(known, b.Offset)
	}
	index := &File{source: g.source, layout: l}
	for i, loc := range l.index {
		known = append(known, loc[0])
		rows, err := index.chunk(i)
		if err != nil {
			continue
		}
		for _, r := range rows {
			r.Functions = nil
			g.rows = append(g.rows, r)
			known = append(known, r.Offset)
		}
	}
	slices.Sort(known)
	g.walker.known = slices.Compact(known)
}

func (g *salvager) lose(from, to int64, detail string, args ...any) {
	g.Lost = append(g.Lost, Loss{from, to - from, fmt.Sprintf(detail, args...)})
}

// scan goes through all frames.
func (g *salvager) scan() error {
	for {
		fr, gap, err := g.walker.next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case gap != nil:
			g.loseFrames(gap.from, gap.to, gap.err)
			continue
		}
		if err := g.scanBody(fr); err != nil {
			if !errors.Is(err, format.ErrCorrupt) {
				return err
			}
			g.loseFrames(fr.at, fr.end(), err)
			continue
		}
		if err := g.keepFrame(fr); err != nil {
			return err
		}
	}
}

func (g *salvager) keepFrame(fr *frame) error {
	if err := g.layout.add(g.source, fr); err != nil {
		if errors.Is(err, format.ErrLimit) {
			return err
		}
		g.loseFrames(fr.at, fr.end(), err)
		return nil
	}
	switch fr.Kind {
	case format.FrameEvents:
		g.numbers = append(g.numbers, int64(fr.Segment))
	case format.FrameAttachment:
		row, err := g.attachmentRow(fr, g.partial)
		if err != nil {
			g.loseFrames(fr.at, fr.end(), err)
			return nil
		}
		g.partial = appendChunk(g.partial, row)
	}
	return nil
}

// loseFrames says what was in a stretch, as far as the index knows.
func (g *salvager) loseFrames(from, to int64, err error) {
	reason := err.Error()
	var corrupt *format.CorruptError
	if errors.As(err, &corrupt) {
		reason = corrupt.Detail
	}
	what := ""
	for i := range g.rows {
		if r := &g.rows[i]; r.Offset >= from && r.Offset < to {
			what += ", " + describeFrame(r)
		}
	}
	g.lose(from, to, "bytes %d to %d%s: %s", from, to, what, reason)
}

func describeFrame(r *format.Frame) string {
	switch {
	case r.Kind == format.FrameEvents:
		return fmt.Sprintf("segment %d (events %d to %d)", r.Segment, r.FirstEvent, r.FirstEvent+r.Rows-1)
	case r.Attachment != nil:
		return fmt.Sprintf("attachment %q (%d bytes of %d)", r.Attachment.Name, r.Chunk, r.Attachment.Size)
	}
	return "the " + r.Kind.String() + " frame"
}

// finish makes a File of what was found.
func (g *salvager) finish(side *sidecar) error {
	l := g.layout
	if l.schema == nil && g.footer != nil {
		l.schema = g.footer.schema
	}
	if l.schema == nil {
		return g.corrupt(-1, format.FirstFrame, nil, "neither the schema nor the footer survives: nothing can be read")
	}
	t, err := newTable(l.schema)
	if err != nil {
		return g.wrap(format.FirstFrame, "schema", err)
	}
	g.table = t
	g.readDictionaries()
	g.checkDictionaries()
	g.completeAttachments()
	g.missingSegments()
	g.addSidecar(side)
	if g.summary, err = g.summarizeSurvivors(); err != nil {
		return err
	}
	return nil
}

// checkDictionaries reports dictionaries of which there is no copy either.
func (g *salvager) checkDictionaries() {
	for id, values := range g.dictionaries {
		if values == nil {
			g.lose(0, 0, "dictionary %d is lost: events that refer to it cannot be read", id)
		}
	}
}

func (g *salvager) completeAttachments() {
	for _, a := range g.partial {
		if !a.Detached && a.have() != a.Size {
			g.lose(a.chunks[0].block.Offset, a.chunks[0].block.Offset, "attachment %q is incomplete: %d of %d bytes survive", a.Name, a.have(), a.Size)
			continue
		}
		g.attachments = append(g.attachments, a)
	}
}

// missingSegments reports gaps in the numbers of segments and events.
func (g *salvager) missingSegments() {
	segment, event := int64(0), int64(0)
	for i, b := range g.layout.segments {
		fr, err := g.block(b, format.FrameEvents)
		if err != nil {
			continue
		}
		g.missing(segment, g.numbers[i], event, fr.FirstEvent, b.Offset)
		segment, event = g.numbers[i]+1, fr.FirstEvent+int64(fr.Rows)
	}
	if g.footer != nil {
		g.missing(segment, int64(len(g.footer.segments)), event, g.footer.summary.Events, g.footer.end)
	}
}

func (g *salvager) missing(segment, next, event, nextEvent, at int64) {
	switch {
	case next-segment == 1:
		g.lose(at, at, "segment %d is lost: events %d to %d", segment, event, nextEvent-1)
	case next > segment:
		g.lose(at, at, "segments %d to %d are lost: events %d to %d", segment, next-1, event, nextEvent-1)
	}
}

// addSidecar takes over the segments of a sidecar that did not survive in the
// file.
func (g *salvager) addSidecar(side *sidecar) {
	if side == nil || !g.table.events {
		return
	}
	if id, err := uuid.Parse(g.head.ID); err != nil || id != side.id {
		return
	}
	last := int64(-1)
	if len(g.numbers) > 0 {
		last = slices.Max(g.numbers)
	}
	for i := range side.slots {
		slot := &side.slots[i]
		if slot.Segment <= last || slot.Count == 0 {
			continue
		}
		next := last + 1
		if g.footer != nil { // segments of its list are reported already
			next = max(next, int64(len(g.footer.segments)))
		}
		if slot.Segment > next {
			g.lose(g.size, g.size, "segments %d to %d are lost, before the open segment", next, slot.Segment-1)
		}
		b := slot.batch(g.table, g.Segments())
		if b.Rows < int(slot.Count) {
			g.lose(g.size, g.size, "%d of the open segment's %d events are damaged", slot.Count-int64(b.Rows), slot.Count)
		}
		g.open = append(g.open, b)
		last = slot.Segment
	}
}

// summarizeSurvivors adds up the segments that can be decoded. What the footer
// says of the whole holds only if nothing was lost.
func (g *salvager) summarizeSurvivors() (*format.Summary, error) {
	sum := &format.Summary{Functions: []format.FunctionStats{}, Kinds: map[string]int64{}}
	if g.footer != nil {
		sum.Closed, sum.Exit = g.footer.summary.Closed, g.footer.summary.Exit
		if len(g.Lost) == 0 && len(g.open) == 0 {
			return g.footer.summary, nil
		}
	}
	for i := range g.Segments() {
		err := g.addSegment(sum, i)
		if err != nil && !errors.Is(err, format.ErrCorrupt) {
			return nil, err
		}
		if err != nil {
			g.lose(0, 0, "%v", err)
		}
	}
	return sum, nil
}
