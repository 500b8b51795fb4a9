package component

import "context"

// resourceType is a resource type of an instance.
type resourceType struct {
	name  string    // of a host's, "wasi:io/streams.input-stream"
	host  bool      // the host implements it
	owner *instance // that implements it, nil for the host's
	dtor  *coreItem // nil: none
}

// handle is an entry of a component instance's table.
type handle struct {
	typ   *resourceType // nil: the entry is free
	rep   uint32
	next  uint32 // free entry after this one
	lends int    // calls that have a borrow of it, for an own handle
	scope *task  // of a borrow
}

// maxHandles is how many handles a component instance may have.
const maxHandles = 1 << 22

// handles is the table of a component instance. Numbers begin at 1, and the
// last one freed is the first one given again, as the canonical ABI says.
type handles struct {
	list []handle
	free uint32 // 0: none
}

func (t *handles) add(h handle) uint32 {
	if t.free != 0 {
		n := t.free
		t.free = t.list[n].next
		t.list[n] = h
		return n
	}
	if len(t.list) == 0 {
		t.list = append(t.list, handle{})
	}
	if len(t.list) > maxHandles {
		trap("more than %d handles", maxHandles)
	}
	t.list = append(t.list, h)
	return uint32(len(t.list) - 1)
}

// get returns the handle of that number, which must be of the type.
func (t *handles) get(n uint32, typ *resourceType) *handle {
	if uint64(n) >= uint64(len(t.list)) || t.list[n].typ == nil {
		trap("unknown handle index %d", n)
	}
	h := &t.list[n]
	if h.typ != typ {
		trap("handle index %d used with the wrong type, expected guest-defined resource %s but found %s", n, typ, h.typ)
	}
	return h
}

func (t *resourceType) String() string {
	if t.name == "" {
		return "resource"
	}
	return t.name
}

func (t *handles) remove(n uint32) {
	t.list[n] = handle{next: t.free}
	t.free = n
}

// take removes an own handle that is passed on and returns what it stands for.
func (t *handles) take(n uint32, typ *resourceType) uint32 {
	h := t.get(n, typ)
	switch {
	case h.scope != nil:
		trap("cannot lift own resource from a borrow")
	case h.lends > 0:
		trap("cannot remove owned resource while borrowed")
	}
	rep := h.rep
	t.remove(n)
	return rep
}

// drop is resource.drop.
func (in *instance) drop(ctx context.Context, n uint32, typ *resourceType) {
	h := in.handles.get(n, typ)
	if h.lends > 0 {
		trap("cannot remove owned resource while borrowed")
	}
	scope, rep := h.scope, h.rep
	in.handles.remove(n)
	switch {
	case scope != nil:
		scope.borrows--
	case typ.host:
		if err := in.store.host.Drop(ctx, typ.name, rep); err != nil {
			panic(err)
		}
	case typ.dtor != nil:
		typ.destroy(ctx, in, rep)
	}
}

// destroy calls the destructor. That of another instance is a call into it.
func (t *resourceType) destroy(ctx context.Context, from *instance, rep uint32) {
	if t.owner != from {
		t.owner.enter()
		defer t.owner.leave()
	}
	outer := t.owner.begin(&task{})
	t.dtor.call(ctx, []uint64{uint64(rep)})
	t.owner.begin(outer)
}
