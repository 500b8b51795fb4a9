package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/sys"
	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/writer"
)

// End says why a run is over.
type End string

// The ends of a run.
const (
	EndExit      End = "exit"      // the guest exited or returned
	EndTrap      End = "trap"      // the guest trapped
	EndTimeout   End = "timeout"   // Config.Timeout passed
	EndCancelled End = "cancelled" // the context was cancelled
	EndFull      End = "full"      // the trace reached its maximum size
	EndCut       End = "cut"       // replay: the recording stops here
	EndUntil     End = "until"     // replay: the event asked for was reached
	EndDiverged  End = "diverged"  // replay: see the *DivergenceError
)

// ExitCodeTrap is the exit code of a guest that trapped: that of SIGABRT in a
// shell.
const ExitCodeTrap = 134

// Result is what a run came to.
type Result struct {
	End        End
	ExitCode   uint32        // the guest's; ExitCodeTrap if it trapped
	Trap       *Trap         // nil unless End is EndTrap
	Events     int64         // recorded or replayed
	Duration   time.Duration // of the guest, start to end
	HasMemory  bool          // the module has a memory
	MemoryHash uint64        // XXH3-64 of the final memory
	Stack      []string      // guest's stack at EndUntil, see Trap
	Invoked    []Invocation  // what Config.Invoke named, as far as it returned
	Warnings   []string      // replay: why it may differ on this machine
	Cut        []int32       // replay: the tasks that have no end, in order
	// OutputErr is the first error of writing to Stdout or Stderr in a replay,
	// which goes on without.
	OutputErr error
}

// Incomplete reports whether the run was stopped before its end, so that its
// trace is one of a part only.
func (r *Result) Incomplete() bool {
	switch r.End {
	case EndTimeout, EndCancelled, EndFull, EndCut:
		return true
	}
	return false
}

// Trap is why a guest could not go on.
type Trap struct {
	Message string // "unreachable"
	// Stack has one line for each function, innermost first. Lines that begin
	// with a tab are source lines of the function before them, where the
	// module carries DWARF.
	Stack []string
}

const (
	trapPrefix  = "wasm error: "
	overflow    = "stack overflow" // all that the compiler says of it
	stackMarker = "wasm stack trace:\n\t"
	hostMarker  = " (recovered by wazero)"
	goMarker    = "\n\nGo runtime stack trace:"
)

// isTrap tells what happened in the guest from a module that could not even be
// instantiated.
func isTrap(err error) bool {
	text := err.Error()
	if errors.As(err, new(*component.Trap)) {
		return true
	}
	return strings.Contains(text, trapPrefix) || strings.Contains(text, stackMarker) || strings.HasSuffix(text, overflow)
}

// newTrap takes wazero's error text apart.
func newTrap(err error) *Trap {
	text, _, _ := strings.Cut(err.Error(), goMarker)
	message, stack, _ := strings.Cut(text, stackMarker)
	if _, after, ok := strings.Cut(message, trapPrefix); ok {
		message = after
	}
	t := &Trap{Message: strings.TrimSuffix(strings.TrimSuffix(message, "\n"), hostMarker)}
	if stack != "" {
		for line := range strings.SplitSeq(stack, "\n") {
			// The guest's instance has no name to stand before the dot.
			t.Stack = append(t.Stack, strings.TrimPrefix(strings.TrimPrefix(line, "\t"), "."))
		}
	}
	return t
}

// text is the Input of a trap event.
func (t *Trap) text() []byte {
	return []byte(t.Message + "\n" + strings.Join(t.Stack, "\n"))
}

// parseTrap is the inverse of text.
func parseTrap(input []byte) *Trap {
	message, stack, _ := strings.Cut(string(input), "\n")
	t := &Trap{Message: message}
	if stack != "" {
		t.Stack = strings.Split(stack, "\n")
	}
	return t
}

// setError says how the guest ended from the error of the call that was under
// way: nil is its return. A failure of this program is returned.
func (r *Result) setError(ctx context.Context, err, recordErr error) error {
	var exit *sys.ExitError
	var fault runtime.Error
	switch {
	case errors.Is(recordErr, writer.ErrFull):
		r.End = EndFull
	case recordErr != nil:
		return recordErr
	case err == nil:
		r.End = EndExit
	case errors.As(err, &exit) && !interrupted(ctx, exit):
		r.End, r.ExitCode = EndExit, exit.ExitCode()
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.End = EndTimeout
	case ctx.Err() != nil:
		r.End = EndCancelled
	case errors.As(err, &fault):
		return fmt.Errorf("host function: %w", err)
	case !isTrap(err):
		return err
	default:
		r.End, r.ExitCode, r.Trap = EndTrap, ExitCodeTrap, newTrap(err)
	}
	return nil
}

// interrupted: the exit code is the one that wazero gives a guest whose context
// is done. A guest may exit with the same.
func interrupted(ctx context.Context, exit *sys.ExitError) bool {
	return ctx.Err() != nil && (exit.ExitCode() == sys.ExitCodeContextCanceled || exit.ExitCode() == sys.ExitCodeDeadlineExceeded)
}
