// Package wasip2 is a host for WASI 0.2: the 29 interfaces of its packages io,
// clocks, random, cli, filesystem, sockets and http.
//
// [New] makes a [Host] for one guest, which a component is linked to as its
// component.Host. [Interfaces] is the table that its functions come from.
// [Handler] serves HTTP with a component.
//
// A guest gets what its [Config] names and nothing else. Every function links;
// what the guest may not do fails with the interface's own error code: paths
// stay below the preopened directories, addresses and HTTP servers that are not
// allowed are access-denied and HTTP-request-denied.
//
// A guest never waits but in the functions that are said to block. What takes
// time is done by goroutines that end when the resource is dropped or the Host
// is closed, and what they have ready is signalled, so that poll sleeps until
// something happens. When the context of a call is done while the guest waits,
// the call fails with the context's error.
//
// What a guest asks for is bounded: the number of resources, the bytes that one
// read returns, the size of HTTP headers. Beyond that the call is a trap. So is
// the drop of a resource before its children, such as its pollables.
//
// A Host serves one guest thread at a time.
package wasip2

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// Clock reads time in nanoseconds. The recorder supplies its own, which serves
// the reading it made for the event.
type Clock interface {
	Wall() int64      // since the Unix epoch
	Monotonic() int64 // since an arbitrary fixed point, never decreasing
}

// Sleeper is a Clock on which a guest's sleeps take no time: when a guest waits
// and nothing but a time could come, Sleep moves the clock on to that.
type Sleeper interface {
	Clock
	Sleep(until int64) // on the monotonic clock
}

// Config is what a guest gets. The zero value gives it nothing: no arguments,
// no environment, an empty standard input, and output that is discarded.
type Config struct {
	Args []string // the program's name first
	Env  []string // as K=V
	Cwd  string   // initial working directory; empty: none
	Dirs []Dir    // preopened
	// Listen lists the addresses where the guest may listen, HOST:PORT; port 0
	// is for any that is free.
	Listen []string
	// AllowNet lists what the guest may use by TCP and UDP, and whose names it
	// may look up, as host.ParseAllowNet reads it.
	AllowNet []string
	// AllowHTTP lists the servers that the guest may send HTTP requests to, as
	// host.ParseAllowNet reads it.
	AllowHTTP []string
	// Answer answers the guest's HTTP requests in place of any server, whatever
	// AllowHTTP says. Its error ends the guest. nil: nobody does.
	Answer func(*HTTPRequest) (*HTTPResponse, error)
	// Stdin, Stdout and Stderr may be files of the host, which the guest sees
	// as terminals if they are. They stay open when the Host is closed. A
	// goroutine may remain blocked in reading Stdin after that.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Clock          Clock // nil: the host's
	// Random is read for the guest's random numbers. nil is a ChaCha8
	// generator with a seed from crypto/rand: as unpredictable, and no system
	// call for each read.
	Random io.Reader
}

// Host is the operating system of one guest.
type Host struct {
	cfg    Config
	env    [][2]string
	wake   host.Signal
	clock  Clock
	random io.Reader
	seed   []byte // of insecure-seed; nil: not asked for yet

	stdin          host.IO
	stdout, stderr host.IO

	errors    resources[*ioError]
	pollables resources[*pollable]
	inputs    resources[*inputStream]
	outputs   resources[*outputStream]
	termIn    resources[terminal]
	termOut   resources[terminal]

	preopens     []preopen
	descriptors  resources[*descriptor]
	entryStreams resources[*entryStream]

	socketResources
	listen   []listenRule
	allowNet *host.AllowNet // nil: nothing
	conns    tcpConns

	httpResources
	allowHTTP *host.AllowNet // nil: nothing
	roots     *x509.CertPool // nil: the system's

	droppers map[string]dropper
	scratch  []byte // of the call under way
}

// dropper is resources of any type.
type dropper interface {
	drop(rep uint32) error
	closeAll()
}

// New makes the operating system of a guest.
func New(cfg Config) (*Host, error) {
	h := &Host{
		cfg:     cfg,
		wake:    host.NewSignal(),
		clock:   cfg.Clock,
		random:  cfg.Random,
		scratch: make([]byte, chunk),
	}
	if h.clock == nil {
		h.clock = host.Clock{}
	}
	if h.random == nil {
		h.random = newRandom()
	}
	if err := h.configure(cfg); err != nil {
		return nil, err
	}
	h.stdin = host.NewStdin(cfg.Stdin, h.wake)
	h.stdout = host.NewStdout(cfg.Stdout, h.wake)
	h.stderr = host.NewStdout(cfg.Stderr, h.wake)
	h.droppers = map[string]dropper{}
	h.nameResources()
	if err := h.openDirs(cfg.Dirs); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// SetClock replaces the clock, before the guest begins.
func (h *Host) SetClock(c Clock) { h.clock = c }

// nameResources lists the resources of each type.
func (h *Host) nameResources() {
	named(h, &h.errors, types["error"])
	named(h, &h.pollables, types["pollable"])
	named(h, &h.inputs, types["input"])
	named(h, &h.outputs, types["output"])
	named(h, &h.termIn, types["term-input"])
	named(h, &h.termOut, types["term-output"])
	named(h, &h.descriptors, types["descriptor"])
	named(h, &h.entryStreams, types["entry-stream"])
	h.nameSockets()
	h.nameHTTP()
}

func named[T resource](h *Host, r *resources[T], name string) {
	r.name = name
	h.droppers[name] = r
}

func newRandom() io.Reader {
	var seed [32]byte
	rand.Read(seed[:]) // never fails
	return mathrand.NewChaCha8(seed)
}

// configure takes over what can be wrong in a Config.
func (h *Host) configure(cfg Config) (err error) {
	if h.listen, err = parseListen(cfg.Listen); err != nil {
		return err
	}
	if h.allowNet, err = parseAllow(cfg.AllowNet); err != nil {
		return fmt.Errorf("allowed host %w", err)
	}
	if h.allowHTTP, err = parseAllow(cfg.AllowHTTP); err != nil {
		return fmt.Errorf("allowed HTTP server %w", err)
	}
	return h.setStrings(cfg)
}

// parseAllow is host.ParseAllowNet, but nil for no rules.
func parseAllow(rules []string) (*host.AllowNet, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	return host.ParseAllowNet(rules)
}

// setStrings checks the texts that the guest is given: they must be UTF-8.
func (h *Host) setStrings(cfg Config) error {
	for i, arg := range cfg.Args {
		if !utf8.ValidString(arg) {
			return fmt.Errorf("argument %d: %q is not UTF-8", i, arg)
		}
	}
	for i, kv := range cfg.Env {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || name == "" || strings.IndexByte(kv, 0) >= 0 || !utf8.ValidString(kv) {
			return fmt.Errorf("environment %d: %q, want K=V in UTF-8 without a zero byte", i, kv)
		}
		h.env = append(h.env, [2]string{name, value})
	}
	if !utf8.ValidString(cfg.Cwd) {
		return fmt.Errorf("working directory %q is not UTF-8", cfg.Cwd)
	}
	return nil
}

// Func returns the implementation of a function of WASI 0.2, whatever the
// version of 0.2 that it is imported from. It implements component.Host.
func (h *Host) Func(iface, name string, sig *canon.Func) (component.HostFunc, error) {
	f, err := lookup(iface, name, sig)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, c *component.Call) error {
		if err := f.call(h, ctx, c); err != nil {
			return err
		}
		return c.Args.Err()
	}, nil
}

// Drop closes a resource that the guest has dropped. It implements
// component.Host.
func (h *Host) Drop(_ context.Context, resource string, rep uint32) error {
	r, ok := h.droppers[resource]
	if !ok {
		return fmt.Errorf("%s: WASI 0.2 has no such resource", resource)
	}
	return r.drop(rep)
}

// Close ends everything that the guest has begun.
func (h *Host) Close() error {
	for _, r := range h.droppers {
		r.closeAll()
	}
	for _, p := range h.preopens {
		p.close()
	}
	h.preopens = nil
	h.conns.drain()
	return nil
}
