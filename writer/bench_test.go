//go:build unix

package writer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// cpu is the processor time of all threads so far.
func cpu(tb testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchmark appends b.N clock calls. It reports processor time and bytes an
// event, sealing included.
func benchmark(b *testing.B, opts Options, change func(i int, e *format.Event)) {
	opts.Modules, opts.Functions = options.Modules, options.Functions
	path := filepath.Join(b.TempDir(), "t.trace.arrow")
	e := clockEvent(0)
	b.ReportAllocs()
	start := cpu(b)
	w, err := Create(path, opts)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		e.Time += 35 + int64(i*7919%13)
		if change != nil {
			change(i, e)
		}
		if err := w.Append(e); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	used := cpu(b) - start
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/event")
	b.ReportMetric(float64(info.Size())/float64(b.N), "B/event")
}

func BenchmarkAppend(b *testing.B) { benchmark(b, Options{}, nil) }

func BenchmarkSegmentRows(b *testing.B) {
	for _, rows := range []int{8 << 10, 16 << 10, 32 << 10, 64 << 10} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) { benchmark(b, Options{SegmentRows: rows}, nil) })
	}
}

func BenchmarkCompression(b *testing.B) {
	for _, codec := range []ipc.Codec{ipc.Zstd, ipc.LZ4, ipc.None} {
		b.Run(codec.String(), func(b *testing.B) { benchmark(b, Options{Compression: codec}, nil) })
	}
}

func BenchmarkNoSidecar(b *testing.B) { benchmark(b, Options{NoSidecar: true}, nil) }

// BenchmarkWrites is fd_write of 35 bytes with text and durations.
func BenchmarkWrites(b *testing.B) {
	text := []byte("line 0000000 of a file in a loop..\n")
	benchmark(b, Options{}, func(i int, e *format.Event) {
		text[5+i%7] = byte('0' + i%10)
		e.Function, e.Duration, e.Value, e.Input = 0, 1000+int64(i%97), 35, text
		e.P = [format.NumParams]int64{4, 1024, 1, 1016}
		e.Has |= format.HasParams(4) | format.HasDuration | format.HasValue | format.HasInput
	})
}
