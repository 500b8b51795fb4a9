package main

import "github.com/tracetool/tracetool/cmd/tracetool/internal/cli"

var sessionCommand = &cli.Command{
	Name:  "session",
	Short: "Record, replay and gate interactive programs",
	Group: groupRun,
	Long:  "A session is a trace of a program that draws on a screen: what it was given, and every frame that it drew.",
	Sub: []*cli.Command{
		sessionRecordCommand, sessionReplayCommand, sessionGateCommand, sessionPlayCommand,
		sessionBisectCommand, sessionMinimizeCommand,
	},
}
