package writer

import "time"

// tick seals and flushes on time, where Append alone would do it too late.
func (w *Writer) tick() {
	period := pipeInterval
	if mapped || w.sidecar == nil {
		period = min(w.opts.SealInterval, time.Second)
	}
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	var waiting time.Duration
	for {
		select {
		case <-w.stop:
			return
		case <-ticker.C:
		}
		w.mu.Lock()
		waiting += period
		switch {
		case w.opts.SealInterval > 0 && waiting >= w.opts.SealInterval && w.worthSealing():
			w.seal.fail(w.rotate())
			waiting = 0
		case w.sidecar != nil:
			w.seal.fail(w.sidecar.flush())
		}
		w.mu.Unlock()
	}
}

// worthSealing keeps the bytes written within twice the file's size: sealing
// rewrites the tail.
func (w *Writer) worthSealing() bool {
	if w.cur == nil || w.cur.rows == 0 {
		return false
	}
	const frames = 7 << 10 // about what a segment and its index chunk cost
	n := w.cur.rows
	pending := frames + 2*n + w.cur.inputEnd[n]/2 + w.cur.outputEnd[n]/2
	return w.out.file == nil || w.seal.credit.Load()+pending >= 0
}
