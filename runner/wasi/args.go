package wasi

import (
	"context"

	"github.com/tetratelabs/wazero/api"
)

// args_get(argv, argv_buf)
func (s *System) argsGet(_ context.Context, mod api.Module, p []uint64) error {
	return putStrings(mod, s.args, p)
}

// args_sizes_get(argc, argv_len)
func (s *System) argsSizesGet(_ context.Context, mod api.Module, p []uint64) error {
	return putSizes(mod, s.args, p)
}

// environ_get(environ, environ_buf)
func (s *System) environGet(_ context.Context, mod api.Module, p []uint64) error {
	return putStrings(mod, s.env, p)
}

// environ_sizes_get(environc, environ_len)
func (s *System) environSizesGet(_ context.Context, mod api.Module, p []uint64) error {
	return putSizes(mod, s.env, p)
}

// putStrings writes pointers to the strings at p[0] and their bytes at p[1].
func putStrings(mod api.Module, list [][]byte, p []uint64) error {
	size := 0
	for _, str := range list {
		size += len(str)
	}
	ptrs, err := memory(mod, p[0], uint64(4*len(list)))
	if err != nil {
		return err
	}
	buf, err := memory(mod, p[1], uint64(size))
	if err != nil {
		return err
	}
	at := uint32(p[1])
	for i, str := range list {
		le.PutUint32(ptrs[4*i:], at)
		n := copy(buf, str)
		buf, at = buf[n:], at+uint32(n)
	}
	return nil
}

func putSizes(mod api.Module, list [][]byte, p []uint64) error {
	size := 0
	for _, str := range list {
		size += len(str)
	}
	count, err := memory(mod, p[0], 4)
	if err != nil {
		return err
	}
	total, err := memory(mod, p[1], 4)
	if err != nil {
		return err
	}
	le.PutUint32(count, uint32(len(list)))
	le.PutUint32(total, uint32(size))
	return nil
}
