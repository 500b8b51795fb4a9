package main

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader/remote"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/session"
)

const appName = "tracetool"

// The headings of the table of commands.
const (
	groupRun    = "Record and replay"
	groupStore  = "The registry"
	groupLook   = "Look into a trace"
	groupChange = "Make traces from traces"
)

// traceFiles completes the forms of traces.
var traceFiles = cli.Files(".arrow", ".jsonl", ".ndjson", ".json")

// newApp returns the table of commands.
func newApp() *cli.App {
	return &cli.App{
		Name:  appName,
		Short: "Record, replay and inspect runs of WebAssembly programs",
		Long: `A trace is one file: the program, every call it made to its host, and how it ended. It replays on a machine that has neither the program nor its inputs, and any Arrow tool opens it as a table.

  tracetool record app.wasm              writes app.trace.arrow
  tracetool replay app.trace.arrow       runs it again, with nothing but the trace
  tracetool inspect app.trace.arrow      shows what is in it`,
		Groups: []string{groupRun, groupStore, groupLook, groupChange},
		Commands: []*cli.Command{
			recordCommand, replayCommand, runCommand, serveCommand, sessionCommand,
			getCommand, describeCommand, exportCommand, importCommand, deleteCommand, gcCommand, configCommand,
			inspectCommand, logsCommand, traceCommand, catCommand, headCommand, diffCommand, profileCommand, verifyCommand,
			convertCommand, filterCommand, mergeCommand, redactCommand, recoverCommand, snapshotCommand, moduleCommand,
		},
		Modules:   []string{"github.com/tetratelabs/wazero", "github.com/apache/arrow/go/v15"},
		ExitCodes: exitCodes,
		Classify:  classify,
		Defaults:  applySettings,
	}
}

// Exit codes of our own, beside 1 for failures, 2 for usage and those of
// signals.
const (
	codeFailed    = 1
	codeUsage     = 2
	codeLost      = 3
	codeDifferent = 4
	codeCorrupt   = 5
	codeHungUp    = 129 // as of SIGHUP, which comes when a terminal is closed

	// Where the guest's own code is passed on.
	codeDiverged = 121
	codeCut      = 122
	codeTimeout  = 124
	codeOurs     = 125
)

var exitCodes = []cli.ExitCode{
	{Code: 0, Meaning: "success"},
	{Code: codeFailed, Meaning: "failed"},
	{Code: codeUsage, Meaning: "mistake on the command line"},
	{Code: codeLost, Meaning: "finished, but something was lost"},
	{Code: codeDifferent, Meaning: "diverged or different"},
	{Code: codeCorrupt, Meaning: "corrupt or not a trace"},
	{Code: codeHungUp, Meaning: "its terminal was closed"},
	{Code: 130, Meaning: "interrupted"},
	{Code: 143, Meaning: "terminated"},
}

// textHint is what to do about a text: verify and recover know only frames.
func textHint(line *convert.LineError) string {
	if errors.Is(line.Err, format.ErrTruncated) {
		return "tracetool convert --partial makes a trace of what is there"
	}
	return ""
}

// sessionHint is what to do about a trace that holds no valid session.
func sessionHint(invalid *session.ValidationError) string {
	if invalid.Fault == session.NoHeader {
		return "tracetool replay runs the programs of other traces"
	}
	return ""
}

// classify says what an error of the libraries means for the exit code, and
// what to do about it.
func classify(err error) (code int, hint string) {
	var line *convert.LineError
	var invalid *session.ValidationError
	switch {
	case errors.Is(err, format.ErrVersion):
		return codeCorrupt, "a newer version of tracetool reads it"
	case errors.As(err, &invalid):
		return codeCorrupt, sessionHint(invalid)
	case errors.As(err, &line):
		return codeCorrupt, textHint(line)
	case errors.Is(err, format.ErrLimit):
		return codeCorrupt, "if you trust the file, raise --max-segment"
	case errors.Is(err, format.ErrNotTrace), errors.Is(err, syscall.EISDIR):
		return codeCorrupt, ""
	case errors.Is(err, format.ErrCorrupt), errors.Is(err, format.ErrTruncated):
		return codeCorrupt, "tracetool verify lists the damage, tracetool recover saves what is left"
	case errors.Is(err, runner.ErrNoProgram):
		return codeFailed, "name it: tracetool replay APP.wasm FILE; tracetool convert --module APP.wasm puts it into the trace"
	case errors.Is(err, fs.ErrExist):
		return codeFailed, "--force replaces it"
	case errors.Is(err, remote.ErrChanged):
		return codeFailed, "run the command again to read the file as it is now"
	case errors.Is(err, remote.ErrTooLong):
		return codeFailed, "fetch it into a file and name that"
	}
	return 0, ""
}
