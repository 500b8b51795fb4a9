package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestHelp(t *testing.T) {
	tests := []struct {
		golden string
		lines  []string // ways to ask for the same text
	}{
		{"help.txt", []string{"help", "--help", "-h", "-q --help", "--help --nonsense"}},
		{"help_record.txt", []string{"help record", "record --help", "record -h", "record a.wasm -h", "--color never record --help --nonsense"}},
		{"help_inspect.txt", []string{"help inspect", "help info"}},
		{"help_module.txt", []string{"help module", "module --help"}},
		{"help_module_ls.txt", []string{"help module ls", "module ls -h"}},
		{"help_completion.txt", []string{"help completion"}},
		{"help_filters.txt", []string{"help filters"}},
		{"man.1", []string{"man"}},
		{"man_record.1", []string{"man record"}},
		{"man_module_ls.1", []string{"man module ls"}},
	}
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			for _, line := range tt.lines {
				got := run(t.Context(), strings.Fields(line)...)
				if got.code != 0 || got.errOut != "" {
					t.Errorf("%s: exit code %d, stderr %q", line, got.code, got.errOut)
				}
				golden(t, tt.golden, got.out)
			}
		})
	}
}

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
	if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// Help must fit a terminal of 80 columns and list the exit codes, whatever the
// verb.
func TestHelpOfEveryCommand(t *testing.T) {
	fakeApp().root().walk(func(n node) {
		words := append([]string{"help"}, strings.Fields(n.name())[1:]...)
		text := run(t.Context(), words...).out
		if !strings.Contains(text, "\nExit codes:\n") {
			t.Errorf("%s: no exit codes", n.name())
		}
		for _, line := range strings.Split(text, "\n") {
			verbatim := strings.Contains(line, "tracetool ")
			if len(line) > 80 && !verbatim || strings.HasSuffix(line, " ") {
				t.Errorf("%s: %q", n.name(), line)
			}
		}
	})
}

func TestManPages(t *testing.T) {
	dir := t.TempDir()
	if got := run(t.Context(), "man", "--dir", dir); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := []string{
		"tracetool-completion.1", "tracetool-fail.1", "tracetool-help.1", "tracetool-inspect.1", "tracetool-man.1",
		"tracetool-module-ls.1", "tracetool-module.1", "tracetool-record.1", "tracetool-version.1",
		"tracetool-wait.1", "tracetool.1",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if got := run(t.Context(), "man", "--dir", filepath.Join(dir, "missing")); got.code != 1 {
		t.Errorf("missing directory: %+v", got)
	}
	if got := run(t.Context(), "man", "--dir", dir, "record"); got.code != 2 {
		t.Errorf("directory and command: %+v", got)
	}
}

func TestVersion(t *testing.T) {
	for _, line := range []string{"version", "--version", "-q --version record"} {
		got := run(t.Context(), strings.Fields(line)...)
		if got.code != 0 || !strings.HasPrefix(got.out, "tracetool v1.2.3 (") {
			t.Errorf("%s: %+v", line, got)
		}
	}
	if got := run(t.Context(), "version", "-o", "json"); !strings.Contains(got.out, `"version": "v1.2.3"`) {
		t.Errorf("%+v", got)
	}
}

func TestBuildInfo(t *testing.T) {
	info := &debug.BuildInfo{
		Main: debug.Module{Version: "v0.4.0"},
		Deps: []*debug.Module{{Path: "example.org/a", Version: "v1.0.0"}, {Path: "example.org/b", Version: "v2.0.0"}},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"},
		},
	}
	b := Build{Name: "app", Go: "go1.25.0", Platform: "linux/amd64"}
	b.fill(info, []string{"example.org/b"})
	var out bytes.Buffer
	if err := b.writeText(&out); err != nil {
		t.Fatal(err)
	}
	const want = "app v0.4.0 (commit 0123456789ab-dirty, go1.25.0, linux/amd64)\n  example.org/b v2.0.0\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"one two  three", 7, []string{"one two", "three"}},
		{"unbreakable x", 5, []string{"unbreakable", "x"}},
		{"日本 語", 5, []string{"日本", "語"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, wrap(tt.text, tt.width)); diff != "" {
			t.Errorf("wrap(%q, %d): %s", tt.text, tt.width, diff)
		}
	}
}
