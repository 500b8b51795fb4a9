package wasi_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/wasi"
)

func TestPaths(t *testing.T) {
	g, dir := newDirGuest(t)
	file, fileLen := g.path("file")
	link, linkLen := g.path2("link")
	g.ok("path_symlink", file, fileLen, 3, link, linkLen)
	g.ok("path_readlink", 3, link, linkLen, bufAt, 3, outAt)
	if got := string(g.read(bufAt, g.u32(outAt))); got != "fil" {
		t.Errorf("the link holds %q, want the first 3 bytes", got)
	}
	for lookup, want := range []byte{7, 4} { // symbolic link, regular file
		g.ok("path_filestat_get", 3, uint64(lookup), link, linkLen, outAt)
		if got := g.read(outAt+16, 1)[0]; got != want {
			t.Errorf("with lookup flags %d the type is %d, want %d", lookup, got, want)
		}
	}
	g.fails(host.EINVAL, "path_filestat_get", 3, 2, link, linkLen, outAt)
	g.ok("path_filestat_set_times", 3, 0, link, linkLen, 0, 5_000, 4)
	g.ok("path_filestat_set_times", 3, follow, link, linkLen, 0, 7_000, 4)
	for lookup, want := range []uint64{5_000, 7_000} {
		g.ok("path_filestat_get", 3, uint64(lookup), link, linkLen, outAt)
		if got := g.u64(outAt + 48); got != want {
			t.Errorf("with lookup flags %d modified at %d, want %d", lookup, got, want)
		}
	}
	g.fails(host.EINVAL, "path_filestat_set_times", 3, 0, link, linkLen, 0, 0, 4|8)
	g.fails(host.EINVAL, "path_filestat_set_times", 3, 0, link, linkLen, 0, 0, 16)
	g.ok("path_unlink_file", 3, link, linkLen)
	g.ok("path_link", 3, 0, file, fileLen, 3, link, linkLen)
	g.fails(host.EINVAL, "path_link", 3, follow, file, fileLen, 3, link, linkLen)
	g.ok("path_rename", 3, link, linkLen, 3, file, fileLen)
	made, madeLen := g.path2("sub/made")
	g.ok("path_create_directory", 3, made, madeLen)
	g.fails(host.EEXIST, "path_create_directory", 3, made, madeLen)
	g.fails(host.EISDIR, "path_unlink_file", 3, made, madeLen)
	g.ok("path_remove_directory", 3, made, madeLen)
	if _, err := os.Stat(filepath.Join(dir, "sub/made")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestEscapes(t *testing.T) {
	g, dir := newDirGuest(t)
	if err := os.Symlink("/etc", filepath.Join(dir, "etc")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"..", "../x", "sub/../../x", "/etc/passwd", "etc", "etc/passwd"} {
		if _, errno := g.open(3, path, follow, 0, rightRead); errno != host.EPERM {
			t.Errorf("opening %s: %v, want EPERM", path, errno)
		}
	}
	sub := g.mustOpen(3, "sub", 0, oDirectory, rightPathOpen)
	if _, errno := g.open(sub, "../file", follow, 0, 0); errno != host.EPERM {
		t.Errorf("leaving a directory opened by the guest: %v, want EPERM", errno)
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := newGuest(t, wasi.Config{Dirs: []wasi.Dir{{Host: dir, Guest: "/", ReadOnly: true}}})
	fd := g.mustOpen(3, "file", follow, 0, rightsAll&^rightWrite)
	if text, errno := g.gets(fd, 9); errno != host.Success || text != "keep" {
		t.Errorf("read %q, %v", text, errno)
	}
	g.fails(host.EROFS, "fd_filestat_set_times", fd, 0, 0, 4)
	g.fails(host.EROFS, "fd_filestat_set_size", fd, 0)
	for _, oflags := range []uint64{oTrunc, oCreat | oExcl} {
		if _, errno := g.open(3, "file", follow, oflags, rightRead); errno != host.EROFS && errno != host.EEXIST {
			t.Errorf("oflags %b: %v, want EROFS", oflags, errno)
		}
	}
	if _, errno := g.open(3, "file", follow, 0, rightWrite); errno != host.EROFS {
		t.Errorf("opening to write: %v, want EROFS", errno)
	}
}
