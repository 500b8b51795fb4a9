package writer_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// A program that traces its own calls of host functions.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "plugin"+format.Extension)

	w, err := writer.Create(path, writer.Options{
		Modules:   []string{"env"},
		Functions: []string{"log", "now"},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Attach("plugin.wasm", format.MediaTypeWasm, []byte("\x00asm\x01\x00\x00\x00")); err != nil {
		log.Fatal(err)
	}
	for i := range 3 {
		// log(pointer, length) was called: what it was given is its input.
		text := fmt.Sprintf("line %d", i)
		err := w.Append(&format.Event{
			Time: 1_000_000_000 + int64(i)*1000, Kind: format.KindCall, Module: 0, Function: 0,
			P: [format.NumParams]int64{1024, int64(len(text))}, Input: []byte(text),
			Has: format.HasModule | format.HasFunction | format.HasParams(2) | format.HasInput,
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for e, err := range f.Events(reader.Query{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s\n", f.Functions()[e.Function], e.Input)
	}
	// Output:
	// log line 0
	// log line 1
	// log line 2
}

// Adding to a trace that was closed.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "session"+format.Extension)

	w, err := writer.Create(path, writer.Options{})
	for session := range 2 {
		if err != nil {
			log.Fatal(err)
		}
		if err := w.Append(&format.Event{Time: int64(session), Kind: format.KindTick}); err != nil {
			log.Fatal(err)
		}
		if err := w.Close(); err != nil {
			log.Fatal(err)
		}
		w, err = writer.Open(path, writer.Options{})
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Events(), "events")
	if err := w.Abort(); err != nil { // leaves the trace as it was
		log.Fatal(err)
	}
	// Output: 2 events
}

// A table of records that somebody else's program made.
func ExampleWriter_WriteRecord() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	schema := arrow.NewSchema([]arrow.Field{
		{Name: "city", Type: arrow.BinaryTypes.String},
		{Name: "people", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"Bern", "Oslo"}, nil)
	b.Field(1).(*array.Int64Builder).AppendValues([]int64{134_000, 0}, []bool{true, false})
	rec := b.NewRecord()
	defer rec.Release()

	w, err := writer.Create(filepath.Join(dir, "cities"+format.Extension), writer.Options{Schema: schema})
	if err != nil {
		log.Fatal(err)
	}
	if err := w.WriteRecord(rec); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Events(), "rows")
	// Output: 2 rows
}
