package main

import (
	"os"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
)

// openTTY opens the console of the process for writing: for reading too, or
// Windows tells neither its size nor its mode.
func openTTY() (*os.File, error) {
	f, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err == nil {
		ui.SystemStream(f, os.LookupEnv) // the console obeys escapes from now on
	}
	return f, err
}

// notifyResized does nothing: Windows has no signal for it.
func notifyResized(chan<- os.Signal) {}
