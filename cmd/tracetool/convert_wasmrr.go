package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/convert/wasmrr"
	"github.com/tracetool/tracetool/reader/remote"
)

// encodings are how traces of wasm-rr are written.
var encodings = map[convert.Form]wasmrr.Encoding{convert.WasmRR: wasmrr.JSON, convert.WasmRRCBOR: wasmrr.CBOR}

// toRR converts a trace to one of wasm-rr.
func (v *convertVerb) toRR(ctx context.Context, streams *cli.IO, args []string) error {
	if v.options.Plain || v.options.Decode || v.options.Partial {
		return cli.Usagef("--plain, --decode and --partial are not for %s", v.to)
	}
	f, closeTrace, err := v.source.open(ctx, streams, args[0])
	if err != nil {
		return err
	}
	defer closeTrace()
	if !f.IsEvents() {
		return cli.Usagef("--to %s: the trace is a table of other records than events", v.to)
	}
	out, err := createOutput(streams, args[1], v.options.Force)
	if err != nil {
		return err
	}
	defer out.file.Abort()
	if out.file == nil && v.to == convert.WasmRRCBOR {
		if out.Writer, err = streams.BinaryStdout(); err != nil {
			return err
		}
	}
	report, err := wasmrr.Export(ctx, f, out, encodings[v.to])
	if err == nil {
		err = out.file.Commit()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", remote.Redact(args[0]), err)
	}
	streams.Notef("%s: %s", args[1], plural(report.Events, "event"))
	var lost []string
	if p := f.Header().Partial; p != nil && p.Lost != "" {
		lost = append(lost, p.Lost)
	}
	if len(report.Lost) > 0 {
		lost = append(lost, report.String())
	}
	if len(lost) == 0 {
		return nil
	}
	return cli.WithCode(codeLost, fmt.Errorf("something was lost: %s", strings.Join(lost, "; ")))
}
