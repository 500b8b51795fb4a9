package cli

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
)

var commandName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// faults lists what is wrong with one row of the table.
func (n node) faults() []string {
	c := n.cmd()
	var list []string
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	fault(!commandName.MatchString(c.Name), "name %q, want lower case", c.Name)
	fault(c.Short == "" || strings.HasSuffix(c.Short, ".") || !unicode.IsUpper([]rune(c.Short + " ")[0]),
		"short text %q, want a sentence without full stop", c.Short)
	fault((c.Bind == nil) == (c.Sub == nil), "want either Bind or Sub")
	fault(c.Alone != nil && c.Sub == nil, "Alone is for families")
	fault(c.GuestArgs != strings.HasSuffix(c.Args, guestArgs), "GuestArgs is %t, but Args is %q", c.GuestArgs, c.Args)
	fault(len(n.exitCodes()) == 0, "no exit codes")
	list = append(list, n.duplicates()...)
	list = append(list, n.flagFaults()...)
	return append(list, n.exampleFaults()...)
}

func (n node) duplicates() []string {
	var list, seen []string
	for _, c := range n.cmd().Sub {
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			if slices.Contains(seen, name) {
				list = append(list, fmt.Sprintf("two commands are called %q", name))
			}
			seen = append(seen, name)
		}
	}
	return list
}

func (n node) flagFaults() []string {
	var list []string
	own, _ := n.docs()
	globals := n.app.globals(&IO{})
	for _, d := range own {
		if d.usage == "" || strings.HasSuffix(d.usage, ".") {
			list = append(list, fmt.Sprintf("--%s: usage %q, want text without full stop", d.Name, d.usage))
		}
		if globals.Lookup(d.Name) != nil {
			list = append(list, fmt.Sprintf("--%s is a global flag too", d.Name))
		}
	}
	return list
}

// exampleFaults parses the examples that start with the program's name, up to
// the first word that is the shell's.
func (n node) exampleFaults() []string {
	var list []string
	for _, e := range n.cmd().Examples {
		words := shellWords(e.Command)
		if len(words) == 0 || words[0] != n.app.Name {
			continue
		}
		silent := &IO{Stderr: ui.NewStream(io.Discard)}
		globals := n.app.globals(silent)
		target, rest, err := n.app.descend(silent, globals, words[1:])
		if err == nil {
			_, _, err = target.parse(silent, globals, rest)
		}
		if err != nil {
			list = append(list, fmt.Sprintf("example %q: %v", e.Command, err))
		}
	}
	return list
}

// shellWords splits a command line at blanks, except within quotes, up to the
// first operator of the shell.
func shellWords(line string) []string {
	fields := regexp.MustCompile(`('[^']*'|"[^"]*"|[^\s'"])+`).FindAllString(line, -1)
	for i, f := range fields {
		if strings.ContainsAny(f[:1], "|<>&;#") || f == "2>" {
			return fields[:i]
		}
		fields[i] = strings.NewReplacer(`'`, "", `"`, "").Replace(f)
	}
	return fields
}
