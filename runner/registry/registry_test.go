package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/writer"
)

func newRegistry(t *testing.T, o Options) *Registry {
	t.Helper()
	r, err := Create(filepath.Join(t.TempDir(), "reg"), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// record adds a recording of a module, which ended with an exit code if closed.
func record(t *testing.T, r *Registry, module string) *Recording {
	t.Helper()
	rec, err := r.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer rec.End()
	sum := sha256.Sum256([]byte(module))
	h := &format.Header{Program: &format.Program{Name: "app.wasm", SHA256: hex.EncodeToString(sum[:])}}
	w, err := rec.Create([]byte(module), writer.Options{Header: h})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AttachDetached(format.Attachment{Name: "app.wasm", MediaType: format.MediaTypeWasm, Size: int64(len(module)), SHA256: sum}); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	rec.Started()
	if err := w.Append(&format.Event{Kind: format.KindExit, Value: 3, Has: format.HasValue}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), rec.Commit()); err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestRecording(t *testing.T) {
	r := newRegistry(t, Options{})
	rec := record(t, r, "module")
	p, err := r.Process(rec.ID)
	if err != nil || p.Status != Exited || *p.ExitCode != 3 || p.Program.Name != "app.wasm" {
		t.Fatalf("%+v, %v", p, err)
	}
	f, err := r.OpenProcess(rec.ID, format.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := f.ReadAttachment("app.wasm"); err != nil || string(data) != "module" {
		t.Errorf("%q, %v", data, err)
	}
	for path, want := range map[string]fs.FileMode{r.Dir(): 0o700, r.path(modulesDir): 0o700, rec.Path(): 0o600, r.modulePath(p.Program.SHA256): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want && runtime.GOOS != "windows" {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	f.Close() // Windows removes no file that is open
	if err := r.Delete(rec.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Process(rec.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a deleted process: %v", err)
	}
}

func TestFind(t *testing.T) {
	r := newRegistry(t, Options{})
	if _, err := r.FindProcess(Latest); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("latest of none: %v", err)
	}
	ids := []string{"01a20000-0000-7000-8000-000000000001", "01a20000-0000-7000-8000-000000000002", "01a30000-0000-7000-8000-000000000003"}
	for _, tt := range []struct{ prefix, want string }{
		{"01a3", ids[2]}, {"01A3-0", ids[2]}, {ids[0], ids[0]}, {strings.ReplaceAll(ids[1], "-", ""), ids[1]},
	} {
		if got, err := r.Find("process", ids, tt.prefix); got != tt.want || err != nil {
			t.Errorf("%s: %q, %v, want %s", tt.prefix, got, err, tt.want)
		}
	}
	var ambiguous *AmbiguousError
	if _, err := r.Find("process", ids, "01a2"); !errors.As(err, &ambiguous) || ambiguous.Count != 2 {
		t.Errorf("ambiguous: %v", err)
	}
	for _, prefix := range []string{"", "-", "02"} {
		var missing *NotFoundError
		if _, err := r.Find("process", ids, prefix); !errors.As(err, &missing) {
			t.Errorf("%q: %v", prefix, err)
		}
	}
	if IsID("") || IsID("-") || IsID("../x") || IsID("app.trace.arrow") || !IsID("latest") || !IsID("01a2") {
		t.Error("IsID is wrong")
	}
}

// A module whose bytes have changed is never used, and put right when it is
// stored again.
func TestDamagedModule(t *testing.T) {
	r := newRegistry(t, Options{})
	rec := record(t, r, "module")
	p, _ := r.Process(rec.ID)
	digest := p.Program.SHA256
	if err := os.WriteFile(r.modulePath(digest), []byte("mOdule"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Module(digest); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
	if problems, err := r.CheckModules([]*Process{p}); err != nil || len(problems) != 1 || !errors.Is(problems[0], ErrDamaged) {
		t.Errorf("%v, %v", problems, err)
	}
	record(t, r, "module")
	if data, err := r.Module(digest); err != nil || string(data) != "module" {
		t.Errorf("%q, %v", data, err)
	}
	os.Remove(r.modulePath(digest))
	var missing *MissingModuleError
	if problems, err := r.CheckModules([]*Process{p}); err != nil || len(problems) != 1 || !errors.As(problems[0], &missing) {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestCollect(t *testing.T) {
	r := newRegistry(t, Options{})
	kept, gone := record(t, r, "kept"), record(t, r, "gone")
	if _, err := r.PutProfile(gone.ID, "cpu", []byte("profile")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(gone.Path()); err != nil { // by hand: its profile and module stay
		t.Fatal(err)
	}
	for _, path := range []string{r.path(modulesDir, "x.wasm.1.tmp"), gone.Path() + ".open"} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := r.Collect(t.Context(), false)
	if err != nil || len(list) != 4 {
		t.Fatalf("%v, %v, want a module, a profile, an unfinished file and an open segment", list, err)
	}
	again, err := r.Collect(t.Context(), true)
	if err != nil || len(again) != len(list) {
		t.Fatalf("%v, %v", again, err)
	}
	if left, err := r.Collect(t.Context(), true); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	if p, err := r.Process(kept.ID); err != nil || p.Status != Exited {
		t.Errorf("%+v, %v", p, err)
	}
}

// Files that are no recordings and no modules are not taken for some, but what
// one of them refers to is kept.
func TestForeignFiles(t *testing.T) {
	r := newRegistry(t, Options{})
	rec, renamed := record(t, r, "module"), record(t, r, "other")
	if err := os.Rename(renamed.Path(), r.path(processesDir, "zz.trace.arrow")); err != nil {
		t.Fatal(err)
	}
	hex := strings.ReplaceAll(rec.ID, "-", "")
	for _, path := range []string{
		r.path(processesDir, "z\x1b[31m.trace.arrow.txt"), r.path(processesDir, "z.open"), r.path(processesDir, "z.trace.arrow.open"),
		r.path(processesDir, hex+".trace.arrow.open"), r.path(modulesDir, "abc.wasm.txt"), r.path(modulesDir, "abc.wasm"),
		r.path(profilesDir, "abc.pb.gz"), r.path(profilesDir, hex+".cpu.pb.gz"), r.path(profilesDir, "notes"),
	} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{hex, "urn:uuid:" + rec.ID, "{" + rec.ID + "}", strings.ToUpper(rec.ID)} {
		if isProcess(name) {
			t.Errorf("%s is an id", name)
		}
		if _, err := r.Import(name); err == nil {
			t.Errorf("a trace is imported under the id %s", name)
		}
	}
	if id, err := r.FindProcess(Latest); err != nil || id != rec.ID {
		t.Errorf("latest is %q, %v, want %q", id, err, rec.ID)
	}
	if ids, err := r.IDs(); err != nil || !slices.Equal(ids, []string{rec.ID}) {
		t.Errorf("%q, %v", ids, err)
	}
	modules, err := r.Modules(nil)
	if err != nil || len(modules) != 2 || len(modules[0].SHA256) != 64 {
		t.Errorf("%+v, %v, want two modules", modules, err)
	}
	list, err := r.Collect(t.Context(), false)
	if err != nil || len(list) != 0 {
		t.Errorf("garbage %+v, %v, want none", list, err)
	}
}

// A recording that cannot be read keeps all modules: one may be its own.
func TestCollectKeepsForDamaged(t *testing.T) {
	r := newRegistry(t, Options{})
	rec := record(t, r, "module")
	record(t, r, "other")
	if err := os.WriteFile(rec.Path(), bytes.Repeat([]byte("x"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := r.Process(rec.ID); err != nil || p.Status != Damaged || p.Error == "" {
		t.Errorf("%+v, %v", p, err)
	}
	if list, err := r.Collect(t.Context(), true); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestImport(t *testing.T) {
	r := newRegistry(t, Options{})
	rec := record(t, r, "module")
	if _, err := r.Import(rec.ID); !errors.Is(err, fs.ErrExist) {
		t.Errorf("twice: %v", err)
	}
	for _, id := range []string{"", "x", "../../etc"} {
		if _, err := r.Import(id); err == nil {
			t.Errorf("id %q was taken", id)
		}
	}
}

func TestVersions(t *testing.T) {
	r := newRegistry(t, Options{Shared: true})
	if !r.Shared() || r.FileMode() != 0o640 {
		t.Error("it is not shared")
	}
	own := newRegistry(t, Options{})
	if _, err := Create(own.Dir(), Options{Shared: true}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("one that is not shared: %v", err)
	}
	for content, want := range map[string]error{`{"version":99}`: ErrVersion, `{}`: nil, `x`: nil} {
		if err := os.WriteFile(own.path(infoFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(own.Dir()); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", content, err)
		}
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no registry: %v", err)
	}
	if Containing(own.TracePath("x")) != nil || Containing(filepath.Join(r.Dir(), "x")) != nil {
		t.Error("a file that is in no registry")
	}
	if Containing(r.TracePath("x")) == nil {
		t.Error("a file of a registry")
	}
}
