package edit_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

func ExampleFilter() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	w, err := writer.Create(filepath.Join(dir, "all.trace.arrow"), writer.Options{Functions: []string{"open", "close"}})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 6 {
		if err := w.Append(&format.Event{Function: int16(i % 2), Has: format.HasFunction}); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	in, err := reader.Open(filepath.Join(dir, "all.trace.arrow"), reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer in.Close()
	out := edit.Output{Path: filepath.Join(dir, "closes.trace.arrow")}
	res, err := edit.Filter(context.Background(), in, reader.Query{Functions: []string{"close"}}, out)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Events, "events")

	closes, err := reader.Open(out.Path, reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer closes.Close()
	for e, err := range closes.Events(reader.Query{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("event", e.Seq)
	}
	// Output:
	// 3 events
	// event 1
	// event 3
	// event 5
}
