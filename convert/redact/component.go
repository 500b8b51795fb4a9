package redact

import (
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
)

// component finds the texts of a call of a component's function, or of one of
// its exports.
func (t *tracker) component(e *format.Event, f *function) {
	params := f.sig.Params
	if e.Kind != format.KindCall {
		params = f.sig.Func.Params
	}
	if e.Kind == format.KindExport {
		params = nil
	}
	t.values(e, input, params)
	t.values(e, output, outputs(e, f.sig))
	if handle := handlers[f.name]; handle != nil && e.Kind == format.KindCall {
		handle(t, e)
	}
}

// outputs are the values in the output of an event: the result, and the note if
// there is one.
func outputs(e *format.Event, s *call.Signature) (fields []canon.Field) {
	result, note := s.SplitNote(e)
	if len(result) > 0 && s.Result != nil {
		fields = append(fields, canon.Field{Type: s.Result})
	}
	if len(note) > 0 {
		fields = append(fields, canon.Field{Type: s.Note})
	}
	return fields
}

// values adds the strings and bytes in a column. One that is malformed is one
// text.
func (t *tracker) values(e *format.Event, c column, fields []canon.Field) {
	data, before := c.of(e), len(t.texts)
	at := 0
	for _, p := range fields {
		rest, err := canon.Texts(p.Type, data[at:], func(typ *canon.Type, from int, s []byte) {
			t.add(text{column: c, from: at + from, to: at + from + len(s), isString: typ.Kind == canon.String})
		})
		if err != nil {
			t.texts = t.texts[:before]
			at = 0
			break
		}
		at = len(data) - len(rest)
	}
	t.add(text{column: c, from: at, to: len(data)})
}

// drop: the guest dropped a resource, whose number another one may get.
func (t *tracker) drop(e *format.Event) {
	switch named(t.in.Functions(), e.Function) {
	case "input-stream":
		t.close(e.Task, e.P[0], inputStream)
	case "output-stream":
		t.close(e.Task, e.P[0], outputStream, refused)
	case "descriptor":
		t.close(e.Task, e.P[0], descriptor, fileReads, fileWrites)
	}
}

// handlers are the functions of WASI 0.2 that move bytes or open what does.
var handlers = map[string]func(*tracker, *format.Event){
	"wasi:io/streams#[method]input-stream.read":                      (*tracker).streamRead,
	"wasi:io/streams#[method]input-stream.blocking-read":             (*tracker).streamRead,
	"wasi:io/streams#[method]output-stream.write":                    (*tracker).streamWrite,
	"wasi:io/streams#[method]output-stream.blocking-write-and-flush": (*tracker).streamWrite,
	"wasi:io/streams#[method]output-stream.splice":                   (*tracker).splice,
	"wasi:io/streams#[method]output-stream.blocking-splice":          (*tracker).splice,
	"wasi:cli/stdin#get-stdin":                                       func(t *tracker, e *format.Event) { t.standard(e, inputStream, 0) },
	"wasi:cli/stdout#get-stdout":                                     func(t *tracker, e *format.Event) { t.standard(e, outputStream, 1) },
	"wasi:cli/stderr#get-stderr":                                     func(t *tracker, e *format.Event) { t.standard(e, outputStream, 2) },
	"wasi:filesystem/preopens#get-directories":                       (*tracker).directories,
	"wasi:filesystem/types#[method]descriptor.open-at":               (*tracker).openAt,
	"wasi:filesystem/types#[method]descriptor.read":                  (*tracker).fileRead,
	"wasi:filesystem/types#[method]descriptor.write":                 (*tracker).fileWrite,
	"wasi:filesystem/types#[method]descriptor.read-via-stream":       (*tracker).readVia,
	"wasi:filesystem/types#[method]descriptor.write-via-stream":      (*tracker).writeVia,
	"wasi:filesystem/types#[method]descriptor.append-via-stream":     (*tracker).appendVia,
}

// bytesIn returns the first text of a column.
func (t *tracker) bytesIn(c column) *text {
	for i := range t.texts {
		if t.texts[i].column == c {
			return &t.texts[i]
		}
	}
	return nil
}

func (t *tracker) streamRead(e *format.Event) {
	if e.Errno == 0 {
		t.through(e, streamKey{e.Task, inputStream, e.P[0]}, t.bytesIn(output))
	}
}

func (t *tracker) streamWrite(e *format.Event) {
	x := t.bytesIn(input)
	if e.Errno == 0 {
		t.through(e, streamKey{e.Task, outputStream, e.P[0]}, x)
	} else if x != nil {
		x.stream = &piece{key: streamKey{e.Task, refused, e.P[0]}, at: -1, short: true}
	}
}

// splice makes the bytes that were moved a piece of the file's that they came
// from, or else of the stream that they went to.
func (t *tracker) splice(e *format.Event) {
	x := t.bytesIn(output)
	if x == nil || e.Errno != 0 {
		return
	}
	d := canon.NewDecoder(e.Input)
	from, to := streamKey{e.Task, inputStream, int64(d.Rep())}, streamKey{e.Task, outputStream, e.P[0]}
	if f := t.files[to]; f != nil && t.files[from] != nil {
		f.advance(e, x)
	}
	if t.files[from] != nil {
		to = from
	}
	t.through(e, to, x)
}

// through makes a text a piece of a stream, of the file's if it is one's.
func (t *tracker) through(e *format.Event, key streamKey, x *text) {
	if x == nil {
		return
	}
	x.stream = &piece{key: key, at: -1}
	if f := t.files[key]; f != nil {
		x.stream = &piece{key: f.key, at: f.at, path: f.path}
		f.advance(e, x)
	}
	x.stream.short = isCut(e)
}

// standard makes all streams that a program gets of its stdin, stdout or stderr
// the same one: it may get one for each piece of what it writes.
func (t *tracker) standard(e *format.Event, kind streamKind, number int64) {
	t.open(streamKey{e.Task, kind, e.Value}, &file{key: streamKey{e.Task, standard, number}, at: -1})
}

// isCut: the text of a call was not kept whole. Value is the number of its bytes.
func isCut(e *format.Event) bool { return e.Has&format.HasHash != 0 }

// advance moves the place in a file that a stream is at behind a text of a call.
func (f *file) advance(e *format.Event, x *text) {
	n := int64(x.to - x.from)
	if isCut(e) {
		n = e.Value
	}
	if f.at >= 0 {
		f.at = max(f.at+n, -1)
	}
}

func (t *tracker) directories(e *format.Event) {
	d := canon.NewDecoder(e.Output)
	for range d.Len() {
		rep, name := d.Rep(), d.String()
		if d.Err() != nil {
			return
		}
		t.open(streamKey{e.Task, descriptor, int64(rep)}, &file{path: name})
	}
}

// resource reads the resource in a result.
func resource(e *format.Event) (rep int64, ok bool) {
	d := canon.NewDecoder(e.Output)
	failed := d.IsErr()
	rep = int64(d.Rep())
	return rep, !failed && d.Err() == nil
}

func (t *tracker) openAt(e *format.Event) {
	rep, ok := resource(e)
	d := canon.NewDecoder(e.Input)
	d.Flags()
	given := d.String()
	if ok && d.Err() == nil {
		t.open(streamKey{e.Task, descriptor, rep}, &file{path: t.below(streamKey{e.Task, descriptor, e.P[0]}, given)})
	}
}

func (t *tracker) fileRead(e *format.Event) {
	d := canon.NewDecoder(e.Input)
	d.U64()
	t.fileBytes(e, fileReads, int64(d.U64()), t.bytesIn(output))
}

func (t *tracker) fileWrite(e *format.Event) {
	d := canon.NewDecoder(e.Input)
	d.Blob()
	t.fileBytes(e, fileWrites, int64(d.U64()), t.bytesIn(input))
}

// fileBytes makes a text a piece of a file's bytes.
func (t *tracker) fileBytes(e *format.Event, kind streamKind, at int64, x *text) {
	if x == nil || e.Errno != 0 {
		return
	}
	x.stream = &piece{key: streamKey{e.Task, kind, e.P[0]}, at: max(at, -1), short: isCut(e)}
	if f := t.files[streamKey{e.Task, descriptor, e.P[0]}]; f != nil {
		x.stream.path = f.path
	}
}

func (t *tracker) readVia(e *format.Event)   { t.via(e, inputStream, fileReads, offset(e)) }
func (t *tracker) writeVia(e *format.Event)  { t.via(e, outputStream, fileWrites, offset(e)) }
func (t *tracker) appendVia(e *format.Event) { t.via(e, outputStream, fileWrites, -1) }

func offset(e *format.Event) int64 {
	d := canon.NewDecoder(e.Input)
	return int64(min(d.U64(), 1<<62))
}

// via opens a stream of a file.
func (t *tracker) via(e *format.Event, stream, kind streamKind, at int64) {
	rep, ok := resource(e)
	if !ok {
		return
	}
	f := &file{key: streamKey{e.Task, kind, e.P[0]}, at: at}
	if d := t.files[streamKey{e.Task, descriptor, e.P[0]}]; d != nil {
		f.path = d.path
	}
	t.open(streamKey{e.Task, stream, rep}, f)
}
