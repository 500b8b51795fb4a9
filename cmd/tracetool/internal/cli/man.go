package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// manWriter writes the man macros of roff.
type manWriter struct{ strings.Builder }

// writeMan writes the manual page of n. It holds no date, so that the same
// program always writes the same page.
func (n node) writeMan(w io.Writer) error {
	m := &manWriter{}
	c := n.cmd()
	m.macro("TH", strings.ToUpper(n.join("-")), "1", "", n.app.Name+" "+n.app.Build().Version, n.app.Name+" manual")
	m.section("NAME")
	m.text(n.join("-") + " - " + c.Short)
	m.section("SYNOPSIS")
	m.macro("B", n.name())
	m.text(strings.TrimSpace(strings.TrimPrefix(n.usage(), n.name())))
	m.description(c)
	m.commands(n)
	own, global := n.docs()
	m.flags("OPTIONS", own)
	m.flags("GLOBAL OPTIONS", global)
	m.topics(n)
	m.exitCodes(n.exitCodes())
	m.examples(c.Examples)
	m.seeAlso(n)
	_, err := io.WriteString(w, m.String())
	return err
}

// writeManPages writes the page of every command into dir.
func (a *App) writeManPages(dir string, args []string) error {
	if len(args) > 0 {
		return Usagef("--dir writes all pages: unexpected argument %q", args[0])
	}
	var err error
	a.root().walk(func(n node) {
		if err == nil {
			err = n.writeManPage(dir)
		}
	})
	return err
}

func (n node) writeManPage(dir string) error {
	var page strings.Builder
	if err := n.writeMan(&page); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, n.join("-")+".1"), []byte(page.String()), 0o644)
}

// roffEscapes keeps the ASCII characters that roff would obey or set as
// typographic ones, so that what a reader copies from the page is what works.
var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// roff escapes a line of text; one that starts with a dot is no macro.
func roff(line string) string {
	line = roffEscapes.Replace(line)
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

func (m *manWriter) macro(name string, args ...string) {
	m.WriteString("." + name)
	for _, arg := range args {
		m.WriteString(` "` + strings.ReplaceAll(roffEscapes.Replace(arg), `"`, `\(dq`) + `"`)
	}
	m.WriteString("\n")
}

func (m *manWriter) section(name string) { m.macro("SH", name) }

// text writes lines that roff fills.
func (m *manWriter) text(text string) {
	for _, line := range strings.Split(text, "\n") {
		m.WriteString(roff(strings.TrimSpace(line)) + "\n")
	}
}

// verbatim writes lines as they are.
func (m *manWriter) verbatim(text string) {
	m.macro("EX")
	for _, line := range strings.Split(text, "\n") {
		m.WriteString(roff(line) + "\n")
	}
	m.macro("EE")
}

func (m *manWriter) paragraphs(text string) {
	for i, p := range paragraphs(text) {
		if i > 0 {
			m.macro("PP")
		}
		if isVerbatim(p) {
			m.verbatim(p)
		} else {
			m.text(p)
		}
	}
}

func (m *manWriter) description(c *Command) {
	m.section("DESCRIPTION")
	if c.Long == "" {
		m.text(c.Short + ".")
	}
	m.paragraphs(c.Long)
	if len(c.Aliases) > 0 {
		m.macro("PP")
		m.text("Other names: " + strings.Join(c.Aliases, ", ") + ".")
	}
}

func (m *manWriter) commands(n node) {
	if n.cmd().Sub == nil {
		return
	}
	m.section("COMMANDS")
	for _, g := range groups(n.cmd().Sub, n.app.Groups) {
		m.macro("SS", g.name)
		for _, c := range g.commands {
			m.term(n.child(c).join("-")+"(1)", c.Short)
		}
	}
}

// term writes a tagged paragraph.
func (m *manWriter) term(tag, text string) {
	m.macro("TP")
	m.macro("B", tag)
	m.text(text)
}

func (m *manWriter) flags(section string, docs []flagDoc) {
	for i, d := range docs {
		if i == 0 {
			m.section(section)
		}
		m.term(strings.TrimSpace(d.label()), d.description())
	}
}

func (m *manWriter) topics(n node) {
	if !n.isRoot() {
		return
	}
	for _, t := range n.app.Topics {
		m.section(strings.ToUpper(t.Name))
		m.text(t.Short + ".")
		m.macro("PP")
		m.paragraphs(t.Long)
	}
}

func (m *manWriter) exitCodes(codes []ExitCode) {
	for i, c := range codes {
		if i == 0 {
			m.section("EXIT STATUS")
		}
		m.term(fmt.Sprint(c.Code), c.Meaning)
	}
}

func (m *manWriter) examples(list []Example) {
	for i, e := range list {
		if i == 0 {
			m.section("EXAMPLES")
		}
		m.macro("PP")
		m.text(e.What + ":")
		m.macro("PP")
		m.verbatim("    " + e.Command)
	}
}

// seeAlso names the level above and the other commands on this one.
func (m *manWriter) seeAlso(n node) {
	if n.isRoot() {
		return
	}
	parent := node{n.app, n.path[:len(n.path)-1]}
	pages := []string{parent.join("-") + "(1)"}
	for _, c := range parent.cmd().Sub {
		if c != n.cmd() {
			pages = append(pages, parent.child(c).join("-")+"(1)")
		}
	}
	m.section("SEE ALSO")
	m.WriteString(".nh\n.ad l\n") // requests, not macros: no hyphens in names of pages
	m.text(strings.Join(pages, ", "))
}
