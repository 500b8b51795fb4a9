package session

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tracetool/tracetool/convert"
)

// long records a session of that many inputs on a screen of 80x24, of which a
// few cells change for each.
func long(t testing.TB, inputs int, o Options) *Trace {
	t.Helper()
	r := NewRecorder(&board{}, Size{80, 24}, 7, o)
	must(t, r.Init())
	random := rand.New(rand.NewPCG(1, 2))
	for i := range inputs {
		name := []string{"ArrowRight", "ArrowDown", string(rune('a' + random.IntN(16)))}[random.IntN(3)]
		must(t, r.Push(time.Duration(i)*time.Millisecond, Key{Name: name}))
		_, err := r.Step()
		must(t, err)
	}
	trace, err := r.Finish()
	must(t, err)
	return trace
}

// encoded is the trace as bytes.
func encoded(t testing.TB, trace *Trace, form convert.Form) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, trace.Write(&b, form))
	return b.Bytes()
}

func BenchmarkLoad(b *testing.B) {
	trace := long(b, 100_000, Options{})
	for _, form := range []convert.Form{convert.JSONL, convert.Arrow} {
		data := encoded(b, trace, form)
		for name, load := range map[string]func() error{
			"check": func() error { return Check(context.Background(), bytes.NewReader(data)) },
			"read":  func() error { _, err := Read(context.Background(), bytes.NewReader(data)); return err },
		} {
			b.Run(string(form)+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					if err := load(); err != nil {
						b.Fatal(err)
					}
				}
				records := float64(len(trace.Records)) * float64(b.N)
				b.ReportMetric(records/b.Elapsed().Seconds()/1e6, "Mrecords/s")
			})
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	trace := long(b, 10_000, Options{Cells: true})
	b.Run("replay", func(b *testing.B) {
		for range b.N {
			if r, err := Replay(context.Background(), &board{}, trace); err != nil || r.Mismatch != nil {
				b.Fatal(r, err)
			}
		}
		b.ReportMetric(float64(trace.Frames())*float64(b.N)/b.Elapsed().Seconds(), "frames/s")
	})
	b.Run("validate", func(b *testing.B) {
		for range b.N {
			if err := trace.Validate(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(trace.Frames())*float64(b.N)/b.Elapsed().Seconds(), "frames/s")
	})
}

func TestKeptCellsAreFewBytes(t *testing.T) {
	const frames = 2000
	without := len(encoded(t, long(t, frames, Options{}), convert.Arrow))
	with := len(encoded(t, long(t, frames, Options{Cells: true}), convert.Arrow))
	each := float64(with-without) / frames
	t.Logf("%.1f bytes a frame", each)
	if each > 40 {
		t.Errorf("kept cells take %.1f bytes a frame, want 40 at most", each)
	}
}
