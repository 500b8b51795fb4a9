package call

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
)

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano()

func testHeader() *format.Header {
	return &format.Header{
		StartNS: testStart,
		Program: &format.Program{Args: []string{"prog", "-v"}, Env: []string{"LANG=C"}},
	}
}

// event builds an event from its parameters, an errno and a value; nil leaves
// either null.
func event(p []int64, errno, value any, input, output []byte) *format.Event {
	ev := &format.Event{Time: testStart + 1_234_567_000, Duration: 12_345, Has: format.HasDuration | format.HasParams(len(p))}
	copy(ev.P[:], p)
	if e, ok := errno.(int); ok {
		ev.Errno, ev.Has = int32(e), ev.Has|format.HasErrno
	}
	if v, ok := value.(int); ok {
		ev.Value, ev.Has = int64(v), ev.Has|format.HasValue
	}
	if input != nil {
		ev.Input, ev.Has = input, ev.Has|format.HasInput
	}
	if output != nil {
		ev.Output, ev.Has = output, ev.Has|format.HasOutput
	}
	return ev
}

// pack lays integers of the type's size and strings out one after the other.
func pack(fields ...any) []byte {
	var b []byte
	for _, f := range fields {
		if s, ok := f.(string); ok {
			b = append(b, s...)
			continue
		}
		b, _ = binary.Append(b, binary.LittleEndian, f)
	}
	return b
}

var testFilestat = pack(uint64(1), uint64(2), uint8(4), [7]byte{}, uint64(1), uint64(123),
	uint64(0), uint64(testStart), uint64(testStart))

// testSockaddr is 127.0.0.1 as a guest has it in 128 bytes.
var testSockaddr = pack(uint32(128), uint16(1), [4]byte{127, 0, 0, 1}, [122]byte{})

var testTime = int64(testStart)

// One event for each function, and some for what else is worth a line.
var goldens = []struct {
	function string
	ev       *format.Event
	line     string
	json     string // arguments and results
}{
	{"args_get", event([]int64{4096, 8192}, 0, nil, nil, pack(uint32(8192), uint32(8197), "prog\x00-v\x00")),
		`args_get(["prog", "-v"]) = 0 <12us>`, `{} {"argv":["prog","-v"]}`},
	{"args_sizes_get", event([]int64{16, 20}, 0, 8, nil, pack(uint32(2))),
		`args_sizes_get(2, 8) = 0 <12us>`, `{} {"argc":2,"argv_len":8}`},
	{"environ_get", event([]int64{4096, 8192}, 0, nil, nil, pack(uint32(8192), "LANG=C\x00")),
		`environ_get(["LANG=C"]) = 0 <12us>`, `{} {"environ":["LANG=C"]}`},
	{"environ_sizes_get", event([]int64{16, 20}, 0, 7, nil, pack(uint32(1))),
		`environ_sizes_get(1, 7) = 0 <12us>`, `{} {"environc":1,"environv_len":7}`},
	{"clock_res_get", event([]int64{1, 64}, 0, 1, nil, nil),
		`clock_res_get(monotonic) = 0.000000001s <12us>`, `{"id":"monotonic"} {"resolution":1}`},
	{"clock_time_get", event([]int64{1, 1000, 64}, 0, nil, nil, nil),
		`clock_time_get(monotonic) = 1.234567s <12us>`, `{"id":"monotonic","precision":1000} {"timestamp":1234567000}`},
	{"clock_time_get", event([]int64{0, 1, 64}, 0, nil, nil, nil),
		`clock_time_get(realtime) = 2026-03-01T12:00:01.234567Z <12us>`, `{"id":"realtime","precision":1} {"timestamp":"1772366401234567000"}`},
	{"clock_time_get", event([]int64{1, 1, 64}, 0, 2_000_000_000, nil, nil),
		`clock_time_get(monotonic) = 2s <12us>`, `{"id":"monotonic","precision":1} {"timestamp":2000000000}`},
	{"fd_advise", event([]int64{4, 0, 4096, 1}, 0, nil, nil, nil),
		`fd_advise(4, 0, 4096, sequential) = 0 <12us>`, `{"fd":4,"offset":0,"len":4096,"advice":"sequential"} {}`},
	{"fd_allocate", event([]int64{4, 0, 4096}, 58, nil, nil, nil),
		`fd_allocate(4, 0, 4096) = -1 ENOTSUP <12us>`, `{"fd":4,"offset":0,"len":4096} {}`},
	{"fd_close", event([]int64{4}, 0, nil, nil, nil), `fd_close(4) = 0 <12us>`, `{"fd":4} {}`},
	{"fd_close", event([]int64{0xffffffff}, 8, nil, nil, nil), `fd_close(-1) = -1 EBADF <12us>`, `{"fd":-1} {}`},
	{"fd_datasync", event([]int64{4}, 0, nil, nil, nil), `fd_datasync(4) = 0 <12us>`, `{"fd":4} {}`},
	{"fd_fdstat_get", event([]int64{1, 64}, 0, nil, nil, pack(uint8(2), uint8(0), uint16(5), uint32(0), uint64(1<<6), uint64(1<<30-1))),
		`fd_fdstat_get(1, {type: character_device, flags: O_APPEND|O_NONBLOCK, rights_base: fd_write, rights_inheriting: all}) = 0 <12us>`,
		`{"fd":1} {"stat":{"type":"character_device","flags":["O_APPEND","O_NONBLOCK"],"rights_base":"fd_write","rights_inheriting":"all"}}`},
	{"fd_fdstat_set_flags", event([]int64{4, 4}, 0, nil, nil, nil),
		`fd_fdstat_set_flags(4, O_NONBLOCK) = 0 <12us>`, `{"fd":4,"flags":["O_NONBLOCK"]} {}`},
	{"fd_fdstat_set_rights", event([]int64{4, 1<<1 | 1<<6, 0}, 52, nil, nil, nil),
		`fd_fdstat_set_rights(4, fd_read|fd_write, 0) = -1 ENOSYS <12us>`,
		`{"fd":4,"fs_rights_base":"fd_read|fd_write","fs_rights_inheriting":"0"} {}`},
	{"fd_filestat_get", event([]int64{4, 64}, 0, nil, nil, testFilestat),
		`fd_filestat_get(4, {type: file, size: 123, mtim: 2026-03-01T12:00:00Z}) = 0 <12us>`,
		`{"fd":4} {"filestat":{"dev":1,"ino":2,"type":"file","nlink":1,"size":123,"atim":0,"mtim":"1772366400000000000","ctim":"1772366400000000000"}}`},
	{"fd_filestat_set_size", event([]int64{4, 10}, 0, nil, nil, nil), `fd_filestat_set_size(4, 10) = 0 <12us>`, `{"fd":4,"size":10} {}`},
	{"fd_filestat_set_times", event([]int64{4, 0, testTime, 4}, 0, nil, nil, nil),
		`fd_filestat_set_times(4, 0, 2026-03-01T12:00:00Z, MTIM) = 0 <12us>`,
		`{"fd":4,"atim":0,"mtim":"1772366400000000000","fst_flags":["MTIM"]} {}`},
	{"fd_pread", event([]int64{4, 64, 1, 100, 80}, 0, 3, nil, []byte("abc")),
		`fd_pread(4, "abc", 100) = 3 <12us>`, `{"fd":4,"offset":100} {"text":"abc","nread":3}`},
	{"fd_prestat_get", event([]int64{3, 64}, 0, 1<<32, nil, nil),
		`fd_prestat_get(3, {type: directory, name_len: 1}) = 0 <12us>`, `{"fd":3} {"prestat":{"type":"directory","name_len":1}}`},
	{"fd_prestat_dir_name", event([]int64{3, 64, 1}, 0, 0x2f, nil, nil),
		`fd_prestat_dir_name(3, "/", 1) = 0 <12us>`, `{"fd":3,"path_len":1} {"path":"/"}`},
	{"fd_prestat_dir_name", event([]int64{3, 64, 9}, 0, nil, nil, []byte("/srv/data")),
		`fd_prestat_dir_name(3, "/srv/data", 9) = 0 <12us>`, `{"fd":3,"path_len":9} {"path":"/srv/data"}`},
	{"fd_pwrite", event([]int64{4, 64, 1, 100, 80}, 0, 3, []byte("abc"), nil),
		`fd_pwrite(4, "abc", 100) = 3 <12us>`, `{"fd":4,"text":"abc","offset":100} {"nwritten":3}`},
	{"fd_read", event([]int64{0, 64, 1, 80}, 0, 5, nil, []byte("line\n")),
		`fd_read(0, "line\n") = 5 <12us>`, `{"fd":0} {"text":"line\n","nread":5}`},
	{"fd_read", event([]int64{0, 64, 1, 80}, 6, nil, nil, nil), `fd_read(0) = -1 EAGAIN <12us>`, `{"fd":0} {}`},
	{"fd_readdir", event([]int64{3, 64, 4096, 0, 80}, 0, 53, nil,
		pack(uint64(1), uint64(7), uint32(5), uint8(4), [3]byte{}, "a.txt", uint64(2), uint64(8), uint32(3), uint8(3), [3]byte{})),
		`fd_readdir(3, ["a.txt", ""], 4096, 0) = 53 <12us>`,
		`{"fd":3,"buf_len":4096,"cookie":0} {"buf":[{"name":"a.txt","type":"file","ino":7,"next":1},{"name":"","type":"directory","ino":8,"next":2}],"bufused":53}`},
	{"fd_renumber", event([]int64{4, 5}, 0, nil, nil, nil), `fd_renumber(4, 5) = 0 <12us>`, `{"fd":4,"to":5} {}`},
	{"fd_seek", event([]int64{4, -1, 2, 64}, 0, 122, nil, nil),
		`fd_seek(4, -1, SEEK_END) = 122 <12us>`, `{"fd":4,"offset":-1,"whence":"SEEK_END"} {"newoffset":122}`},
	{"fd_sync", event([]int64{4}, 0, nil, nil, nil), `fd_sync(4) = 0 <12us>`, `{"fd":4} {}`},
	{"fd_tell", event([]int64{4, 64}, 0, 122, nil, nil), `fd_tell(4) = 122 <12us>`, `{"fd":4} {"offset":122}`},
	{"fd_write", event([]int64{1, 64, 1, 80}, 0, 6, []byte("Hello\n"), nil),
		`fd_write(1, "Hello\n") = 6 <12us>`, `{"fd":1,"text":"Hello\n"} {"nwritten":6}`},
	{"fd_write", event([]int64{2, 64, 1, 80}, 0, 7, []byte("\x1b[31mé\xff"), nil),
		`fd_write(2, "\x1b[31mé\xff") = 7 <12us>`, `{"fd":2,"text":{"base64":"G1szMW3Dqf8="}} {"nwritten":7}`},
	{"path_create_directory", event([]int64{3, 64, 3}, 0, nil, []byte("out"), nil),
		`path_create_directory(3, "out") = 0 <12us>`, `{"fd":3,"path":"out"} {}`},
	{"path_filestat_get", event([]int64{3, 1, 64, 5, 96}, 0, nil, []byte("a.txt"), testFilestat),
		`path_filestat_get(3, "a.txt", {type: file, size: 123, mtim: 2026-03-01T12:00:00Z}) = 0 <12us>`,
		`{"fd":3,"flags":["SYMLINK_FOLLOW"],"path":"a.txt"} {"filestat":{"dev":1,"ino":2,"type":"file","nlink":1,"size":123,"atim":0,"mtim":"1772366400000000000","ctim":"1772366400000000000"}}`},
	{"path_filestat_set_times", event([]int64{3, 0, 64, 5, 0, 0, 10}, 0, nil, []byte("a.txt"), nil),
		`path_filestat_set_times(3, NOFOLLOW, "a.txt", 0, 0, ATIM_NOW|MTIM_NOW) = 0 <12us>`,
		`{"fd":3,"flags":[],"path":"a.txt","atim":0,"mtim":0,"fst_flags":["ATIM_NOW","MTIM_NOW"]} {}`},
	{"path_link", event([]int64{3, 1, 64, 1, 4, 72, 2}, 0, nil, []byte("abc"), nil),
		`path_link(3, "a", 4, "bc") = 0 <12us>`, `{"old_fd":3,"old_flags":["SYMLINK_FOLLOW"],"old_path":"a","new_fd":4,"new_path":"bc"} {}`},
	{"path_open", event([]int64{3, 1, 64, 11, 0, 1 << 1, 0, 0, 96}, 0, 5, []byte("data/in.txt"), nil),
		`path_open(3, "data/in.txt", O_RDONLY) = 5 <12us>`,
		`{"fd":3,"dirflags":["SYMLINK_FOLLOW"],"path":"data/in.txt","oflags":[],"fs_rights_base":"fd_read","fs_rights_inheriting":"0","fdflags":[]} {"opened_fd":5}`},
	{"path_open", event([]int64{3, 0, 64, 1, 9, 1<<1 | 1<<6, 0, 1, 96}, 44, nil, []byte("x"), nil),
		`path_open(3, NOFOLLOW, "x", O_RDWR|O_CREAT|O_TRUNC|O_APPEND) = -1 ENOENT <12us>`,
		`{"fd":3,"dirflags":[],"path":"x","oflags":["O_CREAT","O_TRUNC"],"fs_rights_base":"fd_read|fd_write","fs_rights_inheriting":"0","fdflags":["O_APPEND"]} {}`},
	{"path_readlink", event([]int64{3, 64, 4, 96, 256, 80}, 0, 6, []byte("link"), []byte("target")),
		`path_readlink(3, "link", "target", 256) = 6 <12us>`, `{"fd":3,"path":"link","buf_len":256} {"buf":"target","bufused":6}`},
	{"path_remove_directory", event([]int64{3, 64, 3}, 55, nil, []byte("out"), nil),
		`path_remove_directory(3, "out") = -1 ENOTEMPTY <12us>`, `{"fd":3,"path":"out"} {}`},
	{"path_rename", event([]int64{3, 64, 1, 4, 72, 2}, 0, nil, []byte("abc"), nil),
		`path_rename(3, "a", 4, "bc") = 0 <12us>`, `{"fd":3,"old_path":"a","new_fd":4,"new_path":"bc"} {}`},
	{"path_symlink", event([]int64{64, 6, 3, 72, 4}, 0, nil, []byte("targetlink"), nil),
		`path_symlink("target", 3, "link") = 0 <12us>`, `{"old_path":"target","fd":3,"new_path":"link"} {}`},
	{"path_unlink_file", event([]int64{3, 64, 5}, 21, nil, nil, nil),
		`path_unlink_file(3, ?) = -1 EFAULT <12us>`, `{"fd":3,"path":"?"} {}`},
	{"poll_oneoff", event([]int64{64, 256, 2, 400}, 0, 1,
		pack(uint64(10), uint64(0), uint64(1), uint64(1_500_000_000), uint64(0), uint64(0), uint64(11), uint64(1), [32]byte{}),
		pack(uint64(10), uint16(0), uint8(0), [21]byte{}, [32]byte{})),
		`poll_oneoff([{type: clock, clock: monotonic, timeout: 1.5s}, {type: fd_read, fd: 0}], [{type: clock}]) = 1 <12us>`,
		`{"in":[{"userdata":10,"type":"clock","clock":"monotonic","timeout":1500000000,"precision":0,"flags":[]},{"userdata":11,"type":"fd_read","fd":0}]}` +
			` {"out":[{"userdata":10,"type":"clock","errno":"ESUCCESS"}],"nevents":1}`},
	{"proc_exit", event([]int64{3}, nil, nil, nil, nil), `proc_exit(3) <12us>`, `{"rval":3} {}`},
	{"proc_raise", event([]int64{6}, 52, nil, nil, nil), `proc_raise(SIGABRT) = -1 ENOSYS <12us>`, `{"sig":"SIGABRT"} {}`},
	{"sched_yield", event(nil, 0, nil, nil, nil), `sched_yield() = 0 <12us>`, `{} {}`},
	{"random_get", event([]int64{64, 2}, 0, 0x4142, nil, nil), `random_get("BA", 2) = 0 <12us>`, `{"buf_len":2} {"buf":"BA"}`},
	{"sock_accept", event([]int64{3, 4, 64}, 0, 5, nil, []byte("127.0.0.1:49152")),
		`sock_accept(3, O_NONBLOCK, "127.0.0.1:49152") = 5 <12us>`, `{"fd":3,"flags":["O_NONBLOCK"]} {"peer":"127.0.0.1:49152","new_fd":5}`},
	{"sock_accept", event([]int64{3, 4, 64}, 0, 5, nil, nil), `sock_accept(3, O_NONBLOCK) = 5 <12us>`, `{"fd":3,"flags":["O_NONBLOCK"]} {"new_fd":5}`},
	{"sock_recv", event([]int64{5, 64, 1, 1, 80, 84}, 0, 3, nil, pack(uint16(1), "abc")),
		`sock_recv(5, "abc", RECV_PEEK, RECV_DATA_TRUNCATED) = 3 <12us>`,
		`{"fd":5,"ri_flags":["RECV_PEEK"]} {"text":"abc","ro_datalen":3,"ro_flags":["RECV_DATA_TRUNCATED"]}`},
	{"sock_send", event([]int64{5, 64, 1, 0, 80}, 0, 3, []byte("abc"), nil),
		`sock_send(5, "abc", 0) = 3 <12us>`, `{"fd":5,"text":"abc","si_flags":[]} {"so_datalen":3}`},
	{"sock_shutdown", event([]int64{5, 3}, 0, nil, nil, nil), `sock_shutdown(5, SHUT_RD|SHUT_WR) = 0 <12us>`, `{"fd":5,"how":["SHUT_RD","SHUT_WR"]} {}`},
	{"sock_open", event([]int64{1, 2, 64}, 0, 5, nil, nil), `sock_open(AF_INET, SOCK_STREAM) = 5 <12us>`, `{"af":"AF_INET","socktype":"SOCK_STREAM"} {"fd":5}`},
	{"sock_bind", event([]int64{5, 64, 8080}, 0, nil, testSockaddr, nil), `sock_bind(5, "127.0.0.1", 8080) = 0 <12us>`, `{"fd":5,"addr":"127.0.0.1","port":8080} {}`},
	{"sock_listen", event([]int64{5, 64}, 0, nil, nil, nil), `sock_listen(5, backlog=64) = 0 <12us>`, `{"fd":5,"backlog":64} {}`},
	{"sock_connect", event([]int64{5, 64, 443}, 14, nil, pack(uint32(3), [128]byte{'?', '?', '?'}), nil),
		`sock_connect(5, "???", 443) = -1 ECONNREFUSED <12us>`, `{"fd":5,"addr":"???","port":443} {}`},
	{"sock_connect", event([]int64{5, 64, 443}, 26, nil, pack(uint32(16), [16]byte{15: 1}, [112]byte{}), nil),
		`sock_connect(5, "::1", 443) = -1 EINPROGRESS <12us>`, `{"fd":5,"addr":"::1","port":443} {}`},
	{"sock_getsockopt", event([]int64{5, 0, 2, 64, 4}, 0, 14, nil, nil), `sock_getsockopt(5, SOL_SOCKET, SO_ERROR, 14, 4) = 0 <12us>`,
		`{"fd":5,"level":"SOL_SOCKET","name":"SO_ERROR","value_len":4} {"value":14}`},
	{"sock_setsockopt", event([]int64{5, 0, 4, 64, 4}, 0, nil, pack(uint32(1)), nil), `sock_setsockopt(5, SOL_SOCKET, SO_BROADCAST, 1) = 0 <12us>`,
		`{"fd":5,"level":"SOL_SOCKET","name":"SO_BROADCAST","value":1} {}`},
	{"sock_getlocaladdr", event([]int64{5, 64, 32}, 0, 8080, nil, testSockaddr), `sock_getlocaladdr(5, "127.0.0.1", 8080) = 0 <12us>`, `{"fd":5} {"addr":"127.0.0.1","port":8080}`},
	{"sock_getpeeraddr", event([]int64{5, 64, 32}, 53, nil, nil, nil), `sock_getpeeraddr(5) = -1 ENOTCONN <12us>`, `{"fd":5} {}`},
	{"sock_getaddrinfo", event([]int64{16, 9, 32, 3, 64, 128, 10, 160}, 0, 2, pack("example.\x00", "443", uint16(0), uint8(0), uint8(2), uint32(0)),
		pack(uint64(0), uint32(1), uint32(26), uint8(1), uint8(187), [4]byte{10, 0, 0, 1}, [20]byte{}, uint16(0),
			uint64(0), uint32(2), uint32(26), uint8(1), uint8(187), [16]byte{15: 1}, [8]byte{}, uint16(0))),
		`sock_getaddrinfo("example.", "443", {family: AF_UNSPEC, type: SOCK_STREAM}, ["10.0.0.1:443", "[::1]:443"], 10) = 2 <12us>`,
		`{"node":"example.","service":"443","hints":{"flags":0,"family":"AF_UNSPEC","type":"SOCK_STREAM","protocol":0},"max_res_len":10} {"res":["10.0.0.1:443","[::1]:443"],"res_len":2}`},
	{"sock_recv_from", event([]int64{5, 64, 1, 128, 0, 32, 36, 40}, 0, 2, nil, pack(testSockaddr, uint32(53), uint16(0), "hi")),
		`sock_recv_from(5, "hi", "127.0.0.1", 0, 53, 0) = 2 <12us>`, `{"fd":5,"ri_flags":[]} {"text":"hi","addr":"127.0.0.1","port":53,"ro_datalen":2,"ro_flags":[]}`},
	{"sock_send_to", event([]int64{5, 64, 1, 128, 53, 0, 36}, 0, 2, pack(testSockaddr, "hi"), nil),
		`sock_send_to(5, "hi", "127.0.0.1", 53, 0) = 2 <12us>`, `{"fd":5,"text":"hi","addr":"127.0.0.1","port":53,"si_flags":[]} {"so_datalen":2}`},
}

func TestGoldens(t *testing.T) {
	seen := map[string]bool{}
	h := testHeader()
	for _, g := range goldens {
		seen[g.function] = true
		if diff := cmp.Diff(g.line, string(Format(nil, h, Module, g.function, g.ev, Options{}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", g.function, diff)
		}
		args, results := Decode(h, Module, g.function, g.ev)
		a, errA := Object(args).MarshalJSON()
		r, errR := Object(results).MarshalJSON()
		if errA != nil || errR != nil {
			t.Fatalf("%s: %v, %v", g.function, errA, errR)
		}
		if diff := cmp.Diff(g.json, string(a)+" "+string(r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", g.function, diff)
		}
	}
	for _, fn := range append(slices.Clone(Preview1), Sockets...) {
		if !seen[fn.Name] {
			t.Errorf("%s has no golden line", fn.Name)
		}
	}
}
