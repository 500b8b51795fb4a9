package host

import (
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const utimeOmit = -2 // UTIME_OMIT of sys/stat.h

func addSysStat(s *Stat, info os.FileInfo) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	s.Dev, s.Ino, s.Links = uint64(st.Dev), st.Ino, uint64(st.Nlink)
	s.Atime, s.Mtime, s.Ctime = st.Atimespec.Nano(), st.Mtimespec.Nano(), st.Ctimespec.Nano()
}

// setFileTimes has microseconds only: package unix lacks futimens(2).
func setFileTimes(f *os.File, t Times) error {
	now, err := statFile(f)
	if err != nil {
		return err
	}
	atime, mtime := &now.Atime, &now.Mtime
	if t.Atime != nil {
		atime = t.Atime
	}
	if t.Mtime != nil {
		mtime = t.Mtime
	}
	times := []unix.Timeval{unix.NsecToTimeval(*atime), unix.NsecToTimeval(*mtime)}
	return control(f, func(fd uintptr) error { return unix.Futimes(int(fd), times) })
}

func syncData(f *os.File) error { return f.Sync() }

func allocate(f *os.File, offset, size int64) error { return extend(f, offset+size) }

// advise only checks: macOS has no posix_fadvise.
func advise(_ *os.File, _, _ int64, advice Advice) error {
	if advice > AdviseNoReuse {
		return EINVAL
	}
	return nil
}

// ConnectUDP leaves a socket as it is: only on Linux one is connected.
func ConnectUDP(*net.UDPConn, netip.AddrPort) error { return nil }
