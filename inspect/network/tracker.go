package network

import (
	"slices"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/reader"
)

// firstFD is the first descriptor after stdin, stdout and stderr.
const firstFD = 3

// maxSockets is how many sockets are known at a time. A trace that opens more
// without closing any loses the oldest.
const maxSockets = 1 << 16

// key is a descriptor of a task.
type key struct {
	task int32
	fd   int64
}

// socket is what is known of a descriptor.
type socket struct {
	connection    int64 // 0: it listens, or is not connected yet
	protocol      Protocol
	local, remote string
}

// opened is a socket and the descriptor that it was opened under.
type opened struct {
	key
	socket *socket
}

// tracker follows the descriptors of a program.
type tracker struct {
	f           *reader.File
	header      *format.Header
	sockets     map[key]*socket
	order       []opened // of sockets, oldest first; some may be gone
	connections int64
	seen        map[[2]int16]*function // by module and function; nil: none of ours
	last        Activity
}

// function is a function that this package looks at.
type function struct {
	*format.Function
	handle handler
}

func newTracker(f *reader.File) *tracker {
	t := &tracker{f: f, header: f.Header(), sockets: map[key]*socket{}, seen: map[[2]int16]*function{}}
	p := t.header.Program
	if p == nil {
		return t
	}
	fd := int64(firstFD + len(p.Dirs))
	for _, address := range p.Listen {
		t.add(key{fd: fd}, &socket{protocol: TCP, local: address})
		fd++
	}
	for _, d := range p.Dial {
		t.add(key{fd: fd}, t.connect(&socket{protocol: TCP, local: d.Local, remote: d.Remote}))
		fd++
	}
	return t
}

// add makes a socket known under a descriptor.
func (t *tracker) add(k key, s *socket) *socket {
	t.sockets[k] = s
	t.order = append(t.order, opened{k, s})
	for len(t.sockets) > maxSockets {
		t.forget(t.order[0])
	}
	if len(t.order) > 2*maxSockets {
		t.order = slices.DeleteFunc(t.order, func(o opened) bool { return t.sockets[o.key] != o.socket })
	}
	return s
}

// forget drops a socket, unless its descriptor is another's by now.
func (t *tracker) forget(o opened) {
	t.order = t.order[1:]
	if t.sockets[o.key] == o.socket {
		delete(t.sockets, o.key)
	}
}

// connect numbers a connection.
func (t *tracker) connect(s *socket) *socket {
	t.connections++
	s.connection = t.connections
	return s
}

// event returns what an event did on the network, nil if nothing.
func (t *tracker) event(e *format.Event) *Activity {
	if e.Kind != format.KindCall || e.Has&format.HasErrno == 0 {
		return nil
	}
	fn := t.function(e)
	if fn == nil || e.Errno == errnoAgain {
		return nil
	}
	t.last = Activity{Event: e.Seq, TimeNS: e.Time, DurationNS: e.Duration, Task: e.Task, FD: e.P[0]}
	c := &callView{tracker: t, fn: fn.Function, ev: e, activity: &t.last}
	if !fn.handle(c) {
		return nil
	}
	t.last.Time = timeText(e.Time)
	if e.Errno != 0 {
		t.last.Errno = call.ErrnoName(e.Errno)
	}
	return &t.last
}

func (t *tracker) function(e *format.Event) *function {
	if e.Has&(format.HasModule|format.HasFunction) != format.HasModule|format.HasFunction {
		return nil
	}
	code := [2]int16{e.Module, e.Function}
	fn, known := t.seen[code]
	if !known {
		fn = t.describe(e)
		t.seen[code] = fn
	}
	return fn
}

func (t *tracker) describe(e *format.Event) *function {
	modules, functions := t.f.Modules(), t.f.Functions()
	if int(e.Module) >= len(modules) || int(e.Function) >= len(functions) || e.Module < 0 || e.Function < 0 {
		return nil
	}
	module, name := modules[e.Module], functions[e.Function]
	handle := handlers[name]
	if module != call.Module || handle == nil {
		return nil
	}
	if fn := call.Find(t.header, module, name); fn != nil {
		return &function{fn, handle}
	}
	return nil
}
