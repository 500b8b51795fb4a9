package inspect_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

func ExampleEvents() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app.trace.arrow")
	w, err := writer.Create(path, writer.Options{Modules: []string{call.Module}, Functions: []string{"fd_write"}})
	if err != nil {
		log.Fatal(err)
	}
	hello := &format.Event{
		Duration: 12_000, P: [format.NumParams]int64{1, 1024, 1, 1040}, Value: 6, Input: []byte("Hello\n"),
		Has: format.HasModule | format.HasFunction | format.HasParams(4) | format.HasErrno | format.HasValue | format.HasInput | format.HasDuration,
	}
	if err := w.Append(hello); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for e, err := range inspect.Events(f, inspect.Filter{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", inspect.AppendLine(nil, f, e, inspect.LineOptions{Number: true}))
	}
	// Output:
	// 0 fd_write(1, "Hello\n") = 6 <12us>
}
