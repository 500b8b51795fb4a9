package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestErrnoOf(t *testing.T) {
	tests := []struct {
		err  error
		want Errno
	}{
		{nil, Success},
		{ENOTCAPABLE, ENOTCAPABLE},
		{syscall.ENOENT, ENOENT},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.ELOOP}, ELOOP},
		{fmt.Errorf("wrapped: %w", syscall.EXDEV), EXDEV},
		{syscall.EOPNOTSUPP, ENOTSUP},
		{syscall.ENOSYS, ENOTSUP},
		{fs.ErrNotExist, ENOENT},
		{os.ErrClosed, EPIPE},
		{net.ErrClosed, EPIPE},
		{io.ErrClosedPipe, EPIPE},
		{os.ErrDeadlineExceeded, EAGAIN},
		{context.Canceled, ECANCELED},
		{escapeError(), EPERM},
		{errors.New("whatever"), EIO},
		{syscall.Errno(0x1234567), EIO},
	}
	for _, test := range tests {
		if got := ErrnoOf(test.err); got != test.want {
			t.Errorf("ErrnoOf(%v) = %v, want %v", test.err, got, test.want)
		}
	}
	if escapeError() == nil {
		t.Error("os.Root's error for an escape is not known")
	}
}

func TestErrnoText(t *testing.T) {
	seen := map[string]Errno{}
	for _, row := range errnos {
		text := row.errno.Error()
		if other, ok := seen[text]; ok {
			t.Errorf("%d and %d are both %q", other, row.errno, text)
		}
		seen[text] = row.errno
	}
	if got := Errno(999).Error(); got != "unknown error" {
		t.Errorf("Errno(999) = %q", got)
	}
}
