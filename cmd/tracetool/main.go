// Command tracetool records runs of WebAssembly programs into one Arrow file,
// replays them without anything of their host, and inspects and converts what
// was recorded.
//
// Each verb is a file of this package, a row of the table in app.go. Results go
// to stdout, all else to stderr; "tracetool help" explains the rest.
package main

import (
	"context"
	"os"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
)

func main() {
	ctx, stop := cli.Signals(context.Background())
	code := newApp().Main(ctx, cli.System(), os.Args[1:])
	stop()
	os.Exit(code)
}
