// Package convert turns traces into JSONL or JSON and back without losing
// anything: rows, attachments, modules and metadata. It also makes traces of
// JSONL or JSON arrays that other programs wrote.
//
// Start with Convert. Open opens a trace in any of the forms, and Recording
// lets a recorder write straight into JSONL. SPEC.md defines the JSONL dialect;
// Encoder writes its records of events.
//
// Memory stays within a segment, a record and a read buffer, however long the
// input is. Input is not trusted: records are bounded by Options.MaxRecord and
// in nesting, and nothing is allocated by a size that the input only declares.
// Everything wrong with the input is a *LineError or a *format.CorruptError.
package convert

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// Form is a form that a trace is stored in.
type Form string

// The forms. Foreign is read only: JSON values of another program, one after
// another or as one array. So are the traces of wasm-rr here, in JSON and CBOR;
// wasmrr.Export writes them.
const (
	Arrow      Form = "arrow"
	JSONL      Form = "jsonl"
	JSON       Form = "json"
	Foreign    Form = "foreign"
	WasmRR     Form = "wasm-rr"
	WasmRRCBOR Form = "wasm-rr-cbor"
)

// FormOf returns the form that a file name's extension stands for: .arrow,
// .jsonl or .ndjson, .json. Upper case does not matter.
func FormOf(path string) (Form, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".arrow":
		return Arrow, nil
	case ".jsonl", ".ndjson":
		return JSONL, nil
	case ".json":
		return JSON, nil
	}
	return "", fmt.Errorf("%s: extension is none of .arrow, .jsonl, .ndjson, .json", path)
}

// Input is what is converted: a file, a stream or an open trace. One of
// Path, Reader and File is set. The form is told by the content.
type Input struct {
	Path   string
	Reader io.Reader
	File   *reader.File
}

// Output is where the result goes: a new file or a stream. One of Path and
// Writer is set.
type Output struct {
	Path   string
	Writer io.Writer
}

// Options say how a trace is converted. The zero value works where the
// output has a path.
type Options struct {
	// To is the form of the output. Default: by the extension of its path.
	To Form
	// Decode adds to each call in JSONL and JSON what its arguments and
	// results mean, for people. It is not read back.
	Decode bool
	// Plain writes to JSONL or JSON nothing but the rows. Of a trace made from
	// another program's records these are the records as they were.
	Plain bool
	// Partial accepts an input that was cut: what is there is converted, and
	// Report.Lost says what is not. Events keep their numbers in the column
	// "seq".
	Partial bool
	// Program is put into a trace that is made of one of wasm-rr, which has
	// none, so that it can be replayed.
	Program *Program
	// Force replaces an existing file.
	Force bool
	// MaxRecord is the longest record in bytes. Default 256 MiB.
	MaxRecord int64
	// Limits of the trace that is read.
	Limits format.Limits
	// Compression of the trace that is written. Default ipc.Zstd.
	Compression ipc.Codec
	// Progress is called now and then, by the goroutine that called Convert.
	Progress func(Progress)
}

// Program is a WebAssembly program.
type Program struct {
	Name  string // base name of its file
	Bytes []byte
}

// Progress is how far a conversion is.
type Progress struct {
	Pass  int   // 1, or 2 for the second pass over what another program wrote
	Done  int64 // bytes of text, or rows of a trace
	Total int64 // of the same; 0 if unknown
	Bytes bool  // Done and Total are bytes
}

const defaultMaxRecord = 256 << 20

// Report is what a conversion did.
type Report struct {
	From, To    Form
	Rows        int64
	Attachments int64
	Lost        string // what a cut input lacks; empty if nothing
}

// Convert converts a trace. The output appears under its name only when it is
// complete, with mode 0600; after an error there is nothing.
func Convert(ctx context.Context, in Input, out Output, opts Options) (*Report, error) {
	if opts.MaxRecord <= 0 {
		opts.MaxRecord = defaultMaxRecord
	}
	if err := opts.chooseForm(out.Path); err != nil {
		return nil, err
	}
	target, err := newTarget(out, in.name(), &opts)
	if err != nil {
		return nil, err
	}
	c := &conversion{ctx: ctx, in: in, opts: &opts, sink: target, report: Report{To: opts.To}}
	if err := c.run(); err != nil {
		target.abort()
		return nil, err
	}
	if err := target.commit(); err != nil {
		return nil, err
	}
	return &c.report, nil
}

func (o *Options) chooseForm(path string) (err error) {
	if o.To == "" {
		if o.To, err = FormOf(path); err != nil {
			return err
		}
	}
	switch o.To {
	case JSONL, JSON:
		return nil
	case Arrow:
		if o.Plain || o.Decode {
			return fmt.Errorf("plain and decoded output is JSONL or JSON, not %s", o.To)
		}
		return nil
	}
	return fmt.Errorf("output in the form %q, want arrow, jsonl or json", o.To)
}

// check reports an input that is none, or more than one.
func (in *Input) check() error {
	return one("input", map[string]bool{"Path": in.Path != "", "Reader": in.Reader != nil, "File": in.File != nil})
}

func (out *Output) check() error {
	return one("output", map[string]bool{"Path": out.Path != "", "Writer": out.Writer != nil})
}

// one reports fields of which not one alone is set.
func one(what string, fields map[string]bool) error {
	var set []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if fields[name] {
			set = append(set, name)
		}
	}
	switch len(set) {
	case 0:
		return fmt.Errorf("no %s: expected one of %s", what, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
	case 1:
		return nil
	}
	return fmt.Errorf("more than one %s: %s", what, strings.Join(set, ", "))
}

// name is what the input is called in the headers of traces made from it.
func (in *Input) name() string {
	if in.Path == "" {
		return ""
	}
	return filepath.Base(in.Path)
}

// Open opens a trace in any form for reading. Text is first converted into a
// temporary trace, which cleanup removes; cleanup also closes the file. A pipe by
// its name is an error that matches format.ErrNotTrace: see OpenReader.
func Open(ctx context.Context, path string, opts Options) (f *reader.File, cleanup func() error, err error) {
	form, err := detectFile(path)
	if err != nil {
		return nil, nil, err
	}
	if form == Arrow {
		f, err := reader.Open(path, reader.Options{Limits: opts.Limits})
		if err != nil {
			return nil, nil, err
		}
		return f, f.Close, nil
	}
	return openCopy(ctx, Input{Path: path}, opts)
}

// OpenReader is Open for a stream: a trace in any form is first written into a
// temporary one, which cleanup removes.
func OpenReader(ctx context.Context, r io.Reader, opts Options) (f *reader.File, cleanup func() error, err error) {
	return openCopy(ctx, Input{Reader: r}, opts)
}

// openCopy opens a temporary copy of a trace.
func openCopy(ctx context.Context, in Input, opts Options) (f *reader.File, cleanup func() error, err error) {
	dir, err := os.MkdirTemp("", "tracetool-*")
	if err != nil {
		return nil, nil, fmt.Errorf("a temporary copy of the trace: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	temporary := filepath.Join(dir, "trace"+format.Extension)
	opts.To, opts.Plain, opts.Decode = Arrow, false, false
	if _, err := Convert(ctx, in, Output{Path: temporary}, opts); err != nil {
		return nil, nil, err
	}
	if f, err = reader.Open(temporary, reader.Options{Limits: opts.Limits}); err != nil {
		return nil, nil, err
	}
	return f, func() error {
		err := f.Close()
		if e := os.RemoveAll(dir); err == nil {
			err = e
		}
		return err
	}, nil
}

// Recording is a recording that is to become text: it is made as a trace
// beside the final file and converted at its end, so that a recorder that is
// killed leaves a trace which can be recovered.
type Recording struct {
	path string
	opts Options
}

// NewRecording prepares a recording into path, whose extension says the form.
// It fails where the file exists, unless opts.Force is set.
func NewRecording(path string, opts Options) (*Recording, error) {
	if err := opts.chooseForm(path); err != nil {
		return nil, err
	}
	if err := writer.CheckNew(path, opts.Force); err != nil {
		return nil, err
	}
	return &Recording{path, opts}, nil
}

// Trace is the name of the trace to record into.
func (r *Recording) Trace() string { return r.path + format.Extension }

// Finish converts the recorded trace and removes it. If that fails the trace
// stays, since it is all there is.
func (r *Recording) Finish(ctx context.Context) (*Report, error) {
	report, err := Convert(ctx, Input{Path: r.Trace()}, Output{Path: r.path}, r.opts)
	if err != nil {
		return nil, fmt.Errorf("%w; the recording is in %s", err, r.Trace())
	}
	return report, os.Remove(r.Trace())
}
