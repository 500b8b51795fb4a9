package inspect

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/inspect/wasm"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// golden compares text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", path, diff)
	}
}

var (
	start   = time.Date(2023, 6, 29, 6, 33, 32, 0, time.UTC)
	options = TextOptions{Now: start.Add(16*time.Minute + 5*time.Second), Location: time.UTC}
)

const hostile = "evil\x1b[31m\n\u202ename"

func fraction(f float64) *float64 { return &f }

func sampleSummary() *Summary {
	return &Summary{
		ID: "0188f0c0-0000-7000-8000-000000000001", State: Complete, Start: start, Tool: "tracetool 1.0.0", Version: 1,
		DurationNS: 1_234_567_890,
		Program: &format.Program{
			Name: "app.wasm", Args: []string{"app.wasm", "two words", "", hostile}, Env: []string{"K=V", "X=" + hostile},
			Dirs: []format.Preopen{{Host: "/data", Guest: "/", ReadOnly: true}, {Host: "/tmp/out", Guest: "/out"}}, Stdin: "in.txt",
		},
		Host:        &format.Host{Engine: "compiler", Runtime: "wazero v1.12.0", OS: "linux", Arch: "amd64", Go: "go1.26.0", MemoryPages: 65536},
		Exit:        &format.Exit{Status: "trapped", Code: 134, Error: "unreachable " + hostile},
		Modules:     []Module{{Name: hostile, SHA256: strings.Repeat("ab", 32), Size: 2490}},
		Attachments: []Attachment{{Name: "app.wasm", MediaType: format.MediaTypeWasm}, {Name: "in.txt", MediaType: "text/plain", Size: 72, SHA256: strings.Repeat("cd", 32)}},
		Events:      23, Batches: 1, StoredBytes: 2417, RawBytes: 5571, MetadataBytes: 72, Compression: fraction(0.5665),
		Segments: []Segment{{Number: 0, Records: 23, Batches: 1, DurationNS: 1_234_567_890, SizeBytes: 2489, RawBytes: 5571, StoredBytes: 2417, Compression: fraction(0.5665)}},
		Functions: []Function{
			{Kind: "call", Module: "wasi_snapshot_preview1", Name: "fd_write", Count: 20, Errors: 1, Bytes: 120, Timed: 20, TotalNS: 240_000, P50NS: 12_000, P99NS: 20_000, MaxNS: 21_000},
			{Kind: "call", Module: "env", Name: hostile, Count: 2},
			{Kind: "trap", Count: 1, Bytes: 40},
		},
		Root: strings.Repeat("12", 32),
	}
}

func TestSummaryText(t *testing.T) {
	empty := &Summary{ID: "0188f0c0-0000-7000-8000-000000000002", State: CutShort, Start: start, Tool: "tracetool 1.0.0"}
	table := &Summary{
		ID: "0188f0c0-0000-7000-8000-000000000003", State: Complete, Start: start, Source: "convert rows.jsonl", Events: 3000,
		Columns: []Column{{"id", "int64", false}, {"who\x07", "utf8", true}},
	}
	for i := range 3 {
		table.Segments = append(table.Segments, Segment{Number: i, Records: 1000, Batches: 1, SizeBytes: 100, Open: i == 2})
	}
	few := options
	few.Segments = 2
	color := options
	color.Color = true
	tests := []struct {
		golden  string
		summary *Summary
		options TextOptions
	}{
		{"summary.txt", sampleSummary(), options},
		{"summary_empty.txt", empty, options},
		{"summary_table.txt", table, few},
		{"summary_color.txt", empty, color},
	}
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			var b bytes.Buffer
			if err := tt.summary.WriteText(&b, tt.options); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.golden, b.String())
			if !tt.options.Color {
				checkPlain(t, b.String())
			}
		})
	}
}

// checkPlain fails on text that a terminal would obey.
func checkPlain(t *testing.T, text string) {
	t.Helper()
	if i := strings.IndexAny(strings.ReplaceAll(text, "\n", ""), "\x00\x07\x1b\u202e\u0085"); i >= 0 {
		t.Errorf("control character at %d in %q", i, text)
	}
}

func TestModuleText(t *testing.T) {
	list := []Module{
		{Name: "app.wasm", SHA256: "aa", Size: 1 << 20, Declares: &wasm.Binary{
			Name: hostile, DWARF: true,
			Imports:  []wasm.Import{{Module: "env", Name: "f", Kind: "func", Type: "(i32) -> i32"}, {Module: "env", Name: "m", Kind: "memory", Type: "1 page"}},
			Exports:  []wasm.Export{{Name: hostile, Kind: "func", Type: "()"}},
			Memories: []wasm.Memory{{Min: 1, PageBits: 16}},
		}},
		{Name: "other.wasm", SHA256: "bb", Size: 3, Error: "not a WebAssembly binary"},
		{Name: "far.wasm", SHA256: "cc", Size: 3, Detached: true, Declares: &wasm.Binary{Component: true}},
	}
	var b bytes.Buffer
	if err := WriteModules(&b, list, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "modules.txt", b.String())
	checkPlain(t, b.String())
}

func TestAttachmentText(t *testing.T) {
	var b bytes.Buffer
	if err := WriteAttachments(&b, sampleSummary().Attachments, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "attachments.txt", b.String())
}

func TestDiffText(t *testing.T) {
	r := &DiffResult{
		Compared: 7, Functions: []FunctionDiff{{Kind: "call", Module: "env", Function: hostile, CountA: 3, CountB: 4}},
		First: &Divergence{
			LineA: `8 fd_write(1, "a") = 1`, LineB: `9 fd_write(1, "b") = 1`,
			Differs: []Difference{{"text", `"a"`, `"b"`}}, Before: []string{"7 sched_yield() = 0"},
		},
		A: DiffSide{ID: "a", Events: 9, DurationNS: 1e9, Exit: &format.Exit{Status: "exited", Code: 1}}, B: DiffSide{ID: "b"},
	}
	var b bytes.Buffer
	if err := r.WriteText(&b, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := (&DiffResult{Equal: true, Compared: 9}).WriteText(&b, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "diff.txt", b.String())
	checkPlain(t, b.String())
}

func TestUnits(t *testing.T) {
	for want, got := range map[string]string{
		"0 B": bytesText(0), "1023 B": bytesText(1023), "1.00 KiB": bytesText(1024), "2.36 KiB": bytesText(2417),
		"1.00 MiB": bytesText(1<<20 - 1), "8.00 EiB": bytesText(1<<63 - 1),
		"0ns": durationText(0), "999ns": durationText(999), "1.2us": durationText(1290), "999us": durationText(999_999),
		"3ms": durationText(3_000_000), "1.5s": durationText(1_500_000_000), "59s": durationText(59_999_999_999),
		"2m05s": durationText(125e9), "1h02m": durationText(3720e9),
		"0s ago": ago(0), "59s ago": ago(59 * time.Second), "16m ago": ago(16 * time.Minute), "2d ago": ago(49 * time.Hour), "in the future": ago(-1),
		"-": percentText(nil), "56.65%": percentText(fraction(0.5665)), "-20.00%": percentText(fraction(-0.2)),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestFarTimes: a trace may say of its times whatever it likes.
func TestFarTimes(t *testing.T) {
	for _, tt := range []struct {
		ns, start int64
		want      string
		span      int64
	}{
		{1_500_000_000, 0, "1.500000000 ", 1_500_000_000},
		{0, 1, "-0.000000001 ", 0},
		{math.MaxInt64, -1, "9223372036.854775808 ", math.MaxInt64},
		{math.MinInt64, math.MaxInt64, "-18446744073.709551615 ", 0},
		{math.MaxInt64, math.MinInt64, "18446744073.709551615 ", math.MaxInt64},
	} {
		if got := string(appendSeconds(nil, tt.ns, tt.start)); got != tt.want {
			t.Errorf("from %d to %d: %q, want %q", tt.start, tt.ns, got, tt.want)
		}
		if got := span(tt.start, tt.ns); got != tt.span {
			t.Errorf("from %d to %d: span %d, want %d", tt.start, tt.ns, got, tt.span)
		}
	}
}

func TestMatchGlob(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"a", "a", true}, {"a", "ab", false},
		{"*", "", true}, {"*", "a/b", true}, {"*.txt", "dir/a.txt", true}, {"*.txt", "a.txt.gz", false},
		{"a*b*c", "aXbYbZc", true}, {"a*b*c", "aXbY", false}, {"?", "", false}, {"a?c", "abc", true}, {"**", "x", true},
		{strings.Repeat("*a", 30) + "b", strings.Repeat("a", 5000), false},
	}
	for _, tt := range tests {
		if got := matchGlob(tt.pattern, tt.s); got != tt.want {
			t.Errorf("matchGlob(%q, %.20q) = %v, want %v", tt.pattern, tt.s, got, tt.want)
		}
	}
}
