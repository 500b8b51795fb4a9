package writer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	create := func(force bool, text string) *NewFile {
		t.Helper()
		f, err := CreateNew(path, force)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return f
	}
	want := func(text string) {
		t.Helper()
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, %v, want %q", got, err, text)
		}
		if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
			t.Errorf("%v, %v, want one file", left, err)
		}
	}
	first, second := create(false, "first"), create(false, "second")
	if err := errors.Join(first.Commit(), (*NewFile)(nil).Commit()); err != nil {
		t.Fatal(err)
	}
	first.Abort()
	if err := second.Commit(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that another one made meanwhile is replaced: %v", err)
	}
	want("first")
	if _, err := CreateNew(path, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v, want that the file exists", err)
	}
	create(true, "aborted").Abort()
	want("first")

	broken := create(true, "broken")
	broken.file.Close()
	_, failed := broken.Write([]byte("more"))
	var e *fs.PathError
	if !errors.As(failed, &e) || e.Path != path {
		t.Errorf("%v, want the name of the file in it", failed)
	}
	if err := broken.Commit(); err != failed {
		t.Errorf("%v, want that of the write, %v", err, failed)
	}
	want("first")
	if err := create(true, "third").Commit(); err != nil {
		t.Fatal(err)
	}
	want("third")
}

// Of a link the target counts, but the link is what is replaced.
func TestCheckNewOfLinks(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, l := range []struct {
		to     string
		forced bool // force lets it be replaced
		exists bool // else the error is fs.ErrExist
	}{{file, true, true}, {filepath.Join(dir, "nowhere"), true, true}, {dir, false, false}, {os.DevNull, false, false}} {
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(l.to, link); err != nil {
			t.Skip(err)
		}
		if err := CheckNew(link, false); err == nil || errors.Is(err, fs.ErrExist) != l.exists {
			t.Errorf("link to %s: %v", l.to, err)
		}
		if err := CheckNew(link, true); (err == nil) != l.forced {
			t.Errorf("link to %s, force: %v", l.to, err)
		}
		if !l.forced {
			continue
		}
		f, err := CreateNew(link, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(link); err != nil || !info.Mode().IsRegular() {
			t.Errorf("link to %s: %v, %v, want a file in its place", l.to, info, err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "kept" {
		t.Errorf("%q, %v, want what the link led to as it was", got, err)
	}
}
