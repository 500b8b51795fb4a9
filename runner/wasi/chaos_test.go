package wasi_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/wasi"
)

// chaosGuest has a directory with the file "file" of 10,000 bytes at fd 3.
func chaosGuest(t *testing.T, c wasi.Chaos) (*guest, []byte) {
	t.Helper()
	dir := t.TempDir()
	data := make([]byte, 10_000)
	rand.NewChaCha8([32]byte{}).Read(data)
	if err := os.WriteFile(filepath.Join(dir, "file"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return newGuest(t, wasi.Config{Args: []string{"app"}, Dirs: []wasi.Dir{{Host: dir, Guest: "/"}}, Chaos: c}), data
}

// outcomes makes calls and writes down what came of each.
func outcomes(g *guest, disturb func()) (list []string) {
	file := uint64(0)
	for i := range 200 {
		disturb()
		fd, errno := g.open(3, "file", 0, 0, rightsAll)
		if list = append(list, fmt.Sprint("open ", errno)); errno == host.Success {
			file = fd
		}
		got, errno := g.gets(file, 100)
		list = append(list, fmt.Sprint("read ", errno, len(got)))
		g.write(outAt, make([]byte, 4))
		errno = g.puts(1, strings.Repeat("x", 1+i))
		list = append(list, fmt.Sprint("write ", errno, g.u32(outAt)))
	}
	return list
}

func TestChaosFollowsItsSeed(t *testing.T) {
	run := func(c wasi.Chaos, disturb func(*guest)) []string {
		g, _ := chaosGuest(t, c)
		return outcomes(g, func() { disturb(g) })
	}
	quiet := func(*guest) {}
	first := run(wasi.Chaos{Ratio: 0.3, Seed: 7}, quiet)
	if diff := cmp.Diff(first, run(wasi.Chaos{Ratio: 0.3, Seed: 7}, quiet)); diff != "" {
		t.Errorf("the same seed gives something else: %s", diff)
	}
	// Calls of other functions, as of a program that waits, change nothing.
	polled := 0
	other := func(g *guest) {
		polled++
		for range polled % 3 {
			g.call("clock_time_get", 1, 0, outAt)
		}
	}
	if diff := cmp.Diff(first, run(wasi.Chaos{Ratio: 0.3, Seed: 7}, other)); diff != "" {
		t.Errorf("readings of the clock change what happens: %s", diff)
	}
	if slices.Equal(first, run(wasi.Chaos{Ratio: 0.3, Seed: 8}, quiet)) {
		t.Error("another seed gives the same")
	}
}

func TestChaosWithoutRatioInjectsNothing(t *testing.T) {
	g, _ := chaosGuest(t, wasi.Chaos{Seed: 7})
	plain, _ := chaosGuest(t, wasi.Chaos{})
	quiet := func() {}
	if diff := cmp.Diff(outcomes(plain, quiet), outcomes(g, quiet)); diff != "" {
		t.Error(diff)
	}
	for _, ratio := range []float64{-0.1, 1.1} {
		if _, err := wasi.New(wasi.Config{Chaos: wasi.Chaos{Ratio: ratio}}); err == nil {
			t.Errorf("ratio %v: no error", ratio)
		}
	}
}

// TestChaosKeepsTheRules: a program that repeats what came short or failed for
// the moment gets every byte, once, in order.
func TestChaosKeepsTheRules(t *testing.T) {
	g, data := chaosGuest(t, wasi.Chaos{Ratio: 0.7, Seed: 3})
	file, out := openStubborn(g, "file", 0), openStubborn(g, "copy", oCreat)
	var read []byte
	for len(read) < len(data) {
		part, errno := g.gets(file, 1000)
		if errno != host.Success {
			continue
		}
		if len(part) == 0 || len(part) > 1000 {
			t.Fatalf("read %d of 1000 bytes before the end", len(part))
		}
		read = append(read, part...)
	}
	if !bytes.Equal(read, data) {
		t.Error("short reads lose bytes")
	}
	for left := data; len(left) > 0; {
		asked := left[:min(len(left), 1000)]
		if g.puts(out, string(asked)) != host.Success {
			continue
		}
		n := g.u32(outAt)
		if n == 0 || int(n) > len(asked) {
			t.Fatalf("wrote %d of %d bytes", n, len(asked))
		}
		left = left[n:]
	}
	var copied []byte
	for again := openStubborn(g, "copy", 0); len(copied) < len(data); {
		if part, errno := g.gets(again, 1000); errno == host.Success {
			copied = append(copied, part...)
		}
	}
	if !bytes.Equal(copied, data) {
		t.Error("short writes lose bytes")
	}
}

func openStubborn(g *guest, name string, flags uint64) uint64 {
	for {
		if fd, errno := g.open(3, name, 0, flags, rightsAll); errno == host.Success {
			return fd
		}
	}
}

// TestChaosLeavesAlone what cannot fail, and what fails by itself.
func TestChaosLeavesAlone(t *testing.T) {
	g, _ := chaosGuest(t, wasi.Chaos{Ratio: 1, Seed: 5})
	for range 50 {
		g.ok("args_sizes_get", outAt, outAt+4)
		g.ok("random_get", bufAt, 16)
		g.ok("fd_fdstat_get", 1, outAt)
		g.ok("fd_prestat_get", 3, outAt)
		g.ok("sched_yield")
		g.fails(host.EBADF, "fd_read", 99, iovsAt, 0, outAt)
		g.fails(host.EBADF, "fd_write", 99, iovsAt, 0, outAt)
		if _, errno := g.open(98, "file", 0, 0, rightsAll); errno != host.EBADF {
			t.Errorf("open below a descriptor that is not there: %v", errno)
		}
		if errno := g.puts(1, "x"); errno == host.EAGAIN {
			t.Error("a descriptor that may block says EAGAIN")
		}
	}
}

func TestChaosClock(t *testing.T) {
	g, _ := chaosGuest(t, wasi.Chaos{Ratio: 0.5, Seed: 1})
	var last, back, forth uint64
	for range 500 {
		g.ok("clock_time_get", 1, 0, outAt)
		now := g.u64(outAt)
		if now < last {
			t.Fatalf("the monotonic clock goes from %d to %d", last, now)
		}
		last = now
	}
	for range 500 {
		g.ok("clock_time_get", 0, 0, outAt)
		now := g.u64(outAt)
		if now < last {
			back++
		} else {
			forth++
		}
		last = now
	}
	if back == 0 || forth == 0 {
		t.Errorf("the wall clock went back %d times and on %d times", back, forth)
	}
}
