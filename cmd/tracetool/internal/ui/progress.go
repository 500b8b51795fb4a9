package ui

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// redrawEvery bounds how often a progress line is drawn.
const redrawEvery = 100 * time.Millisecond

// Unit is what a [Progress] counts.
type Unit int

// What progress counts: events of a trace, or bytes of a file.
const (
	Events Unit = iota
	BytesUnit
)

func (u Unit) format(n int64) string {
	if u == BytesUnit {
		return Bytes(n)
	}
	return Count(n) + " events"
}

func (u Unit) rate(perSecond float64) string {
	if u == BytesUnit {
		return Bytes(int64(perSecond)) + "/s"
	}
	return Count(int64(perSecond)) + "/s"
}

// Progress is one line on a terminal, redrawn at most ten times a second, with
// rate and time left; elsewhere it is one line at the end. The nil Progress
// shows nothing. It may be used from several goroutines.
type Progress struct {
	mu      sync.Mutex
	s       *Stream
	label   string
	total   int64
	unit    Unit
	n       int64
	now     func() time.Time
	start   time.Time
	drawn   time.Time // when the line was last drawn; zero before
	stopped bool
}

// NewProgress starts progress on s. total is in units, 0 where it is unknown.
// It returns nil where quiet is set.
func NewProgress(s *Stream, label string, total int64, unit Unit, quiet bool) *Progress {
	if quiet {
		return nil
	}
	p := &Progress{s: s, label: Escape(label), total: total, unit: unit, now: time.Now}
	p.start = p.now()
	return p
}

// Add counts n more units.
func (p *Progress) Add(n int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n += n
	p.redraw()
}

// Set says that n units are done in all.
func (p *Progress) Set(n int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n = n
	p.redraw()
}

// Done replaces the line by a final one.
func (p *Progress) Done() { p.stop(true) }

// Abort removes the line, so that an error can be shown. After Done it does
// nothing, which lets a verb defer it.
func (p *Progress) Abort() { p.stop(false) }

func (p *Progress) stop(final bool) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	p.stopped = true
	if !p.drawn.IsZero() {
		io.WriteString(p.s, "\r\x1b[K")
	}
	if final {
		io.WriteString(p.s, p.summary()+"\n")
	}
}

func (p *Progress) redraw() {
	if !p.s.ansi || p.stopped {
		return
	}
	// The first line waits too: what ends within 100 ms needs no bar.
	now := p.now()
	if now.Sub(p.start) < redrawEvery || now.Sub(p.drawn) < redrawEvery {
		return
	}
	p.drawn = now
	io.WriteString(p.s, "\r"+truncate(p.line(now), p.s.Width()-1)+"\x1b[K")
}

func (p *Progress) line(now time.Time) string {
	elapsed := now.Sub(p.start)
	rate := float64(p.n) / elapsed.Seconds()
	line := p.label + ": "
	if p.total > 0 {
		line += fmt.Sprintf("%d%% of %s", min(100, int64(100*float64(p.n)/float64(p.total))), p.unit.format(p.total))
	} else {
		line += p.unit.format(p.n)
	}
	line += ", " + p.unit.rate(rate)
	if left := p.total - p.n; left > 0 && rate > 0 {
		line += ", " + eta(float64(left)/rate) + " left"
	}
	return line
}

// eta bounds the seconds, which a first slow block makes enormous.
func eta(seconds float64) string {
	const week = 7 * 24 * 3600
	return Duration(time.Duration(min(seconds, week) * float64(time.Second)).Round(time.Second))
}

func (p *Progress) summary() string {
	elapsed := p.now().Sub(p.start)
	line := fmt.Sprintf("%s: %s in %s", p.label, p.unit.format(p.n), Duration(elapsed))
	if elapsed >= redrawEvery {
		line += ", " + p.unit.rate(float64(p.n)/elapsed.Seconds())
	}
	return line
}

// truncate cuts s to width columns, so that a redrawn line never wraps.
func truncate(s string, width int) string {
	used := 0
	for i, r := range s {
		if used += runeWidth(r); used > width {
			return s[:i]
		}
	}
	return s
}
