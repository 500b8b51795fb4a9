package redact

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"sort"
)

// needle is a byte string to be masked wherever it occurs: a secret or an
// encoding of one.
type needle struct {
	text  []byte
	rules []int // that found the secret, ascending
	// head and tail: the character of base64 before, or behind, it carries some
	// of the secret's bits.
	head, tail bool
	digest     bool // of a secret, which may have any byte
}

// matcher finds needles. Most positions of a text are ruled out by their first
// bytes; others by a binary search.
type matcher struct {
	needles []needle // by text, no text twice
	prefix  []int32  // of each needle the longest other one that it begins with, -1
	ends    []int32  // the needles by their texts read backwards
	longest int      // bytes of the longest needle
	filler  byte     // is in no needle but digests
	first   hashes   // of the needles' first bytes
	last    hashes   // of their last bytes
}

// maxNeedle is the length beyond which a needle is cut into several: it bounds
// what is kept of a stream, and the time that a text takes which begins with a
// needle everywhere.
const maxNeedle = 4 << 10

func newMatcher(needles []needle) (*matcher, error) {
	m := &matcher{needles: unite(needles)}
	var used [256]bool
	for i := range m.needles {
		n := &m.needles[i]
		m.longest = max(m.longest, len(n.text))
		m.first.add(n.text)
		m.last.add(n.text[len(n.text)-minSecret:])
		m.ends = append(m.ends, int32(i))
		for _, c := range n.text {
			used[c] = used[c] || !n.digest
		}
		m.prefix = append(m.prefix, m.longestPrefix(i))
	}
	slices.SortFunc(m.ends, func(a, b int32) int { return compareBack(m.needles[a].text, m.needles[b].text) })
	var err error
	m.filler, err = chooseFiller(&used)
	return m, err
}

// unite sorts needles and makes one of those with the same text.
func unite(needles []needle) []needle {
	slices.SortStableFunc(needles, func(a, b needle) int { return bytes.Compare(a.text, b.text) })
	var list []needle
	for _, n := range needles {
		if k := len(list) - 1; k >= 0 && bytes.Equal(list[k].text, n.text) {
			last := &list[k]
			last.rules = slices.Compact(slices.Sorted(slices.Values(slices.Concat(last.rules, n.rules))))
			last.head, last.tail, last.digest = last.head || n.head, last.tail || n.tail, last.digest && n.digest
			continue
		}
		list = append(list, n)
	}
	return list
}

// longestPrefix returns the longest needle that needle i begins with. It is
// among those that the one before begins with, or that one itself.
func (m *matcher) longestPrefix(i int) int32 {
	p := int32(i - 1)
	for p >= 0 && !bytes.HasPrefix(m.needles[i].text, m.needles[p].text) {
		p = m.prefix[p]
	}
	return p
}

// errFiller is the error for secrets in which every character occurs.
var errFiller = errors.New("the secrets have every character that could take their place: narrow the rules")

// chooseFiller returns a character of ASCII that is in no needle, so that
// masking makes none: a letter before others, which most parsers take.
func chooseFiller(used *[256]bool) (byte, error) {
	const preferred = "xXzZqQ*#-_.~+=:;,!|/^@&%$?'\"`()[]{}<>\\ "
	for _, c := range []byte(preferred) {
		if !used[c] {
			return c, nil
		}
	}
	for c := byte('~'); c > 0; c-- {
		if !used[c] {
			return c, nil
		}
	}
	return 0, errFiller
}

// minSecret is the length of the shortest secret. Hashes are of as many bytes.
const minSecret = 4

// hashes is a set of four bytes each, which may have more than were added.
type hashes [1 << 16 / 64]uint64

func hash4(text []byte) uint32 {
	return binary.LittleEndian.Uint32(text) * 0x9e3779b1 >> 16
}

func (h *hashes) add(text []byte) {
	i := hash4(text)
	h[i/64] |= 1 << (i % 64)
}

func (h *hashes) has(text []byte) bool {
	i := hash4(text)
	return h[i/64]>>(i%64)&1 != 0
}

// compareBack compares texts from their ends.
func compareBack(a, b []byte) int {
	for i := 1; i <= min(len(a), len(b)); i++ {
		if x, y := a[len(a)-i], b[len(b)-i]; x != y {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}

// at returns the longest needle that text begins with, nil if there is none. The
// first bytes of text are those of one.
func (m *matcher) at(text []byte) *needle {
	text = text[:min(len(text), m.longest)]
	// The last needle that does not sort behind the text begins with all others
	// that the text begins with.
	i := int32(sort.Search(len(m.needles), func(i int) bool { return bytes.Compare(m.needles[i].text, text) > 0 })) - 1
	for i >= 0 && !bytes.HasPrefix(text, m.needles[i].text) {
		i = m.prefix[i]
	}
	if i < 0 {
		return nil
	}
	return &m.needles[i]
}

// beginning returns a needle of which text is the beginning, and not all of it;
// nil if there is none.
func (m *matcher) beginning(text []byte) *needle {
	if len(text) >= minSecret && !m.first.has(text) {
		return nil
	}
	i := sort.Search(len(m.needles), func(i int) bool { return bytes.Compare(m.needles[i].text, text) > 0 })
	if i == len(m.needles) || !bytes.HasPrefix(m.needles[i].text, text) {
		return nil
	}
	return &m.needles[i]
}

// span is a range of bytes that is masked.
type span struct{ from, to int }

// find calls each with the needles in text that begin before limit, in order,
// and where they are. Of those that begin at the same byte it is the longest.
func (m *matcher) find(text []byte, limit int, each func(s span, n *needle)) {
	for i := range min(limit, len(text)-minSecret+1) {
		if !m.first.has(text[i:]) {
			continue
		}
		if n := m.at(text[i:]); n != nil {
			each(span{i, i + len(n.text)}, n)
		}
	}
}

// around returns where a needle is in a text with the characters of base64 beside
// it that have some of its bits.
func (n *needle) around(s span, text []byte) span {
	if n.head && s.from > 0 && isBase64(text[s.from-1]) {
		s.from--
	}
	if n.tail && s.to < len(text) && isBase64(text[s.to]) {
		s.to++
	}
	return s
}

// open returns where in text a needle may begin that goes on behind it, and that
// needle; the length of text and nil if there is no such place.
func (m *matcher) open(text []byte) (int, *needle) {
	for i := max(0, len(text)-m.longest+1); i < len(text); i++ {
		if n := m.beginning(text[i:]); n != nil {
			return i, n
		}
	}
	return len(text), nil
}

// rest returns how many bytes at the beginning of text are the end of a needle
// whose beginning is missing, at least minSecret, and that needle; 0 and nil if
// it has no such beginning.
func (m *matcher) rest(text []byte) (int, *needle) {
	for n := min(len(text), m.longest-1); n >= minSecret; n-- {
		if !m.last.has(text[n-minSecret:]) {
			continue
		}
		end := text[:n]
		i := sort.Search(len(m.ends), func(i int) bool { return compareBack(m.needles[m.ends[i]].text, end) > 0 })
		if i < len(m.ends) && bytes.HasSuffix(m.needles[m.ends[i]].text, end) {
			return n, &m.needles[m.ends[i]]
		}
	}
	return 0, nil
}

// merge returns the union of spans, in order.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	list := spans[:0]
	for _, s := range spans {
		if k := len(list) - 1; k >= 0 && s.from <= list[k].to {
			list[k].to = max(list[k].to, s.to)
			continue
		}
		list = append(list, s)
	}
	return list
}
