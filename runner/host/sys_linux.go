package host

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const utimeOmit = unix.UTIME_OMIT

func addSysStat(s *Stat, info os.FileInfo) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	s.Dev, s.Ino, s.Links = uint64(st.Dev), st.Ino, uint64(st.Nlink)
	s.Atime, s.Mtime, s.Ctime = st.Atim.Nano(), st.Mtim.Nano(), st.Ctim.Nano()
}

// setFileTimes is futimens(3): utimensat(2) without a path, which package unix
// has no function for.
func setFileTimes(f *os.File, t Times) error {
	specs := timespecs(t)
	return control(f, func(fd uintptr) error {
		_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, fd, 0, uintptr(unsafe.Pointer(&specs[0])), 0, 0, 0)
		if errno != 0 {
			return errno
		}
		return nil
	})
}

func syncData(f *os.File) error {
	return control(f, func(fd uintptr) error { return unix.Fdatasync(int(fd)) })
}

func allocate(f *os.File, offset, size int64) error {
	return control(f, func(fd uintptr) error {
		return retry(func() error { return unix.Fallocate(int(fd), 0, offset, size) })
	})
}

func advise(f *os.File, offset, size int64, advice Advice) error {
	kinds := [...]int{
		AdviseNormal: unix.FADV_NORMAL, AdviseSequential: unix.FADV_SEQUENTIAL,
		AdviseRandom: unix.FADV_RANDOM, AdviseWillNeed: unix.FADV_WILLNEED,
		AdviseDontNeed: unix.FADV_DONTNEED, AdviseNoReuse: unix.FADV_NOREUSE,
	}
	if int(advice) >= len(kinds) {
		return EINVAL
	}
	return control(f, func(fd uintptr) error {
		return unix.Fadvise(int(fd), offset, size, kinds[advice])
	})
}

// ConnectUDP connects a socket to remote, from where alone it hears then, as
// well as that nobody listens there: its next call fails with ECONNREFUSED. An
// invalid remote leaves it unconnected. The socket keeps its local address.
// Errors that are due from a remote before it are forgotten.
func ConnectUDP(c *net.UDPConn, remote netip.AddrPort) error {
	return fail(control(c, func(fd uintptr) error {
		if err := disconnectUDP(int(fd), c.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
			return err
		}
		if _, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || !remote.IsValid() {
			return err
		}
		return unix.Connect(int(fd), sockaddr(remote))
	}))
}

// disconnectUDP undoes a connect(2), which package unix has no function for. The
// kernel may take the port back, if it was the one that chose it.
func disconnectUDP(fd int, local netip.AddrPort) error {
	if _, err := unix.Getpeername(fd); err == unix.ENOTCONN {
		return nil
	}
	none := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	if _, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none)); errno != 0 {
		return errno
	}
	if err := unix.Bind(fd, sockaddr(local)); err != unix.EINVAL { // which says that it is bound
		return err
	}
	return nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if addr := a.Addr(); !addr.Is4() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: addr.As16(), ZoneId: ScopeID(addr.Zone())}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}
