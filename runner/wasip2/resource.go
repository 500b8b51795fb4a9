package wasip2

import (
	"context"
	"fmt"
	"strings"

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

// related is a resource that may be the child of another or have children, as
// the WIT says: types of such embed kin.
type related interface {
	resource
	kinship() *kin
}

// kin is the place of a resource among those that it came of and that came of
// it. One that has children cannot go before them.
type kin struct {
	name           string // of its type
	rep            uint32
	parent         *kin // nil: none
	child          *kin // the youngest, nil: none
	older, younger *kin // other children of the parent
}

func (k *kin) kinship() *kin { return k }

// kinOf is the place of a resource among others, nil if it never has any.
func kinOf(v resource) *kin {
	if r, ok := v.(related); ok {
		return r.kinship()
	}
	return nil
}

// adopt makes k the parent of a resource that has none.
func (k *kin) adopt(child *kin) {
	child.parent, child.older = k, k.child
	if k.child != nil {
		k.child.younger = child
	}
	k.child = child
}

// leave takes k from its parent, if it has one. It fails if k has children.
func (k *kin) leave() error {
	if k.child != nil {
		return k.childError(k.child)
	}
	if k.older != nil {
		k.older.younger = k.younger
	}
	if k.younger != nil {
		k.younger.older = k.older
	} else if k.parent != nil {
		k.parent.child = k.older
	}
	k.parent, k.older, k.younger = nil, nil, nil
	return nil
}

// childError is the trap of a guest that does with k what it may not do before
// it has dropped a child.
func (k *kin) childError(child *kin) error {
	return fmt.Errorf("%s still has a child, %s: drop that first", k, child)
}

// String is "pollable#1", as events show it.
func (k *kin) String() string {
	return fmt.Sprintf("%s#%d", k.name[strings.LastIndexByte(k.name, '.')+1:], k.rep)
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
	if k := kinOf(v); k != nil {
		k.name, k.rep = r.name, n+1
	}
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

// take returns the resource with a number, which becomes free. It fails if the
// resource has children.
func (r *resources[T]) take(rep uint32) (T, error) {
	v, err := r.get(rep)
	if err != nil {
		return v, err
	}
	if k := kinOf(v); k != nil {
		if err := k.leave(); err != nil {
			return v, err
		}
	}
	r.slots.Remove(rep - 1)
	r.count--
	return v, nil
}

// drop closes the resource with a number. An error is a trap.
func (r *resources[T]) drop(rep uint32) error {
	v, err := r.take(rep)
	if err != nil {
		return err
	}
	v.close()
	return nil
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

// giveChild is give for a child of parent.
func giveChild[T related](r *resources[T], c *component.Call, parent related, v T) error {
	if err := give(r, c, v); err != nil {
		return err
	}
	parent.kinship().adopt(v.kinship())
	return nil
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
