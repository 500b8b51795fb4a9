package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/host"
)

// guestFlags are what record and run give to a program, which has nothing else.
type guestFlags struct {
	env, envFiles, dirs, invoke       []string
	listen, dial, allowNet, allowHTTP []string
	stdin, arg0, cwd                  string
	timeout                           time.Duration
	maxMemory                         int64
	engine                            engineFlags
	strace                            straceFlag
	chaos                             chaosFlags
}

func (g *guestFlags) bind(fs *pflag.FlagSet) {
	g.bindHost(fs)
	fs.StringVar(&g.stdin, "stdin", "", "read stdin of the guest from `FILE` instead of inheriting ours")
	fs.StringArrayVarP(&g.dial, "dial", "D", nil, "connect to the TCP address `HOST:PORT` and give a module the connection")
	g.strace.bind(fs)
	g.chaos.bind(fs)
	fs.StringArrayVar(&g.invoke, "invoke", nil, "call the export `NAME[(ARGS)]` instead of _start, as in 'add(1, 2)'")
}

// bindHost binds the flags for what any guest has.
func (g *guestFlags) bindHost(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&g.env, "env", "e", nil, "set `KEY[=VALUE]` for the guest; a KEY alone takes its value from here")
	fs.StringArrayVar(&g.envFiles, "env-file", nil, "read lines of KEY=VALUE from `FILE`, values as they are")
	fs.StringArrayVarP(&g.dirs, "dir", "d", nil, "give the guest a directory: `HOST[::GUEST][:ro]`; without GUEST . is its root and others keep their name")
	fs.StringArrayVar(&g.listen, "listen", nil, "give a module a listener on the TCP address `HOST:PORT`; let a component listen there")
	g.network(fs)
	fs.StringVar(&g.cwd, "cwd", "", "let a component begin in the directory `GUEST`")
	cli.DurationVarP(fs, &g.timeout, "timeout", "", 0, "stop after `DURATION`; this slows tight loops down")
	cli.SizeVarP(fs, &g.maxMemory, "max-memory", "", 0, "let memory grow to `SIZE` at most, in steps of 64KiB; of a component all memories together")
	fs.StringVar(&g.arg0, "arg0", "", "call the program `NAME` in its arguments instead of the name of its file")
	g.engine.bind(fs, "engine that executes the program")
	cli.CompleteFlag(fs, "dir", cli.Dirs())
	cli.CompleteFlag(fs, "env-file", cli.AnyFile())
}

// network binds the flags that let a guest reach others.
func (g *guestFlags) network(fs *pflag.FlagSet) {
	for _, f := range []struct {
		to          *[]string
		name, usage string
	}{
		{&g.allowNet, "allow-net", "let the guest's own sockets use `HOST[:PORT]`, or all without a value"},
		{&g.allowHTTP, "allow-http", "let a component send HTTP requests to `HOST[:PORT]`; without a value to any"},
	} {
		fs.StringArrayVar(f.to, f.name, nil, f.usage)
		fs.Lookup(f.name).NoOptDefVal = "*"
	}
}

// engineFlags choose how programs are executed.
type engineFlags struct {
	name  engineName
	cache string
}

type engineName string

const (
	engineAuto        engineName = "auto"
	engineCompiler               = engineName(runner.EngineCompiler)
	engineInterpreter            = engineName(runner.EngineInterpreter)
)

func (e *engineFlags) bind(fs *pflag.FlagSet, usage string) {
	cli.EnumVarP(fs, &e.name, "engine", "", engineAuto, usage, engineAuto, engineCompiler, engineInterpreter)
	fs.StringVar(&e.cache, "cache", "", "keep compiled modules in `DIR`, not in the user's cache; none keeps none")
}

func (e *engineFlags) engine() runner.Engine {
	if e.name == engineAuto {
		return runner.EngineAuto
	}
	return runner.Engine(e.name)
}

func (e *engineFlags) cacheDir() string {
	if e.cache == "none" {
		return runner.NoCache
	}
	return e.cache
}

// config turns the flags into what the guest gets. The function returned closes
// the file that is its stdin.
func (g *guestFlags) config(streams *cli.IO) (cfg runner.Config, closeStdin func(), err error) {
	cfg = runner.Config{
		Args: streams.Guest, Arg0: g.arg0, Invoke: g.invoke, Cwd: g.cwd,
		Listen: g.listen, Dial: g.dial, AllowNet: g.allowNet, AllowHTTP: g.allowHTTP,
		Stdin: streams.Stdin, StdinName: "inherit",
		Stdout: streams.Stdout.Underlying(), Stderr: streams.Stderr.Underlying(),
		Engine: g.engine.engine(), CacheDir: g.engine.cacheDir(), Timeout: g.timeout, Exclusive: true,
		Observe: g.strace.observer(streams.Stderr),
	}
	if _, err := host.ParseAllowNet(g.allowNet); err != nil {
		return cfg, nil, cli.Usagef("--allow-net: %w", err)
	}
	if _, err := host.ParseAllowNet(g.allowHTTP); err != nil {
		return cfg, nil, cli.Usagef("--allow-http: %w", err)
	}
	if cfg.MemoryPages, err = memoryPages(g.maxMemory); err != nil {
		return cfg, nil, err
	}
	if cfg.Chaos, err = g.chaos.chaos(streams); err != nil {
		return cfg, nil, err
	}
	for _, d := range g.dirs {
		p, err := parseDir(d)
		if err != nil {
			return cfg, nil, err
		}
		cfg.Dirs = append(cfg.Dirs, p)
	}
	if cfg.Env, err = g.environ(streams); err != nil {
		return cfg, nil, err
	}
	if g.stdin == "" {
		return cfg, func() {}, nil
	}
	file, err := os.Open(g.stdin)
	if err != nil {
		return cfg, nil, err
	}
	cfg.Stdin, cfg.StdinName = file, g.stdin
	return cfg, func() { file.Close() }, nil
}

const (
	pageSize = 64 << 10
	maxPages = 65536
)

func memoryPages(size int64) (uint32, error) {
	if size != 0 && size < pageSize || size > maxPages*pageSize {
		return 0, cli.Usagef("--max-memory: want 64KiB to 4GiB")
	}
	return uint32(size / pageSize), nil
}

// parseDir reads HOST[::GUEST][:ro]. The guest's name is the host's by default,
// but the current directory is its root: the relative paths of Go programs find
// nothing in a directory called ".".
func parseDir(s string) (format.Preopen, error) {
	rest, readOnly := strings.CutSuffix(s, ":ro")
	host, guest, named := strings.Cut(rest, "::")
	if !named {
		if guest = filepath.ToSlash(host); filepath.Clean(host) == "." {
			guest = "/"
		}
	}
	if host == "" || guest == "" || readOnly && strings.HasSuffix(rest, ":") { // as in data::ro
		return format.Preopen{}, cli.Usagef("--dir: %q: want HOST[::GUEST][:ro]", s)
	}
	return format.Preopen{Host: host, Guest: guest, ReadOnly: readOnly}, nil
}

// environ gathers the guest's variables: files first, then flags; of several
// values of a variable the last counts.
func (g *guestFlags) environ(streams *cli.IO) ([]string, error) {
	var e environment
	for _, path := range g.envFiles {
		if err := e.addFile(streams, path); err != nil {
			return nil, err
		}
	}
	for _, entry := range g.env {
		if err := e.add(streams, entry); err != nil {
			return nil, cli.Usagef("--env: %w", err)
		}
	}
	return e.entries, nil
}

// environment is a list of K=V with each K once.
type environment struct {
	entries []string
	index   map[string]int
}

// add takes K=V, or K to take its value from our own environment. A variable
// that is not set here is not set for the guest either.
func (e *environment) add(streams *cli.IO, entry string) error {
	key, value, given := strings.Cut(entry, "=")
	if key == "" || strings.ContainsRune(entry, 0) {
		return fmt.Errorf("%q: want KEY=VALUE or KEY", entry)
	}
	if !given {
		set := false
		if streams.LookupEnv != nil {
			value, set = streams.LookupEnv(key)
		}
		if !set {
			streams.Warnf("%s is not set here, so the guest does not have it", key)
			return nil
		}
	}
	if i, ok := e.index[key]; ok {
		e.entries[i] = key + "=" + value
		return nil
	}
	if e.index == nil {
		e.index = map[string]int{}
	}
	e.index[key] = len(e.entries)
	e.entries = append(e.entries, key+"="+value)
	return nil
}

// addFile reads a variable a line. Empty lines and those that begin with # are
// skipped; values are taken as they are, quotes included.
func (e *environment) addFile(streams *cli.IO, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReader(file)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		entry := strings.TrimRight(line, "\r\n")
		if text := strings.TrimSpace(entry); text != "" && text[0] != '#' {
			err := checkName(entry)
			if err == nil {
				err = e.add(streams, entry)
			}
			if err != nil {
				return fmt.Errorf("%s:%d: %w", path, n, err)
			}
		}
		if err != nil {
			return nil
		}
	}
}

// checkName refuses a line that a shell would read in another way: "export A=1"
// is no variable called "export A". A mark of byte order is none of a name either.
func checkName(line string) error {
	key, _, _ := strings.Cut(line, "=")
	if strings.ContainsFunc(key, func(c rune) bool { return unicode.IsSpace(c) || c == '\uFEFF' }) {
		return fmt.Errorf("%q: want KEY=VALUE, with no space before or in KEY", line)
	}
	return nil
}
