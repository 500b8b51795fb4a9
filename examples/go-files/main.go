//go:build wasip1

// Command files is a small WASI command: its first argument chooses what it does
// with files, clocks, randomness, and how it ends.
//
//	files cat [FILE...]      copy the files, or stdin, to stdout
//	files ls [DIR]           list a directory with sizes
//	files write FILE TEXT... write the words as one line
//	files sleep DURATION     sleep, then say for how long
//	files now                print the time and a random number
//	files fail               say so on stderr, exit 3
//	files panic              panic three calls deep, exit 2
package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// errFail asks for exit code 3 instead of 1.
var errFail = errors.New("failing, as asked")

var commands = map[string]func(args []string) error{
	"cat":   cat,
	"ls":    list,
	"write": write,
	"sleep": sleep,
	"now":   now,
	"fail":  func([]string) error { return errFail },
	"panic": func(args []string) error { return descend(3, args) },
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: files cat|ls|write|sleep|now|fail|panic [ARGS]")
		os.Exit(64)
	}
	err := commands[os.Args[1]](os.Args[2:])
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "files:", err)
	if errors.Is(err, errFail) {
		os.Exit(3)
	}
	os.Exit(1)
}

func cat(names []string) error {
	if len(names) == 0 {
		_, err := io.Copy(os.Stdout, os.Stdin)
		return err
	}
	for _, name := range names {
		if err := catFile(name); err != nil {
			return err
		}
	}
	return nil
}

func catFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(os.Stdout, f)
	return err
}

func list(args []string) error {
	dir := "/"
	if len(args) > 0 {
		dir = args[0]
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Printf("%s %8d %s\n", info.Mode().Type(), info.Size(), e.Name())
	}
	return nil
}

func write(args []string) error {
	if len(args) < 1 {
		return errors.New("write: a file name is missing")
	}
	return os.WriteFile(args[0], []byte(strings.Join(args[1:], " ")+"\n"), 0o644)
}

func sleep(args []string) error {
	if len(args) != 1 {
		return errors.New("sleep: one duration is expected, such as 20ms")
	}
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	start := time.Now()
	time.Sleep(d)
	fmt.Println("slept", time.Since(start))
	return nil
}

func now([]string) error {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return err
	}
	fmt.Println("time  ", time.Now().UTC().Format(time.RFC3339Nano))
	fmt.Println("random", hex.EncodeToString(b[:]))
	return nil
}

// descend panics after depth calls of itself.
//
//go:noinline
func descend(depth int, args []string) error {
	if depth > 1 {
		return descend(depth-1, args)
	}
	panic(fmt.Sprintf("descended with %q", args))
}
