package wasip2

import (
	"context"
	"fmt"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// resources are the live resources of one type, numbered from 1: the lowest
// free number first, so that the same run gives the same numbers.
type resources[T resource] struct {
	name  string // "wasi:io/streams.input-stream"
	slots host.Table[T]
	count int
}

// resource is anything that a guest can have a handle of.
type resource interface {
	// close lets go of what the resource holds. It does not wait.
	close()
}

// maxResources bounds the resources of one type, so that a guest cannot make
// the host's tables grow without end.
const maxResources = 1 << 16

// add numbers v. An error is a trap: v is closed.
func (r *resources[T]) add(v T) (uint32, error) {
	if r.count == maxResources {
		v.close()
		return 0, fmt.Errorf("%s: more than %d at a time", r.name, maxResources)
	}
	n, err := r.slots.Insert(v)
	if err != nil {
		v.close()
		return 0, fmt.Errorf("%s: %w", r.name, err)
	}
	r.count++
	return n + 1, nil
}

// get returns the resource with a number.
func (r *resources[T]) get(rep uint32) (T, error) {
	v, ok := r.slots.Get(rep - 1)
	if !ok {
		return v, fmt.Errorf("%s: there is no number %d", r.name, rep)
	}
	return v, nil
}

// take returns the resource with a number, which becomes free.
func (r *resources[T]) take(rep uint32) (T, error) {
	v, ok := r.slots.Remove(rep - 1)
	if !ok {
		return v, fmt.Errorf("%s: there is no number %d", r.name, rep)
	}
	r.count--
	return v, nil
}

// drop closes the resource with a number, if there is one.
func (r *resources[T]) drop(rep uint32) {
	if v, err := r.take(rep); err == nil {
		v.close()
	}
}

// closeAll closes what the guest has left.
func (r *resources[T]) closeAll() {
	r.slots.All(func(_ uint32, v T) { v.close() })
	r.slots, r.count = host.Table[T]{}, 0
}

// give numbers v and writes the number as the guest's own.
func give[T resource](r *resources[T], c *component.Call, v T) error {
	rep, err := r.add(v)
	c.Result.Rep(rep)
	return err
}

// on makes the implementation of a method of a resource, which pool lists.
func on[T resource](pool func(h *Host) *resources[T], f func(self T, ctx context.Context, h *Host, c *component.Call) error) method {
	return func(h *Host, ctx context.Context, c *component.Call) error {
		v, err := pool(h).get(c.Args.Rep())
		if err != nil {
			return err
		}
		return f(v, ctx, h, c)
	}
}

// The resources of each type.
func ioErrors(h *Host) *resources[*ioError]         { return &h.errors }
func pollables(h *Host) *resources[*pollable]       { return &h.pollables }
func inputs(h *Host) *resources[*inputStream]       { return &h.inputs }
func outputs(h *Host) *resources[*outputStream]     { return &h.outputs }
func descriptors(h *Host) *resources[*descriptor]   { return &h.descriptors }
func entryStreams(h *Host) *resources[*entryStream] { return &h.entryStreams }
