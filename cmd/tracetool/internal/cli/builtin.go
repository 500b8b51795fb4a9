package cli

import (
	"context"
	"embed"
	"strings"

	"github.com/spf13/pflag"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
)

//go:embed scripts
var scripts embed.FS

// Names of the ready-made commands whose operands are commands.
const (
	helpVerb = "help"
	manVerb  = "man"
)

// builtins are the commands that every App has. Their bodies look at the table,
// which is complete only when they run.
func (a *App) builtins() []*Command {
	list := []*Command{a.helpCommand(), a.versionCommand(), a.completionCommand(), a.manCommand()}
	for _, c := range list {
		c.Group = "Help"
	}
	return list
}

func (a *App) helpCommand() *Command {
	return &Command{
		Name:  helpVerb,
		Args:  "[COMMAND...]",
		Short: "Explain a command",
		Bind: func(*pflag.FlagSet) Body {
			return func(_ context.Context, io *IO, args []string) error { return a.help(io, args) }
		},
	}
}

func (a *App) help(io *IO, args []string) error {
	n, err := a.lookup(args)
	if err == nil {
		return n.writeHelp(io.Stdout)
	}
	for _, t := range a.Topics {
		if len(args) == 1 && t.Name == args[0] {
			return t.writeHelp(io.Stdout)
		}
	}
	return err
}

func (a *App) completionCommand() *Command {
	return &Command{
		Name:     "completion",
		Args:     strings.Join(shells, "|"),
		Short:    "Print the completion script of a shell",
		Long:     a.fill(completionLong),
		Complete: []Completion{Words(shells...)},
		Examples: []Example{{a.fill(`eval "$(@NAME@ completion bash)"`), "Complete in this shell"}},
		Bind: func(*pflag.FlagSet) Body {
			return func(_ context.Context, io *IO, args []string) error {
				return a.writeCompletionScript(io.Stdout, args[0])
			}
		},
	}
}

const completionLong = `To load it in every new shell:

  bash: @NAME@ completion bash > ~/.local/share/bash-completion/completions/@NAME@
  zsh:  @NAME@ completion zsh > "${fpath[1]}/_@NAME@"
  fish: @NAME@ completion fish > ~/.config/fish/completions/@NAME@.fish`

func (a *App) manCommand() *Command {
	return &Command{
		Name:  manVerb,
		Args:  "[COMMAND...]",
		Short: "Print the manual page of a command, or write all of them",
		Long:  "The page is in the roff language of man(1).",
		Examples: []Example{
			{a.fill("@NAME@ man | man -l -"), "Read the manual"},
			{a.fill("@NAME@ man --dir /usr/local/share/man/man1"), "Install all pages"},
		},
		Bind: func(fs *pflag.FlagSet) Body {
			dir := fs.String("dir", "", "write all pages into `DIR`, which must exist")
			return func(_ context.Context, io *IO, args []string) error {
				if *dir != "" {
					return a.writeManPages(*dir, args)
				}
				n, err := a.lookup(args)
				if err != nil {
					return err
				}
				return n.writeMan(io.Stdout)
			}
		},
	}
}

func (a *App) versionCommand() *Command {
	return &Command{
		Name:  "version",
		Short: "Show the version",
		Bind: func(fs *pflag.FlagSet) Body {
			var format ui.Format
			FormatVar(fs, &format, ui.Text, ui.JSON, ui.YAML)
			return func(_ context.Context, io *IO, _ []string) error {
				if format == ui.Text {
					return a.Build().writeText(io.Stdout)
				}
				return ui.Encode(io.Stdout, format, a.Build())
			}
		},
	}
}

// fill puts the program's name into a text about it.
func (a *App) fill(text string) string { return strings.ReplaceAll(text, "@NAME@", a.Name) }
