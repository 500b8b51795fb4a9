package wasmrr_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/convert/wasmrr"
	"github.com/tracetool/tracetool/reader"
)

// Any events come back from a trace of ours as they were, in both encodings.
func TestThroughTrace(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 1))
		for _, enc := range []wasmrr.Encoding{wasmrr.JSON, wasmrr.CBOR} {
			var before bytes.Buffer
			w := wasmrr.NewWriter(&before, enc)
			for range 1 + rng.IntN(300) {
				if err := w.Write(wasmrr.RandomEvent(rng, wasmrr.Kinds[rng.IntN(len(wasmrr.Kinds))])); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "rr.trace.arrow")
			in, out := convert.Input{Reader: bytes.NewReader(before.Bytes())}, convert.Output{Path: path}
			report, err := convert.Convert(context.Background(), in, out, convert.Options{})
			if err != nil || report.Rows != w.Events() || report.Lost != "" {
				t.Fatal(report, err)
			}
			f, err := reader.Open(path, reader.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var after bytes.Buffer
			if _, err := wasmrr.Export(context.Background(), f, &after, enc); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before.Bytes(), after.Bytes()) {
				t.Fatalf("seed %d: %.3000q\nthen\n%.3000q", seed, before.Bytes(), after.Bytes())
			}
		}
	}
}
