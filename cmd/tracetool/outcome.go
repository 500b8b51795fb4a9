package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/writer"
)

// outcome is what --report writes: how a run or a replay went.
type outcome struct {
	Command    string      `json:"command"`          // "record", "run" or "replay"
	Module     string      `json:"module,omitempty"` // file of the program; at replay what replaced it
	Trace      string      `json:"trace,omitempty"`
	Process    string      `json:"process,omitempty"`   // id in the registry
	End        runner.End  `json:"end,omitempty"`       // absent if the guest was not started or we failed
	ExitCode   *uint32     `json:"exit_code,omitempty"` // the guest's, 134 for a trap
	Events     int64       `json:"events"`
	DurationNS int64       `json:"duration_ns"`
	MemoryHash string      `json:"memory_hash,omitempty"` // XXH3-64 of the final memory, 16 hex digits
	Trap       *trap       `json:"trap,omitempty"`
	Invoked    []string    `json:"invoked,omitempty"` // "add(1, 2) = 3"
	Stack      []string    `json:"stack,omitempty"`   // of the guest, at --until
	Divergence *divergence `json:"divergence,omitempty"`
	Warnings   []string    `json:"warnings,omitempty"`
	Error      string      `json:"error,omitempty"`
}

type trap struct {
	Message string   `json:"message"`
	Stack   []string `json:"stack"`
}

type divergence struct {
	Event       int64        `json:"event"`
	Reason      string       `json:"reason"`
	Function    string       `json:"function,omitempty"`
	Recorded    string       `json:"recorded,omitempty"`
	Now         string       `json:"now,omitempty"`
	Differences []difference `json:"differences,omitempty"`
	Before      []string     `json:"before,omitempty"`
	Stack       []string     `json:"stack,omitempty"`
	Redacted    bool         `json:"redacted,omitempty"` // the trace was: the call may follow from a masked secret
}

type difference struct {
	Name     string `json:"name"`
	Recorded string `json:"recorded"`
	Now      string `json:"now"`
}

// fill takes over what the runner returned.
func (o *outcome) fill(r *runner.Result, err error) {
	if r != nil {
		o.fillResult(r)
	}
	if err != nil {
		o.Error = err.Error()
	}
	var d *runner.DivergenceError
	if errors.As(err, &d) {
		o.End = runner.EndDiverged
		o.Divergence = &divergence{d.Event, d.Reason, d.Function, d.Recorded, d.Now, differences(d.Differences), d.Before, d.Stack, d.Redacted}
	}
}

func (o *outcome) fillResult(r *runner.Result) {
	o.End, o.Events, o.DurationNS = r.End, r.Events, r.Duration.Nanoseconds()
	o.Stack, o.Warnings = r.Stack, r.Warnings
	if r.End == runner.EndExit || r.End == runner.EndTrap {
		o.ExitCode = &r.ExitCode
	}
	if r.HasMemory {
		o.MemoryHash = fmt.Sprintf("%016x", r.MemoryHash)
	}
	if r.Trap != nil {
		o.Trap = &trap{r.Trap.Message, r.Trap.Stack}
	}
	for _, c := range r.Invoked {
		o.Invoked = append(o.Invoked, c.String())
	}
}

func differences(list []call.Difference) []difference {
	var out []difference
	for _, d := range list {
		out = append(out, difference{d.Name, d.Recorded, d.Now})
	}
	return out
}

// endFlags say how the outcome of a run is told.
type endFlags struct {
	report string
	force  bool
	codes  codeMode
}

// codeMode is the value of --exit-code.
type codeMode string

const (
	guestCodes codeMode = "guest"
	toolCodes  codeMode = "tool"
)

func (e *endFlags) bind(fs *pflag.FlagSet) {
	fs.StringVar(&e.report, "report", "", "write the outcome to `FILE`, as JSON")
	cli.EnumVarP(fs, &e.codes, "exit-code", "", guestCodes, "exit with the code of the guest, or with one that tells how we fared", guestCodes, toolCodes)
	fs.BoolVarP(&e.force, "force", "f", false, "replace files that exist")
}

// guard runs the body of a verb that has an outcome, reports it and finds the
// exit code.
func (e *endFlags) guard(ctx context.Context, streams *cli.IO, o *outcome, body func() (*runner.Result, error)) error {
	report, err := createIfNamed(e.report, e.force)
	if err != nil {
		return e.failure(ctx, err)
	}
	defer report.Abort()
	ended := announceStop(ctx, streams)
	result, err := body()
	ended()
	o.fill(result, err)
	if report != nil {
		writeErr := ui.Encode(report, ui.JSON, o)
		if writeErr == nil {
			writeErr = report.Commit()
		}
		if writeErr != nil {
			return e.failure(ctx, errors.Join(err, writeErr))
		}
	}
	if err != nil {
		return e.failure(ctx, err)
	}
	return e.exit(ctx, result)
}

// createIfNamed creates a file that a flag may name.
func createIfNamed(path string, force bool) (*writer.NewFile, error) {
	if path == "" {
		return nil, nil
	}
	return writer.CreateNew(path, force)
}

// patience is how long an interrupted program may go on before we say why.
const patience = time.Second

// announceStop tells somebody who interrupts a program that makes no calls, or
// waits in one that nothing interrupts, how to end it. The function returned
// calls that off.
func announceStop(ctx context.Context, streams *cli.IO) func() {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-done:
		case <-time.After(patience):
			streams.Notef("not stopped yet: the program computes without making a call, or waits for its output to be read; interrupt again to kill it")
		}
	})
	return func() { stop(); close(done) }
}

// failure gives an error its code; those of signals are known to Main.
func (e *endFlags) failure(ctx context.Context, err error) error {
	var d *runner.DivergenceError
	code, _ := classify(err)
	switch {
	case errors.As(err, &d):
		return cli.Exit(e.choose(codeDiverged, codeDifferent))
	case e.codes == guestCodes, ctx.Err() != nil:
		return err
	case cli.IsUsage(err):
		code = codeUsage
	case code == 0:
		code = codeFailed
	}
	return cli.WithCode(code, err)
}

// exit is the error that carries the exit code of a run that has a result.
func (e *endFlags) exit(ctx context.Context, r *runner.Result) error {
	switch r.End {
	case runner.EndExit, runner.EndTrap:
		return cli.Exit(e.choose(exitStatus(r.ExitCode), 0))
	case runner.EndFull, runner.EndCut:
		return cli.Exit(e.choose(codeCut, codeLost))
	case runner.EndTimeout:
		return cli.Exit(e.choose(codeTimeout, codeLost))
	case runner.EndCancelled:
		return ctx.Err()
	}
	return nil
}

func (e *endFlags) choose(guest, tool int) int {
	if e.codes == toolCodes {
		return tool
	}
	return guest
}

// exitStatus is the part of a guest's exit code that a process can have. A
// failure stays one: 256 does not become 0.
func exitStatus(code uint32) int {
	if code != 0 && code&0xff == 0 {
		return codeFailed
	}
	return int(code & 0xff)
}

// showEnd prints what the exports that --invoke names returned, and why the
// guest died, in record, run and replay alike.
func showEnd(stdout io.Writer, stderr *ui.Stream, r *runner.Result) {
	for _, c := range r.Invoked {
		fmt.Fprintln(stdout, ui.Escape(c.String()))
	}
	if r.Trap != nil {
		fmt.Fprintf(stderr, "%s %s\n", stderr.Paint(ui.Red, "trap:"), ui.Escape(r.Trap.Message))
		showStack(stderr, r.Trap.Stack)
	}
}

func showStack(w io.Writer, stack []string) {
	for _, line := range stack {
		fmt.Fprintf(w, "    %s\n", ui.Escape(strings.ReplaceAll(line, "\t", "    ")))
	}
}
