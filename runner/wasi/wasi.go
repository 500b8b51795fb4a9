// Package wasi is a host for WASI preview1: the 46 functions of the module
// wasi_snapshot_preview1, on the descriptors of package host, and the 11 by
// which programs built for them open sockets themselves.
//
// [New] makes a [System] for one guest, [System.Instantiate] exports its
// functions to a wazero runtime, and [System.Function] gives a single one to
// whoever wants to wrap it, as the recorder does. [Functions] is the table they
// all come from.
//
// A guest gets what its [Config] names and nothing else. Paths stay below the
// preopened directories whatever links or races there are; in a read-only one
// every change fails with EROFS, as on a file system mounted so. Rights are
// kept as preview1 has them: a descriptor opened below a directory has at most
// what that one inherits, and ENOTCAPABLE says that one is missing.
//
// When the context of a call is done while the guest sleeps or waits for input,
// the module is closed with wazero's exit code for that, as it would be in the
// guest's own code.
//
// A call that fails writes nothing into the guest's memory, except random_get
// when [Config.Random] fails half way.
//
// A System serves one guest thread at a time.
package wasi

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/tracetool/tracetool/runner/host"
)

// ModuleName is the name guests import the functions from.
const ModuleName = "wasi_snapshot_preview1"

// Clock reads time in nanoseconds. The recorder supplies its own, which serves
// the reading it made for the event.
type Clock interface {
	Wall() int64      // since the Unix epoch
	Monotonic() int64 // since an arbitrary fixed point, never decreasing
}

// CPUClock is a Clock that also tells the time that the guest has computed. The
// host's processor time stands in for it where a Clock does not.
type CPUClock interface{ CPU() int64 }

// Dir is a directory of the host that the guest may use.
type Dir struct {
	Host     string // path on the host
	Guest    string // name the guest knows it by, such as "/"
	ReadOnly bool   // changes fail with EROFS
}

// Config is what a guest gets. The zero value gives it nothing: no arguments,
// no environment, an empty standard input, and output that is discarded.
type Config struct {
	Args []string // the program's name first
	Env  []string // as K=V
	Dirs []Dir    // preopened from descriptor 3 on
	// Listeners are preopened after the directories, non-blocking until the
	// guest says otherwise. They stay open when the System is closed.
	Listeners []net.Listener
	// Conns are connections preopened after the listeners. They are closed
	// with the System.
	Conns []net.Conn
	// AllowNet is what the sockets that the guest opens by itself may use;
	// nil: nothing.
	AllowNet *host.AllowNet
	// Stdin, Stdout and Stderr may be files of the host, which the guest sees
	// as what they are: terminal, pipe, regular file. Closing the descriptor
	// leaves them open. A goroutine may remain blocked in reading Stdin after
	// the System is closed.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Terminal, if not nil, is all three of them instead. Guests find a
	// terminal if its type is CharDevice.
	Terminal host.IO
	Clock    Clock // nil: the host's
	// Wait waits in poll_oneoff until ready is true or the timeout (negative:
	// none) has passed, in the place of the host, and fails with ECANCELED if
	// ctx is done before. nil sleeps.
	Wait func(ctx context.Context, timeout time.Duration, ready func() bool) error
	// Random is read for random_get. nil is a ChaCha8 generator with a seed
	// from crypto/rand: as unpredictable, and no system call for each read.
	Random io.Reader
	// Chaos makes calls fail that would not.
	Chaos Chaos
}

// System is the operating system of one guest.
type System struct {
	args, env [][]byte // each ends in a zero byte
	fds       host.Table[*entry]
	wake      host.Signal
	allow     *host.AllowNet
	clock     Clock
	random    io.Reader
	wait      func(ctx context.Context, timeout time.Duration, ready func() bool) error // nil: host.Wait
	chaos     Chaos
	drift     *driftingClock // the clock, if there is chaos
	short     uint64         // not 0: says how short the transfer under way is to be

	peer    string   // see Peer
	bufs    [][]byte // of the call under way, in guest memory
	scratch []byte
}

// New opens the directories and makes the descriptors of a guest.
func New(cfg Config) (*System, error) {
	s := &System{
		wake:    host.NewSignal(),
		allow:   cfg.AllowNet,
		clock:   cfg.Clock,
		random:  cfg.Random,
		wait:    cfg.Wait,
		bufs:    make([][]byte, 0, maxIovecs),
		scratch: make([]byte, scratchSize),
	}
	if s.clock == nil {
		s.clock = host.Clock{}
	}
	if s.random == nil {
		s.random = newRandom()
	}
	if err := s.setChaos(cfg.Chaos); err != nil {
		return nil, err
	}
	if err := s.setStrings(cfg); err != nil {
		return nil, err
	}
	if err := s.open(cfg); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *System) setChaos(c Chaos) error {
	if s.chaos = c; c.Ratio > 0 {
		s.drift = &driftingClock{Clock: s.clock}
		s.clock = s.drift
	}
	return c.check()
}

func newRandom() io.Reader {
	var seed [32]byte
	rand.Read(seed[:]) // never fails
	return mathrand.NewChaCha8(seed)
}

func (s *System) setStrings(cfg Config) error {
	for i, arg := range cfg.Args {
		if strings.IndexByte(arg, 0) >= 0 {
			return fmt.Errorf("argument %d: %q contains a zero byte", i, arg)
		}
		s.args = append(s.args, append([]byte(arg), 0))
	}
	for i, kv := range cfg.Env {
		if strings.IndexByte(kv, 0) >= 0 || strings.IndexByte(kv, '=') < 1 {
			return fmt.Errorf("environment %d: %q, want K=V without a zero byte", i, kv)
		}
		s.env = append(s.env, append([]byte(kv), 0))
	}
	return nil
}

func (s *System) open(cfg Config) error {
	stdin, stdout, stderr := cfg.Terminal, cfg.Terminal, cfg.Terminal
	if cfg.Terminal == nil {
		stdin, stdout, stderr = host.NewStdin(cfg.Stdin, s.wake), host.NewStdout(cfg.Stdout, s.wake), host.NewStdout(cfg.Stderr, s.wake)
	}
	s.insert(newStdio(stdin, rightFdWrite))
	s.insert(newStdio(stdout, rightFdRead))
	s.insert(newStdio(stderr, rightFdRead))
	for _, d := range cfg.Dirs {
		dir, err := host.OpenDir(d.Host, d.ReadOnly, s.wake)
		if err != nil {
			return fmt.Errorf("directory %s for the guest's %s: %w", d.Host, d.Guest, err)
		}
		e := newEntry(dir, allRights, allRights)
		e.preopen, e.guest = true, d.Guest
		s.insert(e)
	}
	for _, l := range cfg.Listeners {
		e := newEntry(host.NewListener(l, s.wake), allRights, allRights)
		e.setFlags(flagNonblock)
		s.insert(e)
	}
	for _, c := range cfg.Conns {
		s.insert(newEntry(host.NewConn(c, s.wake), allRights, allRights))
	}
	return nil
}

// insert numbers e, or closes it if there are too many descriptors.
func (s *System) insert(e *entry) (uint32, error) {
	fd, err := s.fds.Insert(e)
	if err != nil {
		e.d.Close()
	}
	return fd, err
}

// Close closes every descriptor that the System or its guest has opened.
func (s *System) Close() error {
	s.fds.All(func(_ uint32, e *entry) {
		if e.listener != nil {
			e.listener.Release()
			return
		}
		e.d.Close()
	})
	s.fds = host.Table[*entry]{}
	return nil
}

// Instantiate exports all functions to rt's modules under [ModuleName].
func (s *System) Instantiate(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder(ModuleName)
	for _, f := range Functions {
		b.NewFunctionBuilder().WithGoModuleFunction(&bound{s, s.chaotic(f)}, f.Params, f.Results).Export(f.Name)
	}
	_, err := b.Instantiate(ctx)
	return err
}
