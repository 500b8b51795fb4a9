package wasi

import (
	"context"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/tracetool/tracetool/runner/host"
)

// Function is one row of the table of preview1.
type Function struct {
	Name            string
	Params, Results []api.ValueType

	body body
}

// body is what a function does. Its parameters p still carry garbage in the
// upper half of what is an i32.
type body func(s *System, ctx context.Context, mod api.Module, p []uint64) error

// Functions lists preview1: one row for each function.
var Functions = []Function{
	row("args_get", "ii", (*System).argsGet),
	row("args_sizes_get", "ii", (*System).argsSizesGet),
	row("environ_get", "ii", (*System).environGet),
	row("environ_sizes_get", "ii", (*System).environSizesGet),
	row("clock_res_get", "ii", (*System).clockResGet),
	row("clock_time_get", "iIi", (*System).clockTimeGet),
	row("fd_advise", "iIIi", (*System).fdAdvise),
	row("fd_allocate", "iII", (*System).fdAllocate),
	row("fd_close", "i", (*System).fdClose),
	row("fd_datasync", "i", (*System).fdDatasync),
	row("fd_fdstat_get", "ii", (*System).fdFdstatGet),
	row("fd_fdstat_set_flags", "ii", (*System).fdFdstatSetFlags),
	row("fd_fdstat_set_rights", "iII", (*System).fdFdstatSetRights),
	row("fd_filestat_get", "ii", (*System).fdFilestatGet),
	row("fd_filestat_set_size", "iI", (*System).fdFilestatSetSize),
	row("fd_filestat_set_times", "iIIi", (*System).fdFilestatSetTimes),
	row("fd_pread", "iiiIi", (*System).fdPread),
	row("fd_prestat_get", "ii", (*System).fdPrestatGet),
	row("fd_prestat_dir_name", "iii", (*System).fdPrestatDirName),
	row("fd_pwrite", "iiiIi", (*System).fdPwrite),
	row("fd_read", "iiii", (*System).fdRead),
	row("fd_readdir", "iiiIi", (*System).fdReaddir),
	row("fd_renumber", "ii", (*System).fdRenumber),
	row("fd_seek", "iIii", (*System).fdSeek),
	row("fd_sync", "i", (*System).fdSync),
	row("fd_tell", "ii", (*System).fdTell),
	row("fd_write", "iiii", (*System).fdWrite),
	row("path_create_directory", "iii", (*System).pathCreateDirectory),
	row("path_filestat_get", "iiiii", (*System).pathFilestatGet),
	row("path_filestat_set_times", "iiiiIIi", (*System).pathFilestatSetTimes),
	row("path_link", "iiiiiii", (*System).pathLink),
	row("path_open", "iiiiiIIii", (*System).pathOpen),
	row("path_readlink", "iiiiii", (*System).pathReadlink),
	row("path_remove_directory", "iii", (*System).pathRemoveDirectory),
	row("path_rename", "iiiiii", (*System).pathRename),
	row("path_symlink", "iiiii", (*System).pathSymlink),
	row("path_unlink_file", "iii", (*System).pathUnlinkFile),
	row("poll_oneoff", "iiii", (*System).pollOneoff),
	row("proc_exit", "i", (*System).procExit),
	row("proc_raise", "i", (*System).procRaise),
	row("sched_yield", "", (*System).schedYield),
	row("random_get", "ii", (*System).randomGet),
	row("sock_accept", "iii", (*System).sockAccept),
	row("sock_recv", "iiiiii", (*System).sockRecv),
	row("sock_send", "iiiii", (*System).sockSend),
	row("sock_shutdown", "ii", (*System).sockShutdown),

	// The extension by sockets.
	row("sock_open", "iii", (*System).sockOpen),
	row("sock_bind", "iii", (*System).sockBind),
	row("sock_listen", "ii", (*System).sockListen),
	row("sock_connect", "iii", (*System).sockConnect),
	row("sock_getsockopt", "iiiii", (*System).sockGetsockopt),
	row("sock_setsockopt", "iiiii", (*System).sockSetsockopt),
	row("sock_getlocaladdr", "iii", (*System).sockGetlocaladdr),
	row("sock_getpeeraddr", "iii", (*System).sockGetpeeraddr),
	row("sock_getaddrinfo", "iiiiiiii", (*System).sockGetaddrinfo),
	row("sock_recv_from", "iiiiiiii", (*System).sockRecvFrom),
	row("sock_send_to", "iiiiiii", (*System).sockSendTo),
}

// row makes a row of a signature with i for i32 and I for i64. All but
// proc_exit return an errno.
func row(name, signature string, b body) Function {
	f := Function{Name: name, Params: []api.ValueType{}, Results: []api.ValueType{}, body: b}
	for _, c := range signature {
		t := api.ValueTypeI32
		if c == 'I' {
			t = api.ValueTypeI64
		}
		f.Params = append(f.Params, t)
	}
	if name != "proc_exit" {
		f.Results = append(f.Results, api.ValueTypeI32)
	}
	return f
}

// Function returns the implementation of a function, fit for
// HostFunctionBuilder.WithGoModuleFunction.
func (s *System) Function(name string) (api.GoModuleFunc, bool) {
	for _, f := range Functions {
		if f.Name == name {
			return (&bound{s, s.chaotic(f)}).Call, true
		}
	}
	return nil, false
}

// bound is a function of one system. It is an api.GoModuleFunction by itself,
// which saves a call over a closure.
type bound struct {
	s    *System
	body body
}

// Call takes the parameters from the stack and leaves the errno there.
func (b *bound) Call(ctx context.Context, mod api.Module, stack []uint64) {
	err := b.body(b.s, ctx, mod, stack)
	if err == nil {
		stack[0] = uint64(host.Success)
		return
	}
	errno := host.ErrnoOf(err)
	if errno == host.ECANCELED && ctx.Err() != nil {
		exit(ctx, mod, canceledCode(ctx))
	}
	stack[0] = uint64(errno)
}

// canceledCode is the exit code that wazero itself uses for a context that is
// done.
func canceledCode(ctx context.Context) uint32 {
	if ctx.Err() == context.DeadlineExceeded {
		return sys.ExitCodeDeadlineExceeded
	}
	return sys.ExitCodeContextCanceled
}

// exit ends the guest: nothing of it runs after this.
func exit(ctx context.Context, mod api.Module, code uint32) {
	_ = mod.CloseWithExitCode(ctx, code) // the panic reports the same
	panic(sys.NewExitError(code))
}
