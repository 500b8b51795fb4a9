package guest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/wasi"
)

// Model is a run of a program: a session.Model. The program runs inside of its
// methods alone, and rests between them.
type Model struct {
	program  *Program
	driver   driver
	system   *wasi.System
	calls    []api.GoModuleFunc // of wasi.Functions
	instance api.Module
	ctx      context.Context // of all that the program does; nil before Start
	cancel   context.CancelCauseFunc

	now   time.Duration
	spent int // calls since the program was given something
	idle  int // questions in a row whether there is anything to do

	exit   *session.ExitError // nil while it runs
	failed error              // of ours, or of a program that is stuck
	trap   *runner.Trap
}

// driver is how a program is given what the session has. Its methods return the
// error that ended the program.
type driver interface {
	config(*wasi.Config)
	start(size session.Size, seed uint64) error
	handle(session.Event) error
	resize(session.Size) error
	advance(now time.Duration) error
	draw(*session.Frame) error
	// ask counts a question whether there is anything to do.
	ask(ctx context.Context)
	close()
}

// Start instantiates the module and runs it until it waits.
func (m *Model) Start(size session.Size, seed uint64) error {
	if m.ctx != nil || m.failed != nil {
		return errors.New("the model was started before, or is closed")
	}
	m.ctx, m.cancel = context.WithCancelCause(context.WithValue(context.Background(), modelKey{}, m))
	if m.program.frames == nil {
		m.driver = newCommand(m, size)
	} else {
		m.driver = &frames{m: m, exports: m.program.frames, size: size}
	}
	if err := m.makeSystem(size, seed); err != nil {
		m.failed = err
		return err
	}
	return m.limited(func() error { return m.driver.start(size, seed) })
}

func (m *Model) makeSystem(size session.Size, seed uint64) (err error) {
	o := &m.program.options
	config := wasi.Config{
		Args:  append([]string{m.program.module.Name}, o.Args...),
		Env:   append([]string{fmt.Sprintf("COLUMNS=%d", size.Columns), fmt.Sprintf("LINES=%d", size.Rows), "TERM=" + Term}, o.Env...),
		Clock: clock{m}, Random: random(seed),
	}
	m.driver.config(&config)
	if m.system, err = wasi.New(config); err != nil {
		return err
	}
	for _, f := range wasi.Functions {
		body, ok := m.system.Function(f.Name)
		if !ok {
			return fmt.Errorf("%s is in the table of calls, but the host has no such function", f.Name)
		}
		m.calls = append(m.calls, body)
	}
	return nil
}

// random is the generator of a seed: chacha8rand with the seed as the first 8
// bytes of its key, little endian, and zeros behind.
func random(seed uint64) *rand.ChaCha8 {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

func (m *Model) instantiate() (err error) {
	m.instance, err = m.program.instantiate(m.ctx)
	return err
}

// limited lets the program go on, within its bounds, and puts down how it ended
// if it did.
func (m *Model) limited(step func() error) error {
	if err := m.ended(); err != nil {
		return err
	}
	if m.driver == nil {
		return errNotStarted
	}
	m.program.clean()
	m.spent, m.idle = 0, 0
	if timeout := m.program.options.Timeout; timeout > 0 {
		defer time.AfterFunc(timeout, func() { m.cancel(&StuckError{Timeout: timeout}) }).Stop()
	}
	if err := step(); err != nil {
		m.end(err)
		m.release()
	}
	return m.ended()
}

// ended is how the program ended, nil while it runs.
func (m *Model) ended() error {
	switch {
	case m.failed != nil:
		return m.failed
	case m.exit != nil:
		return m.exit
	}
	return nil
}

var (
	// errClosed is why a program ends whose session is over.
	errClosed     = errors.New("the model is closed")
	errNotStarted = errors.New("the model was not started")
)

// end puts down how the program ended.
func (m *Model) end(err error) {
	var exit *sys.ExitError
	switch {
	case m.ctx.Err() != nil:
		m.failed = context.Cause(m.ctx)
	case errors.As(err, &exit):
		m.exit = &session.ExitError{Code: int(exit.ExitCode())}
	default:
		if m.trap = runner.TrapOf(err); m.trap == nil {
			m.failed = err
			return
		}
		m.exit = &session.ExitError{Code: runner.ExitCodeTrap}
	}
}

// call makes one call of the program.
func (m *Model) call(ctx context.Context, i int, mod api.Module, stack []uint64) {
	m.program.clean()
	if m.spent++; m.spent > MaxCalls {
		m.cancel(&StuckError{Calls: MaxCalls})
	}
	if ctx.Err() != nil {
		_ = mod.CloseWithExitCode(ctx, sys.ExitCodeContextCanceled) // the panic reports the same
		panic(sys.NewExitError(sys.ExitCodeContextCanceled))
	}
	if isQuestion[i] {
		m.driver.ask(ctx)
	}
	m.calls[i](ctx, mod, stack)
}

// isQuestion marks the functions that only ask for the time, or give up a turn.
var isQuestion = func() []bool {
	list := make([]bool, len(wasi.Functions))
	for i, f := range wasi.Functions {
		list[i] = f.Name == "clock_time_get" || f.Name == "sched_yield"
	}
	return list
}()

// Handle gives the program an event.
func (m *Model) Handle(ev session.Event) error {
	return m.limited(func() error { return m.driver.handle(ev) })
}

// Resize changes the size of the screen.
func (m *Model) Resize(size session.Size) error {
	return m.limited(func() error { return m.driver.resize(size) })
}

// Advance moves the program's clocks on, and wakes it whenever what it waits for
// has come.
func (m *Model) Advance(now time.Duration) error {
	return m.limited(func() error { return m.driver.advance(now) })
}

// Draw stores what the program shows, or showed when it ended.
func (m *Model) Draw(f *session.Frame) error {
	switch {
	case m.failed != nil:
		return m.failed
	case m.driver == nil:
		return errNotStarted
	}
	return m.driver.draw(f)
}

// Trap is why the program died, nil if it did not. It has exited with
// runner.ExitCodeTrap then.
func (m *Model) Trap() *runner.Trap { return m.trap }

// Close ends the program, wherever it is. Nothing of it is left.
func (m *Model) Close() error {
	if m.ended() == nil {
		m.failed = errClosed
		if m.ctx != nil {
			m.release()
		}
	}
	m.program.forget(m)
	return nil
}

// release gives up what belongs to a program that runs no more.
func (m *Model) release() {
	m.cancel(errClosed)
	m.driver.close()
	if m.instance != nil {
		_ = m.instance.Close(context.Background())
	}
	_ = m.system.Close()
}

// clock is the session's: it stands still while the program computes.
type clock struct{ m *Model }

// Wall counts from session.Epoch.
func (c clock) Wall() int64 { return session.Epoch + int64(c.m.now) }

// Monotonic counts from the start of the session.
func (c clock) Monotonic() int64 { return int64(c.m.now) }

// CPU is the same: what a program computes takes no time.
func (c clock) CPU() int64 { return int64(c.m.now) }
