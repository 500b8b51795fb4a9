package host

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// newSandbox returns a directory with a few things in it, and the directory
// around it, which holds a secret.
func newSandbox(t *testing.T, readOnly bool) (d *Dir, inside, outside string) {
	t.Helper()
	outside = t.TempDir()
	inside = filepath.Join(outside, "sandbox")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(inside, "dir/nested"), 0o755),
		os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600),
		os.WriteFile(filepath.Join(inside, "file"), []byte("inside"), 0o600),
		os.Symlink("file", filepath.Join(inside, "link")),
		os.Symlink("dir", filepath.Join(inside, "dirlink")),
		os.Symlink("missing", filepath.Join(inside, "dangling")),
		os.Symlink("loop", filepath.Join(inside, "loop")),
		os.Symlink("../secret", filepath.Join(inside, "up")),
		os.Symlink(filepath.Join(outside, "secret"), filepath.Join(inside, "absolute")),
		os.Symlink("..", filepath.Join(inside, "updir")),
		os.Symlink("dir/../../secret", filepath.Join(inside, "crooked")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := OpenDir(inside, readOnly, NewSignal())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, inside, outside
}

func TestOpen(t *testing.T) {
	tests := []struct {
		path string
		how  OpenFlags
		want error
	}{
		{"file", Read, nil},
		{"./dir/../file", Read, nil},
		{"dir//nested/.././nested/", Read, nil},
		{"link", Read | FollowLinks, nil},
		{"link", Read, ELOOP},
		{"dirlink", MustBeDir, ELOOP},
		{"dirlink", MustBeDir | FollowLinks, nil},
		{"dirlink/", Read, nil},
		{"dirlink/nested", MustBeDir, nil},
		{"dangling", Read, ELOOP},
		{"dangling", Read | FollowLinks, ENOENT},
		{"dangling", Write | Create, ELOOP},
		{"dangling", Write | Create | Exclusive | FollowLinks, EEXIST},
		{"loop", Read | FollowLinks, ELOOP},
		{"missing", Read, ENOENT},
		{"missing/", Read, ENOENT},
		{"missing", Read | MustBeDir, ENOENT},
		{"file/", Read, ENOTDIR},
		{"file", MustBeDir, ENOTDIR},
		{"file", MustBeDir | FollowLinks, ENOTDIR},
		{"file/x", Read, ENOTDIR},
		{"file", Write | Create | Exclusive, EEXIST},
		{"new/", Write | Create, EISDIR},
		{"new", Create | MustBeDir, EINVAL},
		{"dir", Write, EISDIR},
		{"dir", MustBeDir | Write, EISDIR},
		{".", MustBeDir, nil},
		{"dir/..", MustBeDir, nil},
		{"", Read, ENOENT},
		{"a\x00b", Read, EINVAL},
		{string(make([]byte, MaxPath+1)), Read, ENAMETOOLONG},
	}
	for _, test := range tests {
		d, _, _ := newSandbox(t, false)
		opened, err := d.Open(test.path, test.how)
		if err != test.want {
			t.Errorf("Open(%.40q, %b): %v, want %v", test.path, test.how, err, test.want)
		}
		if err == nil {
			opened.Close()
		}
	}
}

// TestEscape tries everything that takes a path with every path that leads out.
func TestEscape(t *testing.T) {
	operations := []struct {
		name    string
		follows bool // the last component too
		do      func(d *Dir, path string) error
	}{
		{"open", true, func(d *Dir, p string) error { return second(d.Open(p, Read|FollowLinks)) }},
		{"open to write", true, func(d *Dir, p string) error { return second(d.Open(p, Write|FollowLinks)) }},
		{"create", true, func(d *Dir, p string) error { return second(d.Open(p, Write|Create|FollowLinks)) }},
		{"truncate", true, func(d *Dir, p string) error { return second(d.Open(p, Truncate|FollowLinks)) }},
		{"open directory", true, func(d *Dir, p string) error { return second(d.Open(p, MustBeDir|FollowLinks)) }},
		{"stat", true, func(d *Dir, p string) error { return second(d.StatAt(p, true)) }},
		{"set times", true, func(d *Dir, p string) error {
			zero := int64(0)
			return d.SetTimesAt(p, true, Times{Mtime: &zero})
		}},
		{"open no follow", false, func(d *Dir, p string) error { return second(d.Open(p+"/x", Read)) }},
		{"create below", false, func(d *Dir, p string) error { return second(d.Open(p+"/x", Write|Create)) }},
		{"stat below", false, func(d *Dir, p string) error { return second(d.StatAt(p+"/secret", false)) }},
		{"set times below", false, func(d *Dir, p string) error {
			zero := int64(0)
			return d.SetTimesAt(p+"/secret", false, Times{Mtime: &zero})
		}},
		{"mkdir", false, func(d *Dir, p string) error { return d.Mkdir(p + "/x") }},
		{"symlink", false, func(d *Dir, p string) error { return d.Symlink("file", p+"/x") }},
		{"readlink", false, func(d *Dir, p string) error { return second(d.Readlink(p + "/sandbox/link")) }},
		{"link from", false, func(d *Dir, p string) error { return d.Link(p+"/secret", d, "stolen") }},
		{"link to", false, func(d *Dir, p string) error { return d.Link("file", d, p+"/x") }},
		{"rename from", false, func(d *Dir, p string) error { return d.Rename(p+"/secret", d, "stolen") }},
		{"rename to", false, func(d *Dir, p string) error { return d.Rename("file", d, p+"/x") }},
		{"unlink", false, func(d *Dir, p string) error { return d.Unlink(p + "/secret") }},
		{"rmdir", false, func(d *Dir, p string) error { return d.Rmdir(p + "/empty") }},
	}
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			paths := []string{"..", "updir", "dir/../..", "dir/nested/../../..", "dirlink/../..", "/etc"}
			if op.follows {
				paths = append(paths, "../secret", "up", "absolute", "crooked", "updir/secret", "/etc/passwd")
			}
			for _, path := range paths {
				d, inside, outside := newSandbox(t, false)
				if err := os.Mkdir(filepath.Join(outside, "empty"), 0o700); err != nil {
					t.Fatal(err)
				}
				before := contents(t, outside, inside)
				if err := op.do(d, path); err != EPERM {
					t.Errorf("%s: %v, want EPERM", path, err)
				}
				if after := contents(t, outside, inside); !slices.Equal(before, after) {
					t.Errorf("%s: outside was %q, now %q", path, before, after)
				}
				if _, err := os.Lstat(filepath.Join(inside, "stolen")); err == nil {
					t.Errorf("%s: took a file from outside", path)
				}
			}
		})
	}
}

// second returns the error of an operation that has a result.
func second[T any](_ T, err error) error { return err }

// contents lists what is outside the sandbox: names, sizes and times.
func contents(t *testing.T, outside, inside string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(outside)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() == filepath.Base(inside) {
			continue // its times are the sandbox's own
		}
		text, _ := os.ReadFile(filepath.Join(outside, e.Name()))
		list = append(list, e.Name()+" "+string(text)+" "+info.ModTime().String())
	}
	return list
}

// TestEscapeRace swaps a directory for a link to the outside while paths through
// it are used.
func TestEscapeRace(t *testing.T) {
	d, inside, outside := newSandbox(t, false)
	if err := os.WriteFile(filepath.Join(inside, "dir/secret"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(inside, "evil")); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		path := func(name string) string { return filepath.Join(inside, name) }
		for {
			select {
			case <-stop:
				return
			default:
			}
			os.Rename(path("dir"), path("aside"))
			os.Rename(path("evil"), path("dir"))
			os.Rename(path("dir"), path("evil"))
			os.Rename(path("aside"), path("dir"))
		}
	}()
	opened := 0
	for deadline := time.Now().Add(700 * time.Millisecond); time.Now().Before(deadline); {
		opened += raceOnce(t, d)
	}
	close(stop)
	<-stopped
	if opened == 0 {
		t.Error("nothing was ever opened: the race did not take place")
	}
	if text, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(text) != "secret" {
		t.Errorf("the file outside is now %q, %v", text, err)
	}
	for _, name := range []string{"made", "moved"} {
		if _, err := os.Lstat(filepath.Join(outside, name)); err == nil {
			t.Errorf("%s was created outside", name)
		}
	}
}

// raceOnce uses paths through the directory that is being swapped, and returns
// how many files it could open.
func raceOnce(t *testing.T, d *Dir) (opened int) {
	for _, how := range []OpenFlags{Read, Read | FollowLinks} {
		f, err := d.Open("dir/secret", how)
		if err != nil {
			continue
		}
		opened++
		buf := make([]byte, 16)
		if n, _ := f.(IO).Read(context.Background(), buf); string(buf[:n]) != "mine" {
			t.Fatalf("read %q from outside", buf[:n])
		}
		f.Close()
	}
	if sub, err := d.Open("dir", MustBeDir); err == nil {
		if _, err := sub.(*Dir).StatAt("sandbox", false); err == nil {
			t.Fatal("opened the directory outside")
		}
		sub.Close()
	}
	// Each must fail or stay inside; the caller looks.
	_ = d.Mkdir("dir/made")
	_ = d.Rmdir("dir/made")
	_ = d.Rename("file", d, "dir/moved")
	_ = d.Rename("dir/moved", d, "file")
	_ = d.Unlink("dir/absent")
	return opened
}

// TestNoFollowRace swaps a file for a link to another file while it is opened
// without following links: the other one must never be opened, created or
// truncated.
func TestNoFollowRace(t *testing.T) {
	d, inside, _ := newSandbox(t, false)
	target := filepath.Join(inside, "dir/target")
	if err := os.WriteFile(target, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			name := filepath.Join(inside, "swapped")
			os.Remove(name)
			os.WriteFile(name, []byte("file"), 0o600)
			os.Remove(name)
			os.Symlink("dir/target", name)
			os.Remove(name)
			os.Symlink("dir/never", name)
		}
	}()
	opened := 0
	for deadline := time.Now().Add(500 * time.Millisecond); time.Now().Before(deadline); {
		if f, err := d.Open("swapped", Write|Create|Truncate); err == nil {
			opened++
			f.Close()
		}
	}
	close(stop)
	<-stopped
	if opened == 0 {
		t.Error("nothing was ever opened: the race did not take place")
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "keep" {
		t.Errorf("the link's target is now %q, %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(inside, "dir/never")); err == nil {
		t.Error("created a file through a link")
	}
}

func TestReadOnly(t *testing.T) {
	now := time.Now().UnixNano()
	operations := []struct {
		name string
		want error
		do   func(d *Dir) error
	}{
		{"read", nil, func(d *Dir) error { return second(d.Open("file", Read)) }},
		{"read, or create", nil, func(d *Dir) error { return second(d.Open("file", Read|Create)) }},
		{"stat", nil, func(d *Dir) error { return second(d.StatAt("file", false)) }},
		{"write", EROFS, func(d *Dir) error { return second(d.Open("file", Write)) }},
		{"truncate", EROFS, func(d *Dir) error { return second(d.Open("file", Truncate)) }},
		{"create", EROFS, func(d *Dir) error { return second(d.Open("new", Read|Create)) }},
		{"create exclusively", EROFS, func(d *Dir) error { return second(d.Open("new", Create|Exclusive)) }},
		{"create what exists", EEXIST, func(d *Dir) error { return second(d.Open("file", Create|Exclusive)) }},
		{"mkdir", EROFS, func(d *Dir) error { return d.Mkdir("new") }},
		{"symlink", EROFS, func(d *Dir) error { return d.Symlink("file", "new") }},
		{"link", EROFS, func(d *Dir) error { return d.Link("file", d, "new") }},
		{"rename", EROFS, func(d *Dir) error { return d.Rename("file", d, "new") }},
		{"unlink", EROFS, func(d *Dir) error { return d.Unlink("file") }},
		{"rmdir", EROFS, func(d *Dir) error { return d.Rmdir("dir/nested") }},
		{"set times", EROFS, func(d *Dir) error { return d.SetTimesAt("file", true, Times{Mtime: &now}) }},
		{"set own times", EROFS, func(d *Dir) error { return d.SetTimes(Times{Mtime: &now}) }},
		{"set times of a file", EROFS, func(d *Dir) error {
			return onFile(d, func(f *File) error { return f.SetTimes(Times{Mtime: &now}) })
		}},
		{"set size of a file", EROFS, func(d *Dir) error {
			return onFile(d, func(f *File) error { return f.Truncate(1) })
		}},
		{"allocate", EROFS, func(d *Dir) error {
			return onFile(d, func(f *File) error { return f.Allocate(0, 100) })
		}},
		{"mkdir below", EROFS, func(d *Dir) error {
			sub, err := d.Open("dir", MustBeDir)
			if err != nil {
				return err
			}
			defer sub.Close()
			return sub.(*Dir).Mkdir("new")
		}},
	}
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			d, inside, _ := newSandbox(t, true)
			before := contents(t, inside, "")
			if err := op.do(d); err != op.want {
				t.Errorf("%v, want %v", err, op.want)
			}
			if after := contents(t, inside, ""); !slices.Equal(before, after) {
				t.Errorf("was %q, now %q", before, after)
			}
		})
	}
}

func onFile(d *Dir, f func(*File) error) error {
	opened, err := d.Open("file", Read)
	if err != nil {
		return err
	}
	defer opened.Close()
	return f(opened.(*File))
}

func TestLinkAndRenameBetweenDirectories(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("os.Root works within one directory there")
	}
	d, inside, _ := newSandbox(t, false)
	opened, err := d.Open("dir", MustBeDir)
	if err != nil {
		t.Fatal(err)
	}
	sub := opened.(*Dir)
	defer sub.Close()
	if err := d.Link("file", sub, "nested/linked"); err != nil {
		t.Fatal(err)
	}
	if err := d.Rename("file", sub, "moved"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dir/nested/linked", "dir/moved"} {
		if text, err := os.ReadFile(filepath.Join(inside, name)); err != nil || string(text) != "inside" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if s, err := sub.StatAt("moved", false); err != nil || s.Links != 2 {
		t.Errorf("links %d, %v, want 2", s.Links, err)
	}
}

func TestRemovalTellsFilesFromDirectories(t *testing.T) {
	tests := []struct {
		name string
		do   func(d *Dir) error
		want error
	}{
		{"unlink a directory", func(d *Dir) error { return d.Unlink("dir") }, EISDIR},
		{"unlink a directory by slash", func(d *Dir) error { return d.Unlink("dir/") }, EISDIR},
		{"unlink a file by slash", func(d *Dir) error { return d.Unlink("file/") }, ENOTDIR},
		{"unlink nothing", func(d *Dir) error { return d.Unlink("missing") }, ENOENT},
		{"unlink a link", func(d *Dir) error { return d.Unlink("dirlink") }, nil},
		{"unlink dot", func(d *Dir) error { return d.Unlink(".") }, EISDIR},
		{"rmdir a file", func(d *Dir) error { return d.Rmdir("file") }, ENOTDIR},
		{"rmdir a link", func(d *Dir) error { return d.Rmdir("dirlink") }, ENOTDIR},
		{"rmdir a link by slash", func(d *Dir) error { return d.Rmdir("dirlink/") }, ENOTDIR},
		{"rmdir a full one", func(d *Dir) error { return d.Rmdir("dir") }, ENOTEMPTY},
		{"rmdir by slash", func(d *Dir) error { return d.Rmdir("dir/nested/") }, nil},
		{"rmdir dot", func(d *Dir) error { return d.Rmdir("dir/.") }, EINVAL},
		{"rename a file by slash", func(d *Dir) error { return d.Rename("file/", d, "x") }, ENOTDIR},
		{"rename a file to a slash", func(d *Dir) error { return d.Rename("file", d, "x/") }, ENOTDIR},
		{"rename a directory to a slash", func(d *Dir) error { return d.Rename("dir", d, "x/") }, nil},
		{"rename dot", func(d *Dir) error { return d.Rename(".", d, "x") }, EBUSY},
		{"symlink over one", func(d *Dir) error { return d.Symlink("x", "link") }, EEXIST},
		{"absolute symlink", func(d *Dir) error { return d.Symlink("/etc", "x") }, EPERM},
		{"symlink to a slash", func(d *Dir) error { return d.Symlink("x", "new/") }, ENOENT},
		{"link a directory", func(d *Dir) error { return d.Link("dir", d, "x") }, EPERM},
		{"link to a slash", func(d *Dir) error { return d.Link("file", d, "x/") }, ENOENT},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, _, _ := newSandbox(t, false)
			if err := test.do(d); err != test.want {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func TestEntriesKeepTheirNumbers(t *testing.T) {
	d, inside, _ := newSandbox(t, false)
	const files = 2*entryBatch + 10
	sub := filepath.Join(inside, "dir/nested")
	for i := range files {
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("file%d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opened, err := d.Open("dir/nested", MustBeDir)
	if err != nil {
		t.Fatal(err)
	}
	dir := opened.(*Dir)
	defer dir.Close()
	var names []string
	for i := uint64(0); ; i++ {
		e, ok, err := dir.Entry(i)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		names = append(names, e.Name)
	}
	if len(names) != files+2 || names[0] != "." || names[1] != ".." {
		t.Fatalf("%d entries beginning with %q, want %d", len(names), names[:2], files+2)
	}
	if err := os.Remove(filepath.Join(sub, names[2])); err != nil {
		t.Fatal(err)
	}
	if e, ok, err := dir.Entry(7); err != nil || !ok || e.Name != names[7] {
		t.Errorf("entry 7 is now %q, %v, %v, want %q", e.Name, ok, err, names[7])
	}
	if err := dir.Rewind(); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := dir.Entry(files + 1); ok || err != nil {
		t.Errorf("the last entry is still there after Rewind: %v, %v", ok, err)
	}
}
