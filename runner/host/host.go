// Package host is the operating system as a WebAssembly guest may see it:
// descriptors, directories, files, byte streams, sockets and clocks. It knows
// no version of WASI; package wasi puts preview1 on top of it.
//
// Start with [OpenDir], which makes a host directory a sandbox, [NewStdin] and
// [NewStdout], and [Table], which numbers descriptors.
//
// Every path is resolved by [os.Root] below the directory it is relative to.
// No symbolic link, "..", rename or race leads outside: what Root cannot do
// itself (rename between two directories, unlink as opposed to rmdir, times of
// a link) is one system call on the last component, without following it,
// relative to a parent directory that Root has opened. Nothing is decided by
// looking at a path first and using the path later; where a link must not be
// followed and the platform offers no such open, the opened object is compared
// with the one that was looked at.
//
// Errors are always of type [Errno]. A descriptor serves one guest: its methods
// must not be called concurrently.
package host

import (
	"context"
	"io/fs"
	"os"
	"time"
)

// FileType is the kind of object behind a descriptor, numbered as in preview1.
type FileType uint8

// The file types. What fits none, as a pipe, is Unknown.
const (
	Unknown FileType = iota
	BlockDevice
	CharDevice
	Directory
	RegularFile
	SocketDgram
	SocketStream
	SymbolicLink
)

// Stat describes a file. Times are nanoseconds since the Unix epoch.
type Stat struct {
	Dev, Ino            uint64 // identify the file; 0 where the platform cannot tell
	Type                FileType
	Links               uint64
	Size                uint64 // bytes
	Atime, Mtime, Ctime int64
}

// Times are new access and modification times, in nanoseconds since the Unix
// epoch. A nil time stays as it is.
type Times struct{ Atime, Mtime *int64 }

// Descriptor is anything a guest can hold open: *Dir, *File, *Stream, *Conn or
// *Listener.
type Descriptor interface {
	Type() FileType
	Stat() (Stat, error)
	Close() error
}

// IO is a descriptor that carries bytes: *File, *Stream or *Conn.
type IO interface {
	Descriptor
	// Read returns 0, nil at the end. It waits for data until ctx is done,
	// then fails with ECANCELED; a descriptor set non-blocking fails with
	// EAGAIN instead of waiting.
	Read(ctx context.Context, p []byte) (int, error)
	// Write returns the number of bytes taken, possibly fewer than len(p).
	Write(ctx context.Context, p []byte) (int, error)
	// Readable tells whether Read would return at once: n bytes at least are
	// there, or the end (hangup). It begins to look for data if need be.
	Readable() (n uint64, hangup, ok bool)
	// Writable tells whether Write would accept a byte at once.
	Writable() bool
	SetNonblock(bool)
}

func fileType(mode fs.FileMode) FileType {
	switch {
	case mode.IsRegular():
		return RegularFile
	case mode.IsDir():
		return Directory
	case mode&fs.ModeSymlink != 0:
		return SymbolicLink
	case mode&fs.ModeCharDevice != 0:
		return CharDevice
	case mode&fs.ModeDevice != 0:
		return BlockDevice
	case mode&fs.ModeSocket != 0:
		return SocketStream
	}
	return Unknown
}

func statOf(info os.FileInfo) Stat {
	s := Stat{Type: fileType(info.Mode()), Links: 1, Size: uint64(info.Size())}
	mtime := info.ModTime().UnixNano()
	s.Atime, s.Mtime, s.Ctime = mtime, mtime, mtime
	addSysStat(&s, info)
	return s
}

// times returns t for os.Root.Chtimes, where a zero Time means no change.
func (t Times) times() (atime, mtime time.Time) {
	if t.Atime != nil {
		atime = time.Unix(0, *t.Atime)
	}
	if t.Mtime != nil {
		mtime = time.Unix(0, *t.Mtime)
	}
	return atime, mtime
}
