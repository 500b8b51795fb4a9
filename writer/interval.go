package writer

import "time"

// tick seals and flushes on time, where Append alone would do it too late.
func (w *Writer) tick() {
	period := pipeInterval
	if mapped || w.sidecar == nil {
		period = min(w.opts.SealInterval, time.Second)
	}
	faultsPanic()
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	var waiting time.Duration
	for {
		select {
		case <-w.stop:
			return
		case <-ticker.C:
		}
		waiting += period
		due := w.opts.SealInterval > 0 && waiting >= w.opts.SealInterval
		sealed, err := w.onTick(due)
		w.seal.fail(err)
		if sealed {
			waiting = 0
		}
	}
}

// onTick seals the open segment if that is due, and worth it.
func (w *Writer) onTick(due bool) (sealed bool, err error) {
	defer w.recoverFault(&err)
	w.mu.Lock()
	defer w.mu.Unlock()
	if due && w.worthSealing() {
		return true, w.rotate()
	}
	if w.sidecar != nil {
		return false, w.sidecar.flush()
	}
	return false, nil
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
