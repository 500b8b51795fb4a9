package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// measureInspect times the summary of a trace of ten million events, from the
// start of the process to its end.
func measureInspect(dir string, runs int) error {
	if _, err := run("make", dir, "ten-million"); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	best, memory := time.Hour, int64(0)
	for range runs {
		cmd := exec.Command(exe, "-child", "inspect", dir, "ten-million")
		start := time.Now()
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("inspect: %w", err)
		}
		if d := time.Since(start); d < best {
			best = d
		}
		memory = max(memory, maxResident(cmd.ProcessState))
	}
	info, err := os.Stat(filepath.Join(dir, "ten-million.trace.arrow"))
	if err != nil {
		return err
	}
	fmt.Printf("inspect of 10,000,000 events (%.1f MB): %.0f ms (goal < 100), %.0f MiB (goal < 64)\n",
		float64(info.Size())/1e6, float64(best)/1e6, float64(memory)/(1<<20))
	return nil
}
