// Package wasmrr knows the traces of wasm-rr, a recorder of WASI 0.2 components:
// what a component was told by its clocks, its random numbers, its environment
// and HTTP servers, and nothing else.
//
// Such a trace is JSON, {"events":[...]}, or CBOR, one map after another. Every
// event has a kind, its member "call", and the other members that [Kind] lists.
// [Decoder] makes an [Event] of one that a [Source] reads, for both encodings;
// [CBORReader] is the source of CBOR, package convert has that of JSON.
// [Writer] writes either. [Export] makes such a trace of ours.
//
// An event is a call of a WASI function: SetEvent and the table of kinds say how
// it stands in the columns of a trace. Input is not trusted: an event is bounded
// in bytes, and nothing is allocated by a size that is only declared.
package wasmrr

import (
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
)

// Recorder is what the header of an imported trace calls its recorder.
const Recorder = "wasm-rr"

// Kind is a kind of event.
type Kind struct {
	Call     string          // as the trace spells it: "clock_now"
	Function format.Function // that was called, with its signature
	// Members are the members of an event beside "call", in order: first those
	// that are parameters of the function, then those of its result.
	Members []Member

	sig    *call.Signature
	params int   // members that are parameters
	sized  bool  // the one parameter is the length of the result, and no member
	index  []int // of the members in the list of all
	set    uint32
}

// Member is a member of an event.
type Member struct {
	Name string
	Type *canon.Type // list<u8> stands for a text of hex digits
}

// The types of the functions. That of HTTP is not the function's own, which
// knows resources only: here are what it was asked for and what came back.
// Reads have no parameters and no result: a trace of wasm-rr tells only that
// there was one.
const (
	datetime = "func() -> record{seconds: u64, nanoseconds: u32}"
	number   = "func() -> u64"
	random   = "func(len: u64) -> list<u8>"
	exchange = "func(method: string, url: string, headers: list<tuple<string, string>>)" +
		" -> record{status: u16, headers: list<tuple<string, string>>, body: list<u8>}"
)

// Kinds are all kinds of event, in the order of wasm-rr's own list.
var Kinds = []*Kind{
	newKind("clock_now", "wasi:clocks/wall-clock#now", datetime, "seconds nanoseconds"),
	newKind("clock_resolution", "wasi:clocks/wall-clock#resolution", datetime, "seconds nanoseconds"),
	newKind("monotonic_clock_now", "wasi:clocks/monotonic-clock#now", number, "nanoseconds"),
	newKind("monotonic_clock_resolution", "wasi:clocks/monotonic-clock#resolution", number, "nanoseconds"),
	newKind("environment", "wasi:cli/environment#get-environment", "func() -> list<tuple<string, string>>", "entries"),
	newKind("arguments", "wasi:cli/environment#get-arguments", "func() -> list<string>", "args"),
	newKind("initial_cwd", "wasi:cli/environment#initial-cwd", "func() -> option<string>", "path"),
	newKind("random_bytes", "wasi:random/random#get-random-bytes", random, "bytes"),
	newKind("random_u64", "wasi:random/random#get-random-u64", number, "value"),
	newKind("insecure_random_bytes", "wasi:random/insecure#get-insecure-random-bytes", random, "bytes"),
	newKind("insecure_random_u64", "wasi:random/insecure#get-insecure-random-u64", number, "value"),
	newKind("insecure_seed", "wasi:random/insecure-seed#insecure-seed", "func() -> tuple<u64, u64>", "seed"),
	newKind("read", "wasi:io/streams#[method]input-stream.read", "func()", ""),
	newKind("http_response", "wasi:http/outgoing-handler#handle", exchange, "request_method request_url request_headers status headers body"),
}

// newKind makes a row of the table: the signature gives the members' types.
func newKind(name, function, signature, members string) *Kind {
	module, fn, _ := strings.Cut(function, "#")
	k := &Kind{Call: name, sized: signature == random}
	k.Function = format.Function{Module: module, Name: fn, Signature: signature, Untimed: call.Untimed(module, fn)}
	var err error
	if k.sig, err = call.SignatureOf(&k.Function); err != nil {
		panic(err)
	}
	var types []*canon.Type
	if !k.sized {
		for _, p := range k.sig.Params {
			types = append(types, p.Type)
		}
	}
	k.params = len(types)
	switch result := k.sig.Result; {
	case result == nil:
	case result.Kind == canon.Record:
		for _, f := range result.Fields {
			types = append(types, f.Type)
		}
	default:
		types = append(types, result)
	}
	for i, m := range strings.Fields(members) {
		k.Members = append(k.Members, Member{m, types[i]})
	}
	return k
}

// KindOf returns the kind of that name, nil if there is none.
func KindOf(name string) *Kind { return kindsByCall[name] }

var kindsByCall, kindsByFunction = func() (byCall, byFunction map[string]*Kind) {
	byCall, byFunction = map[string]*Kind{}, map[string]*Kind{}
	for _, k := range Kinds {
		byCall[k.Call], byFunction[k.Function.Module+"#"+k.Function.Name] = k, k
	}
	return byCall, byFunction
}()

// Event is one event: canonical values of what the function was given and what
// it returned, as package canon defines them.
type Event struct {
	Kind   *Kind
	Params []byte // one after the other
	Result []byte
}

// SetEvent sets the columns of a row but for Time, Module, Function and Task,
// which the caller has set. The row shares the event's bytes.
func (e *Event) SetEvent(row *format.Event, startNS int64) {
	row.Kind, row.Has = format.KindCall, format.HasModule|format.HasFunction
	e.Kind.sig.SetArgs(row, e.Params)
	e.Kind.sig.SetResult(row, startNS, e.Result)
}

// Clock is the reading of a clock that the event is, in nanoseconds: call.NoClock
// if it is none, or one that is beyond an int64.
func (e *Event) Clock() (call.Clock, int64) {
	d := canon.NewDecoder(e.Result)
	switch e.Kind.sig.Clock {
	case call.MonotonicClock:
		if ns := d.U64(); int64(ns) >= 0 {
			return call.MonotonicClock, int64(ns)
		}
	case call.WallClock:
		const maxSeconds = math.MaxInt64/1_000_000_000 - 5 // the other part has up to 4.3 seconds
		if s, ns := d.U64(), d.U32(); s <= maxSeconds {
			return call.WallClock, int64(s)*1e9 + int64(ns)
		}
	}
	return call.NoClock, 0
}

// Source reads one event in its encoding. An error of any method ends that.
type Source interface {
	// Object reads an object and calls member for each of its members, which
	// reads the value. The name is valid until then.
	Object(member func(name []byte) error) error
	// List reads a list and calls element for each of its elements.
	List(element func() error) error
	Uint() (uint64, error)
	// Text returns a text, in UTF-8, that is valid until the next call.
	Text() ([]byte, error)
	// Null reports whether null comes next, and reads it.
	Null() (bool, error)
}

// allMembers are the members of all kinds, each name once. Their types are wide
// enough for what they are in any kind: a member's type follows from its name but
// for the width of numbers.
var allMembers, memberIndex = func() (list []Member, index map[string]int) {
	index = map[string]int{}
	for _, k := range Kinds {
		for _, m := range k.Members {
			i, known := index[m.Name]
			if !known {
				i = len(list)
				index[m.Name] = i
				list = append(list, m)
			}
			k.index = append(k.index, i)
			k.set |= 1 << i
		}
	}
	return list, index
}()

// Decoder reads events. It is not for several goroutines.
type Decoder struct {
	values canon.Encoder // of the members, in the order of the source
	spans  [32][2]int    // of each member in values, as allMembers numbers them
	seen   uint32        // members that are there
	call   []byte
	source Source
	read   func(name []byte) error // a member of source
	params canon.Encoder
	result canon.Encoder
	event  Event
}

// Decode reads one event, which is valid until the next call. Every member of
// its kind must be there, once, and no other.
func (d *Decoder) Decode(s Source) (*Event, error) {
	d.values.Reset()
	d.call, d.seen = d.call[:0], 0
	if d.source = s; d.read == nil {
		d.read = d.member
	}
	if err := s.Object(d.read); err != nil {
		return nil, err
	}
	kind := d.event.Kind // most often that of the event before
	if kind == nil || string(d.call) != kind.Call {
		kind = kindsByCall[string(d.call)]
	}
	switch {
	case len(d.call) == 0:
		return nil, fmt.Errorf("no member %q", "call")
	case kind == nil:
		return nil, fmt.Errorf("call %q is none of the %d kinds that are known", clip(d.call), len(Kinds))
	}
	return d.assemble(kind)
}

func (d *Decoder) member(name []byte) error {
	if string(name) == "call" {
		if len(d.call) > 0 {
			return fmt.Errorf("member %q is there twice", name)
		}
		text, err := d.source.Text()
		d.call = append(d.call, text...)
		return err
	}
	i, known := memberIndex[string(name)]
	switch {
	case !known:
		return fmt.Errorf("unknown member %q", clip(name))
	case d.seen&(1<<i) != 0:
		return fmt.Errorf("member %q is there twice", allMembers[i].Name)
	}
	d.seen |= 1 << i
	from := len(d.values.Bytes())
	err := encode(&d.values, allMembers[i].Type, d.source)
	d.spans[i] = [2]int{from, len(d.values.Bytes())}
	return err
}

// assemble puts the members of a kind in order.
func (d *Decoder) assemble(k *Kind) (*Event, error) {
	if missing := k.set &^ d.seen; missing != 0 {
		return nil, fmt.Errorf("%s without its member %q", k.Call, allMembers[bits.TrailingZeros32(missing)].Name)
	}
	if other := d.seen &^ k.set; other != 0 {
		return nil, fmt.Errorf("%s with a member %q", k.Call, allMembers[bits.TrailingZeros32(other)].Name)
	}
	d.params.Reset()
	d.result.Reset()
	for i, m := range k.Members {
		at := d.spans[k.index[i]]
		value := d.values.Bytes()[at[0]:at[1]]
		if _, err := canon.Validate(m.Type, value); err != nil {
			return nil, fmt.Errorf("%s: member %q is no %s", k.Call, m.Name, m.Type)
		}
		if i < k.params {
			d.params.Raw(value)
		} else {
			d.result.Raw(value)
		}
	}
	if k.sized {
		bytes := canon.NewDecoder(d.result.Bytes())
		d.params.U64(uint64(len(bytes.Blob())))
	}
	d.event = Event{Kind: k, Params: d.params.Bytes(), Result: d.result.Bytes()}
	return &d.event, nil
}

// clip shortens what a message quotes.
func clip(b []byte) string {
	if len(b) > 40 {
		return string(b[:40]) + "..."
	}
	return string(b)
}
