package host

import (
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
