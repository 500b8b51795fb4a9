package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/writer"
)

// The guests make b.N calls each: of the clock, of 16 random bytes, of a write
// of 35 bytes to a file. cpu-ns/op counts all threads.
func BenchmarkCalls(b *testing.B) {
	for _, guest := range []string{"clock", "random", "write"} {
		m, err := Load("../bench/guest/" + guest + ".wasm")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(guest+"/run", func(b *testing.B) {
			measure(b, func() error {
				_, err := Run(context.Background(), m, benchConfig(b))
				return err
			})
		})
		b.Run(guest+"/record", func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "bench"+format.Extension)
			measure(b, func() error { return benchRecord(b, m, path) })
			if info, err := os.Stat(path); err == nil {
				b.ReportMetric(float64(info.Size()-int64(len(m.Bytes)))/float64(b.N), "B/event")
			}
		})
		b.Run(guest+"/replay", func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "bench"+format.Extension)
			if err := benchRecord(b, m, path); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			measure(b, func() error { return benchReplay(path) })
		})
	}
}

func benchConfig(b *testing.B) Config {
	return Config{Args: []string{fmt.Sprint(b.N)}, Dirs: []format.Preopen{{Host: b.TempDir(), Guest: "/"}}, Stdout: io.Discard}
}

func benchRecord(b *testing.B, m Module, path string) error {
	_, err := Record(context.Background(), m, benchConfig(b), func(o writer.Options) (*writer.Writer, error) {
		o.Force = true
		return writer.Create(path, o)
	})
	return err
}

func benchReplay(path string) error {
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = Replay(context.Background(), f, ReplayConfig{})
	return err
}

func measure(b *testing.B, f func() error) {
	before, _ := host.CPUTime()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	after, _ := host.CPUTime()
	b.ReportMetric(float64(after-before)/float64(b.N), "cpu-ns/op")
}
