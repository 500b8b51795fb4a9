package wasi

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
)

// Chaos is fault injection: what may go wrong with a host, but seldom does. The
// zero value injects nothing.
//
// Each function decides by a sequence of random numbers of its own (PCG, of Seed
// and the FNV-1a hash of the function's name), three of them a call. What happens
// to the n-th call of a function depends on the seed, on n and on what kind
// of descriptor it is for, and on no other call.
type Chaos struct {
	Ratio float64 // of the calls that can fail and do: 0 to 1
	Seed  uint64
}

func (c Chaos) check() error {
	if !(c.Ratio >= 0 && c.Ratio <= 1) {
		return fmt.Errorf("chaos: ratio %v, want 0 to 1", c.Ratio)
	}
	return nil
}

// fault is one thing that may happen to a call instead of its success.
type fault struct {
	do    action
	errno host.Errno // of fail
	on    kind       // descriptors that it may happen to; 0 for drift
}

type action uint8

const (
	fail    action = iota // the call fails and nothing is done
	shorten               // fewer bytes are transferred than asked for, one at least
	drift                 // the clocks go on from another time
)

// kind is a set of kinds of descriptors.
type kind uint8

const (
	onFile kind = 1 << iota
	onDir
	onStream
	onConn
	onListener
	onWaiting // set non-blocking, and reading or writing it could wait
)

// faults says what may be injected into each function. Functions that are not
// here never fail on a host that works: arguments, environment, randomness, the
// state of descriptors, the end of the program. Nor do two that might:
// whether a descriptor is still open after a failed fd_close is not defined,
// and programs take an error of poll_oneoff for one of their own.
var faults = map[string][]fault{
	"clock_time_get": {{do: drift}},

	"fd_allocate":           fails(onFile, host.ENOSPC, host.EDQUOT, host.EIO),
	"fd_datasync":           fails(onFile|onDir, host.EIO, host.ENOSPC, host.EDQUOT),
	"fd_filestat_get":       fails(onFile|onDir, host.EIO),
	"fd_filestat_set_size":  fails(onFile, host.EIO),
	"fd_filestat_set_times": fails(onFile|onDir, host.EIO),
	"fd_pread":              all(short(onFile), fails(onFile, host.EINTR, host.EIO)),
	"fd_pwrite":             all(short(onFile), fails(onFile, host.EINTR, host.EIO, host.ENOSPC, host.EDQUOT)),
	"fd_read": all(short(onFile|onStream|onConn), fails(onFile|onStream, host.EINTR, host.EIO),
		fails(onConn, host.EINTR, host.ECONNRESET, host.ETIMEDOUT), fails(onWaiting, host.EAGAIN)),
	"fd_readdir": fails(onDir, host.EIO),
	"fd_sync":    fails(onFile|onDir, host.EIO, host.ENOSPC, host.EDQUOT),
	"fd_write": all(short(onFile|onStream|onConn), fails(onFile, host.EINTR, host.EIO, host.ENOSPC, host.EDQUOT),
		fails(onStream, host.EINTR, host.EIO, host.EPIPE), fails(onConn, host.EINTR, host.EPIPE, host.ECONNRESET),
		fails(onWaiting, host.EAGAIN)),

	"path_create_directory":   fails(onDir, host.EACCES, host.EIO, host.ENOSPC, host.EDQUOT),
	"path_filestat_get":       fails(onDir, host.EACCES, host.EIO),
	"path_filestat_set_times": fails(onDir, host.EACCES, host.EIO),
	"path_link":               fails(onDir, host.EACCES, host.EIO, host.EMLINK, host.ENOSPC),
	"path_open":               fails(onDir, host.EACCES, host.EIO, host.EINTR, host.EMFILE, host.ENFILE),
	"path_readlink":           fails(onDir, host.EACCES, host.EIO),
	"path_remove_directory":   fails(onDir, host.EACCES, host.EIO, host.EBUSY),
	"path_rename":             fails(onDir, host.EACCES, host.EIO, host.EBUSY, host.ENOSPC),
	"path_symlink":            fails(onDir, host.EACCES, host.EIO, host.ENOSPC),
	"path_unlink_file":        fails(onDir, host.EACCES, host.EIO, host.EBUSY),

	"sock_accept": all(fails(onListener, host.EINTR, host.ECONNABORTED, host.EMFILE, host.ENFILE), fails(onWaiting, host.EAGAIN)),
	"sock_recv":   all(short(onConn), fails(onConn, host.EINTR, host.ECONNRESET, host.ETIMEDOUT), fails(onWaiting, host.EAGAIN)),
	"sock_send":   all(short(onConn), fails(onConn, host.EINTR, host.EPIPE, host.ECONNRESET), fails(onWaiting, host.EAGAIN)),
}

func fails(on kind, errnos ...host.Errno) []fault {
	var list []fault
	for _, e := range errnos {
		list = append(list, fault{do: fail, errno: e, on: on})
	}
	return list
}

func short(on kind) []fault { return []fault{{do: shorten, on: on}} }

func all(lists ...[]fault) []fault {
	var joined []fault
	for _, l := range lists {
		joined = append(joined, l...)
	}
	return joined
}

// chaotic returns the body of a function with the faults that it may have.
func (s *System) chaotic(f Function) body {
	list := faults[f.Name]
	if s.chaos.Ratio == 0 || list == nil {
		return f.body
	}
	name := fnv.New64a()
	name.Write([]byte(f.Name))
	random := rand.New(rand.NewPCG(s.chaos.Seed, name.Sum64()))
	return func(s *System, ctx context.Context, mod api.Module, p []uint64) error {
		hit, which, size := random.Float64() < s.chaos.Ratio, random.Uint64(), random.Uint64()
		if !hit {
			return f.body(s, ctx, mod, p)
		}
		possible := s.possible(list, f.Name, p)
		if len(possible) == 0 {
			return f.body(s, ctx, mod, p)
		}
		switch chosen := possible[which%uint64(len(possible))]; chosen.do {
		case fail:
			return chosen.errno
		case shorten:
			s.short = size | 1
			defer func() { s.short = 0 }()
		case drift:
			s.drift.step(size)
		}
		return f.body(s, ctx, mod, p)
	}
}

// possible returns those of the faults that can happen to a call. A call for a
// descriptor that is not open is left to fail by itself.
func (s *System) possible(list []fault, name string, p []uint64) []fault {
	if name == "clock_time_get" {
		return list
	}
	fd := p[0]
	if name == "path_symlink" {
		fd = p[2]
	}
	e, ok := s.fds.Get(uint32(fd))
	if !ok {
		return nil
	}
	is, waits := e.kind(), name == "sock_recv" && uint32(p[3])&recvWaitall != 0
	var possible []fault
	for _, f := range list {
		if f.on&is != 0 && !(f.do == shorten && waits) {
			possible = append(possible, f)
		}
	}
	return possible
}

func (e *entry) kind() kind {
	var k kind
	switch {
	case e.file != nil:
		return onFile
	case e.dir != nil:
		return onDir
	case e.conn != nil:
		k = onConn
	case e.listener != nil:
		k = onListener
	default:
		k = onStream
	}
	if e.flags&flagNonblock != 0 {
		k |= onWaiting
	}
	return k
}

// cut leaves of the buffers of a transfer that is to be short one byte at
// least, and not all.
func (s *System) cut(bufs [][]byte, total int) ([][]byte, int) {
	if s.short == 0 || total < 2 {
		return bufs, total
	}
	total = 1 + int(s.short%uint64(total-1))
	left := total
	for i, b := range bufs {
		if left <= len(b) {
			bufs[i] = b[:left]
			return bufs[:i+1], total
		}
		left -= len(b)
	}
	return bufs, total
}

// driftingClock is a clock that chaos moves. The monotonic one stands still
// where it would go back.
type driftingClock struct {
	Clock
	ahead, last int64
}

// maxStep is 2 to the power of this, in ns: about a second.
const maxStep = 30

// step moves the clocks forward or back, by small steps as often as by large
// ones.
func (c *driftingClock) step(random uint64) {
	ns := int64(1) << (random % (maxStep + 1))
	if random>>32&1 != 0 {
		ns = -ns
	}
	c.ahead += ns
}

func (c *driftingClock) Wall() int64 { return c.Clock.Wall() + c.ahead }

func (c *driftingClock) Monotonic() int64 {
	c.last = max(c.last, c.Clock.Monotonic()+c.ahead)
	return c.last
}
