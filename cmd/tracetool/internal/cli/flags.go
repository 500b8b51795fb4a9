package cli

import (
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// flagDoc is a flag as help, completion and man pages show it.
type flagDoc struct {
	*pflag.Flag
	value string // name of the value, empty for a switch
	usage string // without the backquotes
	def   string // default that is worth telling
}

// docs returns the flags of a command, its own and the ones that all have.
func (n node) docs() (own, global []flagDoc) {
	globals := n.app.globals(&IO{})
	fs, _ := n.bind(globals, io.Discard)
	fs.VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Hidden:
		case globals.Lookup(f.Name) == f:
			global = append(global, newFlagDoc(f))
		default:
			own = append(own, newFlagDoc(f))
		}
	})
	return own, global
}

func newFlagDoc(f *pflag.Flag) flagDoc {
	return flagDoc{
		Flag:  f,
		value: valueName(f),
		usage: strings.ReplaceAll(f.Usage, "`", ""),
		def:   defaultOf(f),
	}
}

// label is "-t, --trace FILE", the long name aligned where there is no short
// one.
func (d flagDoc) label() string {
	s := "    --" + d.Name
	if d.Shorthand != "" {
		s = "-" + d.Shorthand + ", --" + d.Name
	}
	if d.value == "" {
		return s
	}
	if d.NoOptDefVal != "" {
		return s + "[=" + d.value + "]"
	}
	return s + " " + d.value
}

// description is the usage with the default.
func (d flagDoc) description() string {
	if d.def == "" {
		return d.usage
	}
	return d.usage + " (default " + d.def + ")"
}

// valueName is the word in backquotes in a flag's usage, else one that its type
// gives; empty for a switch.
func valueName(f *pflag.Flag) string {
	if parts := strings.SplitN(f.Usage, "`", 3); len(parts) == 3 {
		return parts[1]
	}
	switch kind := f.Value.Type(); {
	case kind == "bool":
		return ""
	case kind == "count":
		return ""
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"), strings.HasPrefix(kind, "float"):
		return "N"
	case strings.HasPrefix(kind, "string"):
		return "TEXT"
	default:
		return kind
	}
}

// defaultOf leaves out the defaults that say no more than "not given".
func defaultOf(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "0", "0s", "false", "[]", "<nil>":
		return ""
	}
	return f.DefValue
}

// takesValue reports whether the next word belongs to the flag.
func takesValue(f *pflag.Flag) bool { return f.NoOptDefVal == "" }
