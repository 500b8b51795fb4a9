package wasi_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/tracetool/tracetool/runner/wasi"
)

// stockGuest is a guest on wazero's own implementation.
func stockGuest(t testing.TB, dir string) *guest {
	ctx := context.Background()
	rt := wazero.NewRuntime(ctx)
	t.Cleanup(func() { rt.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, rt)
	return startGuest(t, ctx, rt, wazero.NewModuleConfig().
		WithSysWalltime().WithSysNanotime().WithRandSource(rand.Reader).
		WithFSConfig(wazero.NewFSConfig().WithDirMount(dir, "/")))
}

// BenchmarkCalls compares hot calls with wazero's own implementation. The guest
// repeats each call in a loop, so that entering it costs nothing.
func BenchmarkCalls(b *testing.B) {
	const rights = rightRead | rightWrite | rightSeek | rightTell
	calls := []struct {
		name, function string
		params         func(g *guest, fd uint64) []uint64
	}{
		{"clock_realtime", "clock_time_get", func(*guest, uint64) []uint64 { return []uint64{0, 1, outAt} }},
		{"clock_monotonic", "clock_time_get", func(*guest, uint64) []uint64 { return []uint64{1, 1, outAt} }},
		{"random_16", "random_get", func(*guest, uint64) []uint64 { return []uint64{bufAt, 16} }},
		{"write_35", "fd_write", func(g *guest, fd uint64) []uint64 {
			ptr, n := g.iovs(35)
			return []uint64{fd, ptr, n, outAt}
		}},
		{"write_2_iovecs", "fd_write", func(g *guest, fd uint64) []uint64 {
			ptr, n := g.iovs(34, 1)
			return []uint64{fd, ptr, n, outAt}
		}},
		{"pread_35", "fd_pread", func(g *guest, fd uint64) []uint64 {
			g.puts(fd, "0123456789012345678901234567890123456789")
			ptr, n := g.iovs(35)
			return []uint64{fd, ptr, n, 0, outAt}
		}},
		{"read_35_at_end", "fd_read", func(g *guest, fd uint64) []uint64 {
			ptr, n := g.iovs(35)
			return []uint64{fd, ptr, n, outAt}
		}},
		{"filestat", "fd_filestat_get", func(_ *guest, fd uint64) []uint64 { return []uint64{fd, outAt} }},
		{"fdstat", "fd_fdstat_get", func(_ *guest, fd uint64) []uint64 { return []uint64{fd, outAt} }},
	}
	for _, c := range calls {
		for _, stock := range []bool{false, true} {
			name := c.name + "/ours"
			if stock {
				name = c.name + "/stock"
			}
			b.Run(name, func(b *testing.B) {
				dir := b.TempDir()
				var g *guest
				if stock {
					g = stockGuest(b, dir)
				} else {
					g = newGuest(b, wasi.Config{Dirs: []wasi.Dir{{Host: dir, Guest: "/"}}})
				}
				fd := g.mustOpen(3, "file", follow, oCreat, rights|1<<21)
				params := append(c.params(g, fd), uint64(b.N))
				f := g.mod.ExportedFunction("loop_" + c.function)
				b.ReportAllocs()
				b.ResetTimer()
				if _, err := f.Call(g.ctx, params...); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// BenchmarkPaths compares calls that resolve a path.
func BenchmarkPaths(b *testing.B) {
	for _, stock := range []bool{false, true} {
		name := "filestat/ours"
		if stock {
			name = "filestat/stock"
		}
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
				b.Fatal(err)
			}
			var g *guest
			if stock {
				g = stockGuest(b, dir)
			} else {
				g = newGuest(b, wasi.Config{Dirs: []wasi.Dir{{Host: dir, Guest: "/"}}})
			}
			ptr, size := g.path("file")
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := g.mod.ExportedFunction("loop_path_filestat_get").Call(g.ctx, 3, follow, ptr, size, outAt, uint64(b.N)); err != nil {
				b.Fatal(err)
			}
		})
	}
}
