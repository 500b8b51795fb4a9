package writer

import (
	"sync/atomic"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/stats"
)

// sealer compresses and writes full segments on one goroutine.
type sealer struct {
	full   chan *region
	free   chan *region
	idle   chan chan struct{}
	done   chan struct{}
	fatal  atomic.Pointer[error]
	rows   atomic.Int64 // capacity that regions should have
	bytes  atomic.Int64 // the same for input and output
	credit atomic.Int64 // output.credit after the last seal
	limit  atomic.Bool  // the file has reached its maximum size
}

func (s *sealer) start(w *Writer) {
	s.full, s.free = make(chan *region), make(chan *region, format.SidecarSlots)
	s.idle, s.done = make(chan chan struct{}), make(chan struct{})
	s.rows.Store(int64(w.opts.SegmentRows))
	s.bytes.Store(int64(w.opts.SegmentBytes))
	s.credit.Store(w.out.credit())
	go s.run(w)
}

func (s *sealer) run(w *Writer) {
	defer close(s.done)
	faultsPanic()
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

func (s *sealer) write(w *Writer, r *region) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = faultError(v)
		}
	}()
	first, last := r.times()
	counts := stats.Of(r.columns(), &w.header, w.opts.Modules, w.opts.Functions)
	if err := w.out.segment(r.batch(), first, last, counts, r.exit); err != nil {
		return err
	}
	return s.flush(w, r)
}

// flush writes the frames that are ready and draws the consequences. r is nil
// for foreign tables.
func (s *sealer) flush(w *Writer, r *region) error {
	if err := w.out.flush(false); err != nil {
		return err
	}
	s.credit.Store(w.out.credit())
	if r != nil && w.out.file != nil && w.out.credit() < 0 {
		s.grow(r)
	}
	if w.opts.MaxBytes > 0 && w.out.at+w.out.tail > w.opts.MaxBytes {
		s.limit.Store(true)
	}
	if w.opts.Sync && w.target != nil {
		return w.target.file.Sync()
	}
	return nil
}

// grow makes later segments larger than r. Each seal rewrites the footer, which
// lists all segments: doubling segments keeps the bytes written within twice
// the file's size. Segments that were not full do not become fuller so.
func (s *sealer) grow(r *region) {
	if n := r.capacity; r.rows > n/2 {
		s.rows.Store(max(s.rows.Load(), min(2*n, maxSegmentRows)))
	}
	if n := int64(len(r.input)); max(r.inputEnd[r.rows], r.outputEnd[r.rows]) > n/2 {
		s.bytes.Store(max(s.bytes.Load(), min(2*n, maxSegmentBytes)))
	}
}

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
func (s *sealer) end() {
	if s.full != nil {
		close(s.full)
		<-s.done
	}
}
