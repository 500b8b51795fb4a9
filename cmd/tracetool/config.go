package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
)

// setting is a flag whose default the user may change. The environment comes
// before the file.
type setting struct{ flag, what string }

var settings = []setting{
	{"registry", "directory of the registry"},
	{"cache", "directory of compiled modules, none for none"},
	{"engine", "auto, compiler or interpreter"},
	{"compression", "of traces: zstd, lz4 or none"},
	{"max-trace-size", "where recording stops"},
	{"color", "auto, always or never"},
}

// variable is the setting's environment variable.
func (s *setting) variable() string {
	return "TRACETOOL_" + strings.ToUpper(strings.ReplaceAll(s.flag, "-", "_"))
}

// configVariable names another file than the default one.
const configVariable = "TRACETOOL_CONFIG"

var configCommand = &cli.Command{
	Name:  "config",
	Args:  "[get|set] [KEY] [VALUE]",
	Short: "Show and change the defaults of flags",
	Group: groupStore,
	Long:  configHelp(),
	Examples: []cli.Example{
		{Command: "tracetool config", What: "Show all settings and where they come from"},
		{Command: "tracetool config set registry /srv/traces", What: "Use another registry from now on"},
		{Command: "tracetool config --edit", What: "Open the file in $EDITOR"},
	},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v configVerb
		fs.BoolVarP(&v.edit, "edit", "e", false, "open the file in $VISUAL or $EDITOR, and check it")
		cli.FormatVar(fs, &v.format)
		return v.run
	},
}

func configHelp() string {
	var b strings.Builder
	b.WriteString(`A setting is the default of the flag of that name, in every command that has it. The command line comes first, then the environment, then the file "tracetool/config" in the user's configuration directory (` + configVariable + ` names another), which has lines of the form KEY = VALUE and comments that begin with #.

`)
	for i := range settings {
		fmt.Fprintf(&b, "  %-15s %-26s %s\n", settings[i].flag, settings[i].variable(), settings[i].what)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// configFile is the file's lines. A missing file has none.
type configFile struct {
	path   string
	lines  []string
	values map[string]configValue
}

type configValue struct {
	text string
	line int // from 1
}

func configPath(streams *cli.IO) (string, error) {
	if path := streams.Env(configVariable); path != "" {
		return path, nil
	}
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, appName, "config"), err
}

func readConfig(streams *cli.IO) (*configFile, error) {
	path, err := configPath(streams)
	if err != nil {
		return &configFile{}, nil // no home, no file
	}
	const limit = 1 << 20
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &configFile{path: path}, nil
	case err != nil:
		return nil, err
	case len(data) > limit:
		return nil, fmt.Errorf("%s: %d bytes, want at most %d", path, len(data), limit)
	}
	c := &configFile{path: path, lines: strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")}
	return c, c.parse()
}

func (c *configFile) parse() error {
	c.values = map[string]configValue{}
	for i, line := range c.lines {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch before, twice := c.values[key]; {
		case !ok:
			return c.mistake(i+1, "want KEY = VALUE")
		case findSetting(key) == nil:
			return c.mistake(i+1, fmt.Sprintf("unknown key %q, want one of %s", key, settingNames()))
		case twice:
			return c.mistake(i+1, fmt.Sprintf("%s is set in line %d already", key, before.line))
		}
		c.values[key] = configValue{value, i + 1}
	}
	return nil
}

func (c *configFile) mistake(line int, what string) error {
	return cli.WithHint(fmt.Errorf("%s: line %d: %s", c.path, line, what), "tracetool config --edit opens it")
}

func findSetting(key string) *setting {
	for i := range settings {
		if settings[i].flag == key {
			return &settings[i]
		}
	}
	return nil
}

func settingNames() string {
	names := make([]string, len(settings))
	for i := range settings {
		names[i] = settings[i].flag
	}
	return strings.Join(names, ", ")
}

// applySettings is the App's Defaults.
func applySettings(streams *cli.IO, command *cli.Command, flags *pflag.FlagSet) error {
	if command == configCommand {
		return nil // it mends a file that is wrong
	}
	file, err := readConfig(streams)
	if err != nil {
		return err
	}
	for i := range settings {
		s := &settings[i]
		if v := streams.Env(s.variable()); v != "" {
			if err := cli.SetDefault(flags, s.flag, v); err != nil {
				return cli.Usagef("%s: %w", s.variable(), err)
			}
		} else if v, ok := file.values[s.flag]; ok {
			if err := cli.SetDefault(flags, s.flag, v.text); err != nil {
				return file.mistake(v.line, fmt.Sprintf("%s: %v", s.flag, err))
			}
		}
	}
	return nil
}

// configVerb is the flags of config.
type configVerb struct {
	edit   bool
	format ui.Format
}

func (v *configVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	switch {
	case v.edit && len(args) > 0:
		return cli.Usagef("--edit takes no operands")
	case v.edit:
		return editConfig(ctx, streams)
	}
	file, err := readConfig(streams)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 0:
		return v.show(streams, file)
	case args[0] == "get" && len(args) == 2:
		s, err := v.setting(args[1])
		if err != nil {
			return err
		}
		return writeLine(streams, value(streams, file, s).Value)
	case args[0] == "set" && len(args) == 3:
		return v.set(file, args[1], args[2])
	}
	return cli.Usagef("want get KEY, set KEY VALUE, or nothing")
}

func (v *configVerb) setting(key string) (*setting, error) {
	if s := findSetting(key); s != nil {
		return s, nil
	}
	return nil, cli.Usagef("unknown key %q, want one of %s", key, settingNames())
}

// settingValue is a setting as it is in force.
type settingValue struct {
	Key      string `json:"key"`
	Value    string `json:"value"` // empty: the default
	From     string `json:"from"`  // "environment", "file" or "default"
	Variable string `json:"variable"`
}

func value(streams *cli.IO, file *configFile, s *setting) settingValue {
	v := settingValue{Key: s.flag, From: "default", Variable: s.variable()}
	if env := streams.Env(s.variable()); env != "" {
		v.Value, v.From = env, "environment"
	} else if set, ok := file.values[s.flag]; ok {
		v.Value, v.From = set.text, "file"
	}
	return v
}

func (v *configVerb) show(streams *cli.IO, file *configFile) error {
	list := make([]settingValue, len(settings))
	for i := range settings {
		list[i] = value(streams, file, &settings[i])
	}
	table := ui.NewTable(ui.Left("KEY"), ui.Left("VALUE"), ui.Left("FROM"), ui.Left("VARIABLE"))
	if err := showList(streams, v.format, list, func(s settingValue) string { return s.Key }, table, func(s settingValue) []any {
		return []any{s.Key, s.Value, s.From, s.Variable}
	}); err != nil {
		return err
	}
	streams.Notef("file: %s", file.path)
	return nil
}

// set changes the key's line, or adds one. An empty value removes it.
func (v *configVerb) set(file *configFile, key, text string) error {
	if _, err := v.setting(key); err != nil {
		return err
	}
	if strings.ContainsAny(text, "\r\n") || text != strings.TrimSpace(text) {
		return cli.Usagef("%s: %q: want a value of one line, without blanks around it", key, text)
	}
	if err := checkSetting(key, text); err != nil {
		return cli.Usagef("%s: %w", key, err)
	}
	line := key + " = " + text
	switch old, ok := file.values[key]; {
	case ok && text == "":
		file.lines = append(file.lines[:old.line-1], file.lines[old.line:]...)
	case ok:
		file.lines[old.line-1] = line
	case text != "":
		file.lines = append(file.lines, line)
	}
	return file.save()
}

// checkSetting tries a value on a command that has the flag.
func checkSetting(key, text string) error {
	if text == "" {
		return nil
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	runCommand.Bind(flags)
	return cli.SetDefault(flags, key, text)
}

func (c *configFile) save() error {
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return err
	}
	text := strings.TrimLeft(strings.Join(c.lines, "\n")+"\n", "\n")
	return save(bytes.NewReader([]byte(text)), c.path, true)
}

// editConfig opens the file in an editor, and checks what comes of it.
func editConfig(ctx context.Context, streams *cli.IO) error {
	path, err := configPath(streams)
	if err != nil {
		return err
	}
	editor := streams.Env("VISUAL")
	if editor == "" {
		editor = streams.Env("EDITOR")
	}
	words := strings.Fields(editor)
	if len(words) == 0 {
		return cli.WithHint(errors.New("no editor: neither VISUAL nor EDITOR is set"), "tracetool config set KEY VALUE needs none")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], path)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", words[0], err)
	}
	_, err = readConfig(streams)
	return err
}
