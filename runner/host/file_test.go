package host

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func openFile(t *testing.T, how OpenFlags) (f *File, hostPath string) {
	t.Helper()
	d, inside, _ := newSandbox(t, false)
	opened, err := d.Open("file", how)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return opened.(*File), filepath.Join(inside, "file")
}

func TestFileAppend(t *testing.T) {
	f, path := openFile(t, Read|Write)
	ctx := context.Background()
	for _, step := range []struct {
		append bool
		text   string
		want   string
	}{
		{true, "!", "inside!"},
		{true, "?", "inside!?"},
		{false, "IN", "INside!?"},
		{true, ".", "INside!?."},
	} {
		if err := f.SetAppend(step.append); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(ctx, []byte(step.text)); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != step.want {
			t.Errorf("append %v: %q, want %q", step.append, got, step.want)
		}
	}
}

func TestFileTimes(t *testing.T) {
	f, _ := openFile(t, Read|Write)
	unit := int64(1)
	if runtime.GOOS != "linux" {
		unit = 1000
	}
	a, m := 1_000_000_000*unit, 2_000_000_000*unit
	for _, times := range []Times{{Atime: &a, Mtime: &m}, {Mtime: &a}, {}} {
		before, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if err := f.SetTimes(times); err != nil {
			t.Fatal(err)
		}
		after, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if want := or(times.Atime, before.Atime); after.Atime != want {
			t.Errorf("access time %d, want %d", after.Atime, want)
		}
		if want := or(times.Mtime, before.Mtime); after.Mtime != want {
			t.Errorf("modification time %d, want %d", after.Mtime, want)
		}
	}
}

func or(p *int64, otherwise int64) int64 {
	if p != nil {
		return *p
	}
	return otherwise
}

func TestFileAllocateAndTruncate(t *testing.T) {
	f, _ := openFile(t, Read|Write)
	for _, step := range []struct {
		name string
		do   func() error
		want uint64
	}{
		{"allocate beyond the end", func() error { return f.Allocate(90, 20) }, 110},
		{"allocate within", func() error { return f.Allocate(0, 10) }, 110},
		{"truncate", func() error { return f.Truncate(3) }, 3},
		{"advise", func() error { return f.Advise(0, 0, AdviseSequential) }, 3},
		{"sync", f.Sync, 3},
		{"sync data", f.SyncData, 3},
	} {
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if s, err := f.Stat(); err != nil || s.Size != step.want {
			t.Errorf("%s: size %d, %v, want %d", step.name, s.Size, err, step.want)
		}
	}
}

func TestFileModes(t *testing.T) {
	ctx, p := context.Background(), make([]byte, 4)
	f, _ := openFile(t, Write)
	if _, err := f.Read(ctx, p); err != EBADF && err != EACCES {
		t.Errorf("Read of a file opened to write: %v", err)
	}
	f, _ = openFile(t, Read)
	if _, err := f.Write(ctx, p); err != EBADF && err != EACCES {
		t.Errorf("Write to a file opened to read: %v", err)
	}
	if n, err := f.ReadAt(p, 4); n != 2 || err != nil || string(p[:n]) != "de" {
		t.Errorf("ReadAt(4) = %q, %v, want %q", p[:n], err, "de")
	}
	if _, err := f.Seek(-1, io.SeekStart); err != EINVAL {
		t.Errorf("Seek before the start: %v, want EINVAL", err)
	}
	if err := f.Advise(0, 0, 99); err != EINVAL {
		t.Errorf("unknown advice: %v, want EINVAL", err)
	}
}
