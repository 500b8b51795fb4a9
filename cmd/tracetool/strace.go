package main

import (
	"io"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/runner"
)

// straceFlag prints events while they happen.
type straceFlag bool

func (s *straceFlag) bind(fs *pflag.FlagSet) {
	fs.BoolVarP((*bool)(s), "strace", "T", false, "print each event on stderr as it happens, as \"inspect --events\" does")
}

// observer returns nil unless the flag was given.
func (s straceFlag) observer(stderr io.Writer) runner.Observer {
	if !s {
		return nil
	}
	var line []byte
	return func(e runner.Observation) {
		o := inspect.LineOptions{Number: true, Task: e.Task != 0}
		line = inspect.AppendNamed(line[:0], e.Header, e.Module, e.Function, e.Event, o)
		stderr.Write(append(line, '\n'))
	}
}
