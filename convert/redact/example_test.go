package redact_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"

	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/convert/redact"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

func ExampleRedact() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	w, err := writer.Create(filepath.Join(dir, "run.trace.arrow"), writer.Options{Functions: []string{"print"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"log in with token-1234", "try again with token-5678", "token-1234 is not known"} {
		if err := w.Append(&format.Event{Input: []byte(text), Has: format.HasFunction | format.HasInput}); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	in, err := reader.Open(filepath.Join(dir, "run.trace.arrow"), reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer in.Close()
	rules := redact.Rules{Regexps: []*regexp.Regexp{regexp.MustCompile(`token-\d+`)}}
	out := edit.Output{Path: filepath.Join(dir, "shared.trace.arrow")}
	result, err := redact.Redact(context.Background(), in, rules, redact.Options{}, out)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d secrets, %d places\n", result.Rules[0].Secrets, result.Places)

	shared, err := reader.Open(out.Path, reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer shared.Close()
	for e, err := range shared.Events(reader.Query{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", e.Input)
	}
	// Output:
	// 2 secrets, 3 places
	// log in with XXXXXXXXXX
	// try again with XXXXXXXXXX
	// XXXXXXXXXX is not known
}
