package writer_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/writer"
)

var updateSmallest = flag.Bool("update-smallest", false, "write testdata/smallest.hex anew")

// smallest writes the trace that SPEC.md shows.
func smallest(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "smallest.trace.arrow")
	w, err := writer.Create(path, writer.Options{
		Header:      &format.Header{ID: "01890000-0000-7000-8000-000000000000", StartNS: 1, Tool: "tracetool 1"},
		Compression: ipc.None,
		NoSidecar:   true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSmallestFile(t *testing.T) {
	data := smallest(t)
	const name = "testdata/smallest.hex"
	if *updateSmallest {
		if err := os.WriteFile(name, []byte(hex.Dump(data)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if hex.Dump(data) != string(want) {
		t.Errorf("the smallest file is not %s any more: if the format has changed on purpose, run with -update-smallest and mend SPEC.md", name)
	}
}

// TestSpecShowsTheSmallestFile compares the bytes that SPEC.md shows with the
// file: lines such as "00000008  ff ff ff ff  comment" or "end-10  ...".
func TestSpecShowsTheSmallestFile(t *testing.T) {
	spec, err := os.ReadFile("../SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(spec), "## The smallest file")
	if !ok {
		t.Fatal("SPEC.md has no section on the smallest file")
	}
	data := smallest(t)
	line := regexp.MustCompile(`(?m)^(end-)?([0-9a-f]+)  ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  |$)`)
	lines := line.FindAllStringSubmatch(section, -1)
	if len(lines) < 10 {
		t.Fatalf("SPEC.md shows %d lines of the smallest file, want at least 10", len(lines))
	}
	for _, m := range lines {
		at, err := strconv.ParseInt(m[2], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		if m[1] != "" {
			at = int64(len(data)) - at
		}
		want, err := hex.DecodeString(strings.ReplaceAll(m[3], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if at < 0 || at+int64(len(want)) > int64(len(data)) || !bytes.Equal(data[at:at+int64(len(want))], want) {
			t.Errorf("SPEC.md shows %q, which is not in the file there", m[0])
		}
	}
}
