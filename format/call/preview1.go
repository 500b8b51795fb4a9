package call

import "github.com/tracetool/tracetool/format"

// Module is the import module of WASI preview1.
const Module = "wasi_snapshot_preview1"

// Roles that the rules of capture, decoding and comparing look for. Others are
// only names of decoders, see decodeNumber and decodeRegion.
const (
	roleFD        = "fd"
	roleClockID   = "clockid"
	roleClock     = "clock"
	roleErrno     = "errno"
	roleCount     = "count"
	roleText      = "text"
	roleExitCode  = "exitcode"
	roleFilesize  = "filesize"
	roleTimestamp = "timestamp"
	roleSize      = "size"
)

// Preview1 describes the functions of WASI preview1, in the order of their
// names but for those of clocks and arguments, which come first.
var Preview1 = []format.Function{
	untimed(fun("args_get", params(ptr("argv"), ptr("argv_buf")),
		writes(region(format.RegionArgs, "args", 0, 1)))),
	untimed(fun("args_sizes_get", params(ptr("argc"), ptr("argv_len")),
		writes(fixed(4, roleSize, 0), fixed(4, roleSize, 1)))),
	untimed(fun("environ_get", params(ptr("environ"), ptr("environ_buf")),
		writes(region(format.RegionEnviron, "environ", 0, 1)))),
	untimed(fun("environ_sizes_get", params(ptr("environc"), ptr("environv_len")),
		writes(fixed(4, roleSize, 0), fixed(4, roleSize, 1)))),
	untimed(fun("clock_res_get", params(i32("id", roleClockID), ptr("resolution")),
		writes(fixed(8, "resolution", 1)))),
	untimed(fun("clock_time_get", params(i32("id", roleClockID), i64("precision", "precision"), ptr("timestamp")),
		writes(fixed(8, roleClock, 2)))),

	fun("fd_advise", params(fd, i64("offset", roleFilesize), i64("len", roleFilesize), i32("advice", "advice"))),
	fun("fd_allocate", params(fd, i64("offset", roleFilesize), i64("len", roleFilesize))),
	fun("fd_close", params(fd)),
	fun("fd_datasync", params(fd)),
	untimed(fun("fd_fdstat_get", params(fd, ptr("stat")), writes(fixed(24, "fdstat", 1)))),
	untimed(fun("fd_fdstat_set_flags", params(fd, i32("flags", "fdflags")))),
	untimed(fun("fd_fdstat_set_rights", params(fd, i64("fs_rights_base", "rights"), i64("fs_rights_inheriting", "rights")))),
	fun("fd_filestat_get", params(fd, ptr("filestat")), writes(fixed(64, "filestat", 1))),
	fun("fd_filestat_set_size", params(fd, i64("size", roleFilesize))),
	fun("fd_filestat_set_times", params(fd, i64("atim", roleTimestamp), i64("mtim", roleTimestamp), i32("fst_flags", "fstflags"))),
	writesOnError(fun("fd_pread", params(fd, ptr("iovs"), size("iovs_len"), i64("offset", roleFilesize), ptr("nread")),
		writes(scatter(1, 2, 4), fixed(4, roleCount, 4)))),
	untimed(fun("fd_prestat_get", params(fd, ptr("prestat")), writes(fixed(8, "prestat", 1)))),
	untimed(fun("fd_prestat_dir_name", params(fd, ptr("path"), size("path_len")), writes(buf("path", 1, 2)))),
	fun("fd_pwrite", params(fd, ptr("iovs"), size("iovs_len"), i64("offset", roleFilesize), ptr("nwritten")),
		reads(gather(1, 2)), writes(fixed(4, roleCount, 4))),
	writesOnError(fun("fd_read", params(fd, ptr("iovs"), size("iovs_len"), ptr("nread")),
		writes(scatter(1, 2, 3), fixed(4, roleCount, 3)))),
	fun("fd_readdir", params(fd, ptr("buf"), size("buf_len"), i64("cookie", "cookie"), ptr("bufused")),
		writes(used(buf("dirents", 1, 2), 4), fixed(4, roleCount, 4))),
	fun("fd_renumber", params(fd, i32("to", roleFD))),
	fun("fd_seek", params(fd, i64("offset", "filedelta"), i32("whence", "whence"), ptr("newoffset")),
		writes(fixed(8, "offset", 3))),
	fun("fd_sync", params(fd)),
	fun("fd_tell", params(fd, ptr("offset")), writes(fixed(8, "offset", 1))),
	fun("fd_write", params(fd, ptr("iovs"), size("iovs_len"), ptr("nwritten")),
		reads(gather(1, 2)), writes(fixed(4, roleCount, 3))),

	fun("path_create_directory", params(fd, ptr("path"), size("path_len")), reads(buf("path", 1, 2))),
	fun("path_filestat_get", params(fd, i32("flags", "lookupflags"), ptr("path"), size("path_len"), ptr("filestat")),
		reads(buf("path", 2, 3)), writes(fixed(64, "filestat", 4))),
	fun("path_filestat_set_times", params(fd, i32("flags", "lookupflags"), ptr("path"), size("path_len"),
		i64("atim", roleTimestamp), i64("mtim", roleTimestamp), i32("fst_flags", "fstflags")),
		reads(buf("path", 2, 3))),
	fun("path_link", params(i32("old_fd", roleFD), i32("old_flags", "lookupflags"), ptr("old_path"), size("old_path_len"),
		i32("new_fd", roleFD), ptr("new_path"), size("new_path_len")),
		reads(buf("old_path", 2, 3), buf("new_path", 5, 6))),
	fun("path_open", params(fd, i32("dirflags", "lookupflags"), ptr("path"), size("path_len"), i32("oflags", "oflags"),
		i64("fs_rights_base", "rights"), i64("fs_rights_inheriting", "rights"), i32("fdflags", "fdflags"), ptr("opened_fd")),
		reads(buf("path", 2, 3)), writes(fixed(4, roleFD, 8))),
	fun("path_readlink", params(fd, ptr("path"), size("path_len"), ptr("buf"), size("buf_len"), ptr("bufused")),
		reads(buf("path", 1, 2)), writes(used(buf("path", 3, 4), 5), fixed(4, roleCount, 5))),
	fun("path_remove_directory", params(fd, ptr("path"), size("path_len")), reads(buf("path", 1, 2))),
	fun("path_rename", params(fd, ptr("old_path"), size("old_path_len"), i32("new_fd", roleFD), ptr("new_path"), size("new_path_len")),
		reads(buf("old_path", 1, 2), buf("new_path", 4, 5))),
	fun("path_symlink", params(ptr("old_path"), size("old_path_len"), fd, ptr("new_path"), size("new_path_len")),
		reads(buf("old_path", 0, 1), buf("new_path", 3, 4))),
	fun("path_unlink_file", params(fd, ptr("path"), size("path_len")), reads(buf("path", 1, 2))),

	// The events array is cleared in full and *nevents set before the host
	// finds fault with a subscription.
	writesOnError(fun("poll_oneoff", params(ptr("in"), ptr("out"), size("nsubscriptions"), ptr("nevents")),
		reads(array(48, "subscriptions", 0, 2)), writes(array(32, "events", 1, 2), fixed(4, roleCount, 3)))),
	noResult(fun("proc_exit", params(i32("rval", roleExitCode)))),
	fun("proc_raise", params(i32("sig", "signal"))),
	untimed(fun("sched_yield", nil)),
	untimed(fun("random_get", params(ptr("buf"), size("buf_len")), writes(buf("random", 0, 1)))),
	fun("sock_accept", params(fd, i32("flags", "fdflags"), ptr("new_fd")), writes(note("peer", 2), fixed(4, roleFD, 2))),
	writesOnError(fun("sock_recv", params(fd, ptr("ri_data"), size("ri_data_len"), i32("ri_flags", "riflags"), ptr("ro_datalen"), ptr("ro_flags")),
		writes(fixed(2, "roflags", 5), scatter(1, 2, 4), fixed(4, roleCount, 4)))),
	fun("sock_send", params(fd, ptr("si_data"), size("si_data_len"), i32("si_flags", "siflags"), ptr("so_datalen")),
		reads(gather(1, 2)), writes(fixed(4, roleCount, 4))),
	fun("sock_shutdown", params(fd, i32("how", "sdflags"))),
}

// The rest of this file is the notation of the table.

var fd = i32("fd", roleFD)

func i32(name, role string) format.Param {
	return format.Param{Name: name, Type: format.I32, Role: role}
}

func i64(name, role string) format.Param {
	return format.Param{Name: name, Type: format.I64, Role: role}
}

func ptr(name string) format.Param  { return i32(name, format.RolePointer) }
func size(name string) format.Param { return i32(name, roleSize) }

func params(p ...format.Param) []format.Param { return p }

// fun describes a function of preview1 whose result is an errno.
func fun(name string, p []format.Param, memory ...func(*format.Function)) format.Function {
	f := format.Function{Module: Module, Name: name, Params: p, Result: params(i32("errno", roleErrno)), Errno: true}
	for _, m := range memory {
		m(&f)
	}
	return f
}

func reads(r ...format.Region) func(*format.Function) {
	return func(f *format.Function) { f.Reads = r }
}

func writes(r ...format.Region) func(*format.Function) {
	return func(f *format.Function) { f.Writes = r }
}

func region(kind format.RegionKind, role string, ptr, len int) format.Region {
	return format.Region{Kind: kind, Role: role, Ptr: ptr, Len: len}
}

func buf(role string, ptr, len int) format.Region {
	return region(format.RegionBytes, role, ptr, len)
}

func gather(ptr, len int) format.Region { return region(format.RegionGather, roleText, ptr, len) }

func scatter(ptr, len, count int) format.Region {
	return used(region(format.RegionScatter, roleText, ptr, len), count)
}

func fixed(size uint32, role string, ptr int) format.Region {
	return format.Region{Kind: format.RegionFixed, Role: role, Ptr: ptr, Size: size}
}

func array(size uint32, role string, ptr, len int) format.Region {
	return format.Region{Kind: format.RegionArray, Role: role, Ptr: ptr, Len: len, Size: size}
}

func note(role string, ptr int) format.Region {
	return format.Region{Kind: format.RegionNote, Role: role, Ptr: ptr}
}

func used(r format.Region, count int) format.Region {
	r.Used = count
	return r
}

func untimed(f format.Function) format.Function {
	f.Untimed = true
	return f
}

func writesOnError(f format.Function) format.Function {
	f.WritesOnError = true
	return f
}

func noResult(f format.Function) format.Function {
	f.Result, f.Errno = nil, false
	return f
}
