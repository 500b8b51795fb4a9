package host

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// Errno says why an operation failed. The numbers are those of preview1, so
// that its host passes them on; WASI 0.2 names the same conditions.
type Errno uint16

// The conditions this package reports, and those its users add.
const (
	Success         Errno = 0
	EACCES          Errno = 2
	EADDRINUSE      Errno = 3
	EADDRNOTAVAIL   Errno = 4
	EAFNOSUPPORT    Errno = 5
	EAGAIN          Errno = 6
	EALREADY        Errno = 7
	EBADF           Errno = 8
	EBUSY           Errno = 10
	ECANCELED       Errno = 11
	ECONNABORTED    Errno = 13
	ECONNREFUSED    Errno = 14
	ECONNRESET      Errno = 15
	EDESTADDRREQ    Errno = 17
	EDQUOT          Errno = 19
	EEXIST          Errno = 20
	EFAULT          Errno = 21
	EFBIG           Errno = 22
	EHOSTUNREACH    Errno = 23
	EILSEQ          Errno = 25
	EINPROGRESS     Errno = 26
	EINTR           Errno = 27
	EINVAL          Errno = 28
	EIO             Errno = 29
	EISCONN         Errno = 30
	EISDIR          Errno = 31
	ELOOP           Errno = 32
	EMFILE          Errno = 33
	EMLINK          Errno = 34
	EMSGSIZE        Errno = 35
	ENAMETOOLONG    Errno = 37
	ENETDOWN        Errno = 38
	ENETUNREACH     Errno = 40
	ENFILE          Errno = 41
	ENOBUFS         Errno = 42
	ENODEV          Errno = 43
	ENOENT          Errno = 44
	ENOMEM          Errno = 48
	ENOPROTOOPT     Errno = 50
	ENOSPC          Errno = 51
	ENOTCONN        Errno = 53
	ENOTDIR         Errno = 54
	ENOTEMPTY       Errno = 55
	ENOTSOCK        Errno = 57
	ENOTSUP         Errno = 58
	ENXIO           Errno = 60
	EOVERFLOW       Errno = 61
	EPERM           Errno = 63
	EPIPE           Errno = 64
	EPROTONOSUPPORT Errno = 66
	ERANGE          Errno = 68
	EROFS           Errno = 69
	ESPIPE          Errno = 70
	ETIMEDOUT       Errno = 73
	ETXTBSY         Errno = 74
	EXDEV           Errno = 75
	ENOTCAPABLE     Errno = 76
)

// errnos lists each condition with the platform's number for it (0: none) and
// its text.
var errnos = []struct {
	errno Errno
	sys   syscall.Errno
	text  string
}{
	{Success, 0, "success"},
	{EACCES, syscall.EACCES, "permission denied"},
	{EADDRINUSE, syscall.EADDRINUSE, "address in use"},
	{EADDRNOTAVAIL, syscall.EADDRNOTAVAIL, "address not available"},
	{EAFNOSUPPORT, syscall.EAFNOSUPPORT, "address family not supported"},
	{EAGAIN, syscall.EAGAIN, "resource unavailable, try again"},
	{EALREADY, syscall.EALREADY, "connection already in progress"},
	{EBADF, syscall.EBADF, "bad file descriptor"},
	{EBUSY, syscall.EBUSY, "device or resource busy"},
	{ECANCELED, syscall.ECANCELED, "operation canceled"},
	{ECONNABORTED, syscall.ECONNABORTED, "connection aborted"},
	{ECONNREFUSED, syscall.ECONNREFUSED, "connection refused"},
	{ECONNRESET, syscall.ECONNRESET, "connection reset"},
	{EDESTADDRREQ, syscall.EDESTADDRREQ, "destination address required"},
	{EDQUOT, syscall.EDQUOT, "quota exceeded"},
	{EEXIST, syscall.EEXIST, "file exists"},
	{EFAULT, syscall.EFAULT, "bad address"},
	{EFBIG, syscall.EFBIG, "file too large"},
	{EHOSTUNREACH, syscall.EHOSTUNREACH, "host is unreachable"},
	{EILSEQ, syscall.EILSEQ, "illegal byte sequence"},
	{EINPROGRESS, syscall.EINPROGRESS, "operation in progress"},
	{EINTR, syscall.EINTR, "interrupted"},
	{EINVAL, syscall.EINVAL, "invalid argument"},
	{EIO, syscall.EIO, "i/o error"},
	{EISCONN, syscall.EISCONN, "socket is connected"},
	{EISDIR, syscall.EISDIR, "is a directory"},
	{ELOOP, syscall.ELOOP, "too many symbolic links"},
	{EMFILE, syscall.EMFILE, "too many open files"},
	{EMLINK, syscall.EMLINK, "too many links"},
	{EMSGSIZE, syscall.EMSGSIZE, "message too large"},
	{ENAMETOOLONG, syscall.ENAMETOOLONG, "file name too long"},
	{ENETDOWN, syscall.ENETDOWN, "network is down"},
	{ENETUNREACH, syscall.ENETUNREACH, "network unreachable"},
	{ENFILE, syscall.ENFILE, "too many open files in system"},
	{ENOBUFS, syscall.ENOBUFS, "no buffer space available"},
	{ENODEV, syscall.ENODEV, "no such device"},
	{ENOENT, syscall.ENOENT, "no such file or directory"},
	{ENOMEM, syscall.ENOMEM, "out of memory"},
	{ENOPROTOOPT, syscall.ENOPROTOOPT, "protocol not available"},
	{ENOSPC, syscall.ENOSPC, "no space left on device"},
	{ENOTCONN, syscall.ENOTCONN, "not connected"},
	{ENOTDIR, syscall.ENOTDIR, "not a directory"},
	{ENOTEMPTY, syscall.ENOTEMPTY, "directory not empty"},
	{ENOTSOCK, syscall.ENOTSOCK, "not a socket"},
	{ENOTSUP, syscall.ENOTSUP, "not supported"},
	{ENXIO, syscall.ENXIO, "no such device or address"},
	{EOVERFLOW, syscall.EOVERFLOW, "value too large"},
	{EPERM, syscall.EPERM, "operation not permitted"},
	{EPIPE, syscall.EPIPE, "broken pipe"},
	{EPROTONOSUPPORT, syscall.EPROTONOSUPPORT, "protocol not supported"},
	{ERANGE, syscall.ERANGE, "result too large"},
	{EROFS, syscall.EROFS, "read-only file system"},
	{ESPIPE, syscall.ESPIPE, "not seekable"},
	{ETIMEDOUT, syscall.ETIMEDOUT, "timed out"},
	{ETXTBSY, syscall.ETXTBSY, "text file busy"},
	{EXDEV, syscall.EXDEV, "cross-device link"},
	{ENOTCAPABLE, 0, "capabilities insufficient"},
}

// Error returns the condition in words.
func (e Errno) Error() string {
	for _, row := range errnos {
		if row.errno == e {
			return row.text
		}
	}
	return "unknown error"
}

// ErrnoOf classifies any error of the Go library; nil is Success. What it does
// not know is EIO.
func ErrnoOf(err error) Errno {
	if err == nil {
		return Success
	}
	if e, ok := err.(Errno); ok {
		return e
	}
	var sys syscall.Errno
	if errors.As(err, &sys) {
		return errnoOfSys(sys)
	}
	return errnoOfKind(err)
}

func errnoOfSys(sys syscall.Errno) Errno {
	if sys == syscall.EOPNOTSUPP || sys == syscall.ENOSYS {
		return ENOTSUP
	}
	for _, row := range errnos {
		if row.sys == sys {
			return row.errno
		}
	}
	return errnoOfPlatform(sys)
}

func errnoOfKind(err error) Errno {
	kinds := []struct {
		err   error
		errno Errno
	}{
		{fs.ErrNotExist, ENOENT},
		{fs.ErrExist, EEXIST},
		{fs.ErrPermission, EACCES},
		{os.ErrDeadlineExceeded, EAGAIN},
		{context.Canceled, ECANCELED},
		{context.DeadlineExceeded, ECANCELED},
		{io.ErrClosedPipe, EPIPE},
		{fs.ErrClosed, EPIPE},
		{net.ErrClosed, EPIPE},
		{errors.ErrUnsupported, ENOTSUP},
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.errno
		}
	}
	if escapes := escapeError(); escapes != nil && errors.Is(err, escapes) {
		return EPERM
	}
	return EIO
}

// fail turns err into an Errno, and keeps nil nil.
func fail(err error) error {
	if err == nil {
		return nil
	}
	return ErrnoOf(err)
}

// errnoOfLookup classifies the error of a lookup: a name that does not exist is
// ENOENT, and EAGAIN says that asking again may help.
func errnoOfLookup(err error) error {
	var dns *net.DNSError
	switch {
	case !errors.As(err, &dns):
		return ErrnoOf(err)
	case dns.IsNotFound:
		return ENOENT
	case dns.IsTemporary, dns.IsTimeout:
		return EAGAIN
	}
	return EIO
}
