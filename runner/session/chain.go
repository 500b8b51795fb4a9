package session

import "github.com/tracetool/tracetool/format"

// chain is the FNV-1a hash of a session as far as it has gone: the header,
// then each thing given and each frame drawn. Every bit of them changes the
// chain of all frames that follow. What may differ between recordings of one
// session is left out: kept cells and durations.
type chain struct {
	sum    uint64
	frames int64 // folded so far
}

// start begins a chain with what the program is started with.
func (c *chain) start(h *Header) {
	c.sum = fnvOffset
	c.words(uint64(h.SchemaVersion), h.Seed, uint64(h.Size.Columns), uint64(h.Size.Rows))
	c.text([]byte(h.Profile))
}

// given folds in a record that is no frame; text is that of an event.
func (c *chain) given(r *Record, text []byte) {
	c.head(r)
	switch r.Kind {
	case format.KindInput:
		c.text(text)
	case format.KindResize:
		c.words(uint64(r.Size.Columns), uint64(r.Size.Rows))
	case format.KindEnd:
		c.words(uint64(r.Index))
		if r.Exit != nil {
			c.words(uint64(int64(r.Exit.Code)))
		}
	}
}

// drawn folds in a frame.
func (c *chain) drawn(r *Record) {
	c.head(r)
	c.words(r.Checksum)
	c.frames++
}

func (c *chain) head(r *Record) {
	c.sum = (c.sum ^ uint64(tags[r.Kind])) * fnvPrime
	c.words(uint64(r.Time))
}

// tags stand for the kinds in the chain.
var tags = [...]byte{
	format.KindInput: 'i', format.KindResize: 'r', format.KindTick: 't', format.KindFrame: 'f', format.KindEnd: 'e',
}

func (c *chain) words(values ...uint64) {
	for _, v := range values {
		c.sum = foldWord(c.sum, v)
	}
}

// text folds in the length of a text and the text.
func (c *chain) text(b []byte) {
	c.words(uint64(len(b)))
	c.sum = fold(c.sum, b)
}

// textOf is the text of a record's event, nil if it has none.
func textOf(r *Record) []byte {
	if r.Kind != format.KindInput {
		return nil
	}
	return []byte(r.Event.String())
}
