package reader

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// Options adjust how a trace is read. The zero value is what most want.
type Options struct {
	// Limits bound what a file may ask for.
	Limits format.Limits
	// NoSidecar leaves out the open segments of a recording in progress: only
	// what the file itself holds is read.
	NoSidecar bool
	// Elsewhere opens attachments whose bytes are not in the trace, by their
	// sha256. What it returns need not be checked. Default: they are an
	// ErrDetached.
	Elsewhere func(format.Attachment) (io.ReaderAt, error)
	// Name is what errors call a trace that New, Salvage or Verify is given.
	// Open takes the path.
	Name string
}

// File is an open trace. Its methods may be called by many goroutines, but
// for Refresh and Close.
type File struct {
	*source
	*table
	layout      *layout
	attachments []attachment
	closer      io.Closer
	sidecar     string // path; empty if there is none to look for
	elsewhere   func(format.Attachment) (io.ReaderAt, error)
	open        []*Batch // segments that are not sealed yet
	summary     *format.Summary

	mu          sync.Mutex
	cached      []format.Frame // rows of the index chunk read last
	cachedChunk int
	last        *Batch // segment that EventAt read last
}

// Open opens a trace. Where a recorder is at work on it, or died, the rows of
// its sidecar are the last segments; a trace whose tail was torn by the death
// of its recorder opens too if the sidecar is there.
func Open(path string, o Options) (*File, error) {
	r, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	f := &File{source: &source{r: r, path: path, limits: o.Limits.WithDefaults()}, closer: r, elsewhere: o.Elsewhere}
	if !o.NoSidecar {
		f.sidecar = path + format.SidecarSuffix
	}
	if err := f.reload(r); err != nil {
		r.Close()
		return nil, err
	}
	return f, nil
}

// OpenFile opens a file that may be a trace. What is none, such as a named pipe,
// is an error that matches format.ErrNotTrace: it cannot be read at any place, and
// merely to open it may last until somebody writes into it.
func OpenFile(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		s := &source{path: path}
		return nil, s.notTrace("not a file but " + modeName(info.Mode()))
	}
	return os.Open(path)
}

func modeName(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// New opens a trace of the given size in bytes. Closing r is left to the caller.
func New(r io.ReaderAt, size int64, o Options) (*File, error) {
	src, err := newSource(r, size, o)
	if err != nil {
		return nil, err
	}
	f := &File{source: src, elsewhere: o.Elsewhere}
	if err := f.load(nil); err != nil {
		return nil, err
	}
	return f, nil
}

// newSource is that of a trace that a caller has opened.
func newSource(r io.ReaderAt, size int64, o Options) (*source, error) {
	if size < 0 {
		return nil, fmt.Errorf("%s of %d bytes: the size must be known", cmp.Or(o.Name, "trace"), size)
	}
	return &source{r: r, size: size, path: o.Name, limits: o.Limits.WithDefaults()}, nil
}

// Close closes the file that Open opened. Batches and attachments' bytes stay
// valid.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// reloads bounds how often a file is read again that a recorder is changing.
const reloads = 50

// reload reads what the file holds now. A recorder may be replacing the tail,
// so that a file is damaged only if it stays so.
func (f *File) reload(r *os.File) (err error) {
	for i := range reloads {
		if i > 0 {
			time.Sleep(time.Millisecond)
		}
		live := f.Live() // before, for it may end meanwhile
		var info os.FileInfo
		if info, err = r.Stat(); err != nil {
			return err
		}
		if info.IsDir() {
			return f.notTrace("a directory")
		}
		// The sidecar first: a segment that is sealed meanwhile is then in
		// both, and left out here; the other way round it could be in neither.
		var side *sidecar
		if f.sidecar != "" {
			side, err = readSidecar(f.sidecar, f.limits)
			if err != nil {
				continue
			}
		}
		f.size = info.Size()
		if err = f.load(side); err == nil || !live {
			return err
		}
	}
	return err
}

// load reads the tail, or scans a file that has none, and takes over the rows
// of the sidecar if it is of this trace.
func (f *File) load(side *sidecar) error {
	l, err := f.readLayout()
	if errors.Is(err, errNoTail) && side != nil {
		l, err = f.scanLayout(side, err)
	}
	if err != nil {
		return err
	}
	t, err := newTable(l.schema)
	if err != nil {
		return f.wrap(format.FirstFrame, "schema", err)
	}
	next := &File{source: f.source, table: t, layout: l}
	next.readDictionaries()
	next.listAttachments()
	if err := next.addOpen(side); err != nil {
		return err
	}
	if next.summary, err = next.summarize(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.table, f.layout, f.attachments, f.open, f.summary = next.table, next.layout, next.attachments, next.open, next.summary
	f.cached, f.last = nil, nil
	return nil
}

// Refresh reads again what a live recorder has added. It reports whether there
// is anything new; numbers of events and segments stay as they are. It does
// nothing for a File that New opened.
func (f *File) Refresh() (changed bool, err error) {
	r, ok := f.r.(*os.File)
	if !ok {
		return false, nil
	}
	before := *f.summary
	if err := f.reload(r); err != nil {
		return false, err
	}
	return before.Events != f.summary.Events || before.Closed != f.summary.Closed, nil
}

// Size is the length of the file in bytes, without its sidecar.
func (f *File) Size() int64 { return f.size }

// Live reports whether a recorder is at work on the trace: it holds the lock
// of the sidecar.
func (f *File) Live() bool { return f.sidecar != "" && sidecarLocked(f.sidecar) }

// Summary is what the footer tells of the trace, with the rows of open
// segments added. Do not change it.
func (f *File) Summary() *format.Summary { return f.summary }

// summarize adds the open segments to the footer's summary. A layout that
// comes from a scan has none: all segments are added up.
func (f *File) summarize() (*format.Summary, error) {
	first := len(f.layout.segments)
	var sum format.Summary
	if f.layout.summary != nil {
		sum = *f.layout.summary
		sum.Functions, sum.Kinds = slices.Clone(sum.Functions), maps.Clone(sum.Kinds)
	} else {
		first = 0
	}
	for i := first; i < f.Segments(); i++ {
		if err := f.addSegment(&sum, i); err != nil {
			return nil, err
		}
	}
	return &sum, nil
}

// addSegment adds a segment to a summary, with the program's end if it is
// there.
func (f *File) addSegment(sum *format.Summary, segment int) error {
	row, err := f.Segment(segment)
	if err != nil {
		return err
	}
	addRow(sum, row)
	if !slices.ContainsFunc(row.Functions, endsProgram) {
		return nil
	}
	b, err := f.Batch(segment)
	if err != nil {
		return err
	}
	sum.Exit = b.exit()
	return nil
}

func endsProgram(s format.FunctionStats) bool {
	return s.Kind == format.KindExit.String() || s.Kind == format.KindTrap.String()
}

// addRow adds a segment's row of the index to a summary.
func addRow(sum *format.Summary, row *format.Frame) {
	if row.Rows > 0 {
		if sum.Events == 0 || row.FirstTimeNS < sum.FirstTimeNS {
			sum.FirstTimeNS = row.FirstTimeNS
		}
		if sum.Events == 0 || row.LastTimeNS > sum.LastTimeNS {
			sum.LastTimeNS = row.LastTimeNS
		}
	}
	sum.Events += row.Rows
	sum.Segments++
	sum.StoredBytes += row.StoredBytes
	sum.RawBytes += row.RawBytes
	sum.Functions = format.MergeStats(sum.Functions, row.Functions)
	if sum.Kinds == nil {
		sum.Kinds = map[string]int64{}
	}
	for _, s := range row.Functions {
		sum.Kinds[s.Kind] += s.Count
	}
}

// exit returns how the program ended if the segment tells: its last exit or
// trap.
func (b *Batch) exit() *format.Exit {
	for i := b.Rows - 1; i >= 0; i-- {
		var e *format.Exit
		switch format.Kind(b.Kind[i]) {
		case format.KindExit:
			e = &format.Exit{Status: "exited", Code: at(b.Value, i)}
		case format.KindTrap:
			e = &format.Exit{Status: "trapped", Code: at(b.Value, i), Error: firstLine(b.Input(i))}
		default:
			continue
		}
		if b.Has(i)&format.HasHash != 0 {
			e.Memory = fmt.Sprintf("%016x", b.Hash[i])
		}
		return e
	}
	return nil
}

// firstLine is as much of a trap's message as a summary tells.
func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return string(line[:min(len(line), 1024)])
}

// readDictionaries reads the dictionaries. Where a frame is damaged, the names
// of modules and functions are taken from the copies in the index; what cannot
// be had is missed when a segment is read.
func (f *File) readDictionaries() {
	for _, b := range f.layout.dictionaries {
		fr, err := f.block(b, format.FrameDictionary)
		if err != nil {
			continue
		}
		if id, values, err := f.readDictionary(fr, f.table); err == nil {
			f.setDictionary(id, values)
		}
	}
	if f.table.events && slices.Contains(f.dictionaries, nil) {
		f.restoreDictionaries()
	}
}

// restoreDictionaries fills in dictionaries of the event table from the first
// index frame that has them.
func (f *File) restoreDictionaries() {
	if f.dictionaries[kindDictionary] == nil {
		f.setNames(kindDictionary, format.KindNames())
	}
	for _, loc := range f.layout.index {
		fr, err := f.header(loc[0], loc[0]+loc[1])
		if err != nil {
			continue
		}
		m, err := f.parse(fr)
		if err != nil {
			continue
		}
		f.restoreNames(m)
		return
	}
}

// restoreNames takes the names over that an index frame's message repeats.
func (t *table) restoreNames(m *ipc.Message) {
	for id, key := range map[int]string{moduleDictionary: format.KeyModules, functionDictionary: format.KeyFunctions} {
		if list := names(m, key); list != nil && t.dictionaries[id] == nil {
			t.setNames(id, list)
		}
	}
}
