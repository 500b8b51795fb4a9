package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
)

// maxHelpWidth bounds lines on wide terminals, where long ones are hard to read.
const maxHelpWidth = 100

// helpWriter lays out the help of one node.
type helpWriter struct {
	strings.Builder
	s     *ui.Stream
	width int
}

func newHelpWriter(s *ui.Stream) *helpWriter {
	return &helpWriter{s: s, width: min(s.Width(), maxHelpWidth)}
}

func (n node) writeHelp(s *ui.Stream) error {
	h := newHelpWriter(s)
	c := n.cmd()
	h.para(c.Short+".", "")
	h.heading("Usage")
	h.WriteString("  " + n.usage() + "\n")
	if len(c.Aliases) > 0 {
		h.heading("Aliases")
		h.WriteString("  " + strings.Join(c.Aliases, ", ") + "\n")
	}
	h.long(c.Long)
	h.commands(c.Sub, n.app.Groups)
	own, global := n.docs()
	h.flags("Flags", own)
	h.examples(c.Examples)
	h.topics(n)
	h.flags("Global flags", global)
	h.exitCodes(n.exitCodes())
	if c.Sub != nil {
		h.WriteString("\n")
		h.para(n.helpPointer(), "")
	}
	_, err := io.WriteString(s, h.String())
	return err
}

func (n node) helpPointer() string {
	words := append([]string{n.app.Name, "help"}, strings.Fields(n.name())[1:]...)
	return fmt.Sprintf("'%s COMMAND' tells more about a command.", strings.Join(words, " "))
}

// exitCodes is the table that applies to n: its own or that of its nearest
// parent that has one.
func (n node) exitCodes() []ExitCode {
	for _, c := range slices.Backward(n.path) {
		if c.ExitCodes != nil {
			return c.ExitCodes
		}
	}
	return n.app.ExitCodes
}

func (h *helpWriter) heading(name string) {
	h.WriteString("\n" + h.s.Paint(ui.Bold, name+":") + "\n")
}

func (h *helpWriter) para(text, indent string) {
	for _, line := range wrap(text, h.width-len(indent)) {
		h.WriteString(indent + line + "\n")
	}
}

// long writes paragraphs; those that are indented keep their lines.
func (h *helpWriter) long(text string) {
	for _, p := range paragraphs(text) {
		h.WriteString("\n")
		if isVerbatim(p) {
			h.WriteString(p + "\n")
			continue
		}
		h.para(p, "")
	}
}

// paragraphs splits text at empty lines.
func paragraphs(text string) []string {
	text = strings.Trim(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n\n")
}

func isVerbatim(paragraph string) bool { return strings.HasPrefix(paragraph, "  ") }

// commands lists subcommands by group, in the order of App.Groups.
func (h *helpWriter) commands(list []*Command, order []string) {
	width := 0
	for _, c := range list {
		width = max(width, len(c.Name))
	}
	for _, g := range groups(list, order) {
		h.heading(g.name)
		for _, c := range g.commands {
			h.entry(c.Name, width, c.Short)
		}
	}
}

type group struct {
	name     string
	commands []*Command
}

// groups gathers commands under their headings: first those in order, which may
// turn out empty, then the others as they come.
func groups(list []*Command, order []string) []group {
	var found []group
	for _, name := range order {
		found = append(found, group{name: name})
	}
	for _, c := range list {
		name := c.Group
		if name == "" {
			name = "Commands"
		}
		i := slices.IndexFunc(found, func(g group) bool { return g.name == name })
		if i < 0 {
			i = len(found)
			found = append(found, group{name: name})
		}
		found[i].commands = append(found[i].commands, c)
	}
	return slices.DeleteFunc(found, func(g group) bool { return g.commands == nil })
}

// entry writes a label and, beside it in a column, its description.
func (h *helpWriter) entry(label string, width int, text string) {
	const indent, gap = 2, 3
	column := indent + width + gap
	lines := wrap(text, h.width-column)
	if len(label) > width {
		h.WriteString(strings.Repeat(" ", indent) + label + "\n")
	} else {
		fmt.Fprintf(h, "%*s%-*s%*s%s\n", indent, "", width, label, gap, "", lines[0])
		lines = lines[1:]
	}
	for _, line := range lines {
		fmt.Fprintf(h, "%*s%s\n", column, "", line)
	}
}

// maxLabel is the widest label that has its description beside it rather than
// below.
const maxLabel = 28

func (h *helpWriter) flags(heading string, docs []flagDoc) {
	if len(docs) == 0 {
		return
	}
	width := 0
	for _, d := range docs {
		if n := len(d.label()); n <= maxLabel {
			width = max(width, n)
		}
	}
	h.heading(heading)
	for _, d := range docs {
		h.entry(d.label(), width, d.description())
	}
}

func (h *helpWriter) examples(list []Example) {
	for i, e := range list {
		if i == 0 {
			h.heading("Examples")
		}
		fmt.Fprintf(h, "  # %s\n  %s\n", e.What, e.Command)
	}
}

func (h *helpWriter) topics(n node) {
	if !n.isRoot() || len(n.app.Topics) == 0 {
		return
	}
	h.heading("Help topics")
	width := 0
	for _, t := range n.app.Topics {
		width = max(width, len(t.Name))
	}
	for _, t := range n.app.Topics {
		h.entry(t.Name, width, t.Short)
	}
}

func (h *helpWriter) exitCodes(codes []ExitCode) {
	for i, c := range codes {
		if i == 0 {
			h.heading("Exit codes")
		}
		h.entry(fmt.Sprintf("%3d", c.Code), 3, c.Meaning)
	}
}

func (t Topic) writeHelp(s *ui.Stream) error {
	h := newHelpWriter(s)
	h.para(t.Short+".", "")
	h.long(t.Long)
	_, err := io.WriteString(s, h.String())
	return err
}

// wrap breaks text at blanks into lines of at most width columns, where words
// allow it. It returns at least one line.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case ui.DisplayWidth(line)+1+ui.DisplayWidth(word) > width:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
