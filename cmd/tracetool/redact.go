package main

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/convert/redact"
)

var redactCommand = &cli.Command{
	Name:  "redact",
	Args:  "IN OUT",
	Short: "Mask secrets in a trace, for sharing it",
	Group: groupChange,
	Long: `The rules say where secrets are found. Their bytes are then masked wherever they occur: in what every call read and wrote, in arguments and environment, in attachments; also in base64, hexadecimal, percent-encoding and JSON strings, and so are their MD5, SHA-1, SHA-256 and SHA-512 digests. Lengths stay, hashes in the trace that might tell of them are removed.

The new trace replays. Where the program only passed a secret on, all is as recorded; where it computed something of it, as a hash or a decision, the replay diverges at the first call that follows from it, and says so. So a replay as recorded shows that what the program wrote and asked for tells nothing more.

What is compressed or encrypted is not found, nor is another notation of a secret than these. A secret in the program itself cannot be masked. Look at the result before you share it. "-" is stdin or stdout.`,
	Examples: []cli.Example{
		{Command: "tracetool redact app.trace.arrow shared.trace.arrow --env API_TOKEN --header authorization", What: "Mask a variable and a header field"},
		{Command: "tracetool redact app.trace.arrow shared.trace.arrow --path '*.pem' --path /etc/app.conf", What: "Mask what was read from and written to files"},
		{Command: `tracetool redact app.trace.arrow shared.trace.arrow --regexp 'sk-[0-9a-f]{32}' --regexp 'password=(\S+)'`, What: "Mask what matches, or the group in it"},
	},
	ExitCodes: []cli.ExitCode{
		{Code: 0, Meaning: "the secrets are masked"},
		{Code: codeFailed, Meaning: "failed, or a rule found nothing or too few bytes, or the program holds a secret: there is no new trace"},
		{Code: codeUsage, Meaning: "mistake on the command line"},
		{Code: codeLost, Meaning: "with --allow-program or --allow-short: some secrets are left, and told"},
		{Code: codeCorrupt, Meaning: "corrupt or not a trace"},
		{Code: 130, Meaning: "interrupted"},
		{Code: 143, Meaning: "terminated"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v redactVerb
		v.bind(fs)
		return v.run
	},
}

// redactVerb is the flags of redact.
type redactVerb struct {
	source  source
	target  targetFlags
	rules   redact.Rules
	regexps []string
	allowed redact.Options
}

func (v *redactVerb) bind(fs *pflag.FlagSet) {
	fs.StringArrayVar(&v.rules.Headers, "header", nil, "the values of the HTTP header field `NAME`; * stands for any text, as in 'x-*-token'")
	fs.StringArrayVar(&v.rules.Env, "env", nil, "the value of the environment variable `NAME`; * stands for any text")
	fs.StringArrayVar(&v.rules.Paths, "path", nil, "what was read from and written to files whose path, as the program sees it, matches `GLOB`; * stands for any text, and without a slash the last element is meant")
	fs.StringArrayVar(&v.regexps, "regexp", nil, "what matches the regular expression `RE`, or its groups if it has any")
	fs.BoolVar(&v.allowed.Unmatched, "allow-unmatched", false, "write the trace even if a rule finds nothing")
	fs.BoolVar(&v.allowed.Short, "allow-short", false, "leave secrets of under 4 bytes as they are")
	fs.BoolVar(&v.allowed.Program, "allow-program", false, "write the trace even if the program itself holds a secret")
	v.target.bind(fs)
	v.source.bind(fs)
}

func (v *redactVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	if err := v.compile(); err != nil {
		return err
	}
	in, closeTrace, err := v.source.open(ctx, streams, args[0])
	if err != nil {
		return err
	}
	defer closeTrace()
	out, progress, err := v.target.output(streams, args[1], 0, "redact", args[0])
	if err != nil {
		return err
	}
	defer progress.Abort()
	result, err := redact.Redact(ctx, in, v.rules, v.allowed, out)
	if err != nil {
		return redactHint(err)
	}
	progress.Abort()
	noteWritten(streams, args[1], &result.Result)
	return noteRedacted(streams, result)
}

// compile makes rules of the flags.
func (v *redactVerb) compile() error {
	for _, text := range v.regexps {
		re, err := regexp.Compile(text)
		if err != nil {
			return cli.Usagef("--regexp: %v", err)
		}
		v.rules.Regexps = append(v.rules.Regexps, re)
	}
	r := &v.rules
	if len(r.Headers)+len(r.Env)+len(r.Paths)+len(r.Regexps) == 0 {
		return cli.Usagef("want at least one of --header, --env, --path and --regexp: they say what is secret")
	}
	return nil
}

func redactHint(err error) error {
	switch {
	case errors.As(err, new(*redact.UnmatchedError)):
		return cli.WithHint(err, "check the name, or say --allow-unmatched")
	case errors.As(err, new(*redact.ProgramError)):
		return cli.WithHint(err, "--allow-program writes the trace nevertheless: whoever gets it can read that secret in the program")
	case errors.As(err, new(*redact.ShortError)):
		return cli.WithHint(err, "choose a rule that finds more of it, or say --allow-short to leave it as it is")
	case errors.Is(err, edit.ErrLive):
		return cli.WithHint(err, "tracetool snapshot makes a copy, which can be redacted")
	}
	return err
}

// noteRedacted tells what was masked, and what was not.
func noteRedacted(streams *cli.IO, r *redact.Result) error {
	for _, by := range r.Rules {
		if by.Places == 0 {
			continue
		}
		rule := by.Rule
		if by.Name != "" {
			rule += " " + by.Name
		}
		streams.Notef("%s: %s masked in %s", rule, plural(int64(by.Secrets), "secret"), plural(by.Places, "place"))
	}
	left := false
	for _, s := range r.Short {
		if s.File {
			streams.Warnf("%s: %s too short to be searched for: masked in the file only", s.Rule, plural(int64(s.Count), "line"))
			continue
		}
		left = true
		streams.Warnf("%s: %s too short to be searched for: not masked", s.Rule, plural(int64(s.Count), "secret"))
	}
	for _, rule := range r.Unmatched {
		streams.Warnf("%s matched nothing", rule)
	}
	if len(r.InProgram) > 0 {
		left = true
		streams.Warnf("the program itself holds what %s found: it is not masked there", strings.Join(r.InProgram, " and "))
	}
	if left {
		return cli.Exit(codeLost)
	}
	return nil
}
