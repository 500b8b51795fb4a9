package call

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
)

// The core signatures of WASI preview1, written down apart from the table: i
// is i32, I is i64. All but proc_exit return an i32.
const signatures = `
args_get ii
args_sizes_get ii
environ_get ii
environ_sizes_get ii
clock_res_get ii
clock_time_get iIi
fd_advise iIIi
fd_allocate iII
fd_close i
fd_datasync i
fd_fdstat_get ii
fd_fdstat_set_flags ii
fd_fdstat_set_rights iII
fd_filestat_get ii
fd_filestat_set_size iI
fd_filestat_set_times iIIi
fd_pread iiiIi
fd_prestat_get ii
fd_prestat_dir_name iii
fd_pwrite iiiIi
fd_read iiii
fd_readdir iiiIi
fd_renumber ii
fd_seek iIii
fd_sync i
fd_tell ii
fd_write iiii
path_create_directory iii
path_filestat_get iiiii
path_filestat_set_times iiiiIIi
path_link iiiiiii
path_open iiiiiIIii
path_readlink iiiiii
path_remove_directory iii
path_rename iiiiii
path_symlink iiiii
path_unlink_file iii
poll_oneoff iiii
proc_exit i
proc_raise i
sched_yield
random_get ii
sock_accept iii
sock_recv iiiiii
sock_send iiiii
sock_shutdown ii
`

// Those of the extension by sockets.
const socketSignatures = `
sock_open iii
sock_bind iii
sock_listen ii
sock_connect iii
sock_getsockopt iiiii
sock_setsockopt iiiii
sock_getlocaladdr iii
sock_getpeeraddr iii
sock_getaddrinfo iiiiiiii
sock_recv_from iiiiiiii
sock_send_to iiiiiii
`

func TestPreview1Signatures(t *testing.T) {
	checkSignatures(t, Preview1, signatures)
	checkSignatures(t, Sockets, socketSignatures)
}

func checkSignatures(t *testing.T, table []format.Function, want string) {
	t.Helper()
	var got strings.Builder
	for i := range table {
		f := &table[i]
		got.WriteString("\n" + strings.TrimSpace(f.Name+" "+signature(f)))
		if returns := f.Name != "proc_exit"; f.Errno != returns || (len(f.Result) == 1) != returns {
			t.Errorf("%s: errno %t, %d results", f.Name, f.Errno, len(f.Result))
		}
	}
	if diff := cmp.Diff(want, got.String()+"\n"); diff != "" {
		t.Errorf("signatures (-want +got):\n%s", diff)
	}
}

func signature(f *format.Function) string {
	letters := map[format.Type]string{format.I32: "i", format.I64: "I"}
	s := ""
	for _, p := range f.Params {
		s += letters[p.Type]
	}
	return s
}

func TestPreview1Regions(t *testing.T) {
	readers, untimed, onError := 0, "", ""
	for i := range Preview1 {
		f := &Preview1[i]
		if err := Validate(f); err != nil {
			t.Error(err)
		}
		if len(f.Reads) > 0 {
			readers++
		}
		if f.Untimed {
			untimed += " " + f.Name
		}
		if f.WritesOnError {
			onError += " " + f.Name
		}
		for _, p := range f.Params {
			if p.Role == "" {
				t.Errorf("%s: parameter %s has no role", f.Name, p.Name)
			}
		}
		if n := len(f.Writes); n > 0 && f.Name != "proc_exit" {
			if last := f.Writes[n-1]; HasVectors(f) && last.Role != roleCount {
				t.Errorf("%s: the last region is %q, want the count", f.Name, last.Role)
			}
		}
	}
	// Of the 17 functions that read guest memory fd_read, fd_pread and
	// sock_recv read nothing but iovecs.
	if readers != 14 {
		t.Errorf("%d functions read guest memory, want 14", readers)
	}
	const wantUntimed = " args_get args_sizes_get environ_get environ_sizes_get clock_res_get clock_time_get fd_fdstat_get" +
		" fd_fdstat_set_flags fd_fdstat_set_rights fd_prestat_get fd_prestat_dir_name sched_yield random_get"
	if untimed != wantUntimed {
		t.Errorf("untimed:%s\nwant:%s", untimed, wantUntimed)
	}
	if want := " fd_pread fd_read poll_oneoff sock_recv"; onError != want {
		t.Errorf("writes on error:%s, want%s", onError, want)
	}
}

func TestFind(t *testing.T) {
	own := format.Function{Module: Module, Name: "fd_write", Untimed: true}
	large := format.Function{Module: "env", Name: "large", Params: make([]format.Param, format.NumParams+1)}
	h := &format.Header{Functions: []format.Function{own, large}}
	if f := Find(h, Module, "fd_write"); f != &h.Functions[0] {
		t.Errorf("fd_write: %v, want the header's", f)
	}
	if f := Find(nil, Module, "fd_write"); f == nil || f.Untimed {
		t.Errorf("fd_write without header: %v, want preview1's", f)
	}
	if f := Find(h, "env", "fd_write"); f != nil {
		t.Errorf("env.fd_write: %v, want none", f)
	}
	if f := Find(h, "env", "large"); f != nil {
		t.Errorf("env.large: %v, want none", f)
	}
	if _, ok := Lookup(Module, "fd_dup"); ok {
		t.Error("fd_dup: found, want none")
	}
}

func TestValidateRefuses(t *testing.T) {
	valid := func() format.Function {
		return format.Function{
			Module: "env", Name: "f", Errno: true,
			Params: params(ptr("buf"), size("len"), ptr("used"), i64("when", "")),
			Result: params(i32("errno", roleErrno)),
		}
	}
	f := valid()
	if err := Validate(&f); err != nil {
		t.Fatalf("a valid function: %v", err)
	}
	for name, breakIt := range map[string]func(*format.Function){
		"ten parameters":      func(f *format.Function) { f.Params = make([]format.Param, 10) },
		"two results":         func(f *format.Function) { f.Result = params(ptr("a"), ptr("b")) },
		"unknown type":        func(f *format.Function) { f.Params[0].Type = "v128" },
		"errno of type i64":   func(f *format.Function) { f.Result[0].Type = format.I64 },
		"errno without":       func(f *format.Function) { f.Result = nil },
		"on error, no errno":  func(f *format.Function) { f.Errno, f.WritesOnError = false, true },
		"unknown kind":        func(f *format.Function) { reads(region("list", "", 0, 1))(f) },
		"pointer too large":   func(f *format.Function) { reads(buf("", 4, 1))(f) },
		"pointer negative":    func(f *format.Function) { reads(buf("", -1, 1))(f) },
		"pointer of type i64": func(f *format.Function) { reads(buf("", 3, 1))(f) },
		"length too large":    func(f *format.Function) { writes(buf("", 0, 4))(f) },
		"count too large":     func(f *format.Function) { writes(used(buf("", 0, 1), 9))(f) },
		"count in a read":     func(f *format.Function) { reads(used(buf("", 0, 1), 2))(f) },
		"count of a fixed":    func(f *format.Function) { writes(used(fixed(4, "", 0), 2))(f) },
		"scatter, no count":   func(f *format.Function) { writes(scatter(0, 1, 0))(f) },
		"scatter read":        func(f *format.Function) { reads(scatter(0, 1, 2))(f) },
		"gather written":      func(f *format.Function) { writes(gather(0, 1))(f) },
		"fixed of no size":    func(f *format.Function) { writes(fixed(0, "", 0))(f) },
		"bytes with a size":   func(f *format.Function) { r := buf("", 0, 1); r.Size = 4; writes(r)(f) },
		"two open regions":    func(f *format.Function) { writes(scatter(0, 1, 2), used(buf("", 0, 1), 2))(f) },
		"many regions":        func(f *format.Function) { f.Reads = make([]format.Region, maxRegions+1) },
		"regions and compare": func(f *format.Function) { f.Compare = true; writes(buf("", 0, 1))(f) },
	} {
		f := valid()
		breakIt(&f)
		if err := Validate(&f); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestErrnoNames(t *testing.T) {
	for errno, name := range map[int32]string{
		0: "ESUCCESS", 1: "E2BIG", 6: "EAGAIN", 8: "EBADF", 20: "EEXIST", 21: "EFAULT", 28: "EINVAL",
		44: "ENOENT", 52: "ENOSYS", 63: "EPERM", 64: "EPIPE", 73: "ETIMEDOUT", 75: "EXDEV", 76: "ENOTCAPABLE",
	} {
		if got := ErrnoName(errno); got != name {
			t.Errorf("errno %d is %s, want %s", errno, got, name)
		}
		if got, ok := ErrnoByName(name); !ok || got != errno {
			t.Errorf("%s is errno %d, want %d", name, got, errno)
		}
	}
	for _, errno := range []int32{-1, 77, 1 << 30} {
		if got := ErrnoName(errno); !strings.HasPrefix(got, "errno ") {
			t.Errorf("errno %d is %s", errno, got)
		}
	}
	if _, ok := ErrnoByName("ENOWHERE"); ok {
		t.Error("ENOWHERE: found")
	}
}
