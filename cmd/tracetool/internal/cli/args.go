package cli

import (
	"fmt"
	"slices"
	"strings"
)

// guestArgs is how [Command.Args] names the arguments of the guest.
const guestArgs = "[-- ARGS...]"

// operand is one word of [Command.Args].
type operand struct {
	name     string
	optional bool
	repeats  bool
}

// operands reads Args, which is both the synopsis and the rule.
func (c *Command) operands() []operand {
	args := strings.TrimSuffix(c.Args, guestArgs)
	depth := 0
	var list []operand
	for _, word := range strings.Fields(args) {
		depth += strings.Count(word, "[")
		name := strings.Trim(word, "[]")
		list = append(list, operand{
			name:     strings.TrimSuffix(name, "..."),
			optional: depth > 0,
			repeats:  strings.HasSuffix(name, "..."),
		})
		depth -= strings.Count(word, "]")
	}
	return list
}

// checkArgs compares the operands given with the ones declared.
func (n node) checkArgs(args []string) error {
	declared := n.cmd().operands()
	given := len(args)
	for _, op := range declared {
		if op.optional {
			continue
		}
		if given--; given < 0 {
			return Usagef("missing %s", op.name)
		}
	}
	if slices.ContainsFunc(declared, func(op operand) bool { return op.repeats }) {
		return nil
	}
	if len(args) <= len(declared) {
		return nil
	}
	extra := args[len(declared)]
	return n.withGuestHint(Usagef("unexpected argument %q", extra), args[:len(declared)], extra)
}

// withGuestHint tells where arguments of the guest go, for commands that have
// one.
func (n node) withGuestHint(err error, operands []string, arg string) error {
	if !n.cmd().GuestArgs {
		return err
	}
	app := strings.Fields(n.cmd().Args)[0]
	if len(operands) > 0 {
		app = operands[0]
	}
	return WithHint(err, fmt.Sprintf("arguments of the guest follow --: %s %s -- %s", n.name(), app, arg))
}
