package redact

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
)

// masker goes through the events and finds what is to be masked in each. A needle
// that begins in one event and goes on in another it finds with the later one: so
// a first masker makes a survey, and a second one masks.
type masker struct {
	*matcher
	in      *reader.File
	files   *fileRules
	tracker *tracker
	streams map[streamKey]*tail
	split   []part  // of needles that are cut, found so far
	joined  []byte  // the end of a stream and its next piece
	places  []int64 // by rule
	total   int64
	only    bool // needles only: the files' contents have been masked
}

func newMasker(in *reader.File, m *matcher, files *fileRules, rules int) *masker {
	return &masker{matcher: m, in: in, files: files, tracker: newTracker(in, files), streams: map[streamKey]*tail{}, places: make([]int64, rules)}
}

// count counts a place.
func (k *masker) count(rules []int) {
	k.total++
	for _, i := range rules {
		k.places[i]++
	}
}

// spans returns what is masked in the columns of an event, but for needles that
// are cut, and takes note of those.
func (k *masker) spans(g *group) (masked [2][]span, err error) {
	e := &g.event
	if err := k.tracker.event(e); err != nil {
		return masked, fmt.Errorf("event %d: %w", g.number, err)
	}
	for c := range masked {
		masked[c] = k.column(e, column(c))
	}
	for i := range k.tracker.texts {
		x := &k.tracker.texts[i]
		if x.stream == nil {
			continue
		}
		masked[x.column] = append(masked[x.column], k.secretFile(x, x.of(e))...)
		if err := k.piece(part{g.index, x.column, x.from, x.to}, x.of(e), x.stream); err != nil {
			return masked, fmt.Errorf("event %d: %w", g.number, err)
		}
	}
	k.over(e)
	return masked, nil
}

// each calls do with the needles in a text, and counts them.
func (k *masker) each(data []byte, do func(s span, n *needle)) {
	covered := 0
	k.find(data, len(data), func(s span, n *needle) {
		if s.to > covered {
			k.count(n.rules)
			covered = s.to
		}
		do(s, n)
	})
}

// plain finds the needles in a text that is whole.
func (k *masker) plain(data []byte) (spans []span) {
	k.each(data, func(s span, n *needle) { spans = add(spans, n.around(s, data)) })
	return spans
}

// add appends a span, or makes the last one longer.
func add(spans []span, s span) []span {
	if k := len(spans) - 1; k >= 0 && s.from >= spans[k].from && s.from <= spans[k].to {
		spans[k].to = max(spans[k].to, s.to)
		return spans
	}
	return append(spans, s)
}

// column finds the needles in a column. What is around one is masked within the
// text that it is in: the next byte may be the length of another one.
func (k *masker) column(e *format.Event, c column) (spans []span) {
	k.each(c.of(e), func(s span, n *needle) {
		if x := k.textAt(c, s); x != nil && (n.head || n.tail) {
			s = n.around(span{s.from - x.from, s.to - x.from}, x.of(e))
			s = span{s.from + x.from, s.to + x.from}
		}
		spans = add(spans, s)
	})
	return spans
}

// textAt returns the text that a span is in, nil if it is in none.
func (k *masker) textAt(c column, s span) *text {
	for i := range k.tracker.texts {
		if x := &k.tracker.texts[i]; x.column == c && x.from <= s.from && s.to <= x.to {
			return x
		}
	}
	return nil
}

// secretFile returns what is masked of a piece of a file that is secret.
func (k *masker) secretFile(x *text, data []byte) []span {
	rules := k.files.match(x.stream.path)
	if rules == nil || k.only {
		return nil
	}
	spans := contentSpans(data, x.from)
	if spans != nil {
		k.count(rules)
	}
	return spans
}

// numbers masks needles in the numbers of an event: what the host wrote may be
// there, and so may what a program passes as a number.
func (k *masker) numbers(e *format.Event) {
	if e.Has&format.HasValue != 0 {
		e.Value = k.number(e.Value)
	}
	for i := range e.Params() {
		e.P[i] = k.number(e.P[i])
	}
}

func (k *masker) number(v int64) int64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(v))
	if spans := k.plain(b[:]); spans != nil {
		k.fill(b[:], spans)
	}
	return int64(binary.LittleEndian.Uint64(b[:]))
}

func (k *masker) fill(data []byte, spans []span) {
	for _, s := range spans {
		for i := s.from; i < s.to; i++ {
			data[i] = k.filler
		}
	}
}

// string masks the needles in a text.
func (k *masker) string(s string) string {
	b := []byte(s)
	spans := k.plain(b)
	if spans == nil {
		return s
	}
	k.fill(b, widen(b, spans))
	return string(b)
}

// widen makes spans of text that is UTF-8 begin and end between characters, so
// that it stays so.
func widen(data []byte, spans []span) []span {
	spans = merge(spans)
	if !slices.ContainsFunc(spans, func(s span) bool { return within(data, s.from) || within(data, s.to) }) || !utf8.Valid(data) {
		return spans
	}
	for i := range spans {
		s := &spans[i]
		for within(data, s.from) {
			s.from--
		}
		for within(data, s.to) {
			s.to++
		}
	}
	return merge(spans)
}

// within: the offset is inside of a character.
func within(data []byte, at int) bool { return at < len(data) && !utf8.RuneStart(data[at]) }

// survey looks at an event and changes nothing: it counts, and finds the needles
// that are cut.
func (k *masker) survey(g *group) error {
	if _, err := k.spans(g); err != nil {
		return err
	}
	for _, r := range g.rows {
		copied := r.event
		k.numbers(&copied)
	}
	return nil
}

// finish ends a survey, with the parts of needles that are cut in the order of
// their events.
func (k *masker) finish() {
	k.end(func(streamKey) bool { return true })
	slices.SortFunc(k.split, func(a, b part) int { return cmp.Compare(a.event, b.event) })
}

// mask masks an event. The parts of needles that are cut are those that a survey
// found, of which the first ones are used up.
func (k *masker) mask(g *group, split *[]part) error {
	masked, err := k.spans(g)
	if err != nil {
		return err
	}
	k.split = k.split[:0] // the survey's are complete
	for ; len(*split) > 0 && (*split)[0].event == g.index; *split = (*split)[1:] {
		p := (*split)[0]
		masked[p.column] = append(masked[p.column], span{p.from, p.to})
	}
	k.dropHash(g)
	for _, r := range g.rows {
		k.numbers(&r.event)
	}
	g.event.Input = k.filled(g, input, masked[input])
	g.event.Output = k.filled(g, output, masked[output])
	g.split()
	return nil
}

// filled returns a column of an event with spans masked.
func (k *masker) filled(g *group, c column, spans []span) []byte {
	data := c.of(&g.event)
	if len(spans) == 0 {
		return data
	}
	spans = k.widened(&g.event, c, spans)
	data = bytes.Clone(data)
	k.fill(data, spans)
	return data
}

// widened widens the spans of a column: of a component's by the strings in it.
func (k *masker) widened(e *format.Event, c column, spans []span) []span {
	spans = widen(c.of(e), spans)
	for i := range k.tracker.texts {
		x := &k.tracker.texts[i]
		if x.column != c || !x.isString {
			continue
		}
		var inside []span
		for _, s := range spans {
			if s.from < x.to && s.to > x.from {
				inside = append(inside, span{max(s.from, x.from) - x.from, min(s.to, x.to) - x.from})
			}
		}
		for _, s := range widen(x.of(e), inside) {
			spans = append(spans, span{s.from + x.from, s.to + x.from})
		}
	}
	return merge(spans)
}

// dropHash removes the hash of an event if it is of bytes that may hold a secret:
// of text that is not all in the trace, or of memory. That of iovecs holds none.
func (k *masker) dropHash(g *group) {
	if g.event.Kind == format.KindCall {
		if fn := k.tracker.function(&g.event).fn; fn != nil && !call.HashesText(fn, k.in.Header(), &g.event) {
			return
		}
	}
	last := &g.rows[len(g.rows)-1].event
	last.Hash, last.Has = 0, last.Has&^format.HasHash
}
