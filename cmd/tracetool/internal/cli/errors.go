package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
)

// Exit codes that are the same in every command.
const (
	codeFailed = 1
	codeUsage  = 2
)

// ExitError is an error that says how the process ends.
type ExitError struct {
	Code  int    // 0 leaves it to an error within, to [App.Classify], or to 1
	Err   error  // shown on stderr; nil: nothing is shown
	Hint  string // what to do about it, on a line of its own
	Quiet bool   // Err was shown already

	usage bool // a mistake on the command line
}

// Error is the message of Err.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }

// Usagef is a mistake on the command line: exit code 2, shown with the synopsis
// of the command. It wraps as fmt.Errorf does.
func Usagef(format string, args ...any) error {
	return &ExitError{Err: fmt.Errorf(format, args...), usage: true}
}

// Exit ends with code and shows nothing; Exit(0) is nil.
func Exit(code int) error {
	if code == 0 {
		return nil
	}
	return &ExitError{Code: code, Quiet: true}
}

// WithCode makes code the exit code of err, if there is an err.
func WithCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &ExitError{Code: code, Err: err}
}

// WithHint adds a hint to err, if there is an err.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &ExitError{Err: err, Hint: hint}
}

// outcome is what all the ExitErrors of a chain say together; the outermost
// has precedence.
type outcome struct {
	code  int
	hint  string
	quiet bool
	usage bool
}

func outcomeOf(err error) outcome {
	var o outcome
	var e *ExitError
	for errors.As(err, &e) {
		if o.code == 0 {
			o.code = e.Code
		}
		if o.hint == "" {
			o.hint = e.Hint
		}
		o.quiet = o.quiet || e.Quiet
		o.usage = o.usage || e.usage
		err = e.Err
	}
	return o
}

// finish shows err and returns the exit code.
func (n node) finish(ctx context.Context, io *IO, err error) int {
	io.applyColor()
	if err == nil {
		err = io.Stdout.Err() // a result that was not written is a failure
	}
	if err == nil {
		return 0
	}
	// Only stdout's own pipe counts: another one that broke is a failure.
	if errors.Is(err, ui.ErrPipeClosed) && errors.Is(io.Stdout.Err(), ui.ErrPipeClosed) {
		return 0
	}
	o := outcomeOf(err)
	if sig, ok := context.Cause(ctx).(*signalError); ok {
		if o.code == 0 {
			o.code = sig.code()
		}
		o.quiet = o.quiet || errors.Is(err, context.Canceled) || errors.Is(err, sig)
	}
	o = n.classify(err, o)
	if !o.quiet {
		n.show(io, err, o)
	}
	return o.code
}

// classify fills in what the error itself left open.
func (n node) classify(err error, o outcome) outcome {
	if n.app.Classify != nil && !o.usage {
		code, hint := n.app.Classify(err)
		if o.code == 0 && n.cmd().FailureCode == 0 {
			o.code = code
		}
		if o.hint == "" {
			o.hint = hint
		}
	}
	switch {
	case o.code != 0:
	case n.cmd().FailureCode != 0:
		o.code = n.cmd().FailureCode
	case o.usage:
		o.code = codeUsage
	default:
		o.code = codeFailed
	}
	return o
}

func (n node) show(io *IO, err error, o outcome) {
	name := n.app.Name
	if o.usage {
		name = n.name()
	}
	fmt.Fprintf(io.Stderr, "%s %s\n", io.Stderr.Paint(ui.Red, name+":"), ui.EscapeText(strings.TrimSpace(err.Error())))
	if o.hint != "" {
		fmt.Fprintf(io.Stderr, "%s %s\n", io.Stderr.Paint(ui.Cyan, "hint:"), ui.EscapeText(o.hint))
	}
	if o.usage {
		fmt.Fprintf(io.Stderr, "usage: %s\nhelp:  %s --help\n", n.usage(), n.name())
	}
}

// signalError is the cause of a context that a signal cancelled.
type signalError struct{ sig os.Signal }

func (e *signalError) Error() string { return e.sig.String() }

// code is what a shell makes of a process that the signal ended.
func (e *signalError) code() int {
	if sig, ok := e.sig.(syscall.Signal); ok {
		return 128 + int(sig)
	}
	return codeFailed
}

// IsUsage reports whether err is a mistake on the command line, as [Usagef]
// makes it.
func IsUsage(err error) bool { return outcomeOf(err).usage }
