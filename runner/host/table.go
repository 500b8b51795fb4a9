package host

// Table numbers descriptors from 0, giving out the lowest free number. Its zero
// value is empty.
type Table[T any] struct {
	slots []slot[T]
	free  int // no slot below it is free
}

type slot[T any] struct {
	value T
	used  bool
}

// maxDescriptors bounds a table, so that a guest cannot grow it without end.
const maxDescriptors = 1 << 20

// Insert stores v under the lowest free number, or fails with ENFILE.
func (t *Table[T]) Insert(v T) (uint32, error) {
	for t.free < len(t.slots) && t.slots[t.free].used {
		t.free++
	}
	if t.free == maxDescriptors {
		return 0, ENFILE
	}
	if t.free == len(t.slots) {
		t.slots = append(t.slots, slot[T]{})
	}
	t.slots[t.free] = slot[T]{v, true}
	t.free++
	return uint32(t.free - 1), nil
}

// Get returns what is stored under fd.
func (t *Table[T]) Get(fd uint32) (v T, ok bool) {
	if uint64(fd) >= uint64(len(t.slots)) {
		return v, false
	}
	s := &t.slots[fd]
	return s.value, s.used
}

// Remove frees fd and returns what was stored there.
func (t *Table[T]) Remove(fd uint32) (v T, ok bool) {
	if v, ok = t.Get(fd); !ok {
		return v, false
	}
	t.slots[fd] = slot[T]{}
	t.free = min(t.free, int(fd))
	return v, true
}

// Renumber moves what is stored under from to the number to, in use as well,
// and returns what that held before. If one is free, nothing happens.
func (t *Table[T]) Renumber(from, to uint32) (old T, ok bool) {
	old, ok = t.Get(to)
	v, have := t.Get(from)
	if !ok || !have {
		return old, false
	}
	t.slots[to].value = v
	if from != to {
		t.Remove(from)
	}
	return old, true
}

// All calls f for each descriptor, lowest number first.
func (t *Table[T]) All(f func(fd uint32, v T)) {
	for i := range t.slots {
		if t.slots[i].used {
			f(uint32(i), t.slots[i].value)
		}
	}
}
