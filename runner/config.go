package runner

import (
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/writer"
)

// Engine is how wazero executes a module.
type Engine string

// The engines. The zero value means the compiler where the platform has one,
// at replay the engine of the recording.
const (
	EngineAuto        Engine = ""
	EngineCompiler    Engine = "compiler"
	EngineInterpreter Engine = "interpreter"
)

// NoCache as a CacheDir switches the compile cache off.
const NoCache = "-"

// Config is what a program is given, for Record and Run: it has nothing that is
// not named here.
type Config struct {
	Args      []string         // arguments after args[0]
	Arg0      string           // args[0]; empty: the module's name
	Env       []string         // "K=V"
	Dirs      []format.Preopen // preopened directories, from fd 3 on
	Listen    []string         // "HOST:PORT": of modules TCP listeners, preopened after the directories; of components where they may listen
	Dial      []string         // "HOST:PORT" of TCP connections to make for a module, preopened after the listeners
	AllowNet  []string         // what sockets of its own may use, as host.ParseAllowNet reads it; "*": all
	AllowHTTP []string         // what a component may send HTTP requests to, likewise
	Cwd       string           // initial working directory of a component; empty: none
	Stdin     io.Reader        // nil: empty
	StdinName string           // what the trace says about Stdin: "inherit" or a file name
	Stdout    io.Writer        // nil: discarded
	Stderr    io.Writer        // nil: discarded
	// Invoke names exports to call, `name` or `name(1, -2.5)`, after
	// _initialize where the module exports that. Then _start is not called.
	Invoke []string

	Engine      Engine
	MemoryPages uint32        // limit of the memory in pages of 64 KiB; 0: 65536
	Timeout     time.Duration // 0: none. Setting it slows tight loops down.
	CacheDir    string        // of compiled modules; empty: DefaultCacheDir, NoCache: none
	// Exclusive says that the process runs nothing beside the guest: garbage is
	// collected only during host calls, so that a guest that loops without any
	// does not hold up everything else, the handling of signals above all.
	Exclusive bool

	Chaos   format.Chaos // faults injected into host calls, see wasi.Chaos
	Observe Observer     // is told of each event as it happens; nil: nobody is

	// For Record only.
	Tags    map[string]string // Header.Tags
	Detach  bool              // the trace names the module and does not hold it
	Started func()            // called when the trace exists, before the guest runs; may be nil
	// TextLimit is how many bytes are kept of a write elsewhere than to stdout
	// and stderr, -1 for all. 0 is all for a program that has a network, where
	// what was sent is what people ask for, and 1024 for others.
	TextLimit int64
	Tool      string // the writing program, "tracetool 1.0.0"
}

// CreateFunc makes the writer of a recording. The options name the header and
// the dictionaries; it sets the others and calls writer.Create or writer.New.
// It is called when nothing can be wrong with the module and its configuration
// any more, so that a mistake leaves no file behind.
type CreateFunc func(writer.Options) (*writer.Writer, error)

// textLimit is the limit that the trace states.
func (c *Config) textLimit() int64 {
	if c.TextLimit == 0 && len(c.Listen)+len(c.Dial)+len(c.AllowNet)+len(c.AllowHTTP) > 0 {
		return -1
	}
	return c.TextLimit
}

func (c *Config) args(m *Module) []string {
	arg0 := c.Arg0
	if arg0 == "" {
		arg0 = m.Name
	}
	return append([]string{arg0}, c.Args...)
}

// DefaultCacheDir is where compiled modules are kept: tracetool in the user's
// cache directory, or empty where there is none.
func DefaultCacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "tracetool")
}
