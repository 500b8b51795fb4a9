package inspect

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/reader"
)

// Chunk is what one call wrote to stdout or stderr, or read from stdin.
type Chunk struct {
	Event  int64 // number of the event
	TimeNS int64 // when the call began, ns since the Unix epoch
	Stream int   // 0 stdin, 1 stdout, 2 stderr
	Data   []byte
	Lost   int64 // bytes that were not recorded, behind Data
}

// LogQuery selects the events that Logs needs to see: what moves, closes or uses
// the streams, from the first on.
func LogQuery() reader.Query {
	return reader.Query{Kinds: []format.Kind{format.KindCall, format.KindDrop}, Functions: slices.Collect(maps.Keys(logFunctions))}
}

// logFunctions are what Logs understands, by name: of WASI preview1, then of
// WASI 0.2 and the resources that are dropped there.
var logFunctions = map[string]func(*logs, *format.Event) *Chunk{
	"fd_close":    (*logs).closed,
	"fd_renumber": (*logs).renumbered,
	"fd_read":     (*logs).fdRead,
	"fd_write":    (*logs).fdWritten,

	"get-stdin":                          func(l *logs, e *format.Event) *Chunk { l.inputs[e.Value] = true; return nil },
	"get-stdout":                         func(l *logs, e *format.Event) *Chunk { l.outputs[e.Value] = 1; return nil },
	"get-stderr":                         func(l *logs, e *format.Event) *Chunk { l.outputs[e.Value] = 2; return nil },
	"[method]input-stream.read":          (*logs).read,
	"[method]input-stream.blocking-read": (*logs).read,
	"[method]output-stream.write":        (*logs).written,
	"[method]output-stream.blocking-write-and-flush":        (*logs).written,
	"[method]output-stream.write-zeroes":                    (*logs).zeros,
	"[method]output-stream.blocking-write-zeroes-and-flush": (*logs).zeros,
	"[method]output-stream.splice":                          (*logs).spliced,
	"[method]output-stream.blocking-splice":                 (*logs).spliced,

	"input-stream":  func(l *logs, e *format.Event) *Chunk { delete(l.inputs, e.P[0]); return nil },
	"output-stream": func(l *logs, e *format.Event) *Chunk { delete(l.outputs, e.P[0]); return nil },
}

// Logs yields what a program wrote to its streams and read from stdin, in the
// order in which it did, from the events that LogQuery selects. The data is valid
// until the next one.
func Logs(f *reader.File, events iter.Seq2[*format.Event, error]) iter.Seq2[*Chunk, error] {
	return func(yield func(*Chunk, error) bool) {
		l := logs{fds: map[int64]int{0: 0, 1: 1, 2: 2}, inputs: map[int64]bool{}, outputs: map[int64]int{}}
		for e, err := range events {
			if err != nil {
				yield(nil, err)
				return
			}
			if c := l.chunk(name(f.Modules(), e.Module, true), name(f.Functions(), e.Function, true), e); c != nil && !yield(c, nil) {
				return
			}
		}
	}
}

// logs follows the streams, which a program may move and close.
type logs struct {
	fds     map[int64]int  // streams of descriptors
	inputs  map[int64]bool // resources that are stdin
	outputs map[int64]int  // resources that are stdout and stderr
}

func (l *logs) chunk(module, function string, e *format.Event) *Chunk {
	if e.Errno != 0 || module != call.Module && !strings.HasPrefix(module, "wasi:cli/") && !strings.HasPrefix(module, "wasi:io/streams") {
		return nil
	}
	c := logFunctions[function](l, e)
	if c != nil {
		c.Event, c.TimeNS = e.Seq, e.Time
	}
	return c
}

func (l *logs) closed(e *format.Event) *Chunk {
	delete(l.fds, e.P[0])
	return nil
}

func (l *logs) renumbered(e *format.Event) *Chunk {
	to, ok := l.fds[e.P[0]]
	delete(l.fds, e.P[0])
	delete(l.fds, e.P[1])
	if ok {
		l.fds[e.P[1]] = to
	}
	return nil
}

func (l *logs) fdRead(e *format.Event) *Chunk {
	if to, ok := l.fds[e.P[0]]; !ok || to != 0 || len(e.Output) == 0 {
		return nil
	}
	return &Chunk{Data: e.Output}
}

func (l *logs) fdWritten(e *format.Event) *Chunk {
	to, ok := l.fds[e.P[0]]
	if !ok || to == 0 {
		return nil
	}
	n := max(0, e.Value)
	data := e.Input[:min(n, int64(len(e.Input)))]
	return &Chunk{Stream: to, Data: data, Lost: n - int64(len(data))}
}

// read: the result is ok and the bytes.
func (l *logs) read(e *format.Event) *Chunk {
	d := canon.NewDecoder(e.Output)
	if !l.inputs[e.P[0]] || d.Case() != 0 {
		return nil
	}
	return &Chunk{Data: d.Blob()}
}

func (l *logs) written(e *format.Event) *Chunk {
	to, ok := l.outputs[e.P[0]]
	d := canon.NewDecoder(e.Input)
	if data := d.Blob(); ok && len(data) > 0 {
		return &Chunk{Stream: to, Data: data}
	}
	return nil
}

// spliced: the result is ok and a number of bytes, which are noted behind it. What
// goes from stdin to one of the others is that one's.
func (l *logs) spliced(e *format.Event) *Chunk {
	in, d := canon.NewDecoder(e.Input), canon.NewDecoder(e.Output)
	to, ok := l.outputs[e.P[0]]
	if !ok && !l.inputs[int64(in.Rep())] || d.Case() != 0 {
		return nil
	}
	n := int64(min(d.U64(), math.MaxInt64))
	data := d.Blob()
	data = data[:min(n, int64(len(data)))]
	if n == 0 {
		return nil
	}
	return &Chunk{Stream: to, Data: data, Lost: n - int64(len(data))}
}

// zeros: what a program wrote as a number of zero bytes is shown up to a limit.
func (l *logs) zeros(e *format.Event) *Chunk {
	const limit = 1 << 16
	to, ok := l.outputs[e.P[0]]
	d := canon.NewDecoder(e.Input)
	n := d.U64()
	if !ok || n == 0 {
		return nil
	}
	return &Chunk{Stream: to, Data: make([]byte, min(n, limit)), Lost: int64(max(n, limit) - limit)}
}

// StreamName returns "stdin", "stdout" or "stderr".
func StreamName(stream int) string {
	if stream < 0 || stream > 2 {
		return fmt.Sprint(stream)
	}
	return [...]string{"stdin", "stdout", "stderr"}[stream]
}
