//go:build linux || darwin

package host

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

const (
	// noWaitFlags keep an open from waiting for the other end of a pipe, and
	// a terminal from becoming ours.
	noWaitFlags    = unix.O_NONBLOCK | unix.O_NOCTTY
	directoryFlags = unix.O_DIRECTORY

	// emulateAppend: the kernel appends by itself.
	emulateAppend = false
)

func errnoOfPlatform(syscall.Errno) Errno { return EIO }

// inParent calls f with the directory that holds the last component of n, and
// that component: one name without a slash, which f must not let the kernel
// follow. That keeps f inside whatever happens meanwhile.
func (d *Dir) inParent(n name, f func(fd int, base string) error) error {
	dir := d.self
	if n.dir != "." {
		opened, err := d.root.OpenFile(n.dir, os.O_RDONLY|directoryFlags, 0)
		if err != nil {
			return fail(err)
		}
		defer opened.Close()
		dir = opened
	}
	return fail(control(dir, func(fd uintptr) error {
		return retry(func() error { return f(int(fd), n.base) })
	}))
}

// retry repeats a call that a signal has interrupted.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

// unlink fails with EISDIR of a directory, of which macOS says EPERM as POSIX
// has it. That another object may have the name meanwhile does no harm: unlinkat
// could have met that one.
func (d *Dir) unlink(n name) error {
	return d.inParent(n, func(fd int, base string) error {
		err := unix.Unlinkat(fd, base, 0)
		if err == unix.EPERM && isDirectory(fd, base) {
			return unix.EISDIR
		}
		return err
	})
}

func isDirectory(fd int, base string) bool {
	var st unix.Stat_t
	err := unix.Fstatat(fd, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

func (d *Dir) rmdir(n name) error {
	return d.inParent(n, func(fd int, base string) error {
		return unix.Unlinkat(fd, base, unix.AT_REMOVEDIR)
	})
}

func (d *Dir) setTimesNoFollow(n name, t Times) error {
	return d.inParent(n, func(fd int, base string) error {
		return unix.UtimesNanoAt(fd, base, timespecs(t), unix.AT_SYMLINK_NOFOLLOW)
	})
}

func timespecs(t Times) []unix.Timespec {
	specs := []unix.Timespec{{Nsec: utimeOmit}, {Nsec: utimeOmit}}
	for i, ns := range []*int64{t.Atime, t.Mtime} {
		if ns != nil {
			specs[i] = unix.NsecToTimespec(*ns)
		}
	}
	return specs
}

func link(d *Dir, from name, newDir *Dir, to name) error {
	return inBoth(d, from, newDir, to, func(fd int, base string, newFd int, newBase string) error {
		return unix.Linkat(fd, base, newFd, newBase, 0)
	})
}

func rename(d *Dir, from name, newDir *Dir, to name) error {
	return inBoth(d, from, newDir, to, unix.Renameat)
}

func inBoth(d *Dir, from name, newDir *Dir, to name, f func(int, string, int, string) error) error {
	return d.inParent(from, func(fd int, base string) error {
		return newDir.inParent(to, func(newFd int, newBase string) error {
			return f(fd, base, newFd, newBase)
		})
	})
}

func (d *Dir) statAt(_ name, info os.FileInfo) Stat { return statOf(info) }

// addFileStat adds what a FileInfo lacks: nothing here.
func addFileStat(*Stat, *os.File) {}

func syncDir(f *os.File) error { return f.Sync() }

func setAppend(f *os.File, on bool) error {
	return control(f, func(fd uintptr) error {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		if err != nil {
			return err
		}
		flags &^= unix.O_APPEND
		if on {
			flags |= unix.O_APPEND
		}
		_, err = unix.FcntlInt(fd, unix.F_SETFL, flags)
		return err
	})
}

func isTerminal(f *os.File) bool {
	terminal := false
	_ = control(f, func(fd uintptr) error { // a closed file is no terminal
		terminal = term.IsTerminal(int(fd))
		return nil
	})
	return terminal
}

// writable asks poll(2). What cannot be polled, or has failed, does not block.
func writable(c syscall.Conn) bool {
	ok := true
	_ = control(c, func(fd uintptr) error {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(fds, 0)
		ok = n > 0 || err != nil
		return nil
	})
	return ok
}

func cpuTime() (int64, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts)
	return ts.Nano(), err
}

// SetHopLimit sets how many routers what a socket sends may pass.
func SetHopLimit(c syscall.Conn, ipv6 bool, limit int) error {
	level, option := unix.IPPROTO_IP, unix.IP_TTL
	if ipv6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
	}
	return fail(control(c, func(fd uintptr) error {
		return unix.SetsockoptInt(int(fd), level, option, limit)
	}))
}
