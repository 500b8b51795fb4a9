// rowhash prints what any reader of a trace must find in it: the rows, and per
// column the nulls and the sum, and a hash of all values. It reads each file three
// ways, by segment, by event and as a stream, and fails where these differ.
// README.md beside this folder defines the hash.
//
//	go run ./interop/rowhash FILE...
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"reflect"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

func main() {
	out := json.NewEncoder(os.Stdout)
	for _, path := range os.Args[1:] {
		digest, err := digestOf(path)
		if err == nil {
			err = out.Encode(digest)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "rowhash: %s: %v\n", path, err)
			os.Exit(1)
		}
	}
}

// digestOf digests a file in every way there is to read it.
func digestOf(path string) (*digest, error) {
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	want, err := digestRecords(f.Schema(), fileRecords(f))
	if err != nil {
		return nil, err
	}
	streamed, err := digestStream(path)
	if err != nil {
		return nil, fmt.Errorf("as a stream: %w", err)
	}
	if !reflect.DeepEqual(streamed, want) {
		return nil, fmt.Errorf("as a stream: %v, want %v", streamed, want)
	}
	if f.IsEvents() {
		events, err := digestEvents(f)
		if err != nil {
			return nil, fmt.Errorf("by event: %w", err)
		}
		if !reflect.DeepEqual(events, want) {
			return nil, fmt.Errorf("by event: %v, want %v", events, want)
		}
	}
	want.File = path
	return want, nil
}

func fileRecords(f *reader.File) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		for i := range f.Segments() {
			if rec, err := f.Record(i); !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

func digestStream(path string) (*digest, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	s, err := reader.NewStream(file, reader.Options{})
	if err != nil {
		return nil, err
	}
	return digestRecords(s.Schema(), streamRecords(s))
}

func streamRecords(s *reader.Stream) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		for {
			frame, err := s.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			var rec arrow.Record
			if err == nil && frame.Kind != format.FrameEvents {
				continue
			}
			if err == nil {
				rec, err = s.Record()
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}
