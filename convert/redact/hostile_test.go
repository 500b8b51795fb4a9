package redact

import (
	"errors"
	"regexp"
	"testing"

	"github.com/tracetool/tracetool/format"
)

// FuzzHostile: whatever the columns of events hold, redacting ends without a panic,
// and what it finds is gone.
func FuzzHostile(f *testing.F) {
	_, functions := names()
	for i := range functions {
		f.Add(uint8(i), uint8(format.KindCall), int64(3), int64(8), "/data/key", "\x01\x01\x04geheim", uint32(0xffff))
	}
	f.Add(uint8(0), uint8(format.KindPart), int64(3), int64(8), "gehei", "m", uint32(0))
	f.Add(uint8(0), uint8(format.KindDrop), int64(3), int64(8), "gehei", "m", uint32(0xffffff))
	f.Fuzz(func(t *testing.T, function, kind uint8, p, value int64, in, out string, has uint32) {
		modules, functions := names()
		e := format.Event{Time: startNS, Kind: format.Kind(kind % (uint8(format.KindTrap) + 1)), Function: int16(int(function) % len(functions)),
			Module: int16(int(p&0xff) % len(modules)), Task: int32(p % 3), Value: value, Errno: int32(value % 2)}
		for i := range e.P {
			e.P[i] = p + int64(i)
		}
		const bytes = format.HasInput | format.HasOutput
		e.Has = format.Fields(has) & (1<<17 - 1) &^ bytes
		e = withBytes(e, in, out)
		m := made{events: []format.Event{pathOpen(3, "key", 8), fdRead(8, "geheim"), e, e, fdRead(8, in), fdWrite(1, out)}}
		for i := range m.events {
			clean(&m.events[i])
		}
		rules := Rules{Headers: []string{"authorization"}, Env: []string{"KEY"}, Paths: []string{"key"}, Regexps: []*regexp.Regexp{regexp.MustCompile("geheim")}}
		in0 := m.open(t)
		r, err := redactTrace(t, in0, rules, Options{Unmatched: true})
		if errors.As(err, new(*ShortError)) || errors.As(err, new(*ProgramError)) || errors.Is(err, errFiller) {
			return
		}
		must(t, err)
		r.gone(t, "geheim")
	})
}

// clean clears what is null, as readers give it.
func clean(e *format.Event) {
	for i := range e.P {
		if e.Has&(format.HasP0<<i) == 0 {
			e.P[i] = 0
		}
	}
	for bit, field := range map[format.Fields]func(){
		format.HasValue: func() { e.Value = 0 }, format.HasErrno: func() { e.Errno = 0 }, format.HasModule: func() { e.Module = 0 }, format.HasFunction: func() { e.Function = 0 },
	} {
		if e.Has&bit == 0 {
			field()
		}
	}
}
