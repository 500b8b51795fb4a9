package ipc

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// texts are bytes of many shapes, each of length n.
func texts(r *rand.Rand, n int) map[string][]byte {
	words := strings.Fields("the quick brown fox jumps over a lazy dog and { runs } away; into 0x00ff, 12345")
	fill := func(piece func(i int) string) []byte {
		var b []byte
		for i := 0; len(b) < n; i++ {
			b = append(b, piece(i)...)
		}
		return b[:n]
	}
	block := fill(func(int) string { return string(rune(r.IntN(256))) })
	return map[string][]byte{
		"words":  fill(func(int) string { return words[r.IntN(len(words))] + " " }),
		"lines":  fill(func(i int) string { return fmt.Sprintf("line %d of %d\n", i, r.IntN(10)) }),
		"zeros":  make([]byte, n),
		"random": fill(func(int) string { return string([]byte{byte(r.Uint32()), byte(r.Uint32())}) }),
		"base64": fill(func(int) string {
			return string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[r.IntN(64)])
		}),
		"records": fill(func(i int) string { return fmt.Sprintf("\x00\x01%c\x00\x00%c%c\x00", i, i>>8, r.IntN(4)) }),
		"far":     append(block[:n/2:n/2], block[:n-n/2]...),
		"runs":    fill(func(int) string { return strings.Repeat(string(rune('a'+r.IntN(3))), 1+r.IntN(1<<r.IntN(18))) }),
		"periods": fill(func(int) string {
			at, length := r.IntN(len(block)), 1+r.IntN(80)
			return strings.Repeat(string(block[at:min(at+length, len(block))]), 1+r.IntN(1<<r.IntN(12)))
		}),
		"mixed": fill(func(int) string {
			if r.IntN(20) == 0 {
				return string(block[:r.IntN(n)])
			}
			return words[r.IntN(len(words))]
		}),
	}
}

func TestBytesRoundTrip(t *testing.T) {
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	e := byteEncoder{blockEncoder: new(blockEncoder)}
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 9))
		for _, n := range []int{1, 2, 100, minBytes, maxBlock - 1, maxBlock, maxBlock + 1, maxBlock + 3, 3 * maxBlock, 1 + r.IntN(5*maxBlock), maxPiece + 5} {
			if n > maxBlock && (seed > 3 || testing.Short()) {
				continue
			}
			for name, data := range texts(r, n) {
				frame, ok := e.append([]byte("before"), data)
				if !ok && name == "random" {
					continue
				}
				got, err := decoder.DecodeAll(frame[len("before"):], nil)
				if err != nil || !bytes.Equal(got, data) {
					t.Fatalf("seed %d, %d bytes of %s: %d bytes decode to %d: %v", seed, n, name, len(frame), len(got), err)
				}
			}
		}
	}
}

// TestBytesSize: what is gained in time is not paid in size. Only what is
// random and stands twice far apart is not found again.
func TestBytesSize(t *testing.T) {
	general, err := NewEncoder(Zstd)
	if err != nil {
		t.Fatal(err)
	}
	e := byteEncoder{blockEncoder: new(blockEncoder)}
	for name, data := range texts(rand.New(rand.NewPCG(1, 1)), 1<<20) {
		want, got := len(general.zstd.EncodeAll(data, nil)), len(data)
		if frame, ok := e.append(nil, data); ok {
			got = len(frame)
		}
		if name != "far" && got > want*11/10+200 {
			t.Errorf("%s: %d bytes, the general encoder makes %d", name, got, want)
		}
	}
}

func FuzzBytes(f *testing.F) {
	for _, n := range []int{10, 1000, 200_000} {
		for _, data := range texts(rand.New(rand.NewPCG(2, 1)), n) {
			f.Add(data)
		}
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e := byteEncoder{blockEncoder: new(blockEncoder)}
		frame, ok := e.append(nil, data)
		if !ok {
			return
		}
		if got, err := decoder.DecodeAll(frame, nil); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%x decodes to %x, want %x: %v", frame, got, data, err)
		}
	})
}

func BenchmarkBytes(b *testing.B) {
	const n = 4 << 20
	general, err := NewEncoder(Zstd)
	if err != nil {
		b.Fatal(err)
	}
	for name, data := range texts(rand.New(rand.NewPCG(1, 2)), n) {
		for _, special := range []bool{false, true} {
			b.Run(name+map[bool]string{false: "/general", true: "/bytes"}[special], func(b *testing.B) {
				b.SetBytes(n)
				size := 0
				for b.Loop() {
					general.body = general.body[:0]
					if err := general.compress(Buffer{Data: data, Bytes: special}); err != nil {
						b.Fatal(err)
					}
					size = len(general.body)
				}
				b.ReportMetric(float64(size)/n, "ratio")
			})
		}
	}
}
