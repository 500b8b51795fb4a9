// Package cli turns one table of commands into a command line: parsing, help,
// suggestions, shell completion and man pages, on pflag alone.
//
// Start with [Command], a row of the table, [App], the table, and [App.Main],
// which is all that main calls besides [Signals]. A verb is one file that
// declares a Command; its Bind declares flags on a fresh flag set and returns
// the body that uses them, so no flag is a package variable and a command can be
// bound any number of times, for a run as for its help.
//
// The rules of the command line, for every verb alike:
//
//   - Global flags stand before the verb or after it.
//   - What follows "--" belongs to the guest, for commands with GuestArgs; the
//     "--" itself never does.
//   - Help that was asked for goes to stdout with exit code 0. A mistake goes to
//     stderr in a few lines, with exit code 2 and a suggestion.
//   - A stdout whose reader has gone ends the command quietly with 0; SIGINT and
//     SIGTERM end it with 130 and 143, a second one at once.
//
// The package adds the commands version, help, completion and man.
package cli
