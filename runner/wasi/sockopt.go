package wasi

import (
	"context"

	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/runner/host"
)

// option is an option of a socket, which is a number of 32 bits.
type option struct {
	get func(e *entry) int32
	// on: it is always on, and can be set to that alone.
	on bool
}

// levelSocket is the only level of options that there is.
const levelSocket = 0

// options are those by their numbers in the extension. The others fail with
// ENOPROTOOPT.
var options = map[uint32]option{
	0:  {on: true}, // SO_REUSEADDR
	1:  {get: typeOf},
	2:  {get: errorOf},
	4:  {on: true}, // SO_BROADCAST
	13: {get: listens},
}

func typeOf(e *entry) int32 {
	if e.udp != nil {
		return typeDgram
	}
	return typeStream
}

// errorOf is why the last attempt to connect failed, once.
func errorOf(e *entry) int32 {
	if e.tcp == nil {
		return 0
	}
	return int32(host.ErrnoOf(e.tcp.Err()))
}

func listens(e *entry) int32 {
	if e.listener != nil {
		return 1
	}
	return 0
}

// optionArgs returns a socket, one of its options, and where its value is.
func (s *System) optionArgs(mod api.Module, p []uint64) (e *entry, o option, value []byte, err error) {
	if e, err = s.getSocket(p[0]); err != nil {
		return nil, o, nil, err
	}
	o, known := options[uint32(p[2])]
	switch {
	case e.conn == nil && e.listener == nil && e.tcp == nil:
		return nil, o, nil, host.ENOTSOCK
	case uint32(p[1]) != levelSocket || !known:
		return nil, o, nil, host.ENOPROTOOPT
	case uint32(p[4]) != 4:
		return nil, o, nil, host.EINVAL
	}
	value, err = memory(mod, p[3], 4)
	return e, o, value, err
}

// sock_getsockopt(fd, level, name, value, value_len)
func (s *System) sockGetsockopt(_ context.Context, mod api.Module, p []uint64) error {
	e, o, value, err := s.optionArgs(mod, p)
	if err != nil {
		return err
	}
	v := int32(1)
	if !o.on {
		v = o.get(e)
	}
	le.PutUint32(value, uint32(v))
	return nil
}

// sock_setsockopt(fd, level, name, value, value_len)
func (s *System) sockSetsockopt(_ context.Context, mod api.Module, p []uint64) error {
	_, o, value, err := s.optionArgs(mod, p)
	switch {
	case err != nil:
		return err
	case !o.on:
		return host.ENOPROTOOPT
	case le.Uint32(value) == 0:
		return host.ENOTSUP
	}
	return nil
}
