package wasip2

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
)

// guest calls the functions of a host as a component would.
type guest struct {
	t testing.TB
	h *Host
}

// newGuest makes a host that is closed at the end, when no goroutine of its may
// be left.
func newGuest(t testing.TB, cfg Config) *guest {
	t.Helper()
	before := runtime.NumGoroutine()
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.Close()
		awaitGoroutines(t, before)
	})
	return &guest{t, h}
}

// awaitGoroutines fails if more goroutines than before stay.
func awaitGoroutines(t testing.TB, before int) {
	t.Helper()
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks)
}

// value is an argument: it writes itself.
type value func(e *canon.Encoder)

func u64(v uint64) value     { return func(e *canon.Encoder) { e.U64(v) } }
func u32(v uint32) value     { return func(e *canon.Encoder) { e.U32(v) } }
func str(s string) value     { return func(e *canon.Encoder) { e.String(s) } }
func kase(n int) value       { return func(e *canon.Encoder) { e.Case(n) } }
func boolean(v bool) value   { return func(e *canon.Encoder) { e.Bool(v) } }
func none(e *canon.Encoder)  { e.None() }
func list(vs ...value) value { return func(e *canon.Encoder) { e.Len(len(vs)); each(e, vs) } }
func all(vs ...value) value  { return func(e *canon.Encoder) { each(e, vs) } }
func some(v value) value     { return func(e *canon.Encoder) { e.Some(); v(e) } }

func each(e *canon.Encoder, vs []value) {
	for _, v := range vs {
		v(e)
	}
}

// try calls a function, "wasi:io/poll poll", and returns its result as text and
// canonical bytes. The error is a trap.
func (g *guest) try(ctx context.Context, name string, args ...value) (string, []byte, error) {
	g.t.Helper()
	iface, fn, ok := strings.Cut(name, " ")
	if !ok {
		g.t.Fatalf("%q, want an interface and a function", name)
	}
	all, err := entries()
	if err != nil {
		g.t.Fatal(err)
	}
	sig := all[[2]string{iface, fn}].sig
	if sig == nil {
		g.t.Fatalf("%s: no such function", name)
	}
	var e canon.Encoder
	each(&e, args)
	if err := canon.ValidateArgs(sig.Params, e.Bytes()); err != nil {
		g.t.Fatalf("%s: %v", name, err)
	}
	call, err := g.h.Func(iface+"@0.2.3", fn, sig)
	if err != nil {
		g.t.Fatal(err)
	}
	c := &component.Call{Args: canon.NewDecoder(e.Bytes())}
	if err := call(ctx, c); err != nil {
		return "", nil, err
	}
	return g.text(name, sig, c.Result.Bytes()), c.Result.Bytes(), nil
}

// text is a result as inspect shows it, checked against its type.
func (g *guest) text(name string, sig *canon.Func, result []byte) string {
	g.t.Helper()
	if sig.Result == nil {
		if len(result) > 0 {
			g.t.Fatalf("%s: a result of %x, want none", name, result)
		}
		return ""
	}
	rest, err := canon.Validate(sig.Result, result)
	if err != nil || len(rest) > 0 {
		g.t.Fatalf("%s: result %x: %v, %d bytes left", name, result, err, len(rest))
	}
	return string(canon.AppendText(nil, sig.Result, result, 1<<20))
}

// call is try without a trap, and without the bytes.
func (g *guest) call(name string, args ...value) string {
	g.t.Helper()
	text, _, err := g.try(context.Background(), name, args...)
	if err != nil {
		g.t.Fatalf("%s: %v", name, err)
	}
	return text
}

// rep calls a function whose result has one resource at its end, and returns
// its number.
func (g *guest) rep(name string, args ...value) value {
	g.t.Helper()
	reps := g.reps(name, args...)
	return reps[0]
}

// reps returns the numbers of all resources in a result, in order of their text.
func (g *guest) reps(name string, args ...value) []value {
	g.t.Helper()
	text := g.call(name, args...)
	var reps []value
	for _, part := range strings.Split(text, "#")[1:] {
		n := 0
		for _, digit := range part {
			if digit < '0' || digit > '9' {
				break
			}
			n = n*10 + int(digit-'0')
		}
		reps = append(reps, u32(uint32(n)))
	}
	if len(reps) == 0 {
		g.t.Fatalf("%s: %s, want a resource", name, text)
	}
	return reps
}

// want calls a function and compares the text of its result.
func (g *guest) want(want, name string, args ...value) {
	g.t.Helper()
	if got := g.call(name, args...); got != want {
		g.t.Errorf("%s: %s, want %s", name, got, want)
	}
}

// traps calls a function that must trap with an error that has want in it.
func (g *guest) traps(want, name string, args ...value) {
	g.t.Helper()
	text, _, err := g.try(context.Background(), name, args...)
	if err == nil || !strings.Contains(err.Error(), want) {
		g.t.Errorf("%s: %s, %v, want a trap: %s", name, text, err, want)
	}
}

// number is what a value writes as an unsigned number.
func number(v value) uint32 {
	var e canon.Encoder
	v(&e)
	d := canon.NewDecoder(e.Bytes())
	return d.U32()
}

func (g *guest) drop(resource string, rep value) {
	g.t.Helper()
	if err := g.h.Drop(context.Background(), types[resource], number(rep)); err != nil {
		g.t.Errorf("drop of %s: %v", resource, err)
	}
}

// keeps drops a resource that has a child: want is the trap.
func (g *guest) keeps(want, resource string, rep value) {
	g.t.Helper()
	if err := g.h.Drop(context.Background(), types[resource], number(rep)); err == nil || err.Error() != want {
		g.t.Errorf("drop of %s: %v, want a trap: %s", resource, err, want)
	}
}

// raw calls a function with any bytes as arguments and returns its trap.
func (g *guest) raw(iface, name string, args []byte) error {
	g.t.Helper()
	call, err := g.h.Func(iface, name, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	return call(ctx, &component.Call{Args: canon.NewDecoder(args)})
}
