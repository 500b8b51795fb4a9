package redact

import (
	"fmt"
	"path"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
)

// column is one of the two columns of bytes.
type column uint8

const (
	input column = iota
	output
)

func (c column) of(e *format.Event) []byte {
	if c == input {
		return e.Input
	}
	return e.Output
}

// text is a part of an event's column that is bytes or a string of the
// program's.
type text struct {
	column   column
	from, to int
	isString bool   // of a component's value
	stream   *piece // it goes on from call to call; nil: it is whole
}

func (x *text) of(e *format.Event) []byte { return x.column.of(e)[x.from:x.to] }

// piece says where in a stream a text is.
type piece struct {
	key streamKey
	// at is the offset in the file, or the address in memory, that the piece is
	// at; -1: it is behind the piece before. Others begin anew.
	at    int64
	path  string // of the file, as the guest knows it; empty: none, or not known
	short bool   // the trace does not have all that the call moved
}

// streamKey names a stream of bytes.
type streamKey struct {
	task int32
	kind streamKind
	id   int64 // descriptor or resource
}

type streamKind uint8

const (
	reads        streamKind = iota // from a descriptor of preview1
	writes                         // to it
	readsAt                        // from it, by pread
	writesAt                       // to it, by pwrite
	inputStream                    // of a component
	outputStream                   // the same
	fileReads                      // from a descriptor of a component
	fileWrites                     // to it
	standard                       // stdin, stdout or stderr of a component, whatever its number
	descriptor                     // of a component: no stream, but it has a path
	guestMemory                    // what the host wrote there
	peeks                          // what was read and left to be read again
	refused                        // what was not written, and may be written again
	wholeColumn                    // all bytes of a column, whatever they are of
)

// descriptorKinds are the streams of a descriptor of preview1.
var descriptorKinds = []streamKind{reads, writes, readsAt, writesAt, peeks, refused}

// tracker finds out what texts the events have, and which of them are pieces of
// the same stream.
type tracker struct {
	in    *reader.File
	paths bool // there are rules that need them
	known map[[2]int16]*function
	files map[streamKey]*file // by task: those of what is open
	tasks map[int32]bool      // that have begun
	texts []text              // of the event
	ended []streamKey         // streams that are over with the event
	over  bool                // the task is
	err   error
}

// function is an imported function or an export.
type function struct {
	fn   *format.Function // nil: not described
	sig  *call.Signature  // nil: of no component
	name string           // "fd_read", "wasi:io/streams#[method]input-stream.read"
}

// file is what is known of something open.
type file struct {
	path string
	key  streamKey // of a component's stream: that of the file's bytes
	at   int64     // where it is; -1: not known
}

func newTracker(in *reader.File, files *fileRules) *tracker {
	return &tracker{in: in, paths: files != nil && len(files.patterns) > 0, known: map[[2]int16]*function{}, files: map[streamKey]*file{}, tasks: map[int32]bool{}}
}

// maxOpen bounds what is open, and streams, at a time.
const maxOpen = 1 << 16

func (t *tracker) open(key streamKey, f *file) {
	if len(t.files) >= maxOpen && t.err == nil {
		t.err = fmt.Errorf("%w: more than %d files and streams are open at a time", format.ErrLimit, maxOpen)
		return
	}
	t.files[key] = f
}

// event finds the texts of an event. They are valid until the next one.
func (t *tracker) event(e *format.Event) error {
	t.texts, t.ended, t.over = t.texts[:0], t.ended[:0], false
	if t.paths && !t.tasks[e.Task] {
		t.begin(e.Task)
	}
	switch e.Kind {
	case format.KindCall, format.KindStart, format.KindExport:
		t.call(e)
	case format.KindWrite:
		t.add(text{column: output, to: len(e.Output), stream: &piece{key: streamKey{e.Task, guestMemory, 0}, at: e.P[0]}})
	case format.KindDrop:
		t.drop(e)
	case format.KindExit, format.KindTrap:
		t.end(e.Task)
		t.whole(e)
	default:
		t.whole(e)
	}
	return t.err
}

func (t *tracker) add(x text) {
	if x.to > x.from {
		t.texts = append(t.texts, x)
	}
}

// whole takes the columns as they are.
func (t *tracker) whole(e *format.Event) {
	t.add(text{column: input, to: len(e.Input)})
	t.add(text{column: output, to: len(e.Output)})
}

// begin opens what a task is given.
func (t *tracker) begin(task int32) {
	t.tasks[task] = true
	p := t.in.Header().Program
	if p == nil {
		return
	}
	for i, dir := range p.Dirs {
		t.open(streamKey{task, reads, int64(3 + i)}, &file{path: dir.Guest})
	}
}

// end forgets a task.
func (t *tracker) end(task int32) {
	delete(t.tasks, task)
	t.over = true
	for key := range t.files {
		if key.task == task {
			delete(t.files, key)
		}
	}
}

// close forgets what was open under a number.
func (t *tracker) close(task int32, id int64, kinds ...streamKind) {
	for _, kind := range kinds {
		key := streamKey{task, kind, id}
		delete(t.files, key)
		t.ended = append(t.ended, key)
	}
}

func (t *tracker) function(e *format.Event) *function {
	if e.Has&format.HasFunction == 0 {
		return &function{}
	}
	code := [2]int16{-1, e.Function}
	if e.Has&format.HasModule != 0 {
		code[0] = e.Module
	}
	f := t.known[code]
	if f == nil {
		f = t.describe(code)
		t.known[code] = f
	}
	return f
}

func (t *tracker) describe(code [2]int16) *function {
	module, name := named(t.in.Modules(), code[0]), named(t.in.Functions(), code[1])
	f := &function{fn: call.Find(t.in.Header(), module, name), name: name}
	if f.sig, _ = call.SignatureOf(f.fn); f.sig != nil {
		iface, _, _ := strings.Cut(module, "@")
		f.name = iface + "#" + name
	} else if module != call.Module {
		f.name = ""
	}
	return f
}

func named(names []string, code int16) string {
	if code < 0 || int(code) >= len(names) {
		return ""
	}
	return names[code]
}

func (t *tracker) call(e *format.Event) {
	f := t.function(e)
	switch {
	case f.sig != nil:
		t.component(e, f)
	case f.fn == nil || e.Kind != format.KindCall:
		t.whole(e)
	case f.fn.Compare:
		t.add(text{column: input, to: len(e.Input)})
		t.changes(e)
	default:
		t.core(e, f)
	}
}

// changes are the texts of a function that is marked Compare.
func (t *tracker) changes(e *format.Event) {
	list, err := call.ParseWrites(e.Output)
	at := 0
	for _, w := range list {
		at += 8
		t.add(text{column: output, from: at, to: at + len(w.Data),
			stream: &piece{key: streamKey{e.Task, guestMemory, 0}, at: int64(w.Addr)}})
		at += len(w.Data)
	}
	if err != nil {
		t.add(text{column: output, from: at, to: len(e.Output)})
	}
}

// core finds the texts of a call of a core function: those of its regions.
func (t *tracker) core(e *format.Event, f *function) {
	t.regions(e, f, input, call.SplitInput(f.fn, e))
	t.regions(e, f, output, call.SplitOutput(f.fn, t.in.Header(), e))
	if e.Errno != 0 || e.Has&format.HasErrno == 0 {
		return
	}
	switch f.name {
	case "path_open":
		t.pathOpen(e, f)
	case "fd_close":
		t.close(e.Task, e.P[0], descriptorKinds...)
	case "fd_renumber":
		moved := t.files[streamKey{e.Task, reads, e.P[0]}]
		t.close(e.Task, e.P[0], descriptorKinds...)
		t.close(e.Task, e.P[1], descriptorKinds...)
		if moved != nil {
			t.open(streamKey{e.Task, reads, e.P[1]}, moved)
		}
	}
}

func (t *tracker) regions(e *format.Event, f *function, c column, list []call.RegionBytes) {
	at, end := 0, len(c.of(e))
	for _, b := range list {
		if at+len(b.Data) > end {
			break // what follows is in Value
		}
		x := text{column: c, from: at, to: at + len(b.Data)}
		at = x.to
		if b.Region.Kind == format.RegionGather || b.Region.Kind == format.RegionScatter {
			x = t.moved(e, f, x)
		}
		t.add(x)
	}
	t.add(text{column: c, from: at, to: end})
}

// recvPeek is the flag of sock_recv that leaves the bytes to be read again.
const recvPeek = 1

// moved makes a piece of a stream of the bytes that went through a descriptor.
// What comes again, since it was only looked at or not accepted, is a stream of
// its own that may end anywhere.
func (t *tracker) moved(e *format.Event, f *function, x text) text {
	if len(f.fn.Params) == 0 || f.fn.Params[0].Role != "fd" {
		return x
	}
	x.stream = &piece{key: streamKey{e.Task, reads, e.P[0]}, at: -1}
	if open := t.files[x.stream.key]; open != nil {
		x.stream.path = open.path
	}
	if x.column == input {
		return t.written(e, f, x)
	}
	switch {
	case f.name == "fd_pread":
		x.stream.key.kind, x.stream.at = readsAt, e.P[3]
	case f.flags(e)&recvPeek != 0, e.Errno != 0:
		x.stream.key.kind, x.stream.short = peeks, true
	}
	return x
}

// written is moved for bytes from the guest, of which the first ones were
// accepted.
func (t *tracker) written(e *format.Event, f *function, x text) text {
	accepted := x.from
	if e.Errno == 0 && e.Has&format.HasErrno != 0 {
		accepted += int(min(uint64(e.Value), uint64(x.to-x.from)))
		x.stream.short = uint64(e.Value) > uint64(x.to-x.from)
	}
	if accepted < x.to {
		again := *x.stream
		again.key.kind, again.short = refused, true
		t.add(text{column: input, from: accepted, to: x.to, stream: &again})
		x.to = accepted
	}
	x.stream.key.kind = writes
	if f.name == "fd_pwrite" {
		x.stream.key.kind, x.stream.at = writesAt, e.P[3]
	}
	return x
}

// flags returns the flags of a call of sock_recv, 0 for other functions.
func (f *function) flags(e *format.Event) int64 {
	for i := range f.fn.Params {
		if f.fn.Params[i].Role == "riflags" {
			return e.P[i]
		}
	}
	return 0
}

func (t *tracker) pathOpen(e *format.Event, f *function) {
	var given []byte
	for _, b := range call.SplitInput(f.fn, e) {
		if b.Region.Role == "path" {
			given = b.Data
		}
	}
	t.close(e.Task, e.Value, descriptorKinds...)
	t.open(streamKey{e.Task, reads, e.Value}, &file{path: t.below(streamKey{e.Task, reads, e.P[0]}, string(given))})
}

// below is the path of what was opened in a directory.
func (t *tracker) below(dir streamKey, given string) string {
	base := ""
	if d := t.files[dir]; d != nil {
		base = d.path
	}
	return path.Join(base, given)
}
