package host

import (
	"cmp"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
	"golang.org/x/term"
)

const (
	noWaitFlags    = 0
	directoryFlags = 0 // OpenRoot refuses a file, and opening a pipe does not wait

	// emulateAppend: a handle cannot change its mode, so each write seeks.
	emulateAppend = true
)

func errnoOfPlatform(sys syscall.Errno) Errno {
	switch sys {
	case windows.ERROR_FILE_NOT_FOUND, windows.ERROR_PATH_NOT_FOUND, windows.ERROR_INVALID_NAME, windows.ERROR_BAD_PATHNAME:
		return ENOENT
	case windows.ERROR_ACCESS_DENIED, windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION,
		windows.ERROR_DELETE_PENDING, windows.ERROR_USER_MAPPED_FILE:
		return EACCES
	case windows.ERROR_FILE_EXISTS, windows.ERROR_ALREADY_EXISTS:
		return EEXIST
	case windows.ERROR_DIR_NOT_EMPTY:
		return ENOTEMPTY
	case windows.ERROR_DIRECTORY:
		return ENOTDIR
	case windows.ERROR_INVALID_HANDLE:
		return EBADF
	case windows.ERROR_INVALID_PARAMETER, windows.ERROR_NEGATIVE_SEEK, windows.ERROR_NOT_A_REPARSE_POINT:
		return EINVAL
	case windows.ERROR_CANT_RESOLVE_FILENAME:
		return ELOOP
	case windows.ERROR_FILENAME_EXCED_RANGE:
		return ENAMETOOLONG
	case windows.ERROR_TOO_MANY_LINKS:
		return EMLINK
	case windows.ERROR_WRITE_PROTECT:
		return EROFS
	case windows.ERROR_FILE_TOO_LARGE:
		return EFBIG
	case windows.ERROR_DISK_QUOTA_EXCEEDED:
		return EDQUOT
	case windows.ERROR_NOT_SUPPORTED, windows.ERROR_CALL_NOT_IMPLEMENTED, windows.ERROR_INVALID_FUNCTION, syscall.EWINDOWS:
		return ENOTSUP
	case windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA:
		return EPIPE
	case windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL:
		return ENOSPC
	case windows.ERROR_TOO_MANY_OPEN_FILES:
		return EMFILE
	case windows.ERROR_PRIVILEGE_NOT_HELD:
		return EPERM
	case windows.ERROR_NOT_SAME_DEVICE:
		return EXDEV
	}
	return errnoOfSocket(sys)
}

func errnoOfSocket(sys syscall.Errno) Errno {
	switch sys {
	case windows.WSAECONNRESET:
		return ECONNRESET
	case windows.WSAECONNABORTED:
		return ECONNABORTED
	case windows.WSAECONNREFUSED:
		return ECONNREFUSED
	case windows.WSAEADDRINUSE:
		return EADDRINUSE
	case windows.WSAEADDRNOTAVAIL:
		return EADDRNOTAVAIL
	case windows.WSAEAFNOSUPPORT:
		return EAFNOSUPPORT
	case windows.WSAENOBUFS:
		return ENOBUFS
	case windows.WSAETIMEDOUT:
		return ETIMEDOUT
	case windows.WSAEHOSTUNREACH:
		return EHOSTUNREACH
	case windows.WSAENETUNREACH:
		return ENETUNREACH
	case windows.WSAENETDOWN:
		return ENETDOWN
	case windows.WSAEMSGSIZE:
		return EMSGSIZE
	case windows.WSAENOTCONN:
		return ENOTCONN
	case windows.WSAEISCONN:
		return EISCONN
	case windows.WSAESHUTDOWN:
		return EPIPE
	case windows.WSAEACCES:
		return EACCES
	case windows.WSAEINVAL:
		return EINVAL
	case windows.WSAEMFILE:
		return EMFILE
	case windows.WSAEOPNOTSUPP:
		return ENOTSUP
	case windows.WSAENOPROTOOPT:
		return ENOPROTOOPT
	case windows.WSAEPROTONOSUPPORT:
		return EPROTONOSUPPORT
	case windows.WSAEDESTADDRREQ:
		return EDESTADDRREQ
	}
	return EIO
}

// SetHopLimit sets how many routers what a socket sends may pass.
func SetHopLimit(c syscall.Conn, ipv6 bool, limit int) error {
	level, option := windows.IPPROTO_IP, windows.IP_TTL
	if ipv6 {
		level, option = windows.IPPROTO_IPV6, windows.IPV6_UNICAST_HOPS
	}
	return fail(control(c, func(fd uintptr) error {
		return windows.SetsockoptInt(windows.Handle(fd), level, option, limit)
	}))
}

// kind looks at n to choose between two errors, or two calls of which each
// touches nothing outside the root whatever n has become by then.
func (d *Dir) kind(n name) (fs.FileMode, error) {
	info, err := d.root.Lstat(n.bare)
	if err != nil {
		return 0, fail(err)
	}
	return info.Mode(), nil
}

func (d *Dir) unlink(n name) error {
	mode, err := d.kind(n)
	if err != nil {
		return err
	}
	if mode.IsDir() {
		return EISDIR
	}
	return fail(d.root.Remove(n.bare))
}

func (d *Dir) rmdir(n name) error {
	mode, err := d.kind(n)
	if err != nil {
		return err
	}
	if !mode.IsDir() {
		return ENOTDIR
	}
	return fail(d.root.Remove(n.bare))
}

// setTimesNoFollow cannot change a link: Root has no call for it.
func (d *Dir) setTimesNoFollow(n name, t Times) error {
	mode, err := d.kind(n)
	if err != nil {
		return err
	}
	if mode&fs.ModeSymlink != 0 {
		return ENOTSUP
	}
	return d.setTimes(n, t)
}

// link works within one directory descriptor: Root knows no second one.
func link(d *Dir, from name, newDir *Dir, to name) error {
	if d != newDir {
		return EXDEV
	}
	if mode, err := d.kind(from); err != nil || mode.IsDir() {
		return cmp.Or(err, error(EPERM)) // Windows says that access is denied
	}
	return fail(d.root.Link(from.bare, to.bare))
}

// rename works within one directory descriptor, as link does.
func rename(d *Dir, from name, newDir *Dir, to name) error {
	if d != newDir {
		return EXDEV
	}
	return fail(d.root.Rename(from.bare, to.bare))
}

func addSysStat(s *Stat, info os.FileInfo) {
	data, ok := info.Sys().(*syscall.Win32FileAttributeData)
	if !ok {
		return
	}
	s.Atime, s.Mtime = data.LastAccessTime.Nanoseconds(), data.LastWriteTime.Nanoseconds()
	s.Ctime = s.Mtime
}

// statAt opens the file for its identity, which a FileInfo hides.
func (d *Dir) statAt(n name, info os.FileInfo) Stat {
	s := statOf(info)
	if s.Type == SymbolicLink {
		return s
	}
	f, err := d.root.Open(n.full)
	if err != nil {
		return s
	}
	defer f.Close()
	if opened, err := f.Stat(); err == nil && os.SameFile(opened, info) {
		addFileStat(&s, f)
	}
	return s
}

func addFileStat(s *Stat, f *os.File) {
	var info windows.ByHandleFileInformation
	err := control(f, func(fd uintptr) error {
		return windows.GetFileInformationByHandle(windows.Handle(fd), &info)
	})
	if err != nil {
		return
	}
	s.Dev = uint64(info.VolumeSerialNumber)
	s.Ino = uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow)
	s.Links = uint64(info.NumberOfLinks)
}

func setFileTimes(f *os.File, t Times) error {
	filetime := func(ns *int64) *windows.Filetime {
		if ns == nil {
			return nil
		}
		ft := windows.NsecToFiletime(*ns)
		return &ft
	}
	return control(f, func(fd uintptr) error {
		return windows.SetFileTime(windows.Handle(fd), nil, filetime(t.Atime), filetime(t.Mtime))
	})
}

// syncDir does nothing: Windows does not flush directories.
func syncDir(*os.File) error { return nil }

func syncData(f *os.File) error { return f.Sync() }

func setAppend(*os.File, bool) error { return nil }

func allocate(f *os.File, offset, size int64) error { return extend(f, offset+size) }

// advise only checks: Windows takes no such advice on an open file.
func advise(_ *os.File, _, _ int64, advice Advice) error {
	if advice > AdviseNoReuse {
		return EINVAL
	}
	return nil
}

func isTerminal(f *os.File) bool {
	terminal := false
	_ = control(f, func(fd uintptr) error { // a closed file is no terminal
		terminal = term.IsTerminal(int(fd))
		return nil
	})
	return terminal
}

// writable cannot be asked for without writing.
func writable(syscall.Conn) bool { return true }

func cpuTime() (int64, error) {
	var created, exited, kernel, user windows.Filetime
	err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user)
	if err != nil {
		return 0, err
	}
	// Durations, in units of 100 ns.
	ticks := func(t windows.Filetime) int64 { return int64(t.HighDateTime)<<32 | int64(t.LowDateTime) }
	return 100 * (ticks(kernel) + ticks(user)), nil
}

// ConnectUDP leaves a socket as it is: only on Linux one is connected.
func ConnectUDP(*net.UDPConn, netip.AddrPort) error { return nil }
