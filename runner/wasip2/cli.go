package wasip2

import (
	"context"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// cliInterfaces are the functions of wasi:cli.
var cliInterfaces = []Interface{
	{"wasi:cli/environment", []Function{
		{"get-environment", "() -> list<tuple<string, string>>", (*Host).getEnvironment},
		{"get-arguments", "() -> list<string>", (*Host).getArguments},
		{"initial-cwd", "() -> option<string>", (*Host).initialCwd},
	}},
	{"wasi:cli/exit", []Function{
		{"exit", "(status: result)", (*Host).exit},
		{"exit-with-code", "(status-code: u8)", (*Host).exitWithCode},
	}},
	{"wasi:cli/stdin", []Function{{"get-stdin", "() -> own<$input>", (*Host).getStdin}}},
	{"wasi:cli/stdout", []Function{{"get-stdout", "() -> own<$output>", (*Host).getStdout}}},
	{"wasi:cli/stderr", []Function{{"get-stderr", "() -> own<$output>", (*Host).getStderr}}},
	{"wasi:cli/terminal-input", nil},
	{"wasi:cli/terminal-output", nil},
	{"wasi:cli/terminal-stdin", []Function{
		{"get-terminal-stdin", "() -> option<own<$term-input>>", (*Host).terminalStdin},
	}},
	{"wasi:cli/terminal-stdout", []Function{
		{"get-terminal-stdout", "() -> option<own<$term-output>>", (*Host).terminalStdout},
	}},
	{"wasi:cli/terminal-stderr", []Function{
		{"get-terminal-stderr", "() -> option<own<$term-output>>", (*Host).terminalStderr},
	}},
}

func (h *Host) getEnvironment(_ context.Context, c *component.Call) error {
	c.Result.Len(len(h.env))
	for _, kv := range h.env {
		c.Result.String(kv[0])
		c.Result.String(kv[1])
	}
	return nil
}

func (h *Host) getArguments(_ context.Context, c *component.Call) error {
	c.Result.Len(len(h.cfg.Args))
	for _, arg := range h.cfg.Args {
		c.Result.String(arg)
	}
	return nil
}

func (h *Host) initialCwd(_ context.Context, c *component.Call) error {
	if h.cfg.Cwd == "" {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	c.Result.String(h.cfg.Cwd)
	return nil
}

func (h *Host) exit(_ context.Context, c *component.Call) error {
	var code uint32
	if c.Args.IsErr() {
		code = 1
	}
	return &component.ExitError{Code: code}
}

func (h *Host) exitWithCode(_ context.Context, c *component.Call) error {
	return &component.ExitError{Code: uint32(c.Args.U8())}
}

func (h *Host) getStdin(_ context.Context, c *component.Call) error {
	return give(&h.inputs, c, &inputStream{in: h.stdin})
}

func (h *Host) getStdout(_ context.Context, c *component.Call) error {
	return give(&h.outputs, c, &outputStream{out: direct{h.stdout.Write}})
}

func (h *Host) getStderr(_ context.Context, c *component.Call) error {
	return give(&h.outputs, c, &outputStream{out: direct{h.stderr.Write}})
}

// terminal is a resource without functions: it says that there is a terminal.
type terminal struct{}

func (terminal) close() {}

func (h *Host) terminalStdin(_ context.Context, c *component.Call) error {
	return giveTerminal(&h.termIn, c, h.stdin)
}

func (h *Host) terminalStdout(_ context.Context, c *component.Call) error {
	return giveTerminal(&h.termOut, c, h.stdout)
}

func (h *Host) terminalStderr(_ context.Context, c *component.Call) error {
	return giveTerminal(&h.termOut, c, h.stderr)
}

func giveTerminal(r *resources[terminal], c *component.Call, stdio host.IO) error {
	if s, ok := stdio.(*host.Stream); !ok || !s.Terminal() {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	return give(r, c, terminal{})
}
