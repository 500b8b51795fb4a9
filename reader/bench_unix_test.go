//go:build unix

package reader_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// clockTrace writes a trace of n clock calls, as a recorder would.
func clockTrace(tb testing.TB, n int) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "clock.trace.arrow")
	w, err := writer.Create(path, writer.Options{Modules: []string{"wasi_snapshot_preview1"}, Functions: []string{"clock_time_get"}})
	if err != nil {
		tb.Fatal(err)
	}
	e := format.Event{Time: 1_700_000_000_000_000_000, Has: format.HasModule | format.HasFunction | format.HasErrno | format.HasParams(3)}
	for i := range n {
		e.Time += 50 + int64(i*7%13)
		e.P = [format.NumParams]int64{1, 1, 1048}
		if err := w.Append(&e); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

// cpu is the time that all threads of the process have used, in ns.
func cpu(tb testing.TB) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkScan reads a million clock calls, the least that a replay does.
func BenchmarkScan(b *testing.B) {
	const n = 1_000_000
	path := clockTrace(b, n)
	for _, c := range []struct {
		name string
		read func(*reader.File) (int, error)
	}{{"Events", countEvents}, {"Batch", countRows}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			start := cpu(b)
			for b.Loop() {
				got, err := c.read(openFile(b, path))
				if err != nil || got != n {
					b.Fatalf("%d events: %v", got, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
			b.ReportMetric(float64(cpu(b)-start)/float64(b.N)/n, "cpu-ns/event")
		})
	}
}

func countEvents(f *reader.File) (n int, err error) {
	for _, err := range f.Events(reader.Query{}) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func countRows(f *reader.File) (n int, err error) {
	for i := range f.Segments() {
		b, err := f.Batch(i)
		if err != nil {
			return n, err
		}
		n += b.Rows
	}
	return n, nil
}
