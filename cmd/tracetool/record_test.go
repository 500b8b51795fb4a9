package main

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
)

func TestParseDir(t *testing.T) {
	for text, want := range map[string]format.Preopen{
		"data":             {Host: "data", Guest: "data"},
		"data:ro":          {Host: "data", Guest: "data", ReadOnly: true},
		"/srv/d::/d":       {Host: "/srv/d", Guest: "/d"},
		"/srv/d::/d:ro":    {Host: "/srv/d", Guest: "/d", ReadOnly: true},
		`C:\data::/d:ro`:   {Host: `C:\data`, Guest: "/d", ReadOnly: true},
		"with:colon::/x:y": {Host: "with:colon", Guest: "/x:y"},

		filepath.Join("a", "b"): {Host: filepath.Join("a", "b"), Guest: "a/b"}, // with what separates a guest's paths
	} {
		got, err := parseDir(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, text := range []string{"", ":ro", "::guest", "host::", "host:::ro", "host::ro"} {
		if got, err := parseDir(text); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		}
	}
}

func TestExitStatusKeepsFailures(t *testing.T) {
	for code, want := range map[uint32]int{0: 0, 3: 3, 134: 134, 255: 255, 256: 1, 257: 1, 1 << 31: 1, 0xffffffff: 255} {
		if got := exitStatus(code); got != want {
			t.Errorf("exit code %d becomes %d, want %d", code, got, want)
		}
	}
}

func TestDefaultTrace(t *testing.T) {
	for _, test := range []struct {
		app  string
		n    int
		want string
	}{
		{"app.wasm", 1, "app.trace.arrow"},
		{"dir/app.WASM", 2, "app-2.trace.arrow"},
		{"app", 1, "app.trace.arrow"},
		{"app.v1.wasm", 11, "app.v1-11.trace.arrow"},
	} {
		if got := defaultTrace(test.app, test.n); got != test.want {
			t.Errorf("%s, %d: %s, want %s", test.app, test.n, got, test.want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for name, want := range map[string]string{
		"app.trace.arrow": "app.trace.arrow",
		"/a/b-2_c.arrow":  "/a/b-2_c.arrow",
		"a b":             "'a b'",
		"it's":            `'it'\''s'`,
		"$(reboot)":       "'$(reboot)'",
		"":                "''",
		"naïve":           "'naïve'",
		"-a":              "." + string(filepath.Separator) + "-a",
		"it's\n\xff\\":    `$'it\'s\n\xff\\'`,
	} {
		if got := shellQuote(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
