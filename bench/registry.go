package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/runner/registry"
	"github.com/tracetool/tracetool/writer"
)

// recordings is how many the registry of the benchmark has.
const recordings = 10_000

// measureRegistry times a list of ten thousand recordings, as `tracetool get
// process` makes it, from the start of the process to its end: as often as runs
// say with what the system keeps in memory, and as often after it has dropped
// that, which root alone may ask for on Linux alone.
func measureRegistry(dir string, runs int) error {
	store := filepath.Join(dir, "registry")
	if err := fillRegistry(context.Background(), store); err != nil {
		return err
	}
	warm, err := timeList(store, runs, func() error { return nil })
	if err != nil {
		return err
	}
	cold := "cold not measured: it takes root on Linux"
	if best, err := timeList(store, runs, dropCache); err == nil {
		cold = fmt.Sprintf("%.0f ms from a cold disk (goal < 1000)", float64(best)/1e6)
	}
	fmt.Printf("list of %d recordings: %.0f ms, %s\n", recordings, float64(warm)/1e6, cold)
	return nil
}

// timeList is the shortest time of a list.
func timeList(store string, runs int, before func() error) (time.Duration, error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, err
	}
	best := time.Hour
	for range runs {
		if err := before(); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := exec.Command(exe, "-child", "list", store).Run(); err != nil {
			return 0, fmt.Errorf("list: %w", err)
		}
		best = min(best, time.Since(start))
	}
	return best, nil
}

// dropCache has Linux forget the files that it keeps in memory.
func dropCache() error {
	const all = "3" // pages, names and inodes
	return errors.Join(exec.Command("sync").Run(), os.WriteFile("/proc/sys/vm/drop_caches", []byte(all), 0))
}

// fillRegistry records a program as often as the benchmark wants.
func fillRegistry(ctx context.Context, store string) error {
	reg, err := registry.Create(store, registry.Options{})
	if err != nil {
		return err
	}
	m, err := runner.Load(filepath.Join("examples", "hello", "hello.wasm"))
	if err != nil {
		return err
	}
	for range recordings {
		rec, err := reg.Begin()
		if err != nil {
			return err
		}
		cfg := runner.Config{Stdout: io.Discard, Detach: true, Started: rec.Started, Tags: map[string]string{"build": "1042"}}
		_, err = runner.Record(ctx, m, cfg, func(o writer.Options) (*writer.Writer, error) { return rec.Create(m.Bytes, o) })
		rec.End()
		if err != nil {
			return err
		}
	}
	return nil
}

// listRegistry does what `tracetool get process` does.
func listRegistry(ctx context.Context, store string) error {
	reg, err := registry.Open(store)
	if err != nil {
		return err
	}
	ids, err := reg.IDs()
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(registry.Readers) // as the verb does
	list, err := reg.Processes(ctx, ids)
	for _, p := range list {
		fmt.Println(p.ID, p.Status, p.Start, p.Size)
	}
	return err
}
