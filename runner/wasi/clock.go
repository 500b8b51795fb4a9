package wasi

import (
	"context"

	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
)

const (
	clockRealtime = iota
	clockMonotonic
	clockProcessCPU
	clockThreadCPU
)

// clock_res_get(id, resolution)
func (s *System) clockResGet(_ context.Context, mod api.Module, p []uint64) error {
	if uint32(p[0]) > clockThreadCPU {
		return host.EINVAL
	}
	return putUint64(mod, p[1], host.Resolution)
}

// clock_time_get(id, precision, timestamp)
func (s *System) clockTimeGet(_ context.Context, mod api.Module, p []uint64) error {
	var now int64
	switch id := uint32(p[0]); id { // the clocks that are read often, at once
	case clockRealtime:
		now = s.clock.Wall()
	case clockMonotonic:
		now = s.clock.Monotonic()
	default:
		var err error
		if now, err = s.now(id); err != nil {
			return err
		}
	}
	return putUint64(mod, p[2], uint64(now))
}

// now reads a clock. The time of the processor is that of the whole process.
func (s *System) now(id uint32) (int64, error) {
	switch id {
	case clockRealtime:
		return s.clock.Wall(), nil
	case clockMonotonic:
		return s.clock.Monotonic(), nil
	case clockProcessCPU, clockThreadCPU:
		if c, ok := s.clock.(CPUClock); ok {
			return c.CPU(), nil
		}
		return host.CPUTime()
	}
	return 0, host.EINVAL
}

func putUint64(mod api.Module, ptr, v uint64) error {
	if !mod.Memory().WriteUint64Le(uint32(ptr), v) {
		return host.EFAULT
	}
	return nil
}
