package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"golang.org/x/term"
)

// IO is what a command may touch of the process it runs in.
type IO struct {
	Stdin         io.Reader
	StdinTerminal bool
	Stdout        *ui.Stream // results
	Stderr        *ui.Stream // all else
	LookupEnv     func(key string) (value string, ok bool)

	Quiet bool     // --quiet: no notes, no progress
	Guest []string // what followed "--", for commands with GuestArgs

	color ui.ColorMode
}

// System is the IO of the process itself.
func System() *IO {
	return &IO{
		Stdin:         os.Stdin,
		StdinTerminal: term.IsTerminal(int(os.Stdin.Fd())),
		Stdout:        ui.SystemStream(os.Stdout, os.LookupEnv),
		Stderr:        ui.SystemStream(os.Stderr, os.LookupEnv),
		LookupEnv:     os.LookupEnv,
	}
}

// Env is the value of an environment variable, empty where it is not set.
func (i *IO) Env(key string) string {
	if i.LookupEnv == nil {
		return ""
	}
	value, _ := i.LookupEnv(key)
	return value
}

// Notef writes one line to stderr, escaped, unless --quiet asks for silence.
func (i *IO) Notef(format string, args ...any) {
	if !i.Quiet {
		fmt.Fprintln(i.Stderr, ui.Escape(fmt.Sprintf(format, args...)))
	}
}

// Warnf writes a warning to stderr, escaped, also under --quiet.
func (i *IO) Warnf(format string, args ...any) {
	text := ui.Escape(fmt.Sprintf(format, args...))
	fmt.Fprintln(i.Stderr, i.Stderr.Paint(ui.Yellow, "warning:"), text)
}

// BinaryStdout is Stdout for binary data, which a terminal does not get.
func (i *IO) BinaryStdout() (io.Writer, error) {
	if err := ui.RefuseBinary(i.Stdout); err != nil {
		return nil, WithHint(Usagef("stdout: %w", err), "redirect it to a file or into a pipe")
	}
	return i.Stdout, nil
}

// Progress starts progress on stderr, none under --quiet. total is 0 where it
// is unknown.
func (i *IO) Progress(label string, total int64, unit ui.Unit) *ui.Progress {
	return ui.NewProgress(i.Stderr, label, total, unit, i.Quiet)
}

func (i *IO) applyColor() {
	i.Stdout.SetColor(i.color)
	i.Stderr.SetColor(i.color)
}
