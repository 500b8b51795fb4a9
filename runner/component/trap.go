package component

import "fmt"

// Trap is why a guest was ended: it broke a rule of the canonical ABI, or a
// host function said so.
type Trap struct{ Message string }

func (t *Trap) Error() string { return t.Message }

// trap ends the guest from within a call. The runtime, or the call of the
// export that is under way, makes it that call's error.
func trap(format string, args ...any) {
	panic(&Trap{fmt.Sprintf(format, args...)})
}

// ExitError ends a guest that asked for it. Host functions return it.
type ExitError struct{ Code uint32 }

func (e *ExitError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }
