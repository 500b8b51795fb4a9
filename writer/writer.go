// Package writer writes traces: the events of one run, or the records of
// somebody else's program, as one Arrow file that package format describes.
//
// Create makes a file, New writes to a pipe, Open adds to a closed trace.
// Attach embeds modules and other files, Append adds an event, Close completes
// the trace. While a trace is being recorded, its open segment is in a memory
// map beside it: an event is on file when Append returns, even if the process
// is killed then, and the file itself is a complete Arrow file after every
// sealed segment. Memory grows with a segment, never with the file.
//
// A Writer is for one goroutine. After an error of the file it writes, it
// writes nothing any more, and all its methods return that error; Close then
// leaves what is written, and the sidecar, for recovery. Other errors are
// ErrFull, ErrStarted, ErrClosed and those about arguments, which change
// nothing.
package writer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

var (
	// ErrFull is returned when a trace has reached Options.MaxBytes.
	ErrFull = errors.New("trace has reached its maximum size")
	// ErrClosed is returned by a writer that has been closed.
	ErrClosed = errors.New("writer is closed")
	// ErrRecording is matched where the sidecar of another recorder is in the
	// way, which is at work or was interrupted.
	ErrRecording = errors.New("a recording is in progress")
)

// Writer writes one trace.
type Writer struct {
	opts        Options
	header      format.Header
	schema      *arrow.Schema
	attachments []attachment
	out         *output
	target      *target  // nil for a pipe
	sidecar     *sidecar // nil without, and before Start
	kinds       int      // length of the dictionary of kinds

	started, closed bool
	failed          error // of Start

	// fast is the open segment while Append need not care for anything but
	// its room: no ticker runs beside it, and the file is not full.
	fast               *region
	modules, functions uint16 // lengths of those dictionaries

	// mu guards the fields below where a ticker seals or flushes beside
	// Append; nil where Append is alone.
	mu       *sync.Mutex
	stop     chan struct{}
	ticking  sync.WaitGroup
	cur      *region // the open segment, nil after an error
	segments int64   // handed to the sealer, the current one not included
	events   int64   // rows in those segments
	usage    usage   // of the last of them
	seal     sealer
}

// Create creates the trace at path with mode 0600; from Start to Close there
// is the sidecar path + ".open" beside it. Unless Options.Force is set an
// existing file is an error, which matches fs.ErrExist, and so is a sidecar that
// a recorder left or holds, ErrRecording. Force does not take a sidecar away from
// a recorder that is at work: then Start fails.
func Create(path string, opts Options) (*Writer, error) {
	w, err := newWriter(opts)
	if err != nil {
		return nil, err
	}
	hidden := opts.NoSidecar || opts.Schema != nil || opts.Seq
	switch {
	case hidden:
	case !opts.Force:
		err = checkNoSidecar(path)
	case !renamesOpen: // createTarget removes the old trace: not that of a recorder at work
		err = removeStale(path + format.SidecarSuffix)
	}
	if err != nil {
		return nil, err
	}
	if w.target, err = createTarget(path, &w.opts, hidden); err != nil {
		return nil, err
	}
	w.openTarget()
	return w, nil
}

func checkNoSidecar(path string) error {
	if _, err := os.Lstat(path + format.SidecarSuffix); err == nil {
		return fmt.Errorf("%s: %w, or was interrupted: recover it first", path+format.SidecarSuffix, ErrRecording)
	}
	return nil
}

func (w *Writer) openTarget() {
	if w.opts.intercept != nil {
		w.target.file = w.opts.intercept(w.target.file)
	}
	w.out.file = w.target.file
}

// New writes a trace to a pipe: frames as they are sealed, at least every
// 100 ms, and the tail at Close. It does not close dst.
func New(dst io.Writer, opts Options) (*Writer, error) {
	if dst == nil {
		return nil, errors.New("trace without a place to write it to")
	}
	if opts.SealInterval <= 0 {
		opts.SealInterval = pipeInterval
	}
	w, err := newWriter(opts)
	if err != nil {
		return nil, err
	}
	w.out.dst = dst
	return w, nil
}

func newWriter(opts Options) (*Writer, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	w := &Writer{opts: opts}
	if opts.Header != nil {
		w.header = *opts.Header
	}
	if err := completeHeader(&w.header); err != nil {
		return nil, err
	}
	if w.schema, err = schema(&opts, &w.header); err != nil {
		return nil, err
	}
	w.setDictionaries(len(format.KindNames()))
	w.out, err = newOutput(w.schema, opts.Compression)
	return w, err
}

func (w *Writer) setDictionaries(kinds int) {
	w.kinds, w.modules, w.functions = kinds, uint16(len(w.opts.Modules)), uint16(len(w.opts.Functions))
}

// Header returns the header as it is written.
func (w *Writer) Header() *format.Header { return &w.header }

// Path returns the file's name, empty for a pipe.
func (w *Writer) Path() string {
	if w.target == nil {
		return ""
	}
	return w.target.path
}

// Events returns the number of rows of the trace so far: those of the events
// appended, parts included, and those that were there at Open.
func (w *Writer) Events() int64 {
	w.lock()
	defer w.unlock()
	if w.cur == nil {
		return w.events
	}
	return w.events + w.cur.rows
}

// Start writes everything that precedes the events. The first Append does it
// too; a recorder calls it to have all errors before the program starts. If it
// fails, Close removes what was created.
func (w *Writer) Start() error {
	if w.closed {
		return ErrClosed
	}
	if !w.started {
		w.started = true
		w.failed = w.start()
	}
	return w.failed
}

func (w *Writer) start() error {
	if w.out.frame == 0 {
		if err := w.begin(); err != nil {
			return err
		}
	}
	if err := w.name(); err != nil {
		return err
	}
	return w.startSegments()
}

// begin writes what precedes the events.
func (w *Writer) begin() error {
	if err := w.out.begin(w.dictionaries()); err != nil {
		return err
	}
	for i := range w.attachments {
		if err := w.out.attach(&w.attachments[i]); err != nil {
			return err
		}
	}
	if err := w.copyDictionaries(); err != nil {
		return err
	}
	if err := w.out.flushEmpty(); err != nil {
		return err
	}
	if limit := w.opts.MaxBytes; limit > 0 && w.out.end() > limit {
		return fmt.Errorf("%s: %w of %d bytes before the first event", w.Path(), ErrFull, limit)
	}
	return nil
}

// name makes the file visible, with its sidecar.
func (w *Writer) name() error {
	if w.target == nil {
		return nil
	}
	if !w.target.hidden && w.sidecar == nil {
		var err error
		if w.sidecar, err = createSidecar(w.target.path+format.SidecarSuffix, w.header.ID, &w.opts); err != nil {
			return err
		}
	}
	return w.target.started(w.opts.Sync)
}

// copyDictionaries puts a second copy of the dictionaries into the first index
// chunk, for recovery.
func (w *Writer) copyDictionaries() error {
	if w.opts.Schema != nil {
		return nil
	}
	for _, kv := range []struct {
		key   string
		names []string
	}{{format.KeyModules, w.opts.Modules}, {format.KeyFunctions, w.opts.Functions}} {
		names, err := json.Marshal(append([]string{}, kv.names...))
		if err != nil {
			return err
		}
		w.out.extra = append(w.out.extra, ipc.KeyValue{Key: kv.key, Value: string(names)})
	}
	return nil
}

func (w *Writer) dictionaries() []arrow.Array {
	if w.opts.Schema != nil {
		return nil
	}
	var arrays []arrow.Array
	for _, names := range [][]string{format.KindNames(), w.opts.Modules, w.opts.Functions} {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.AppendValues(names, nil)
		arrays = append(arrays, b.NewArray())
		b.Release()
	}
	return arrays
}

func (w *Writer) lock() {
	if w.mu != nil {
		w.mu.Lock()
	}
}

func (w *Writer) unlock() {
	if w.mu != nil {
		w.mu.Unlock()
	}
}

// Seal makes everything appended so far part of the file.
func (w *Writer) Seal() (err error) {
	defer w.recoverFault(&err)
	if err := w.Start(); err != nil {
		return err
	}
	w.lock()
	defer w.unlock()
	if err := w.seal.err(); err != nil {
		return err
	}
	if w.cur != nil && w.cur.rows > 0 {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	return w.seal.wait()
}

// Close seals what is open and completes the trace. The sidecar is removed
// only if all of that succeeded.
func (w *Writer) Close() error {
	if w.closed {
		return ErrClosed
	}
	err := w.Seal()
	w.end()
	if err == nil {
		err = w.finish()
	}
	if err != nil {
		return errors.Join(err, w.giveUp())
	}
	return nil
}

// end stops the goroutines. No region may be used afterwards.
func (w *Writer) end() {
	if w.stop != nil {
		close(w.stop)
		w.ticking.Wait()
		w.stop = nil
	}
	w.closed = true
	w.events += w.open()
	w.fast, w.cur = nil, nil
	w.seal.end()
}

// open is the number of rows that are not handed to the sealer.
func (w *Writer) open() int64 {
	if w.cur == nil {
		return 0
	}
	return w.cur.rows
}

// giveUp closes the files of a trace that could not be completed. What a
// recording has written, and its sidecar, are left for recovery; a trace
// without events is removed.
func (w *Writer) giveUp() error {
	if w.target == nil {
		return nil
	}
	if w.failed != nil || w.target.hidden {
		return w.remove()
	}
	w.target.close()
	if w.sidecar != nil {
		w.sidecar.close()
	}
	return nil
}

// finish writes the final footer and puts everything in its place.
func (w *Writer) finish() error {
	if err := w.out.finish(); err != nil || w.target == nil {
		return err
	}
	if err := w.target.finish(w.out.at+w.out.tail, w.opts.Sync); err != nil {
		return err
	}
	if w.sidecar != nil {
		return w.sidecar.remove()
	}
	return nil
}

// Abort removes everything that was created; a trace that was opened becomes
// again what it was.
func (w *Writer) Abort() error {
	if w.closed {
		return ErrClosed
	}
	w.end()
	return w.remove()
}

func (w *Writer) remove() error {
	var err error
	if w.target != nil {
		err = w.target.abort()
	}
	if w.sidecar != nil {
		err = errors.Join(err, w.sidecar.remove())
	}
	return err
}
