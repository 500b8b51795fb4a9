package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/inspect"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner"
	"github.com/tracetool/tracetool/writer"
)

// runChild runs one mode of a program in this process.
func runChild(ctx context.Context, mode, dir, name string) error {
	path := filepath.Join(dir, name+format.Extension)
	switch mode {
	case "make":
		return makeTrace(path, 10_000_000)
	case "inspect":
		return inspectTrace(path)
	case "list":
		return listRegistry(ctx, dir)
	case "replay":
		return replay(ctx, dir, path)
	}
	m, err := runner.Load(filepath.Join("bench", "guest", name+".wasm"))
	if err != nil {
		return err
	}
	cfg := runner.Config{Dirs: []format.Preopen{{Host: dir, Guest: "/"}}, Stdout: io.Discard, Stderr: os.Stderr, CacheDir: filepath.Join(dir, "cache"), Exclusive: true}
	var result *runner.Result
	switch mode {
	case "stock":
		return stock(ctx, m, cfg)
	case "plain":
		result, err = runner.Run(ctx, m, cfg)
	case "record":
		result, err = runner.Record(ctx, m, cfg, func(o writer.Options) (*writer.Writer, error) {
			o.Force = true
			return writer.Create(path, o)
		})
	default:
		return fmt.Errorf("unknown mode %q", mode)
	}
	if err == nil && (result.ExitCode != 0 || result.Incomplete()) {
		err = fmt.Errorf("guest ended with %+v", result)
	}
	if err != nil || mode == "plain" {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Print(info.Size() - int64(len(m.Bytes)))
	return nil
}

func replay(ctx context.Context, dir, path string) error {
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = runner.Replay(ctx, f, runner.ReplayConfig{Stdout: io.Discard, Stderr: os.Stderr, CacheDir: filepath.Join(dir, "cache"), Exclusive: true})
	return err
}

// stock runs the program as wazero's own command does.
func stock(ctx context.Context, m runner.Module, cfg runner.Config) error {
	cache, err := wazero.NewCompilationCacheWithDir(cfg.CacheDir)
	if err != nil {
		return err
	}
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCompilationCache(cache))
	defer rt.Close(ctx)
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, rt); err != nil {
		return err
	}
	config := wazero.NewModuleConfig().WithArgs(m.Name).WithStdout(cfg.Stdout).WithStderr(cfg.Stderr).
		WithSysWalltime().WithSysNanotime().
		WithFSConfig(wazero.NewFSConfig().WithDirMount(cfg.Dirs[0].Host, "/"))
	_, err = rt.InstantiateWithConfig(ctx, m.Bytes, config)
	if exit, ok := err.(*sys.ExitError); ok && exit.ExitCode() == 0 {
		return nil
	}
	return err
}

// makeTrace writes a trace with events such as a program with files makes.
func makeTrace(path string, events int) error {
	functions := []string{"clock_time_get", "fd_write", "fd_read", "random_get"}
	w, err := writer.Create(path, writer.Options{Modules: []string{"wasi_snapshot_preview1"}, Functions: functions, NoSidecar: true})
	if err != nil {
		return err
	}
	e := format.Event{Time: w.Header().StartNS, Input: []byte("a line of text that was written\n")}
	for i := range events {
		e.Time += 900 + int64(i*7919%301)
		e.Function = int16(i % len(functions))
		e.Has = format.HasModule | format.HasFunction | format.HasErrno | format.HasParams(4)
		e.P = [format.NumParams]int64{int64(i % 5), 1024, int64(1 + i%3), 2048}
		if e.Function == 1 {
			e.Has |= format.HasInput | format.HasDuration | format.HasValue
			e.Duration, e.Value = int64(400+i%900), int64(len(e.Input))
		}
		if err := w.Append(&e); err != nil {
			return err
		}
	}
	return w.Close()
}

// inspectTrace does what `tracetool inspect` does.
func inspectTrace(path string) error {
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	s, err := inspect.Summarize(f)
	if err != nil {
		return err
	}
	return s.WriteText(os.Stdout, inspect.TextOptions{})
}
