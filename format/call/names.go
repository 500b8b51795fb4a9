package call

import "strconv"

var errnoNames = [...]string{
	"ESUCCESS", "E2BIG", "EACCES", "EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EAGAIN", "EALREADY",
	"EBADF", "EBADMSG", "EBUSY", "ECANCELED", "ECHILD", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET",
	"EDEADLK", "EDESTADDRREQ", "EDOM", "EDQUOT", "EEXIST", "EFAULT", "EFBIG", "EHOSTUNREACH",
	"EIDRM", "EILSEQ", "EINPROGRESS", "EINTR", "EINVAL", "EIO", "EISCONN", "EISDIR",
	"ELOOP", "EMFILE", "EMLINK", "EMSGSIZE", "EMULTIHOP", "ENAMETOOLONG", "ENETDOWN", "ENETRESET",
	"ENETUNREACH", "ENFILE", "ENOBUFS", "ENODEV", "ENOENT", "ENOEXEC", "ENOLCK", "ENOLINK",
	"ENOMEM", "ENOMSG", "ENOPROTOOPT", "ENOSPC", "ENOSYS", "ENOTCONN", "ENOTDIR", "ENOTEMPTY",
	"ENOTRECOVERABLE", "ENOTSOCK", "ENOTSUP", "ENOTTY", "ENXIO", "EOVERFLOW", "EOWNERDEAD", "EPERM",
	"EPIPE", "EPROTO", "EPROTONOSUPPORT", "EPROTOTYPE", "ERANGE", "EROFS", "ESPIPE", "ESRCH",
	"ESTALE", "ETIMEDOUT", "ETXTBSY", "EXDEV", "ENOTCAPABLE",
}

// errnoFault is EFAULT, see the capture rules.
const errnoFault = 21

// ErrnoName returns the name of an error number of WASI preview1, such as
// "ENOENT" and "ESUCCESS" for 0, or "errno 99" for one that it does not define.
func ErrnoName(errno int32) string {
	if errno >= 0 && int(errno) < len(errnoNames) {
		return errnoNames[errno]
	}
	return "errno " + strconv.Itoa(int(errno))
}

// ErrnoByName returns the error number of WASI preview1 with that name.
func ErrnoByName(name string) (int32, bool) {
	for i, n := range errnoNames {
		if n == name {
			return int32(i), true
		}
	}
	return 0, false
}

// enums has the names of the values of a role, from 0 on.
var enums = map[string][]string{
	"clockid":    {"realtime", "monotonic", "process_cputime", "thread_cputime"},
	"whence":     {"SEEK_SET", "SEEK_CUR", "SEEK_END"},
	"advice":     {"normal", "sequential", "random", "willneed", "dontneed", "noreuse"},
	"filetype":   {"unknown", "block_device", "character_device", "directory", "file", "socket_dgram", "socket_stream", "symlink"},
	"eventtype":  {"clock", "fd_read", "fd_write"},
	"preopen":    {"directory"},
	"sockfamily": {"AF_UNSPEC", "AF_INET", "AF_INET6", "AF_UNIX"},
	"socktype":   {"SOCK_ANY", "SOCK_DGRAM", "SOCK_STREAM"},
	"socklevel":  {"SOL_SOCKET"},
	"sockopt": {
		"SO_REUSEADDR", "SO_TYPE", "SO_ERROR", "SO_DONTROUTE", "SO_BROADCAST", "SO_SNDBUF", "SO_RCVBUF", "SO_KEEPALIVE",
		"SO_OOBINLINE", "SO_LINGER", "SO_RCVLOWAT", "SO_RCVTIMEO", "SO_SNDTIMEO", "SO_ACCEPTCONN",
	},
	"signal": {
		"none", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
		"SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN",
		"SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGPOLL", "SIGPWR", "SIGSYS",
	},
}

// flagNames has the names of the bits of a role, from the lowest on.
var flagNames = map[string][]string{
	"oflags":        {"O_CREAT", "O_DIRECTORY", "O_EXCL", "O_TRUNC"},
	"fdflags":       {"O_APPEND", "O_DSYNC", "O_NONBLOCK", "O_RSYNC", "O_SYNC"},
	"lookupflags":   {"SYMLINK_FOLLOW"},
	"fstflags":      {"ATIM", "ATIM_NOW", "MTIM", "MTIM_NOW"},
	"riflags":       {"RECV_PEEK", "RECV_WAITALL"},
	"roflags":       {"RECV_DATA_TRUNCATED"},
	"siflags":       {},
	"sdflags":       {"SHUT_RD", "SHUT_WR"},
	"eventrwflags":  {"HANGUP"},
	"subclockflags": {"ABSTIME"},
	"rights":        rightNames,
}

var rightNames = []string{
	"fd_datasync", "fd_read", "fd_seek", "fd_fdstat_set_flags", "fd_sync", "fd_tell", "fd_write", "fd_advise", "fd_allocate",
	"path_create_directory", "path_create_file", "path_link_source", "path_link_target", "path_open", "fd_readdir",
	"path_readlink", "path_rename_source", "path_rename_target", "path_filestat_get", "path_filestat_set_size",
	"path_filestat_set_times", "fd_filestat_get", "fd_filestat_set_size", "fd_filestat_set_times", "path_symlink",
	"path_remove_directory", "path_unlink_file", "poll_fd_readwrite", "sock_shutdown", "sock_accept",
}

// The rights that decide how a file is open.
const (
	rightRead  = 1 << 1
	rightWrite = 1 << 6
)
