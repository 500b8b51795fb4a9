package ui

import (
	"io"
	"sync"
	"time"
)

// Held keeps what is written to several streams for a moment, so that many small
// writes take few system calls. What it keeps comes out in the order in which it
// was written. It may be used from several goroutines.
type Held struct {
	mu    sync.Mutex
	to    *Stream // of what is kept
	kept  []byte
	timer *time.Timer // writes what is kept, in a moment; nil: not running
}

// Bounds of what is kept: bytes, and how long they are.
const (
	heldBytes = 32 << 10
	heldTime  = 10 * time.Millisecond
)

// Writer is where to write for a stream. Its errors are those of earlier writes
// too, which the stream remembers.
func (h *Held) Writer(s *Stream) io.Writer { return heldWriter{h, s} }

type heldWriter struct {
	held *Held
	to   *Stream
}

func (w heldWriter) Write(p []byte) (int, error) {
	h := w.held
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.to != w.to || len(h.kept)+len(p) > heldBytes {
		h.write()
		h.to = w.to
	}
	if err := w.to.Err(); err != nil {
		return 0, err
	}
	if len(p) > heldBytes {
		return w.to.Write(p)
	}
	h.kept = append(h.kept, p...)
	if h.timer == nil {
		h.timer = time.AfterFunc(heldTime, h.Flush)
	}
	return len(p), nil
}

// Flush writes what is kept.
func (h *Held) Flush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
	h.write()
}

func (h *Held) write() {
	if len(h.kept) > 0 {
		_, _ = h.to.Write(h.kept) // the stream remembers
		h.kept = h.kept[:0]
	}
}
