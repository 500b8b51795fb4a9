package main

import (
	"context"
	"net"
	"net/http"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
	"github.com/tracetool/tracetool/runner"
)

var serveCommand = &cli.Command{
	Name:  "serve",
	Args:  "APP.wasm [-- ARGS...]",
	Short: "Serve HTTP with a component and record it",
	Group: groupRun,
	Long: `Answers HTTP requests with a component that exports wasi:http/incoming-handler, each with an instance of its own, and records all of them in one trace: each request is a task, numbered from 0. An interrupt ends it: requests under way get five seconds.

"tracetool replay" calls the component again for each request, or with --task for one, with nothing but the trace, and compares what it answers. "tracetool inspect --http" lists the requests.

The component gets nothing but what flags give it, as with record; --timeout is for each request. One that was stopped has no end in the trace: "tracetool replay" replays what there is of it, names its task and exits with 122; the others have their end.`,
	Examples: []cli.Example{
		{Command: "tracetool serve app.wasm", What: "Serve on 127.0.0.1:8080 and record into app.trace.arrow"},
		{Command: "tracetool serve app.wasm --addr :80 --allow-http=api.example.org --env KEY", What: "Serve others, with a server behind it and a variable"},
		{Command: "tracetool inspect --http app.trace.arrow", What: "List the requests, with status, size, time and task"},
		{Command: "tracetool inspect --events --task 3 app.trace.arrow", What: "See what the fourth request did"},
		{Command: "tracetool replay --task 3 app.trace.arrow", What: "Answer it again, and compare the response"},
	},
	Complete:  []cli.Completion{cli.Files(".wasm")},
	GuestArgs: true,
	ExitCodes: []cli.ExitCode{
		{Code: 0, Meaning: "served until interrupted"},
		{Code: codeLost, Meaning: "the recording was cut short: the trace reached --max-trace-size"},
	},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v serveVerb
		v.bind(fs)
		return v.run
	},
}

// serveVerb is the flags of serve.
type serveVerb struct {
	record recordVerb
	addr   string
}

func (v *serveVerb) bind(fs *pflag.FlagSet) {
	fs.StringVar(&v.addr, "addr", "127.0.0.1:8080", "serve on the TCP address `HOST:PORT`; port 0 is any that is free")
	v.record.bindTrace(fs)
	v.record.guest.bindHost(fs)
	fs.BoolVarP(&v.record.end.force, "force", "f", false, "replace files that exist")
}

func (v *serveVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	module, err := runner.Load(args[0])
	if err != nil {
		return err
	}
	cfg, closeStdin, err := v.record.guest.config(streams)
	if err != nil {
		return err
	}
	defer closeStdin()
	cfg.Stdin, cfg.StdinName = nil, ""
	r := &recording{verb: &v.record, streams: streams, app: args[0], force: v.record.end.force}
	if err := r.prepare(&cfg); err != nil {
		return err
	}
	l, err := net.Listen("tcp", v.addr)
	if err != nil {
		return err
	}
	cfg.Started = func() { streams.Notef("serving on http://%s; interrupt to end", l.Addr()) }
	result, err := runner.Serve(ctx, module, runner.ServeConfig{Config: cfg, Failed: failedRequest(streams)}, l, r.create)
	if err != nil {
		return r.explain(err)
	}
	if err := r.finish(ctx); err != nil {
		return err
	}
	r.note(result)
	if result.Incomplete() {
		return cli.Exit(codeLost)
	}
	return nil
}

// failedRequest tells about requests that the component did not answer.
func failedRequest(streams *cli.IO) func(*http.Request, error) {
	return func(r *http.Request, err error) {
		streams.Notef("%s %s: %s", ui.Escape(r.Method), ui.Escape(r.URL.Path), ui.Escape(err.Error()))
	}
}
