package wasi

import (
	"context"
	"io"
	"runtime"

	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
)

// proc_exit(rval)
func (s *System) procExit(ctx context.Context, mod api.Module, p []uint64) error {
	exit(ctx, mod, uint32(p[0]))
	return nil
}

// The signals of preview1 that proc_raise treats apart.
const (
	signalNone  = 0
	signalChld  = 16
	signalCont  = 17
	signalStop  = 18
	signalUrg   = 22
	signalWinch = 27
	signalLast  = 30
)

// proc_raise(sig) takes the default action of the signal: most end the guest
// with 128 and the signal's number, as a shell reports it. Stopping is not to be
// had.
func (s *System) procRaise(ctx context.Context, mod api.Module, p []uint64) error {
	switch sig := uint32(p[0]); {
	case sig > signalLast:
		return host.EINVAL
	case sig == signalNone, sig == signalChld, sig == signalCont, sig == signalUrg, sig == signalWinch:
		return nil
	case sig >= signalStop && sig < signalUrg:
		return host.ENOTSUP
	default:
		exit(ctx, mod, 128+sig)
		return nil
	}
}

// sched_yield()
func (s *System) schedYield(context.Context, api.Module, []uint64) error {
	runtime.Gosched()
	return nil
}

// random_get(buf, buf_len)
func (s *System) randomGet(_ context.Context, mod api.Module, p []uint64) error {
	b, err := memory(mod, p[0], p[1])
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(s.random, b); err != nil {
		return host.EIO
	}
	return nil
}
