package redact

import (
	"fmt"
	"slices"

	"github.com/tracetool/tracetool/format"
)

// This file is about needles that calls have cut: that begin in one event and end
// in another, or of which the trace has one end only.

// tail is the end of a stream: bytes from the first on at which a needle may
// begin that goes on in the next piece, and where they are.
type tail struct {
	data  []byte
	open  int     // where in data that is
	goes  *needle // that it may be; nil: none
	parts []part
	next  int64 // where the next piece must be
	lost  bool  // bytes are missing in front of it
}

// part is a range of an event's column.
type part struct {
	event    int64 // index of the group
	column   column
	from, to int
}

// maxSplit bounds the parts of needles that are split, which are remembered
// from the survey on.
const maxSplit = 1 << 22

// row takes the next row of the file. What stands one behind the other in one of
// its columns must not make a secret, even if the calls have nothing to do with
// each other.
func (k *masker) row(r *row) error {
	for c := range r.at {
		data := column(c).of(&r.event)
		where := part{r.group.index, column(c), r.at[c], r.at[c] + len(data)}
		if err := k.piece(where, data, &columnPieces[c]); err != nil {
			return fmt.Errorf("event %d: %w", r.group.number, err)
		}
	}
	return nil
}

// columnPieces are pieces of the columns of the file.
var columnPieces = [...]piece{input: {key: streamKey{kind: wholeColumn, id: int64(input)}, at: -1}, output: {key: streamKey{kind: wholeColumn, id: int64(output)}, at: -1}}

// piece finds the needles that the next piece of a stream completes, or goes on
// with. Its data are the part that is given.
func (k *masker) piece(where part, data []byte, p *piece) error {
	if len(data) == 0 {
		return nil
	}
	t, err := k.stream(p)
	if err != nil {
		return err
	}
	t.next = p.at + int64(len(data))
	t.parts = append(t.parts, where)
	joined := k.across(t, p, data)
	if len(k.split) > maxSplit {
		return fmt.Errorf("%w: more than %d pieces of secrets that calls cut", format.ErrLimit, maxSplit)
	}
	t.keep(joined, k.matcher)
	if p.short {
		k.cut(t)
		*t = tail{next: -1, lost: true}
	}
	if len(t.data) == 0 && !t.lost && p.at < 0 {
		delete(k.streams, p.key)
	}
	return nil
}

// across finds the needles that begin before a piece and end in it, and returns
// the end of the stream with the piece.
func (k *masker) across(t *tail, p *piece, data []byte) []byte {
	old := len(t.data)
	if t.lost {
		if n, needle := k.rest(data); n > 0 {
			k.addSplit(t.parts, span{old, old + n}, needle)
		}
		t.lost = false
	}
	if old == 0 {
		return data
	}
	k.joined = append(append(k.joined[:0], t.data...), data...)
	k.find(k.joined[:min(len(k.joined), old+k.longest)], old, func(s span, n *needle) {
		if s.to <= old {
			return // it was found with the pieces before
		}
		if p.key.kind != wholeColumn {
			s = n.around(s, k.joined)
		}
		k.addSplit(t.parts, s, n)
	})
	return k.joined
}

// stream returns what is known of a stream before its next piece.
func (k *masker) stream(p *piece) (*tail, error) {
	t := k.streams[p.key]
	if t != nil && p.at >= 0 && p.at != t.next {
		k.cut(t)
		*t = tail{lost: true}
	}
	if t == nil {
		if len(k.streams) >= maxOpen {
			return nil, fmt.Errorf("%w: more than %d streams at a time", format.ErrLimit, maxOpen)
		}
		t = &tail{lost: p.at > 0}
		k.streams[p.key] = t
	}
	return t, nil
}

// cut masks the beginning of a needle whose rest the trace does not have.
func (k *masker) cut(t *tail) {
	if len(t.data)-t.open >= minSecret {
		k.addSplit(t.parts, span{t.open, len(t.data)}, t.goes)
	}
}

// keep makes the end of joined, which is what the parts hold, that of the stream:
// from where a needle may begin, with the character of base64 before that may
// belong to it.
func (t *tail) keep(joined []byte, m *matcher) {
	open, n := m.open(joined)
	from := len(joined)
	if n != nil {
		from = max(0, open-1)
	}
	t.data = append(t.data[:0], joined[from:]...)
	t.open, t.goes = open-from, n
	for from > 0 {
		p := &t.parts[0]
		if size := p.to - p.from; size > from {
			p.from += from
			return
		} else {
			from -= size
			t.parts = t.parts[1:]
		}
	}
}

// addSplit notes where a span of a stream's end is. It counts unless it ends
// where another one did, or the needle is in one piece in its event.
func (k *masker) addSplit(parts []part, s span, n *needle) {
	known := k.split[max(0, len(k.split)-recentSplit):]
	at := 0
	var first, last part
	for _, p := range parts {
		size := p.to - p.from
		from, to := max(s.from-at, 0), min(s.to-at, size)
		if from < to {
			last = part{p.event, p.column, p.from + from, p.from + to}
			if k.split = append(k.split, last); first.to == 0 {
				first = last
			}
		}
		at += size
	}
	whole := first.event == last.event && first.column == last.column && last.to-first.from == s.to-s.from && first != last
	if !whole && !slices.ContainsFunc(known, func(p part) bool { return p.event == last.event && p.column == last.column && p.to == last.to }) {
		k.count(n.rules)
	}
}

// recentSplit is how many of the last parts are compared with the next one.
const recentSplit = 64

// over ends the streams that end with the event.
func (k *masker) over(e *format.Event) {
	if k.tracker.over {
		k.end(func(key streamKey) bool { return key.task == e.Task })
	}
	for _, key := range k.tracker.ended {
		if t := k.streams[key]; t != nil {
			k.cut(t)
			delete(k.streams, key)
		}
	}
}

// end ends the streams that are meant.
func (k *masker) end(meant func(streamKey) bool) {
	for key, t := range k.streams {
		if key.kind != wholeColumn && meant(key) {
			k.cut(t)
			delete(k.streams, key)
		}
	}
}
