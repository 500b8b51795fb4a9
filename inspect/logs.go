package inspect

import (
	"fmt"
	"iter"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
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

// LogQuery selects the events that Logs needs to see: calls that move, close or
// use descriptors, from the first on.
func LogQuery() reader.Query {
	return reader.Query{Kinds: []format.Kind{format.KindCall}, Functions: []string{
		"fd_read", "fd_write", "fd_close", "fd_renumber",
		"get-stdin", "get-stdout", "get-stderr",
	}}
}

// Logs yields what a program wrote to its streams and read from stdin, in the
// order in which it did, from the events that LogQuery selects. The data is valid
// until the next one.
func Logs(f *reader.File, events iter.Seq2[*format.Event, error]) iter.Seq2[*Chunk, error] {
	return func(yield func(*Chunk, error) bool) {
		l := logs{f: f, fds: map[int64]int{0: 0, 1: 1, 2: 2}}
		for e, err := range events {
			if err != nil {
				yield(nil, err)
				return
			}
			if c := l.chunk(e); c != nil && !yield(c, nil) {
				return
			}
		}
	}
}

// logs follows descriptors, which a program may move and close.
type logs struct {
	f   *reader.File
	fds map[int64]int
}

func (l *logs) chunk(e *format.Event) *Chunk {
	if e.Errno != 0 || name(l.f.Modules(), e.Module, true) != call.Module {
		return nil
	}
	switch name(l.f.Functions(), e.Function, true) {
	case "fd_close":
		delete(l.fds, e.P[0])
	case "fd_renumber":
		to, ok := l.fds[e.P[0]]
		delete(l.fds, e.P[0])
		delete(l.fds, e.P[1])
		if ok {
			l.fds[e.P[1]] = to
		}
	case "fd_read":
		if to, ok := l.fds[e.P[0]]; ok && to == 0 && len(e.Output) > 0 {
			return &Chunk{Event: e.Seq, TimeNS: e.Time, Data: e.Output}
		}
	case "fd_write":
		if to, ok := l.fds[e.P[0]]; ok && to != 0 {
			n := max(0, e.Value)
			data := e.Input[:min(n, int64(len(e.Input)))]
			return &Chunk{Event: e.Seq, TimeNS: e.Time, Stream: to, Data: data, Lost: n - int64(len(data))}
		}
	}
	return nil
}

// StreamName returns "stdin", "stdout" or "stderr".
func StreamName(stream int) string {
	if stream < 0 || stream > 2 {
		return fmt.Sprint(stream)
	}
	return [...]string{"stdin", "stdout", "stderr"}[stream]
}
