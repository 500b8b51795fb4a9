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
