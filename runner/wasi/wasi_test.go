package wasi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/wasi"
)

// newDirGuest is a guest with one directory, which it has open as 3.
func newDirGuest(t *testing.T) (g *guest, dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	return newGuest(t, wasi.Config{Dirs: []wasi.Dir{{Host: dir, Guest: "/data"}}}), dir
}

// TestFunctionsMatchStock compares names and signatures with wazero's own, and
// those of the extension by sockets with the table of calls.
func TestFunctionsMatchStock(t *testing.T) {
	ctx := context.Background()
	rt := wazero.NewRuntime(ctx)
	defer rt.Close(ctx)
	stock, err := wasi_snapshot_preview1.NewBuilder(rt).Compile(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := stock.ExportedFunctions()
	if len(wasi.Functions) != 46+len(call.Sockets) || len(want) != 46 {
		t.Fatalf("%d functions, stock has %d, want 46 and %d of the extension", len(wasi.Functions), len(want), len(call.Sockets))
	}
	for _, f := range wasi.Functions {
		def := want[f.Name]
		if fn, known := call.Lookup(wasi.ModuleName, f.Name); def == nil && known {
			if len(fn.Params) != len(f.Params) || len(fn.Result) != len(f.Results) {
				t.Errorf("%s: %v -> %v, the table of calls has %d -> %d", f.Name, f.Params, f.Results, len(fn.Params), len(fn.Result))
			}
			continue
		}
		if def == nil {
			t.Errorf("%s: stock has no such function", f.Name)
			continue
		}
		if !slices.Equal(f.Params, def.ParamTypes()) || !slices.Equal(f.Results, def.ResultTypes()) {
			t.Errorf("%s: %v -> %v, want %v -> %v", f.Name, f.Params, f.Results, def.ParamTypes(), def.ResultTypes())
		}
	}
}

// TestHighBitsAreIgnored calls every function with garbage in the upper half of
// each i32: the outcome must be as without.
func TestHighBitsAreIgnored(t *testing.T) {
	outcome := func(garbage uint64) (errnos []uint64) {
		g, _ := newDirGuest(t)
		s, err := wasi.New(wasi.Config{Args: []string{"a"}, Random: zeros{}, Clock: fixedClock{}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, f := range wasi.Functions {
			if f.Name == "proc_exit" {
				continue
			}
			call, ok := s.Function(f.Name)
			if !ok {
				t.Fatalf("Function(%q): none", f.Name)
			}
			stack := make([]uint64, max(1, len(f.Params)))
			for i, typ := range f.Params {
				if typ == api.ValueTypeI32 {
					stack[i] = garbage
				}
			}
			call(g.ctx, g.mod, stack)
			errnos = append(errnos, stack[0])
		}
		return errnos
	}
	if diff := cmp.Diff(outcome(0), outcome(0xdeadbeef<<32)); diff != "" {
		t.Errorf("errnos (-clean +garbage):\n%s", diff)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type fixedClock struct{}

func (fixedClock) Wall() int64      { return 1_700_000_000_000_000_001 }
func (fixedClock) Monotonic() int64 { return 42 }

// TestFaults gives every function pointers outside of memory: EFAULT, or an
// error found before, but nothing is read or written and nothing panics.
func TestFaults(t *testing.T) {
	const outside = 0xffff_fff0
	for _, f := range wasi.Functions {
		if f.Name == "proc_exit" || f.Name == "proc_raise" || f.Name == "sched_yield" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			g := newGuest(t, wasi.Config{Args: []string{"a"}, Env: []string{"K=V"}})
			for _, fd := range []uint64{0, 1, 3, outside} {
				params := make([]uint64, len(f.Params))
				for i := range params {
					params[i] = outside
				}
				if strings.HasPrefix(f.Name, "fd_") || strings.HasPrefix(f.Name, "sock_") || strings.HasPrefix(f.Name, "path_") {
					params[0] = fd
				}
				before := g.read(0, memBytes)
				if errno := g.call(f.Name, params...); errno == host.Success && f.Name != "fd_close" {
					t.Errorf("%s%v succeeded", f.Name, params)
				}
				if !bytes.Equal(before, g.read(0, memBytes)) {
					t.Errorf("%s%v failed, but wrote into memory", f.Name, params)
				}
			}
		})
	}
}

func TestEFAULT(t *testing.T) {
	g, _ := newDirGuest(t)
	fd := g.mustOpen(3, "file", follow, 0, rightRead|rightWrite)
	const outside = memBytes - 2
	ptr, n := g.iovs(4)
	path, size := g.path("file")
	tests := []struct {
		name   string
		params []uint64
	}{
		{"clock_time_get", []uint64{0, 0, outside}},
		{"random_get", []uint64{outside, 16}},
		{"fd_read", []uint64{fd, ptr, n, outside}},
		{"fd_read", []uint64{fd, outside, n, outAt}},
		{"fd_write", []uint64{fd, ptr, n, outside}},
		{"fd_fdstat_get", []uint64{fd, outside}},
		{"fd_prestat_get", []uint64{3, outside}},
		{"fd_prestat_dir_name", []uint64{3, outside, 5}},
		{"fd_prestat_dir_name", []uint64{3, memBytes - 5, 6}}, // the name alone would fit
		{"fd_readdir", []uint64{3, outside, 100, 0, outAt}},
		{"path_filestat_get", []uint64{3, 0, path, size, outside}},
		{"path_filestat_get", []uint64{3, 0, outside, size, outAt}},
		{"path_open", []uint64{3, 0, path, size, 0, 0, 0, 0, outside}},
		{"poll_oneoff", []uint64{outside, outAt, 1, outAt}},
		{"args_sizes_get", []uint64{outside, outAt}},
		{"args_sizes_get", []uint64{outAt, outside}},
	}
	for _, test := range tests {
		before := g.read(0, memBytes)
		g.fails(host.EFAULT, test.name, test.params...)
		if !bytes.Equal(before, g.read(0, memBytes)) {
			t.Errorf("%s%v wrote into memory", test.name, test.params)
		}
	}
	if text, errno := g.gets(fd, 4); errno != host.Success || text != "0123" {
		t.Errorf("after faults the file reads %q, %v: something was consumed", text, errno)
	}
}

func TestLimits(t *testing.T) {
	g, _ := newDirGuest(t)
	fd := g.mustOpen(3, "file", follow, 0, rightRead|rightWrite)
	g.fails(host.EINVAL, "fd_read", fd, 0, 1025, outAt)
	g.fails(host.EINVAL, "fd_write", fd, 0, 1025, outAt)
	g.fails(host.ENAMETOOLONG, "path_unlink_file", 3, pathAt, host.MaxPath+1)
	g.fails(host.ENAMETOOLONG, "path_unlink_file", 3, 0, 0xffff_ffff)
	g.fails(host.EINVAL, "poll_oneoff", 0, 0, 1<<16+1, outAt)
	g.fails(host.EINVAL, "poll_oneoff", 0, 0, 0, outAt)
	g.ok("fd_read", fd, iovsAt, 0, outAt)
	if n := g.u32(outAt); n != 0 {
		t.Errorf("reading into no buffers: %d", n)
	}
}

func TestArgsAndEnv(t *testing.T) {
	g := newGuest(t, wasi.Config{Args: []string{"prog", "", "ä"}, Env: []string{"A=1", "B="}})
	for _, test := range []struct {
		sizes, get string
		want       []string
	}{
		{"args_sizes_get", "args_get", []string{"prog", "", "ä"}},
		{"environ_sizes_get", "environ_get", []string{"A=1", "B="}},
	} {
		g.ok(test.sizes, outAt, outAt+4)
		count, size := g.u32(outAt), g.u32(outAt+4)
		g.ok(test.get, bufAt, pathAt)
		var got []string
		for i := range count {
			text := g.read(g.u32(bufAt+4*i), pathAt+size-g.u32(bufAt+4*i))
			got = append(got, string(text[:bytes.IndexByte(text, 0)]))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.get, diff)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]wasi.Config{
		"a zero byte in an argument": {Args: []string{"a\x00b"}},
		"a zero byte in a variable":  {Env: []string{"K=a\x00b"}},
		"a variable without value":   {Env: []string{"K"}},
		"a variable without name":    {Env: []string{"=V"}},
		"a directory that is none":   {Dirs: []wasi.Dir{{Host: "wasi_test.go", Guest: "/"}}},
		"a directory that is absent": {Dirs: []wasi.Dir{{Host: "absent", Guest: "/"}}},
	} {
		if s, err := wasi.New(cfg); err == nil {
			s.Close()
			t.Errorf("New accepted %s", name)
		}
	}
}

func TestClock(t *testing.T) {
	g := newGuest(t, wasi.Config{Clock: fixedClock{}})
	for id, want := range []uint64{1_700_000_000_000_000_001, 42} {
		g.ok("clock_time_get", uint64(id), 0, outAt)
		if got := g.u64(outAt); got != want {
			t.Errorf("clock %d is %d, want %d", id, got, want)
		}
	}
	for id := range uint64(4) {
		g.ok("clock_res_get", id, outAt)
		if g.u64(outAt) == 0 {
			t.Errorf("clock %d has no resolution", id)
		}
	}
	for _, id := range []uint64{2, 3} {
		g.ok("clock_time_get", id, 0, outAt)
		if g.u64(outAt) == 0 {
			t.Errorf("clock %d: no processor time was used", id)
		}
	}
	g.fails(host.EINVAL, "clock_time_get", 4, 0, outAt)
	g.fails(host.EINVAL, "clock_res_get", 4, outAt)
}

func TestHostClock(t *testing.T) {
	g := newGuest(t, wasi.Config{})
	before := time.Now().UnixNano()
	g.ok("clock_time_get", 0, 0, outAt)
	if got := int64(g.u64(outAt)); got < before || got > time.Now().UnixNano() {
		t.Errorf("wall clock %d is not between %d and now", got, before)
	}
	last := uint64(0)
	for range 100 {
		g.ok("clock_time_get", 1, 0, outAt)
		if got := g.u64(outAt); got < last {
			t.Fatalf("monotonic clock went from %d back to %d", last, got)
		}
		last = g.u64(outAt)
	}
}

func TestRandom(t *testing.T) {
	g := newGuest(t, wasi.Config{Random: strings.NewReader("sixteen bytes...")})
	g.ok("random_get", bufAt, 16)
	if got := string(g.read(bufAt, 16)); got != "sixteen bytes..." {
		t.Errorf("read %q", got)
	}
	g.fails(host.EIO, "random_get", bufAt, 1)

	g = newGuest(t, wasi.Config{})
	g.ok("random_get", bufAt, 32)
	first := g.read(bufAt, 32)
	g.ok("random_get", bufAt, 32)
	if bytes.Equal(first, g.read(bufAt, 32)) || bytes.Equal(first, make([]byte, 32)) {
		t.Error("random bytes repeat")
	}
}

func TestPreopens(t *testing.T) {
	g, _ := newDirGuest(t)
	g.ok("fd_prestat_get", 3, outAt)
	if tag, n := g.u32(outAt), g.u32(outAt+4); tag != 0 || n != 5 {
		t.Errorf("prestat: tag %d, length %d, want 0, 5", tag, n)
	}
	g.fails(host.ENAMETOOLONG, "fd_prestat_dir_name", 3, bufAt, 4)
	g.ok("fd_prestat_dir_name", 3, bufAt, 6)
	if got := string(g.read(bufAt, 5)); got != "/data" {
		t.Errorf("the name is %q", got)
	}
	for _, fd := range []uint64{0, 2, 4} {
		g.fails(host.EBADF, "fd_prestat_get", fd, outAt)
	}
}

func TestReadAndWrite(t *testing.T) {
	g, dir := newDirGuest(t)
	fd := g.mustOpen(3, "file", follow, 0, rightRead|rightWrite|rightSeek)
	ptr, n := g.iovs(2, 0, 3)
	g.ok("fd_read", fd, ptr, n, outAt)
	if got := string(g.read(bufAt, 5)); g.u32(outAt) != 5 || got != "01234" {
		t.Errorf("read %d bytes, %q", g.u32(outAt), got)
	}
	g.ok("fd_pread", fd, ptr, n, 7, outAt)
	if got := string(g.read(bufAt, 3)); g.u32(outAt) != 3 || got != "789" {
		t.Errorf("read %d bytes at 7, %q", g.u32(outAt), got)
	}
	g.ok("fd_tell", fd, outAt)
	if got := g.u64(outAt); got != 5 {
		t.Errorf("the position is %d, want 5", got)
	}
	g.write(bufAt, []byte("ABCDE"))
	g.ok("fd_write", fd, ptr, n, outAt)
	g.ok("fd_pwrite", fd, ptr, n, 8, outAt)
	if got, _ := os.ReadFile(filepath.Join(dir, "file")); string(got) != "01234ABCABCDE" {
		t.Errorf("the file is %q", got)
	}
	g.ok("fd_seek", fd, ^uint64(1), 2, outAt) // -2 from the end
	if got := g.u64(outAt); got != 11 {
		t.Errorf("sought to %d, want 11", got)
	}
	g.fails(host.EINVAL, "fd_seek", fd, ^uint64(99), 0, outAt)
	g.fails(host.EINVAL, "fd_seek", fd, 0, 3, outAt)
	g.fails(host.EINVAL, "fd_pread", fd, ptr, n, 1<<63, outAt)
}

// TestLargeVectors has more bytes than are copied together.
func TestLargeVectors(t *testing.T) {
	g, dir := newDirGuest(t)
	fd := g.mustOpen(3, "big", follow, oCreat, rightRead|rightWrite|rightSeek)
	ptr, n := g.iovs(40_000, 30_000, 1)
	data := bytes.Repeat([]byte("0123456"), 10_001)[:70_001]
	g.write(bufAt, data)
	g.ok("fd_write", fd, ptr, n, outAt)
	if got, _ := os.ReadFile(filepath.Join(dir, "big")); !bytes.Equal(got, data) {
		t.Errorf("wrote %d bytes, not the ones given", len(got))
	}
	g.write(bufAt, make([]byte, len(data)))
	g.ok("fd_pread", fd, ptr, n, 1, outAt)
	if got := g.u32(outAt); got != 70_000 {
		t.Fatalf("read %d bytes, want 70000", got)
	}
	if !bytes.Equal(g.read(bufAt, 70_000), data[1:]) {
		t.Error("read other bytes than were written")
	}
}

func TestRights(t *testing.T) {
	g, _ := newDirGuest(t)
	read := g.mustOpen(3, "file", follow, 0, rightRead)
	write := g.mustOpen(3, "file", follow, 0, rightWrite)
	ptr, n := g.iovs(1)
	tests := []struct {
		want   host.Errno
		name   string
		params []uint64
	}{
		{host.ENOTCAPABLE, "fd_write", []uint64{read, ptr, n, outAt}},
		{host.ENOTCAPABLE, "fd_read", []uint64{write, ptr, n, outAt}},
		{host.ENOTCAPABLE, "fd_pread", []uint64{read, ptr, n, 0, outAt}},
		{host.ENOTCAPABLE, "fd_seek", []uint64{read, 1, 0, outAt}},
		{host.ENOTCAPABLE, "fd_tell", []uint64{read, outAt}},
		{host.ENOTCAPABLE, "fd_filestat_get", []uint64{read, outAt}},
		{host.ENOTCAPABLE, "fd_sync", []uint64{read}},
		{host.ENOTCAPABLE, "fd_fdstat_set_flags", []uint64{read, 0}},
		{host.ENOTCAPABLE, "fd_fdstat_set_rights", []uint64{read, rightRead | rightWrite, 0}},
		{host.ENOTCAPABLE, "fd_write", []uint64{0, ptr, n, outAt}},
		{host.ENOTCAPABLE, "fd_read", []uint64{1, ptr, n, outAt}},
		{host.EISDIR, "fd_read", []uint64{3, ptr, n, outAt}},
		{host.EISDIR, "fd_seek", []uint64{3, 0, 0, outAt}},
		{host.ESPIPE, "fd_seek", []uint64{0, 0, 0, outAt}},
		{host.EBADF, "fd_read", []uint64{99, ptr, n, outAt}},
		{host.ENOTDIR, "fd_readdir", []uint64{read, bufAt, 100, 0, outAt}},
		{host.ENOTSOCK, "sock_shutdown", []uint64{read, 1}},
		{host.ENOTSOCK, "sock_accept", []uint64{1, 0, outAt}},
	}
	for _, test := range tests {
		g.fails(test.want, test.name, test.params...)
	}
	g.ok("fd_fdstat_set_rights", 3, rightPathOpen, rightRead)
	if _, errno := g.open(3, "file", follow, 0, rightWrite); errno != host.ENOTCAPABLE {
		t.Errorf("opening with a right not inherited: %v", errno)
	}
	if _, errno := g.open(3, "new", follow, oCreat, rightRead); errno != host.ENOTCAPABLE {
		t.Errorf("creating without the right: %v", errno)
	}
	if _, errno := g.open(3, "file", follow, 0, rightRead); errno != host.Success {
		t.Errorf("opening with a right inherited: %v", errno)
	}
}

// TestTruncateBelowOpenedDirectory opens as Go's os.Root does in a guest: the
// directory without the right to truncate, which it then makes use of.
func TestTruncateBelowOpenedDirectory(t *testing.T) {
	g, dir := newDirGuest(t)
	ptr, size := g.path(".")
	const truncates = 1 << 19
	g.ok("path_open", 3, 0, ptr, size, oDirectory, rightsAll&^(truncates|rightWrite), rightsAll, 0, outAt)
	below := uint64(g.u32(outAt))
	g.mustOpen(below, "file", follow, oTrunc, rightWrite)
	if got, err := os.ReadFile(filepath.Join(dir, "file")); len(got) != 0 || err != nil {
		t.Errorf("the file is %q, %v, want it empty", got, err)
	}
	g.ok("fd_fdstat_set_rights", below, rightPathOpen, rightRead)
	if _, errno := g.open(below, "file", follow, oTrunc, rightRead); errno != host.ENOTCAPABLE {
		t.Errorf("truncating with the right taken away: %v, want ENOTCAPABLE", errno)
	}
}

func TestDescriptorNumbers(t *testing.T) {
	g, _ := newDirGuest(t)
	a := g.mustOpen(3, "file", follow, 0, rightRead)
	b := g.mustOpen(3, "file", follow, 0, rightRead)
	if a != 4 || b != 5 {
		t.Fatalf("opened %d and %d, want 4 and 5", a, b)
	}
	g.ok("fd_close", a)
	g.fails(host.EBADF, "fd_close", a)
	if again := g.mustOpen(3, "file", follow, 0, rightRead); again != 4 {
		t.Errorf("opened %d, want 4 again", again)
	}
	g.ok("fd_renumber", 5, 1)
	g.fails(host.EBADF, "fd_renumber", 5, 1)
	g.fails(host.EBADF, "fd_renumber", 1, 77)
	g.ok("fd_renumber", 1, 1)
	if text, errno := g.gets(1, 3); errno != host.Success || text != "012" {
		t.Errorf("the renumbered file reads %q, %v", text, errno)
	}
}

func TestFlags(t *testing.T) {
	g, dir := newDirGuest(t)
	fd := g.mustOpen(3, "file", follow, 0, rightsAll)
	g.ok("fd_fdstat_set_flags", fd, flagAppend|2|8|16)
	g.ok("fd_fdstat_get", fd, outAt)
	if got := g.u32(outAt) >> 16; got != flagAppend|2|8|16 {
		t.Errorf("the flags are %b", got)
	}
	if errno := g.puts(fd, "!"); errno != host.Success {
		t.Fatal(errno)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "file")); string(got) != "0123456789!" {
		t.Errorf("the file is %q", got)
	}
	g.fails(host.EINVAL, "fd_fdstat_set_flags", fd, 32)
}

func TestReaddir(t *testing.T) {
	g, dir := newDirGuest(t)
	list := func(bufLen uint64) (names []string) {
		for cookie := uint64(0); ; {
			g.ok("fd_readdir", 3, bufAt, bufLen, cookie, outAt)
			used := g.u32(outAt)
			for at := uint32(bufAt); ; {
				if left := bufAt + used - at; left < 24 || left < 24+g.u32(at+16) {
					break
				}
				cookie = g.u64(at)
				names = append(names, string(g.read(at+24, g.u32(at+16))))
				at += 24 + g.u32(at+16)
			}
			if uint64(used) < bufLen {
				slices.Sort(names)
				return names
			}
		}
	}
	want := []string{".", "..", "file", "sub"}
	for _, bufLen := range []uint64{28, 30, 64, 4096} {
		if diff := cmp.Diff(want, list(bufLen)); diff != "" {
			t.Errorf("with a buffer of %d (-want +got):\n%s", bufLen, diff)
		}
	}
	if err := os.Remove(filepath.Join(dir, "file")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".", "..", "sub"}, list(64)); diff != "" {
		t.Errorf("after a removal (-want +got):\n%s", diff)
	}
}

func TestStdio(t *testing.T) {
	var stdout, stderr bytes.Buffer
	g := newGuest(t, wasi.Config{Stdin: strings.NewReader("input"), Stdout: &stdout, Stderr: &stderr})
	if text, errno := g.gets(0, 3); errno != host.Success || text != "inp" {
		t.Errorf("stdin: %q, %v", text, errno)
	}
	for fd, text := range map[uint64]string{1: "to stdout", 2: "to stderr"} {
		if errno := g.puts(fd, text); errno != host.Success {
			t.Errorf("writing to %d: %v", fd, errno)
		}
	}
	if stdout.String() != "to stdout" || stderr.String() != "to stderr" {
		t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
	}

	g = newGuest(t, wasi.Config{Stdout: brokenPipe{}})
	if text, errno := g.gets(0, 3); errno != host.Success || text != "" {
		t.Errorf("no stdin: %q, %v, want the end", text, errno)
	}
	if errno := g.puts(1, "x"); errno != host.EPIPE {
		t.Errorf("writing to a closed stdout: %v, want EPIPE", errno)
	}
	if errno := g.puts(2, "x"); errno != host.Success {
		t.Errorf("writing to no stderr: %v", errno)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestExit(t *testing.T) {
	tests := []struct {
		name string
		arg  uint64
		code uint32 // of the exit
		want host.Errno
		ends bool
	}{
		{"proc_exit", 0, 0, 0, true},
		{"proc_exit", 42, 42, 0, true},
		{"proc_exit", 0xffff_fffe, 0xffff_fffe, 0, true},
		{"proc_raise", 6, 134, 0, true},
		{"proc_raise", 0, 0, host.Success, false},
		{"proc_raise", 16, 0, host.Success, false},
		{"proc_raise", 18, 0, host.ENOTSUP, false},
		{"proc_raise", 31, 0, host.EINVAL, false},
	}
	for _, test := range tests {
		g := newGuest(t, wasi.Config{})
		if !test.ends {
			g.fails(test.want, test.name, test.arg)
			continue
		}
		_, err := g.mod.ExportedFunction(test.name).Call(g.ctx, test.arg)
		var exit *sys.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != test.code {
			t.Errorf("%s(%d): %v, want exit code %d", test.name, test.arg, err, test.code)
		}
		if !g.mod.IsClosed() {
			t.Errorf("%s(%d): the module is still open", test.name, test.arg)
		}
	}
}

// TestReadError: an error of the host is reported, not swallowed.
func TestReadError(t *testing.T) {
	g := newGuest(t, wasi.Config{Stdin: iotest.ErrReader(errors.New("broken"))})
	if _, errno := g.gets(0, 9); errno != host.EIO {
		t.Errorf("%v, want EIO", errno)
	}
}
