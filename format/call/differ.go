package call

import (
	"bytes"
	"strconv"

	"github.com/tracetool/tracetool/format"
)

// Difference is an argument or result in which two calls differ, for people.
type Difference struct {
	Name     string
	Recorded string
	Now      string
}

// Differ returns the arguments in which two calls of the same function differ:
// what was recorded and what a replay has now. It is nil, and nothing is
// allocated, if they are alike. With sameModule false addresses, numbers of
// iovecs, their hash and the userdata of subscriptions may differ. The function
// may be nil, if it is not described.
func Differ(fn *format.Function, h *format.Header, recorded, now *format.Event, sameModule bool) []Difference {
	c := comparison{h: h, a: recorded, b: now, all: sameModule}
	switch s, err := SignatureOf(fn); {
	case fn == nil || err != nil:
		c.plain()
		return c.found
	case s != nil:
		c.canonical(s)
		return c.found
	}
	c.fn = fn
	c.input()
	for i := range fn.Params {
		c.param(i)
	}
	c.hash()
	return c.found
}

// DifferResults returns the results in which two calls of the same function
// with the same arguments differ: their error numbers, or else what they gave
// back to the guest, which notes are not. The headers are those of their traces.
func DifferResults(fn *format.Function, ha, hb *format.Header, a, b *format.Event) []Difference {
	const columns = format.HasValue | format.HasOutput
	var c comparison
	s, _ := SignatureOf(fn)
	if s == nil && ((a.Has^b.Has)&format.HasErrno != 0 || a.Errno != b.Errno) {
		c.add("errno", errnoResult(fn, a), errnoResult(fn, b))
		return c.found
	}
	same := (a.Has^b.Has)&columns == 0 && a.Value == b.Value && bytes.Equal(a.Output, b.Output)
	if same && a.Has&format.HasValue != 0 {
		return c.found // a null Value may stand for different ones
	}
	ra, rb := resultsOf(fn, ha, a), resultsOf(fn, hb, b)
	for i := range max(len(ra), len(rb)) {
		c.items(ra, rb, i)
	}
	whole := fn != nil && HasNote(fn) || s != nil && (s.Note != nil || s.Result != nil) // and notes aside
	if c.found == nil && !same && !whole {
		c.add("output", quoteAll(a.Output), quoteAll(b.Output))
	}
	return c.found
}

// comparison collects the differences of two calls.
type comparison struct {
	fn    *format.Function
	h     *format.Header
	a, b  *format.Event
	all   bool // compare also what holds for the same module only
	found []Difference
}

func (c *comparison) add(name, a, b string) {
	c.found = append(c.found, Difference{Name: name, Recorded: a, Now: b})
}

// plain compares the columns of a function that is not described.
func (c *comparison) plain() {
	for i := range c.a.P {
		if c.a.P[i] != c.b.P[i] {
			c.add("p"+strconv.Itoa(i), strconv.FormatInt(c.a.P[i], 10), strconv.FormatInt(c.b.P[i], 10))
		}
	}
	if !bytes.Equal(c.a.Input, c.b.Input) {
		c.text("input", c.a.Input, c.b.Input)
	}
	c.hash()
}

// input compares the regions that were read.
func (c *comparison) input() {
	if bytes.Equal(c.a.Input, c.b.Input) {
		return
	}
	ra, rb := SplitInput(c.fn, c.a), SplitInput(c.fn, c.b)
	for i := range ra {
		if !bytes.Equal(ra[i].Data, rb[i].Data) {
			c.region(ra[i], rb[i])
		}
	}
}

func (c *comparison) region(a, b RegionBytes) {
	name := regionName(c.fn, a.Region)
	p := printer{maxText: -1, all: c.all}
	switch {
	case a.Region.Kind == format.RegionSockaddr:
		c.add(name, string(decodeSockaddr(a.Data).appendText(nil, p)), string(decodeSockaddr(b.Data).appendText(nil, p)))
		return
	case a.Region.Role != "subscriptions":
		c.text(name, a.Data, b.Data)
		return
	}
	x := string(decodeSubscriptions(a.Data).appendText(nil, p))
	y := string(decodeSubscriptions(b.Data).appendText(nil, p))
	if c.all || x != y {
		c.add(name, x, y)
	}
}

// param compares one parameter, unless a difference of a region that was read
// says it better.
func (c *comparison) param(i int) {
	p := &c.fn.Params[i]
	a, b := param(c.a.P[:], i), param(c.b.P[:], i)
	if a == b || !c.all && (p.Role == format.RolePointer || countsIovecs(c.fn, i)) || c.covered(i) {
		return
	}
	x, y := decodeNumber(p.Role, p.Type, a), decodeNumber(p.Role, p.Type, b)
	c.add(p.Name, string(x.appendText(nil, printer{})), string(y.appendText(nil, printer{})))
}

// covered: the parameter is the length of a region whose bytes differ.
func (c *comparison) covered(i int) bool {
	for n := range c.fn.Reads {
		r := &c.fn.Reads[n]
		if !readKinds[r.Kind].len || r.Len != i || countsIovecs(c.fn, i) {
			continue
		}
		for _, d := range c.found {
			if d.Name == regionName(c.fn, r) {
				return true
			}
		}
	}
	return false
}

// hash compares the hashes: of text that was not kept, or of iovecs.
func (c *comparison) hash() {
	if (c.a.Has^c.b.Has)&format.HasHash == 0 && c.a.Hash == c.b.Hash {
		return
	}
	ofText := c.fn != nil && (HashesText(c.fn, c.h, c.a) || HashesText(c.fn, c.h, c.b))
	switch {
	case ofText && c.found == nil:
		c.add("text (hash of all of it)", hashText(c.a), hashText(c.b))
	case !ofText && c.all:
		c.add("iovecs (hash)", hashText(c.a), hashText(c.b))
	}
}

// HashesText reports whether the hash of a call is of text that the guest wrote,
// because Input need not have all of it. Calls of components have no other.
func HashesText(fn *format.Function, h *format.Header, ev *format.Event) bool {
	if fn.Signature != "" {
		return ev.Has&format.HasHash != 0
	}
	for _, b := range SplitInput(fn, ev) {
		if b.Region.Kind == format.RegionGather {
			return limited(fn, h, ev, b.Data)
		}
	}
	return false
}

func hashText(ev *format.Event) string {
	if ev.Has&format.HasHash == 0 {
		return "none"
	}
	return strconv.FormatUint(ev.Hash, 16)
}

// countsIovecs: the parameter is the number of iovecs of a region.
func countsIovecs(fn *format.Function, i int) bool {
	for _, regions := range [2][]format.Region{fn.Reads, fn.Writes} {
		for n := range regions {
			r := &regions[n]
			if r.Len == i && (r.Kind == format.RegionGather || r.Kind == format.RegionScatter) {
				return true
			}
		}
	}
	return false
}

// excerpt is how many bytes of two texts are shown, and lead how many of those
// come before the first difference.
const (
	excerpt = 64
	lead    = 16
)

// text adds a difference between two texts, showing them from shortly before
// the first byte that differs.
func (c *comparison) text(name string, a, b []byte) {
	at := commonPrefix(a, b)
	from := max(0, at-lead)
	if at < excerpt/2 {
		from = 0
	}
	if from > 0 {
		name += " from byte " + strconv.Itoa(from)
	}
	c.add(name, string(appendQuoted(nil, a[from:], excerpt, false)), string(appendQuoted(nil, b[from:], excerpt, false)))
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// items compares the i-th of two calls' results.
func (c *comparison) items(a, b []item, i int) {
	p := printer{maxText: -1, all: true}
	name, x, y := "", "none", "none"
	if i < len(a) {
		name, x = a[i].name, string(a[i].value.appendText(nil, p))
	}
	if i < len(b) {
		name, y = b[i].name, string(b[i].value.appendText(nil, p))
	}
	if x == y {
		return
	}
	ta, okA := textOf(a, i)
	tb, okB := textOf(b, i)
	if okA && okB {
		c.text(name, ta, tb)
		return
	}
	c.add(name, x, y)
}

func textOf(items []item, i int) ([]byte, bool) {
	if i >= len(items) {
		return nil, false
	}
	switch v := items[i].value.(type) {
	case text:
		return v.data, true
	case path:
		return v, true
	}
	return nil, false
}

func resultsOf(fn *format.Function, h *format.Header, ev *format.Event) []item {
	var results []item
	for _, it := range itemsOf(fn, h, ev) {
		if it.place != argument && !it.note {
			results = append(results, it)
		}
	}
	return results
}

func errnoResult(fn *format.Function, ev *format.Event) string {
	switch {
	case ev.Has&format.HasErrno == 0:
		return "none"
	case ev.Errno == 0:
		return "0"
	}
	return errnoText(fn, ev.Errno)
}

func quoteAll(data []byte) string { return string(appendQuoted(nil, data, excerpt, false)) }
