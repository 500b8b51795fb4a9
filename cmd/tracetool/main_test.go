package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this binary the command "tracetool" as well.
func TestMain(m *testing.M) {
	testscript.Main(cached{m}, map[string]func(){"tracetool": main})
}

// cached runs the tests with a compile cache of their own: one for all, so that
// each module is compiled once.
type cached struct{ *testing.M }

func (m cached) Run() int {
	dir, err := os.MkdirTemp("", "tracetool-test-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for _, name := range cacheVariables {
		os.Setenv(name, dir)
	}
	return m.M.Run()
}

// cacheVariables say where the user's cache, data and settings are, on one system or
// another.
var cacheVariables = []string{"XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "LocalAppData", "AppData", "HOME"}

func TestTableOfCommands(t *testing.T) {
	if err := newApp().Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", examples)
			for _, name := range cacheVariables {
				env.Setenv(name, os.Getenv(name))
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"only":      only,
			"mode":      mode,
			"flip":      flip,
			"cut":       cut,
			"replace":   replaceText,
			"contains":  contains,
			"fill":      fill,
			"unhex":     unhex,
			"served":    served,
			"arrowfile": arrowFile,
			"serve":     serve,
		},
	})
}

// exits N COMMAND [ARGS...] runs a command that must exit with N.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N COMMAND [ARGS...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// served FILE PATH STATUS [NAME=VALUE...] asks the server whose address is in what
// serve says in a file, as soon as it is, with these header fields, and checks the
// status.
func served(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: served FILE PATH STATUS [NAME=VALUE...]")
	}
	address := regexp.MustCompile(`http://[0-9.:]+`)
	for range 500 {
		said, _ := os.ReadFile(ts.MkAbs(args[0]))
		url := address.FindString(string(said))
		if url == "" {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		req, err := http.NewRequest(http.MethodGet, url+args[1], nil)
		ts.Check(err)
		for _, field := range args[3:] {
			name, value, _ := strings.Cut(field, "=")
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		ts.Check(err)
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if got := strconv.Itoa(resp.StatusCode); got != args[2] {
			ts.Fatalf("status %s, want %s", got, args[2])
		}
		return
	}
	ts.Fatalf("%s names no address", args[0])
}

// only DIR [NAME...] checks that a directory holds these files and no others.
func only(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: only DIR [NAME...]")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := slices.Sorted(slices.Values(args[1:]))
	if !slices.Equal(names, want) {
		ts.Fatalf("%s holds %q, want %q", args[0], names, want)
	}
}

// mode FILE MODE checks the permissions of a file, where there are any.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE MODE")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	want, err := strconv.ParseUint(args[1], 8, 32)
	ts.Check(err)
	if got := info.Mode().Perm(); got != os.FileMode(want) && runtime.GOOS != "windows" {
		ts.Fatalf("%s has mode %v, want %v", args[0], got, os.FileMode(want))
	}
}

// flip FILE OFFSET inverts the lowest bit of a byte, counted from the end if the
// offset is negative.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	rewrite(ts, args[0], func(data []byte) []byte {
		data[offset(ts, args[1], len(data))] ^= 1
		return data
	})
}

// cut FILE OFFSET truncates a file, at so many bytes before its end if the
// offset is negative.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cut FILE OFFSET")
	}
	rewrite(ts, args[0], func(data []byte) []byte { return data[:offset(ts, args[1], len(data))] })
}

func offset(ts *testscript.TestScript, text string, size int) int {
	at, err := strconv.Atoi(text)
	ts.Check(err)
	if at < 0 {
		at += size
	}
	if at < 0 || at >= size {
		ts.Fatalf("offset %s: the file has %d bytes", text, size)
	}
	return at
}

// replace FILE OLD NEW replaces all of a text, which must be there.
func replaceText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	rewrite(ts, args[0], func(data []byte) []byte {
		if !bytes.Contains(data, []byte(args[1])) {
			ts.Fatalf("%s does not contain %q", args[0], args[1])
		}
		return bytes.ReplaceAll(data, []byte(args[1]), []byte(args[2]))
	})
}

// contains FILE TEXT checks that a file has a text in it.
func contains(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] contains FILE TEXT")
	}
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	if bytes.Contains(data, []byte(args[1])) == neg {
		ts.Fatalf("%s contains %q: %t", args[0], args[1], neg)
	}
}

// fill FILE SIZE writes so many bytes that no codec makes smaller.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fill FILE SIZE")
	}
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(data)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// unhex FILE replaces hex digits by the bytes that they stand for.
func unhex(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unhex FILE")
	}
	rewrite(ts, args[0], func(data []byte) []byte {
		out, err := hex.DecodeString(strings.Join(strings.Fields(string(data)), ""))
		ts.Check(err)
		return out
	})
}

// arrowfile FILE writes an Arrow file that is no trace.
func arrowFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: arrowfile FILE")
	}
	file, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer file.Close()
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	w, err := ipc.NewFileWriter(file, ipc.WithSchema(schema))
	ts.Check(err)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.Int64Builder).AppendValues(make([]int64, 1000), nil)
	rec := b.NewRecord()
	defer rec.Release()
	ts.Check(w.Write(rec))
	ts.Check(w.Close())
}

func rewrite(ts *testscript.TestScript, path string, change func([]byte) []byte) {
	path = ts.MkAbs(path)
	data, err := os.ReadFile(path)
	ts.Check(err)
	ts.Check(os.WriteFile(path, change(data), 0o600))
}
