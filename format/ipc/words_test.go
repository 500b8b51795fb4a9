package ipc

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// column returns n words that a function gives.
func column(n int, word func(i int) uint64) []byte {
	var data []byte
	for i := range n {
		data = binary.LittleEndian.AppendUint64(data, word(i))
	}
	return data
}

// columns are the shapes that the word encoder is for, and others.
func columns(r *rand.Rand, n int) map[string][]byte {
	t := uint64(1_795_468_963_074_629_407)
	return map[string][]byte{
		"time": column(n, func(int) uint64 {
			t += 85 + r.Uint64N(12)
			if r.IntN(100) == 0 {
				t += r.Uint64N(1 << r.IntN(40))
			}
			return t
		}),
		"duration": column(n, func(int) uint64 { return 1200 + r.Uint64N(300) }),
		"constant": column(n, func(int) uint64 { return 7 }),
		"step":     column(n, func(i int) uint64 { return uint64(i) * 16 }),
		"negative": column(n, func(i int) uint64 { return -uint64(i) }),
		"runs":     column(n, func(i int) uint64 { return uint64(i / 100 * 3) }),
		"random":   column(n, func(int) uint64 { return r.Uint64() }),
		"mixed":    column(n, func(int) uint64 { return r.Uint64() >> (8 * r.IntN(8)) }),
		"rare": column(n, func(i int) uint64 {
			if i%1000 == 999 {
				return r.Uint64()
			}
			return uint64(i)
		}),
	}
}

func TestWordsRoundTrip(t *testing.T) {
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	e := wordEncoder{new(blockEncoder)}
	encoded := map[string]bool{}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 5))
		for _, n := range []int{0, 1, 2, 3, 60, 1000, 16 << 10, 16<<10 + 1, 1 + r.IntN(60_000)} {
			if n > 1000 && seed > 4 && testing.Short() {
				continue
			}
			for name, data := range columns(r, n) {
				back := []int{1, 2, Jitter, 1 + r.IntN(100)}[r.IntN(4)]
				frame, ok := e.append([]byte("before"), data, back)
				if !ok {
					continue
				}
				encoded[name] = true
				got, err := decoder.DecodeAll(frame[len("before"):], nil)
				if err != nil || !bytes.Equal(got, data) {
					t.Fatalf("seed %d, %d words of %s, %d back: %d bytes decode to %d, want %d: %v", seed, n, name, back, len(frame), len(got), len(data), err)
				}
			}
		}
	}
	for _, name := range []string{"time", "duration", "constant", "step", "negative", "runs", "rare"} {
		if !encoded[name] {
			t.Errorf("%s was never encoded", name)
		}
	}
	if encoded["random"] {
		t.Error("random words were not left to the general encoder")
	}
}

func FuzzWords(f *testing.F) {
	for _, data := range columns(rand.New(rand.NewPCG(1, 1)), 200) {
		f.Add(data, uint8(0))
		f.Add(data, uint8(Jitter-1))
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, back uint8) {
		data = data[:len(data)&^7]
		e := wordEncoder{new(blockEncoder)}
		frame, ok := e.append(nil, data, int(back)+1)
		if !ok {
			return
		}
		if got, err := decoder.DecodeAll(frame, nil); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%x decodes to %x, want %x: %v", frame, got, data, err)
		}
	})
}

func BenchmarkWords(b *testing.B) {
	const n = 32 << 10
	general, err := NewEncoder(Zstd)
	if err != nil {
		b.Fatal(err)
	}
	for name, data := range columns(rand.New(rand.NewPCG(1, 2)), n) {
		for _, words := range []int{0, 1, Jitter} {
			b.Run(name+map[int]string{0: "/general", 1: "/words", Jitter: "/jitter"}[words], func(b *testing.B) {
				size := 0
				for b.Loop() {
					general.body = general.body[:0]
					if err := general.compress(Buffer{Data: data, Words: words}); err != nil {
						b.Fatal(err)
					}
					size = len(general.body)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/word")
				b.ReportMetric(float64(size)/n, "B/word")
			})
		}
	}
}
