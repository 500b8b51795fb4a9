package reader_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

func ExampleFile_Events() {
	data := shared() // the bytes of a trace; Open reads one by its path
	f, err := reader.New(bytes.NewReader(data), int64(len(data)), reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for e, err := range f.Events(reader.Query{Functions: []string{"fd_write"}, ToEvent: 10}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("event %d: %s %q\n", e.Seq, f.Functions()[e.Function], e.Input)
	}
	// Output:
	// event 1: fd_write "line 1\n"
	// event 4: fd_write "line 4\n"
	// event 7: fd_write "line 7\n"
}

func ExampleFile_Batch() {
	data := shared()
	f, err := reader.New(bytes.NewReader(data), int64(len(data)), reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	var total int64
	for i := range f.Segments() {
		b, err := f.Batch(i)
		if err != nil {
			log.Fatal(err)
		}
		for _, ns := range b.Duration {
			total += ns
		}
	}
	fmt.Printf("%d events in %d segments took %d ns\n", f.Summary().Events, f.Segments(), total)
	// Output: 45 events in 5 segments took 12210 ns
}

func ExampleFile_OpenAttachment() {
	data := shared()
	f, err := reader.New(bytes.NewReader(data), int64(len(data)), reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range f.Attachments() {
		r, err := f.OpenAttachment(a.Name)
		if err != nil {
			log.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r) // the sha256 is checked at its end
		fmt.Println(a.Name, a.MediaType, n, err)
	}
	// Output:
	// app.wasm application/wasm 16 <nil>
	// empty text/plain 0 <nil>
}

func ExampleStream() {
	s, err := reader.NewStream(bytes.NewReader(shared()), reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for {
		frame, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		if frame.Kind == format.FrameAttachment {
			fmt.Println("attachment", frame.Attachment.Name)
		} else {
			fmt.Println("segment of", frame.Rows)
		}
	}
	// Output:
	// attachment app.wasm
	// attachment empty
	// segment of 10
	// segment of 10
	// segment of 10
	// segment of 10
	// segment of 5
}

func ExampleSalvage() {
	data := bytes.Clone(shared())
	data = data[:len(data)-100] // its end is missing
	s, err := reader.Salvage(bytes.NewReader(data), int64(len(data)), reader.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Complete, s.Summary().Events)
	// Output: false 45
}

func ExampleVerify() {
	data := bytes.Clone(shared())
	data[10] ^= 1
	_, err := reader.Verify(context.Background(), bytes.NewReader(data), int64(len(data)), reader.Options{}, func(p reader.Problem) {
		fmt.Println(p)
	})
	fmt.Println(err)
	// Output:
	// trace at byte 8: frame expected, found fffffeff70060000
	// trace at byte 1664: dictionary frame 1: its number should be 0
	// <nil>
}
