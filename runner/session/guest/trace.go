package guest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/session"
)

// ErrNoProgram is returned for a trace that has no program inside: its model is
// somebody's own.
var ErrNoProgram = errors.New("the trace has no program inside")

// Attach puts the module inside a trace, with how it was started, so that
// OpenTrace needs nothing else.
func (p *Program) Attach(t *session.Trace) {
	sum := sha256.Sum256(p.module.Bytes)
	t.Program = &format.Program{
		Name: p.module.Name, SHA256: hex.EncodeToString(sum[:]),
		Args: append([]string{p.module.Name}, p.options.Args...), Env: p.options.Env,
	}
	t.Attachments = append(t.Attachments, session.Attachment{Name: p.module.Name, MediaType: format.MediaTypeWasm, Data: p.module.Bytes})
}

// OpenTrace opens the program inside a trace, or another module in its place,
// with the arguments and the environment that were recorded.
func OpenTrace(ctx context.Context, t *session.Trace, module *runner.Module, o Options) (*Program, error) {
	if t.Program == nil {
		return nil, ErrNoProgram
	}
	if module == nil {
		var err error
		if module, err = embedded(t); err != nil {
			return nil, err
		}
	}
	if len(t.Program.Args) > 0 {
		o.Args = t.Program.Args[1:]
	}
	o.Env = t.Program.Env
	// The name is the program's first argument.
	return Open(ctx, runner.Module{Name: t.Program.Name, Bytes: module.Bytes}, o)
}

func embedded(t *session.Trace) (*runner.Module, error) {
	for _, a := range t.Attachments {
		if a.Name != t.Program.Name {
			continue
		}
		if sum := sha256.Sum256(a.Data); hex.EncodeToString(sum[:]) != t.Program.SHA256 {
			return nil, fmt.Errorf("%s: sha256 %x, want %s", a.Name, sum, t.Program.SHA256)
		}
		return &runner.Module{Name: a.Name, Bytes: a.Data}, nil
	}
	return nil, fmt.Errorf("%w: no file %s", ErrNoProgram, t.Program.Name)
}

// restlessPause is when somebody's session goes on with a program that does not
// wait.
const restlessPause = 20 * time.Millisecond

// Due is when the program goes on by itself, since the start of the session; ok
// is false while it waits for input alone.
func (m *Model) Due() (at time.Duration, ok bool) {
	c, isCommand := m.driver.(*command)
	switch {
	case !isCommand:
		return 0, false
	case c.restless:
		return m.now + restlessPause, true
	}
	return c.deadline, c.deadline != never
}

// Wants says what a command has asked its terminal to tell.
func (m *Model) Wants() (mouse, paste, focus bool) {
	if c, isCommand := m.driver.(*command); isCommand {
		return c.terminal.screen.Wants()
	}
	return false, false, false
}
