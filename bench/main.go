// Bench measures what recording and replaying cost, side by side in one run:
//
//	go run ./bench [-runs 5] [-only clock,write]
//
// "-only registry" measures a list of ten thousand recordings instead, with what the
// system holds in memory of them and, for root on Linux, from a cold disk.
//
// Each program runs in child processes of its own, alternating between not
// recorded (on our own host and on wazero's stock one), recorded and replayed.
// CPU is user plus system time of all threads, from the operating system; the
// smallest of the runs counts, since noise only adds. As in the command, garbage
// is collected in host calls only. Compiling is warmed up
// first: all runs load the program from the compile cache.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// program is one guest and the figures to reach.
type program struct {
	name   string
	events float64 // host calls that the figures are divided by
	// Goals: CPU beyond the unrecorded run in ns per event, bytes per event of
	// the trace without the module, and CPU of the replay relative to the
	// unrecorded run and in ns per event; 0 for none.
	extra, bytes, replay, perReplayed float64
}

// component: the program is a component, which wazero's stock host cannot run.
func (p program) component() bool { return strings.HasPrefix(p.name, "component-") }

var programs = []program{
	{name: "clock", events: 1e6, extra: 80, bytes: 2.5, replay: 1.25},
	{name: "random", events: 1e6, extra: 160, bytes: 18.95},
	{name: "write", events: 3e5, extra: 350, bytes: 4.9, replay: 0.85},
	{name: "mixed", events: 5e5},
	{name: "read", events: 1025, extra: 0.35e9 / 1025},
	{name: "component-clock", events: 1e6, extra: 150, bytes: 2, perReplayed: 150},
	{name: "component-random", events: 1e6, bytes: 8.5, perReplayed: 150},
	{name: "component-mixed", events: 1e6, bytes: 4.5, perReplayed: 150},
}

// modes are the ways to run a program; the order is that of a round.
var modes = []string{"stock", "plain", "record", "replay"}

// usage is what a child process took.
type usage struct {
	CPU    time.Duration
	Memory int64 // largest resident set, bytes
	Size   int64 // of the trace without the module, bytes
}

func main() {
	child := flag.String("child", "", "internal: run `MODE` in this process")
	runs := flag.Int("runs", 5, "rounds of each program")
	only := flag.String("only", "", "comma-separated `names` of programs to run, inspect among them; registry runs only when it is named")
	flag.Parse()
	if *child != "" {
		check(runChild(context.Background(), *child, flag.Arg(0), flag.Arg(1)))
		return
	}
	selected := func(name string) bool { return *only == "" || slices.Contains(strings.Split(*only, ","), name) }
	dir, err := os.MkdirTemp("", "tracetool-bench-")
	check(err)
	defer os.RemoveAll(dir)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "program\tevents\tstock\tplain\trecord\treplay\textra ns/event\tgoal\tB/event\tgoal\treplay/plain\tgoal\treplay ns/event\tgoal\tmemory more\t")
	for _, p := range programs {
		if selected(p.name) {
			check(measure(out, dir, p, *runs))
		}
	}
	check(out.Flush())
	if selected("inspect") {
		check(measureInspect(dir, *runs))
	}
	if *only != "" && selected("registry") { // it has the system forget its files
		check(measureRegistry(dir, *runs))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure runs all modes of a program in turn and prints its line.
func measure(out *tabwriter.Writer, dir string, p program, runs int) error {
	if p.name == "read" {
		if err := writeText(filepath.Join(dir, "big.txt"), 64<<20); err != nil {
			return err
		}
	}
	best := map[string]usage{}
	for round := range runs + 1 { // the first one warms up
		for _, mode := range modes {
			if mode == "stock" && p.component() {
				continue
			}
			u, err := run(mode, dir, p.name)
			if err != nil {
				return fmt.Errorf("%s %s: %w", mode, p.name, err)
			}
			if b, ok := best[mode]; round > 0 && (!ok || u.CPU < b.CPU) {
				best[mode] = u
			}
		}
	}
	plain, record, replay := best["plain"], best["record"], best["replay"]
	ms := func(d time.Duration) string {
		if d == 0 {
			return "-"
		}
		return fmt.Sprintf("%.0f ms", float64(d)/1e6)
	}
	goal := func(v float64, format string) string {
		if v == 0 {
			return ""
		}
		return "<= " + fmt.Sprintf(format, v)
	}
	fmt.Fprintf(out, "%s\t%.0f\t%s\t%s\t%s\t%s\t%.0f\t%s\t%.2f\t%s\t%.2f\t%s\t%.0f\t%s\t%.0f MiB\t\n",
		p.name, p.events, ms(best["stock"].CPU), ms(plain.CPU), ms(record.CPU), ms(replay.CPU),
		float64(record.CPU-plain.CPU)/p.events, goal(p.extra, "%.0f"),
		float64(record.Size)/p.events, goal(p.bytes, "%.2f"),
		float64(replay.CPU)/float64(plain.CPU), goal(p.replay, "%.2f"),
		float64(replay.CPU)/p.events, goal(p.perReplayed, "%.0f"),
		float64(record.Memory-plain.Memory)/(1<<20))
	return nil
}

// run runs one mode in a child process and reports what it took.
func run(mode, dir, name string) (usage, error) {
	exe, err := os.Executable()
	if err != nil {
		return usage{}, err
	}
	cmd := exec.Command(exe, "-child", mode, dir, name)
	var report strings.Builder
	cmd.Stdout, cmd.Stderr = &report, os.Stderr
	if err := cmd.Run(); err != nil {
		return usage{}, err
	}
	u := usage{CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), Memory: maxResident(cmd.ProcessState)}
	if s := report.String(); s != "" {
		if err := json.Unmarshal([]byte(s), &u.Size); err != nil {
			return usage{}, fmt.Errorf("child printed %q: %w", s, err)
		}
	}
	return u, nil
}

// writeText writes n bytes of words in no particular order. It keeps this
// process small: the system counts its memory into that of the children.
func writeText(path string, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	words := strings.Fields("trace replay the of segment and wasm host guest call to a event memory clock in is file row bytes")
	b := bufio.NewWriter(f)
	for state := uint64(1); n > 0; {
		state = state*6364136223846793005 + 1442695040888963407
		word := words[state>>33%uint64(len(words))] + " \n"[state>>63:][:1]
		word = word[:min(n, len(word))]
		n -= len(word)
		b.WriteString(word) // an error shows at Flush
	}
	return b.Flush()
}
