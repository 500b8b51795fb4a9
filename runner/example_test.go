package runner_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/writer"
)

// A library's function is called and recorded, then replayed from the trace
// alone.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "reactor.trace.arrow")

	module, err := runner.Load("../examples/reactor/reactor.wasm")
	if err != nil {
		log.Fatal(err)
	}
	cfg := runner.Config{Invoke: []string{"add(2, 3)"}}
	result, err := runner.Record(ctx, module, cfg, func(o writer.Options) (*writer.Writer, error) {
		return writer.Create(path, o)
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Invoked[0])

	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	result, err = runner.Replay(ctx, f, runner.ReplayConfig{})
	fmt.Println("replayed", result.Events, "events:", result.End, err)
	// Output:
	// add(2, 3) = 5
	// replayed 6 events: exit <nil>
}
