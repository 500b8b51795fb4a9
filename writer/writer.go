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
// A Writer is for one goroutine. Its errors are those of the files it writes,
// ErrFull, ErrStarted and ErrClosed.
package writer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/uuid"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// Options say how a trace is written. The zero value works.
type Options struct {
	// Header says what the trace is of. Its Version, ID, StartNS and Tool are
	// filled in where they are empty.
	Header *format.Header
	// Modules and Functions are the dictionaries of those columns: all names
	// that events will refer to by their position here.
	Modules   []string
	Functions []string
	// Schema replaces the event table by other columns: such a trace takes
	// WriteRecord instead of Append. Dictionary types are not possible.
	Schema *arrow.Schema
	// Seq adds the column "seq" with each event's Seq.
	Seq bool

	// Compression of segments. Default ipc.Zstd.
	Compression ipc.Codec
	// SegmentRows is the number of events after which a segment is sealed.
	// Default 16 Ki; it grows in very long recordings.
	SegmentRows int
	// SegmentBytes is the number of input or output bytes after which a
	// segment is sealed, and the most that one row holds. Default 4 MiB.
	SegmentBytes int
	// SealInterval seals an open segment that has waited that long, unless
	// it is smaller than the footer that sealing rewrites. Default: only when
	// it is full; to a pipe 100 ms.
	SealInterval time.Duration
	// Sync makes each seal wait until the disk has it.
	Sync bool
	// MaxBytes is the size of the file beyond which Append returns ErrFull
	// instead of opening another segment. What was appended before is kept,
	// and there is still room for the events that tell how the program ended.
	// Default: no limit.
	MaxBytes int64

	// Force replaces an existing file.
	Force bool
	// NoSidecar is for conversions, which can be repeated: the file appears
	// under its name only when it is complete, and has no sidecar.
	NoSidecar bool
}

// Defaults of Options.
const (
	DefaultSegmentRows  = 16 << 10
	DefaultSegmentBytes = 4 << 20
	pipeInterval        = 100 * time.Millisecond
)

var (
	// ErrFull is returned when a trace has reached Options.MaxBytes.
	ErrFull = errors.New("trace has reached its maximum size")
	// ErrClosed is returned by a writer that has been closed.
	ErrClosed = errors.New("writer is closed")
)

// Writer writes one trace.
type Writer struct {
	opts        Options
	header      format.Header
	schema      *arrow.Schema
	attachments []attachment
	out         *output
	target      *target  // nil for a pipe
	sidecar     *sidecar // nil without

	started, closed bool

	// mu guards the fields below where a ticker seals or flushes beside
	// Append; nil where Append is alone, which is the fast path.
	mu       *sync.Mutex
	stop     chan struct{}
	ticking  sync.WaitGroup
	cur      *region
	segments int64 // handed to the sealer, the current one not included
	events   int64 // rows in those segments
	seal     sealer
}

// Create creates the trace at path with mode 0600, and beside it the sidecar
// path + ".open" until Close. An existing file is an error unless
// Options.Force is set.
func Create(path string, opts Options) (*Writer, error) {
	w, err := newWriter(opts)
	if err != nil {
		return nil, err
	}
	if w.target, err = createTarget(path, opts.Force, opts.NoSidecar || opts.Schema != nil); err != nil {
		return nil, err
	}
	w.out.file = w.target.file
	if !w.target.hidden {
		if w.sidecar, err = createSidecar(path+format.SidecarSuffix, w.header.ID, opts.Force); err != nil {
			return nil, errors.Join(err, w.target.abort())
		}
	}
	return w, nil
}

// New writes a trace to a pipe: frames as they are sealed, at least every
// 100 ms, and the tail at Close. It does not close dst.
func New(dst io.Writer, opts Options) (*Writer, error) {
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
	if opts.SegmentRows <= 0 {
		opts.SegmentRows = DefaultSegmentRows
	}
	if opts.SegmentBytes <= 0 {
		opts.SegmentBytes = DefaultSegmentBytes
	}
	if opts.SegmentBytes > format.MaxFrameBytes/2 {
		return nil, fmt.Errorf("segments of %d bytes, want at most %d", opts.SegmentBytes, format.MaxFrameBytes/2)
	}
	w := &Writer{opts: opts}
	if opts.Header != nil {
		w.header = *opts.Header
	}
	if err := completeHeader(&w.header); err != nil {
		return nil, err
	}
	var err error
	if w.schema, err = schema(&opts, &w.header); err != nil {
		return nil, err
	}
	w.out, err = newOutput(w.schema, opts.Compression)
	return w, err
}

func completeHeader(h *format.Header) error {
	h.Version = format.Version
	if h.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		h.ID = id.String()
	}
	if h.StartNS == 0 {
		h.StartNS = time.Now().UnixNano()
	}
	if h.Tool == "" {
		h.Tool = "tracetool " + toolVersion()
	}
	return nil
}

// toolVersion is the version of this module in the running program.
func toolVersion() string {
	const path = "github.com/tracetool/tracetool"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == path && m.Version != "" {
			return m.Version
		}
	}
	return "(devel)"
}

func schema(opts *Options, h *format.Header) (*arrow.Schema, error) {
	header, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	fields := format.EventFields()
	keys, values := []string{format.KeyVersion, format.KeyHeader}, []string{fmt.Sprint(format.Version), string(header)}
	if opts.Schema != nil {
		fields = opts.Schema.Fields()
		m := opts.Schema.Metadata()
		for i, k := range m.Keys() {
			if k != format.KeyVersion && k != format.KeyHeader {
				keys, values = append(keys, k), append(values, m.Values()[i])
			}
		}
	} else if opts.Seq {
		fields = append(fields, format.SeqField())
	}
	meta := arrow.NewMetadata(keys, values)
	return arrow.NewSchema(fields, &meta), nil
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

// Events returns the number of events appended so far, parts included.
func (w *Writer) Events() int64 {
	w.lock()
	defer w.unlock()
	if w.cur == nil {
		return w.events
	}
	return w.events + w.cur.rows
}

// Start writes everything that precedes the events. The first Append does it
// too; a recorder calls it to have all errors before the program starts.
func (w *Writer) Start() error {
	if w.closed {
		return ErrClosed
	}
	if w.started {
		return nil
	}
	w.started = true
	if err := w.out.begin(w.dictionaries()); err != nil {
		return err
	}
	for i := range w.attachments {
		if err := w.out.attach(&w.attachments[i]); err != nil {
			return err
		}
	}
	if err := w.firstChunk(); err != nil {
		return err
	}
	if err := w.out.flush(false); err != nil {
		return err
	}
	if w.target != nil {
		if err := w.target.started(); err != nil {
			return err
		}
	}
	return w.startSegments()
}

// firstChunk writes the index of what precedes the events; a second copy of
// the dictionaries goes with it.
func (w *Writer) firstChunk() error {
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
	return w.out.addIndex()
}

// startSegments makes the regions and starts the goroutines.
func (w *Writer) startSegments() error {
	w.seal.start(w)
	if w.opts.Schema != nil {
		return nil
	}
	for i := range format.SidecarSlots {
		r, err := w.region(i, int64(w.opts.SegmentRows))
		if err != nil {
			return err
		}
		w.seal.free <- r
	}
	if w.opts.SealInterval > 0 || (w.sidecar != nil && !mapped) {
		w.mu, w.stop = new(sync.Mutex), make(chan struct{})
		w.ticking.Go(w.tick)
	}
	w.lock()
	defer w.unlock()
	return w.next()
}

func (w *Writer) region(slot int, rows int64) (*region, error) {
	size := int64(w.opts.SegmentBytes)
	if w.sidecar != nil {
		return w.sidecar.region(slot, rows, size, size)
	}
	return newRegion(make([]byte, format.NewSidecarRegion(rows, size, size).Size), rows, size, size, w.opts.Seq), nil
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

// Append adds an event. It keeps neither e nor its slices.
func (w *Writer) Append(e *format.Event) error {
	if w.mu == nil && w.cur != nil && w.cur.fits(len(e.Input), len(e.Output)) && e.Kind < format.KindExit {
		w.cur.append(e)
		return nil
	}
	return w.appendSlow(e)
}

func (w *Writer) appendSlow(e *format.Event) error {
	if w.opts.Schema != nil {
		return errors.New("Append to a table with columns of its own: use WriteRecord")
	}
	if err := w.Start(); err != nil {
		return err
	}
	w.lock()
	defer w.unlock()
	if len(e.Input) > w.opts.SegmentBytes || len(e.Output) > w.opts.SegmentBytes {
		rest, err := w.appendParts(e)
		if err != nil {
			return err
		}
		e = rest
	}
	if err := w.makeRoom(e); err != nil {
		return err
	}
	w.cur.append(e)
	if e.Kind == format.KindExit || e.Kind == format.KindTrap {
		w.cur.exit = exitOf(e)
	}
	return nil
}

func (w *Writer) makeRoom(e *format.Event) error {
	if w.cur == nil {
		return w.seal.err()
	}
	if w.cur.fits(len(e.Input), len(e.Output)) {
		return nil
	}
	return w.rotate()
}

// appendParts writes the beginning of an event that is too large for one row
// as part rows, and returns the event that remains.
func (w *Writer) appendParts(e *format.Event) (*format.Event, error) {
	rest := *e
	part := format.Event{Time: e.Time, Kind: format.KindPart, Module: e.Module, Function: e.Function, Task: e.Task,
		Seq: e.Seq, Has: e.Has & (format.HasModule | format.HasFunction)}
	limit := w.opts.SegmentBytes
	for len(rest.Input) > limit || len(rest.Output) > limit {
		p := part
		if n := len(rest.Input); n > limit {
			p.Input, rest.Input = rest.Input[:limit], rest.Input[limit:]
			p.Has |= format.HasInput
		}
		if n := len(rest.Output); n > limit {
			p.Output, rest.Output = rest.Output[:limit], rest.Output[limit:]
			p.Has |= format.HasOutput
		}
		if err := w.makeRoom(&p); err != nil {
			return nil, err
		}
		w.cur.append(&p)
	}
	return &rest, nil
}

// exitOf reads the program's end from its event.
func exitOf(e *format.Event) *format.Exit {
	x := &format.Exit{Status: "exited", Code: e.Value}
	if e.Has&format.HasHash != 0 {
		x.Memory = fmt.Sprintf("%016x", e.Hash)
	}
	if e.Kind == format.KindTrap {
		x.Status = "trapped"
		x.Error = firstLine(e.Input)
	}
	return x
}

func firstLine(text []byte) string {
	for i, c := range text {
		if c == '\n' {
			text = text[:i]
			break
		}
	}
	return string(text[:min(len(text), 1024)])
}

// Seal makes everything appended so far part of the file.
func (w *Writer) Seal() error {
	if err := w.Start(); err != nil {
		return err
	}
	w.lock()
	defer w.unlock()
	if w.cur != nil && w.cur.rows > 0 {
		if err := w.rotate(); err != nil && !errors.Is(err, ErrFull) {
			return err
		}
	}
	return w.seal.wait()
}

// WriteRecord adds a record of Options.Schema's columns as one segment.
func (w *Writer) WriteRecord(rec arrow.Record) error {
	if w.opts.Schema == nil {
		return errors.New("WriteRecord to the event table: use Append")
	}
	if err := w.Start(); err != nil {
		return err
	}
	if !arrow.TypeEqual(arrow.StructOf(rec.Schema().Fields()...), arrow.StructOf(w.schema.Fields()...)) {
		return fmt.Errorf("record has the columns %v, want %v", rec.Schema().Fields(), w.schema.Fields())
	}
	batch, err := ipc.FromRecord(rec)
	if err != nil {
		return err
	}
	if err := w.out.segment(batch, 0, 0, nil, nil); err != nil {
		return err
	}
	return w.seal.flush(w)
}

// Close seals what is open and completes the trace. The sidecar is removed
// only if all of that succeeded.
func (w *Writer) Close() error {
	if w.closed {
		return ErrClosed
	}
	err := w.Seal()
	w.stopTicking()
	w.closed = true
	if e := w.seal.end(); err == nil {
		err = e
	}
	if err == nil {
		err = w.finish()
	}
	if err != nil {
		return errors.Join(err, w.giveUp())
	}
	return nil
}

// giveUp closes the files of a trace that could not be completed: what a
// recording has written, and its sidecar, are left for recovery.
func (w *Writer) giveUp() error {
	switch {
	case w.target == nil:
		return nil
	case w.target.hidden:
		return w.target.abort()
	case w.sidecar != nil:
		return errors.Join(w.target.file.Close(), w.sidecar.file.Close())
	}
	return w.target.file.Close()
}

// finish writes the final footer and puts everything in its place.
func (w *Writer) finish() error {
	if w.target == nil {
		return w.out.finishPipe()
	}
	if err := w.out.flush(true); err != nil {
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

// Abort removes everything that was created.
func (w *Writer) Abort() error {
	if w.closed {
		return ErrClosed
	}
	w.stopTicking()
	w.closed = true
	_ = w.seal.end() // what could not be written is given up anyway
	var err error
	if w.target != nil {
		err = errors.Join(err, w.target.abort())
	}
	if w.sidecar != nil {
		err = errors.Join(err, w.sidecar.remove())
	}
	return err
}

func (w *Writer) stopTicking() {
	if w.stop != nil {
		close(w.stop)
		w.ticking.Wait()
		w.stop = nil
	}
}

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
		if waiting += period; w.opts.SealInterval > 0 && waiting >= w.opts.SealInterval && w.worthSealing() {
			if err := w.rotate(); !errors.Is(err, ErrFull) {
				w.seal.fail(err)
			}
			waiting = 0
		} else if w.sidecar != nil {
			w.seal.fail(w.sidecar.flush())
		}
		w.mu.Unlock()
	}
}

// worthSealing keeps the bytes written within twice the file's final size:
// sealing rewrites the tail.
func (w *Writer) worthSealing() bool {
	if w.cur == nil || w.cur.rows == 0 {
		return false
	}
	const frames = 8 << 10 // about what a segment and its index chunk cost
	pending := frames + 2*w.cur.rows + w.cur.inputEnd[w.cur.rows]/2 + w.cur.outputEnd[w.cur.rows]/2
	return w.out.file == nil || pending >= w.seal.tail.Load()
}

// rotate hands the open segment to the sealer and opens the next one.
func (w *Writer) rotate() error {
	w.segments++
	w.events += w.cur.rows
	w.seal.full <- w.cur
	if err := w.next(); err != nil {
		return err
	}
	if w.seal.limit.Load() {
		return fmt.Errorf("%s: %w of %d bytes", w.Path(), ErrFull, w.opts.MaxBytes)
	}
	return nil
}

// next opens a segment in the region that is free.
func (w *Writer) next() error {
	r := <-w.seal.free
	if err := w.seal.err(); err != nil {
		w.seal.free <- r // nothing is appended any more, but Close still asks
		w.cur = nil
		return err
	}
	if want := w.seal.rows.Load(); want > r.capacity {
		bigger, err := w.grow(r, want)
		if err != nil {
			return err
		}
		r = bigger
	}
	if w.sidecar != nil {
		w.sidecar.retire(r.slot)
	}
	r.reset(w.segments, w.events)
	if w.sidecar != nil {
		w.sidecar.open(r)
	}
	w.cur = r
	return nil
}

func (w *Writer) grow(r *region, rows int64) (*region, error) {
	slot := 0
	if r.slot != nil {
		slot = r.slot.index
	}
	return w.region(slot, rows)
}
