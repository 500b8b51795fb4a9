package runner

import "github.com/tracetool/tracetool/format"

// Observation is an event at the moment when it is recorded or replayed. It is
// valid until the Observer returns.
type Observation struct {
	*format.Event                   // Seq is its number
	Module, Function string         // names, empty where it has none
	Header           *format.Header // of the trace; of a run that is not recorded what it would be
}

// Observer is called with each event, by the goroutine of the guest, which
// waits for it.
type Observer func(Observation)

func (o Observer) call(h *format.Header, modules, functions []string, number int64, ev *format.Event) {
	shown := *ev
	shown.Seq = number
	o(Observation{
		Event: &shown, Header: h,
		Module:   nameOf(modules, ev.Module, ev.Has&format.HasModule != 0),
		Function: nameOf(functions, ev.Function, ev.Has&format.HasFunction != 0),
	})
}

// nameOf returns a name of a dictionary, empty where an event has none.
func nameOf(names []string, code int16, has bool) string {
	if !has || code < 0 || int(code) >= len(names) {
		return ""
	}
	return names[code]
}
