package writer

import (
	"sync/atomic"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/stats"
)

// sealer compresses and writes full segments on one goroutine.
type sealer struct {
	full  chan *region
	free  chan *region
	idle  chan chan struct{}
	done  chan struct{}
	fatal atomic.Pointer[error]
	rows  atomic.Int64 // capacity that regions should have
	tail  atomic.Int64 // bytes of the tail
	limit atomic.Bool  // the file has reached its maximum size
}

func (s *sealer) start(w *Writer) {
	s.full, s.free = make(chan *region), make(chan *region, format.SidecarSlots)
	s.idle, s.done = make(chan chan struct{}), make(chan struct{})
	s.rows.Store(int64(w.opts.SegmentRows))
	s.tail.Store(w.out.tail)
	go s.run(w)
}

func (s *sealer) run(w *Writer) {
	defer close(s.done)
	for {
		select {
		case r, ok := <-s.full:
			if !ok {
				return
			}
			if s.err() == nil {
				s.fail(s.write(w, r))
			}
			s.free <- r
		case c := <-s.idle:
			close(c)
		}
	}
}

func (s *sealer) write(w *Writer, r *region) error {
	first, last := r.times()
	counts := stats.Of(r.columns(), &w.header, w.opts.Modules, w.opts.Functions)
	if err := w.out.segment(r.batch(), first, last, counts, r.exit); err != nil {
		return err
	}
	return s.flush(w)
}

// flush writes the frames that are ready and draws the consequences.
func (s *sealer) flush(w *Writer) error {
	if err := w.out.flush(false); err != nil {
		return err
	}
	s.tail.Store(w.out.tail)
	// Each seal rewrites the footer, which lists all segments. Where that
	// costs more than the segment, segments become larger.
	if rows := s.rows.Load(); w.out.tail > w.out.lastStored && rows < maxSegmentRows {
		s.rows.Store(2 * rows)
	}
	if w.opts.MaxBytes > 0 && w.out.at+w.out.tail > w.opts.MaxBytes {
		s.limit.Store(true)
	}
	if w.opts.Sync && w.target != nil {
		return w.target.file.Sync()
	}
	return nil
}

// maxSegmentRows bounds the memory that segments grow to.
const maxSegmentRows = 1 << 20

func (s *sealer) err() error {
	if e := s.fatal.Load(); e != nil {
		return *e
	}
	return nil
}

func (s *sealer) fail(err error) {
	if err != nil {
		s.fatal.CompareAndSwap(nil, &err)
	}
}

// wait returns when everything handed over is written.
func (s *sealer) wait() error {
	c := make(chan struct{})
	s.idle <- c
	<-c
	return s.err()
}

// end stops the goroutine.
func (s *sealer) end() error {
	if s.full == nil {
		return nil
	}
	close(s.full)
	<-s.done
	return s.err()
}
