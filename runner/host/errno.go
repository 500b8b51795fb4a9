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
	Success      Errno = 0
	EACCES       Errno = 2
	EADDRINUSE   Errno = 3
	EAGAIN       Errno = 6
	EBADF        Errno = 8
	EBUSY        Errno = 10
	ECANCELED    Errno = 11
	ECONNABORTED Errno = 13
	ECONNREFUSED Errno = 14
	ECONNRESET   Errno = 15
	EDQUOT       Errno = 19
	EEXIST       Errno = 20
	EFAULT       Errno = 21
	EFBIG        Errno = 22
	EILSEQ       Errno = 25
	EINTR        Errno = 27
	EINVAL       Errno = 28
	EIO          Errno = 29
	EISDIR       Errno = 31
	ELOOP        Errno = 32
	EMFILE       Errno = 33
	EMLINK       Errno = 34
	ENAMETOOLONG Errno = 37
	ENFILE       Errno = 41
	ENODEV       Errno = 43
	ENOENT       Errno = 44
	ENOMEM       Errno = 48
	ENOSPC       Errno = 51
	ENOTCONN     Errno = 53
	ENOTDIR      Errno = 54
	ENOTEMPTY    Errno = 55
	ENOTSOCK     Errno = 57
	ENOTSUP      Errno = 58
	ENXIO        Errno = 60
	EOVERFLOW    Errno = 61
	EPERM        Errno = 63
	EPIPE        Errno = 64
	ERANGE       Errno = 68
	EROFS        Errno = 69
	ESPIPE       Errno = 70
	ETIMEDOUT    Errno = 73
	ETXTBSY      Errno = 74
	EXDEV        Errno = 75
	ENOTCAPABLE  Errno = 76
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
	{EAGAIN, syscall.EAGAIN, "resource unavailable, try again"},
	{EBADF, syscall.EBADF, "bad file descriptor"},
	{EBUSY, syscall.EBUSY, "device or resource busy"},
	{ECANCELED, syscall.ECANCELED, "operation canceled"},
	{ECONNABORTED, syscall.ECONNABORTED, "connection aborted"},
	{ECONNREFUSED, syscall.ECONNREFUSED, "connection refused"},
	{ECONNRESET, syscall.ECONNRESET, "connection reset"},
	{EDQUOT, syscall.EDQUOT, "quota exceeded"},
	{EEXIST, syscall.EEXIST, "file exists"},
	{EFAULT, syscall.EFAULT, "bad address"},
	{EFBIG, syscall.EFBIG, "file too large"},
	{EILSEQ, syscall.EILSEQ, "illegal byte sequence"},
	{EINTR, syscall.EINTR, "interrupted"},
	{EINVAL, syscall.EINVAL, "invalid argument"},
	{EIO, syscall.EIO, "i/o error"},
	{EISDIR, syscall.EISDIR, "is a directory"},
	{ELOOP, syscall.ELOOP, "too many symbolic links"},
	{EMFILE, syscall.EMFILE, "too many open files"},
	{EMLINK, syscall.EMLINK, "too many links"},
	{ENAMETOOLONG, syscall.ENAMETOOLONG, "file name too long"},
	{ENFILE, syscall.ENFILE, "too many open files in system"},
	{ENODEV, syscall.ENODEV, "no such device"},
	{ENOENT, syscall.ENOENT, "no such file or directory"},
	{ENOMEM, syscall.ENOMEM, "out of memory"},
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
