package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const project = "github.com/tracetool/tracetool"

// layers lists, for each tree, the others that it may import: imports point one
// way.
var layers = map[string][]string{
	"format":   {},
	"writer":   {"format"},
	"reader":   {"format"},
	"inspect":  {"format", "reader"},
	"convert":  {"format", "reader", "writer"},
	"runner":   {"format", "reader", "writer"},
	"cmd":      {"format", "reader", "writer", "inspect", "convert", "runner"},
	"bench":    {"format", "reader", "writer", "inspect", "convert", "runner"},
	"interop":  {"format", "reader", "writer", "inspect", "convert", "runner"},
	"examples": {"format", "reader", "writer", "inspect", "convert", "runner"},
}

// exceptions lists what single packages may import beside that: a session is
// loaded and saved as text too, and there is one reader of that.
var exceptions = map[string][]string{
	project + "/runner/session": {"convert"},
}

// runtimeTrees are the trees that may import the WebAssembly runtime, directly.
var runtimeTrees = []string{"runner", "bench", "examples"}

type listedPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestImportsPointOneWay(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages", len(packages))
	}
	for _, p := range packages {
		from := treeOf(p.ImportPath)
		allowed, known := layers[from]
		if !known {
			t.Errorf("%s: tree %q is not in the table of layers", p.ImportPath, from)
		}
		allowed = append(exceptions[p.ImportPath], allowed...)
		for _, imported := range p.Imports {
			if to := treeOf(imported); to != "" && to != from && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
			if isRuntime(imported) && !slices.Contains(runtimeTrees, from) {
				t.Errorf("%s imports %s: only the runner does", p.ImportPath, imported)
			}
		}
		if slices.Contains([]string{"format", "writer", "reader", "inspect", "convert"}, from) && slices.ContainsFunc(p.Deps, isRuntime) {
			t.Errorf("%s depends on wazero", p.ImportPath)
		}
		if p.ImportPath == project+"/reader" && slices.Contains(p.Deps, "net/http") {
			t.Errorf("%s depends on net/http: reader/remote is for that", p.ImportPath)
		}
	}
}

func isRuntime(path string) bool { return strings.HasPrefix(path, "github.com/tetratelabs/wazero") }

// treeOf is the top folder of one of our packages, empty for others.
func treeOf(path string) string {
	rest, ours := strings.CutPrefix(path, project+"/")
	if !ours {
		return ""
	}
	tree, _, _ := strings.Cut(rest, "/")
	return tree
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps", project+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []listedPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}
