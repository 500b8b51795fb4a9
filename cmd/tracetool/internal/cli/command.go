package cli

import (
	"context"
	"strings"

	"github.com/spf13/pflag"
)

// Body does a command's work. args are its operands, their number checked
// against [Command.Args]; arguments for a guest are in [IO.Guest].
type Body func(ctx context.Context, io *IO, args []string) error

// Command is one row of the table: a verb, or a family of verbs such as
// "module" with "module ls" in Sub.
type Command struct {
	Name    string   // as typed, lower case
	Aliases []string // other names, not shown in completion
	Short   string   // one line, capital letter, no full stop
	Long    string   // paragraphs parted by empty lines; those indented by two blanks are kept as they are

	// Args names the operands, and their number is derived from it: FILE is
	// one, [FILE] none or one, FILE... one or more, [FILE...] any number.
	// "[-- ARGS...]" at the end stands for the guest's.
	Args string

	// GuestArgs hands what follows "--" over in [IO.Guest].
	GuestArgs bool

	Group    string       // heading in the help of the level above
	Examples []Example    // in help and man page
	Complete []Completion // how the operands complete, in order; the last repeats
	Sub      []*Command   // the verbs of a family, which has no Bind

	// Alone is the body of a family of which no verb is named, which is a
	// mistake where it is nil.
	Alone Body

	// Bind declares the flags on fs and returns the body that uses them.
	Bind func(fs *pflag.FlagSet) Body

	// ExitCodes replaces the table of the App in this command's help.
	ExitCodes []ExitCode

	// FailureCode, where it is not 0, is the exit code of every failure that
	// brings no code of its own, usage included. It is for verbs that pass on
	// the exit code of a guest, which must not be mistaken for ours.
	FailureCode int
}

// Example is a command line and what it is good for.
type Example struct {
	Command string // "tracetool inspect app.trace.arrow"
	What    string // "Show a summary"
}

// ExitCode is a line of the table of exit codes in help and man pages.
type ExitCode struct {
	Code    int
	Meaning string
}

// Topic is a page of help that belongs to no verb: help NAME.
type Topic struct{ Name, Short, Long string }

// node is a command with the way to it: the App's own row, the verb, its verb.
type node struct {
	app  *App
	path []*Command
}

func (n node) cmd() *Command { return n.path[len(n.path)-1] }

func (n node) isRoot() bool { return len(n.path) == 1 }

func (n node) child(c *Command) node {
	return node{n.app, append(n.path[:len(n.path):len(n.path)], c)}
}

// name is what is typed to call the command: "tracetool module ls".
func (n node) name() string { return n.join(" ") }

func (n node) join(sep string) string {
	names := make([]string, len(n.path))
	for i, c := range n.path {
		names[i] = c.Name
	}
	return strings.Join(names, sep)
}

// find returns the subcommand of that name or alias, nil where there is none.
func (n node) find(name string) *Command {
	for _, c := range n.cmd().Sub {
		if c.Name == name {
			return c
		}
		for _, alias := range c.Aliases {
			if alias == name {
				return c
			}
		}
	}
	return nil
}

// usage is the synopsis: "tracetool record [flags] APP.wasm [-- ARGS...]".
func (n node) usage() string {
	c := n.cmd()
	switch {
	case n.isRoot():
		return c.Name + " [flags] COMMAND ..."
	case c.Sub != nil:
		return n.name() + " COMMAND ..."
	case c.Args == "":
		return n.name() + " [flags]"
	}
	return n.name() + " [flags] " + c.Args
}

// walk calls fn for n and every command below it.
func (n node) walk(fn func(node)) {
	fn(n)
	for _, c := range n.cmd().Sub {
		n.child(c).walk(fn)
	}
}
