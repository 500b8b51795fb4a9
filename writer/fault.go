package writer

import (
	"errors"
	"runtime/debug"
)

// A write to a mapped page fails with a signal if the disk has no room for it
// (reserved space can be lost where files are copied on write) or somebody has
// cut the sidecar short. faultsPanic makes it a panic of the calling goroutine,
// from now on: to set that back and forth costs as much as half of Append.
func faultsPanic() { debug.SetPanicOnFault(true) }

// recoverFault is deferred: it turns such a panic into an error, after which
// nothing is written any more. The row concerned does not count.
func (w *Writer) recoverFault(err *error) {
	if v := recover(); v != nil {
		*err = faultError(v)
		w.seal.fail(*err)
		if w.mu == nil {
			w.fast = nil
		}
	}
}

// errFault says what the runtime does not, for which it is an invalid address.
var errFault = errors.New("mapped sidecar: a page of it is gone: the disk is full, or something has cut the file short")

// faultError returns the error for a recovered fault; other panics go on.
func faultError(v any) error {
	_, ok := v.(interface {
		error
		Addr() uintptr
	})
	if !ok {
		panic(v)
	}
	return errFault
}
