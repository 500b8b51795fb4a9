// generate writes traces with what recordings rarely have together: every column
// null and not, empty and large bytes, many segments, every codec, several
// attachments, numbers of other traces, and tables of other programs with each
// type that a trace may hold. And one with what recordings have most: rounds of
// the same calls.
//
//	go run ./interop/generate DIR
package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/writer"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIR")
		os.Exit(2)
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(dir string) error {
	for _, codec := range []ipc.Codec{ipc.Zstd, ipc.LZ4, ipc.None} {
		opts := writer.Options{Compression: codec, SegmentRows: 700}
		if err := writeEvents(filepath.Join(dir, codec.String()), opts, 5000, event); err != nil {
			return err
		}
		if err := writeTable(filepath.Join(dir, "table-"+codec.String()), codec); err != nil {
			return err
		}
	}
	for _, t := range []struct {
		name string
		opts writer.Options
		rows int
	}{
		{"empty", writer.Options{}, 0},
		{"one-row", writer.Options{}, 1},
		{"seq", writer.Options{Seq: true, SegmentRows: 100}, 250},
		{"segments", writer.Options{SegmentRows: 3}, 1000},
		{"parts", writer.Options{SegmentBytes: 4 << 10}, 2000},
		{"large", writer.Options{SegmentRows: 1 << 15}, 60_000},
	} {
		if err := writeEvents(filepath.Join(dir, t.name), t.opts, t.rows, event); err != nil {
			return err
		}
	}
	return writeEvents(filepath.Join(dir, "rounds"), writer.Options{}, 150_000, roundEvent)
}

var (
	modules   = []string{"wasi_snapshot_preview1", "env", "wasi:http/types@0.2.0"}
	functions = []string{"fd_write", "fd_read", "[method]fields.get", "späte_größe", "never_called"}
)

func writeEvents(path string, opts writer.Options, rows int, event func(*rand.Rand, int64) *format.Event) (err error) {
	opts.Modules, opts.Functions, opts.Force = modules, functions, true
	w, err := writer.Create(path+format.Extension, opts)
	if err != nil {
		return err
	}
	if err := attach(w); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, uint64(rows)))
	for i := range rows {
		if err := w.Append(event(random, int64(i))); err != nil {
			return err
		}
	}
	return w.Close()
}

// attach adds a file whose bytes look like Arrow's, an empty one and one that
// is kept elsewhere.
func attach(w *writer.Writer) error {
	if err := w.Attach("messages.bin", "application/octet-stream", bytes.Repeat([]byte("\xff\xff\xff\xff\x00\x00\x00\x00ARROW1\x00\x00"), 10_000)); err != nil {
		return err
	}
	if err := w.Attach("empty.txt", "text/plain", nil); err != nil {
		return err
	}
	return w.AttachDetached(format.Attachment{Name: "elsewhere.wasm", MediaType: "application/wasm", Size: 1 << 40})
}

var extremes = []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1, math.MaxUint32}

// event returns an event of which every nullable column is as likely null as
// not, as no recorder would write it. Rows 2100 to 2799, one segment of 700,
// have no nulls; the segment after that has nothing but nulls.
func event(random *rand.Rand, i int64) *format.Event {
	const all = format.HasOutput<<1 - 1
	e := &format.Event{
		Time: 1_700_000_000_123_456_789 + i*1001, Task: int32(i % 3), Seq: i * 2,
		Kind: []format.Kind{format.KindCall, format.KindCall, format.KindStart, format.KindExport}[random.IntN(4)],
		Has:  format.Fields(random.Uint32()) & all,
	}
	switch i / 700 {
	case 3:
		e.Has = all
	case 4:
		e.Has = 0
	}
	number := func() int64 {
		if n := random.IntN(4 * len(extremes)); n < len(extremes) {
			return extremes[n]
		}
		return random.Int64N(1000)
	}
	e.Module, e.Function = int16(random.IntN(len(modules))), int16(random.IntN(len(functions)-1))
	e.Duration, e.Errno, e.Value, e.Hash = random.Int64N(1e6), int32(random.IntN(77)), number(), random.Uint64()
	for p := range e.P {
		e.P[p] = number()
	}
	e.Input, e.Output = data(random), data(random)
	clearNull(e)
	return e
}

// roundEvent returns an event of a program that does the same again and again, in
// rounds of 1 to 5 calls of which some take a time that is worth telling.
func roundEvent(random *rand.Rand, i int64) *format.Event {
	call := i % (1 + i/20_000%5)
	e := &format.Event{
		Time: 1_700_000_000_123_456_789 + i*1001 + random.Int64N(300), Kind: format.KindCall, Function: int16(call % 4),
		Has: format.HasModule | format.HasFunction | format.HasErrno | format.HasParams(3),
	}
	e.P[0], e.P[1], e.P[2] = call, 1024, 8*call
	if call%3 > 0 || random.IntN(1000) == 0 {
		e.Has |= format.HasDuration | format.HasValue | format.HasInput
		e.Duration = 400 + random.Int64N(300)
		for range 1 + random.IntN(8) {
			e.Input = append(e.Input, []string{"trace ", "replay ", "guest\n", "größe "}[random.IntN(4)]...)
		}
		e.Value = int64(len(e.Input))
	}
	return e
}

// data returns no bytes, text, bytes of any value, and rarely many of them.
func data(random *rand.Rand) []byte {
	switch random.IntN(6) {
	case 0, 1:
		return []byte{}
	case 2, 3:
		return fmt.Appendf(nil, "line %d, größer\n", random.IntN(100))
	}
	b := make([]byte, random.IntN(64))
	if random.IntN(100) == 0 {
		b = make([]byte, 10_000)
	}
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// clearNull sets the fields of null columns to zero, as [format.Event] wants.
func clearNull(e *format.Event) {
	clearUnless := func(field format.Fields, v *int64) {
		if e.Has&field == 0 {
			*v = 0
		}
	}
	clearUnless(format.HasDuration, &e.Duration)
	clearUnless(format.HasValue, &e.Value)
	for p := range e.P {
		clearUnless(format.HasP0<<p, &e.P[p])
	}
	if e.Has&format.HasModule == 0 {
		e.Module = 0
	}
	if e.Has&format.HasFunction == 0 {
		e.Function = 0
	}
	if e.Has&format.HasErrno == 0 {
		e.Errno = 0
	}
	if e.Has&format.HasHash == 0 {
		e.Hash = 0
	}
	if e.Has&format.HasInput == 0 {
		e.Input = nil
	}
	if e.Has&format.HasOutput == 0 {
		e.Output = nil
	}
}
