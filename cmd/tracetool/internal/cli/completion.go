package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
)

// completeVerb is what the completion scripts call: the words that follow the
// program's name up to the cursor, the last one unfinished and perhaps empty.
// The answer is one candidate a line, with its description after a tab, and a
// last line that says what the shell adds: ":files", perhaps with extensions,
// ":dirs", or ":none".
const completeVerb = "__complete"

// completionKey is where a flag keeps how its value completes.
const completionKey = "tracetool_complete"

// Completion is how an operand or a flag's value completes.
type Completion struct {
	kind  string // files, dirs or none
	words []string
}

// Files completes files with one of the extensions, and directories on the way
// to them.
func Files(extensions ...string) Completion { return Completion{"files", extensions} }

// AnyFile completes all files.
func AnyFile() Completion { return Completion{kind: "files"} }

// Dirs completes directories.
func Dirs() Completion { return Completion{kind: "dirs"} }

// Words completes fixed words.
func Words(words ...string) Completion { return Completion{"none", words} }

// CompleteFlag says how the value of a flag completes. Flags whose value is
// called FILE or DIR, and enumerations, need no word about it. It panics where
// there is no such flag.
func CompleteFlag(fs *pflag.FlagSet, name string, c Completion) {
	if err := fs.SetAnnotation(name, completionKey, append([]string{c.kind}, c.words...)); err != nil {
		panic(err)
	}
}

// flagCompletion is how the value of f completes.
func flagCompletion(f *pflag.Flag) Completion {
	if a := f.Annotations[completionKey]; len(a) > 0 {
		return Completion{a[0], a[1:]}
	}
	if c, ok := f.Value.(chooser); ok {
		return Words(c.choices()...)
	}
	switch valueName(f) {
	case "FILE":
		return AnyFile()
	case "DIR":
		return Dirs()
	}
	return Words()
}

// candidates is the answer to a completion.
type candidates struct {
	lines []string
	shell string // what the shell adds
}

func (c *candidates) add(prefix, word, what string) {
	if !strings.HasPrefix(word, prefix) {
		return
	}
	if what != "" {
		word += "\t" + what
	}
	c.lines = append(c.lines, word)
}

// complete adds what a Completion offers; lead is the part of the word that
// stands before the value, as in --output=.
func (c *candidates) complete(how Completion, lead, prefix string) {
	c.shell = how.kind
	if how.kind != "none" {
		c.shell = strings.Join(append([]string{how.kind}, how.words...), " ")
		return
	}
	for _, w := range how.words {
		c.add(lead+prefix, lead+w, "")
	}
}

func (a *App) writeCompletions(w *ui.Stream, words []string) error {
	if len(words) == 0 {
		words = []string{""}
	}
	c := a.candidates(words)
	_, err := io.WriteString(w, strings.Join(append(c.lines, ":"+c.shell), "\n")+"\n")
	return err
}

// cursor is where a command line stands after its finished words.
type cursor struct {
	node     node
	globals  *pflag.FlagSet
	fs       *pflag.FlagSet
	operands []string
	pending  *pflag.Flag // flag whose value comes next
	afterDash,
	lost bool // behind a verb that does not exist
}

func (a *App) candidates(words []string) *candidates {
	last := len(words) - 1
	cur := &cursor{node: a.root(), globals: a.globals(&IO{})}
	cur.bind()
	for _, w := range words[:last] {
		cur.step(w)
	}
	out := &candidates{shell: "none"}
	cur.complete(out, words[last])
	return out
}

func (c *cursor) bind() { c.fs, _ = c.node.bind(c.globals, io.Discard) }

// step moves over one finished word.
func (c *cursor) step(word string) {
	switch {
	case c.pending != nil:
		c.pending = nil
	case c.afterDash:
		c.operands = append(c.operands, word)
	case word == "--":
		c.afterDash = true
	case strings.HasPrefix(word, "-") && word != "-":
		c.pending = c.flagAwaiting(word)
	case c.node.cmd().Sub == nil:
		c.operands = append(c.operands, word)
	default:
		c.enter(word)
	}
}

func (c *cursor) enter(verb string) {
	next := c.node.find(verb)
	if next == nil || c.lost {
		c.lost = true
		return
	}
	c.node = c.node.child(next)
	c.bind()
}

// flagAwaiting returns the flag in word whose value is the next word.
func (c *cursor) flagAwaiting(word string) *pflag.Flag {
	if name, ok := strings.CutPrefix(word, "--"); ok {
		if f := c.fs.Lookup(name); f != nil && takesValue(f) {
			return f
		}
		return nil
	}
	for i := 1; i < len(word); i++ {
		f := c.fs.ShorthandLookup(word[i : i+1])
		if f == nil {
			return nil
		}
		if takesValue(f) {
			if i == len(word)-1 {
				return f
			}
			return nil
		}
	}
	return nil
}

func (c *cursor) complete(out *candidates, word string) {
	name, value, hasValue := strings.Cut(word, "=")
	switch {
	case c.lost:
	case c.pending != nil:
		out.complete(flagCompletion(c.pending), "", word)
	case c.afterDash && c.node.cmd().GuestArgs:
		out.complete(AnyFile(), "", word)
	case !c.afterDash && strings.HasPrefix(word, "--") && hasValue:
		if f := c.fs.Lookup(name[2:]); f != nil {
			out.complete(flagCompletion(f), name+"=", value)
		}
	case !c.afterDash && strings.HasPrefix(word, "-"):
		c.flags(out, word)
	case c.node.cmd().Sub != nil:
		for _, sub := range c.node.cmd().Sub {
			out.add(word, sub.Name, sub.Short)
		}
	default:
		c.operand(out, word)
	}
}

func (c *cursor) flags(out *candidates, word string) {
	c.fs.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			out.add(word, "--"+f.Name, newFlagDoc(f).usage)
		}
	})
	if c.node.cmd().GuestArgs && word == "--" {
		out.add(word, "--", "arguments of the guest follow")
	}
}

// operand completes the next operand, where one more is allowed. The words for
// help come from the table.
func (c *cursor) operand(out *candidates, word string) {
	cmd := c.node.cmd()
	if cmd.Name == helpVerb || cmd.Name == manVerb {
		c.verbPath(out, word, cmd.Name == helpVerb)
		return
	}
	declared := cmd.operands()
	if n := len(declared); len(cmd.Complete) == 0 || n == 0 || len(c.operands) >= n && !declared[n-1].repeats {
		return
	}
	out.complete(cmd.Complete[min(len(c.operands), len(cmd.Complete)-1)], "", word)
}

// verbPath completes the name of a command, verb by verb.
func (c *cursor) verbPath(out *candidates, word string, topics bool) {
	n, err := c.node.app.lookup(c.operands)
	if err != nil {
		return
	}
	for _, sub := range n.cmd().Sub {
		out.add(word, sub.Name, sub.Short)
	}
	for _, t := range c.node.app.Topics {
		if topics && n.isRoot() {
			out.add(word, t.Name, t.Short)
		}
	}
}

// lookup finds a command by the words after the program's name.
func (a *App) lookup(words []string) (node, error) {
	n := a.root()
	for _, w := range words {
		next := n.find(w)
		if next == nil {
			return n, n.unknownVerb(w)
		}
		n = n.child(next)
	}
	return n, nil
}

// shells are the shells that completion scripts exist for.
var shells = []string{"bash", "zsh", "fish"}

// completionScript is the script that makes shell ask [completeVerb].
func (a *App) completionScript(shell string) (string, error) {
	text, err := scripts.ReadFile("scripts/completion." + shell)
	if err != nil {
		return "", Usagef("unknown shell %q: want %s", shell, orList(shells))
	}
	return strings.NewReplacer("@NAME@", a.Name, "@FUNC@", "_"+strings.ReplaceAll(a.Name, "-", "_"), "@VERB@", completeVerb).Replace(string(text)), nil
}

func (a *App) writeCompletionScript(w io.Writer, shell string) error {
	script, err := a.completionScript(shell)
	if err == nil {
		_, err = fmt.Fprint(w, script)
	}
	return err
}
