package writer

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// TestFullDisk: a full disk is an error, never a signal, and loses nothing that
// was taken.
func TestFullDisk(t *testing.T) {
	for _, size := range []string{"8k", "100k", "700k", "1m", "2m"} {
		t.Run(size, func(t *testing.T) {
			dir := t.TempDir()
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
				t.Skipf("no file system of %s can be mounted: %v", size, err)
			}
			defer func() {
				if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			}()
			fillDisk(t, filepath.Join(dir, "t.trace.arrow"))
		})
	}
}

func fillDisk(t *testing.T, path string) {
	opts := options
	opts.SegmentRows, opts.SegmentBytes = 1024, 64<<10
	w, err := Create(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	var taken []format.Event
	for seed := uint64(0); err == nil; seed++ {
		for _, e := range randomEvents(seed, 1000) {
			if err = w.Append(&e); err != nil {
				break
			}
			taken = append(taken, e)
		}
		if len(taken) > 1_000_000 {
			t.Fatal("the disk is never full")
		}
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Append: %v, want %v", err, unix.ENOSPC)
	}
	if err := w.Close(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Close: %v, want %v", err, unix.ENOSPC)
	}
	if len(taken) == 0 {
		checkGone(t, path)
		return
	}
	f, err := reader.Open(path, reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	compare(t, collect(t, f, reader.Query{}), taken)
}
