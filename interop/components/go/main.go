// Command go does one row of the matrix: go ROW. A program of WASI preview1,
// made a component by the adapter.
package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/big"
	mathrand "math/rand"
	"os"
	"slices"
	"time"
)

func main() {
	rows[os.Args[1]]()
}

var rows = map[string]func(){
	"clocks": clocks, "random": random, "environment": environment, "lines": lines, "whole": whole, "files": files,
	"panic": crash, "memory": memory, "exit": func() { os.Exit(3) },
}

func clocks() {
	start := time.Now()
	fmt.Println(start.UnixNano(), "ns since 1970")
	time.Sleep(20 * time.Millisecond)
	passed := time.Since(start)
	fmt.Println("slept at least 20 ms:", passed >= 20*time.Millisecond)
	fmt.Println(passed.Nanoseconds(), "ns")
}

func random() {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	fmt.Println(n, err)
	fmt.Println(mathrand.Uint64())
	m := map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true}
	fmt.Println(slices.Collect(maps.Keys(m)))
}

func environment() {
	fmt.Printf("%q\n%q\n", os.Args, os.Environ())
	fmt.Println(os.Getwd())
	_, ok := os.LookupEnv("ABSENT")
	fmt.Fprintln(os.Stderr, ok)
}

func lines() {
	scanner := bufio.NewScanner(os.Stdin)
	for number := 0; scanner.Scan(); number++ {
		fmt.Printf("%d: %s\n", number, scanner.Text())
		if scanner.Text() == "enough" {
			fmt.Fprintln(os.Stderr, "the rest is left")
			return
		}
	}
}

func whole() {
	hash := fnv.New64a()
	n, err := io.Copy(hash, os.Stdin)
	fmt.Printf("%d bytes, hash %x, %v\n", n, hash.Sum64(), err)
}

func files() {
	for _, path := range []string{"data/notes.txt", "data/absent", "../secret"} {
		data, err := os.ReadFile(path)
		fmt.Printf("%q %v\n", data, err)
	}
	must(os.MkdirAll("data/new/deep", 0o777))
	must(os.WriteFile("data/new/one", []byte("first\nsecond\n"), 0o666))
	f, err := os.OpenFile("data/new/one", os.O_RDWR, 0)
	must(err)
	f.WriteAt([]byte("SECOND"), 6)
	must(f.Truncate(12))
	must(f.Close())
	data, err := os.ReadFile("data/new/one")
	fmt.Printf("%q %v\n", data, err)
	must(os.Rename("data/new/one", "data/new/two"))
	entries, err := os.ReadDir("data/new")
	fmt.Println(entries, err)
	info, err := os.Stat("data/new/two")
	must(err)
	fmt.Println(info.Size(), info.ModTime().UnixNano())
	must(os.RemoveAll("data/new"))
	_, err = os.Stat("data/new")
	fmt.Println(err)
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func crash() {
	fmt.Println("before the panic")
	panic("a panic that nobody recovers")
}

func memory() {
	fmt.Println("before the memory is used up")
	var kept [][]byte
	for {
		kept = append(kept, make([]byte, 1<<20))
	}
}
