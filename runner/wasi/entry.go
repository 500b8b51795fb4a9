package wasi

import (
	"context"

	"github.com/tracetool/tracetool/runner/host"
)

// rights are what a descriptor may be used for.
type rights uint64

const (
	rightFdDatasync rights = 1 << iota
	rightFdRead
	rightFdSeek
	rightFdFdstatSetFlags
	rightFdSync
	rightFdTell
	rightFdWrite
	rightFdAdvise
	rightFdAllocate
	rightPathCreateDirectory
	rightPathCreateFile
	rightPathLinkSource
	rightPathLinkTarget
	rightPathOpen
	rightFdReaddir
	rightPathReadlink
	rightPathRenameSource
	rightPathRenameTarget
	rightPathFilestatGet
	rightPathFilestatSetSize
	rightPathFilestatSetTimes
	rightFdFilestatGet
	rightFdFilestatSetSize
	rightFdFilestatSetTimes
	rightPathSymlink
	rightPathRemoveDirectory
	rightPathUnlinkFile
	rightPollFdReadwrite
	rightSockShutdown
	rightSockAccept

	allRights = rightSockAccept<<1 - 1
)

// The rights that mean something for a kind of descriptor. Others are dropped
// when it is opened.
const (
	commonRights = rightFdFdstatSetFlags | rightFdFilestatGet | rightPollFdReadwrite
	streamRights = commonRights | rightFdRead | rightFdWrite
	fileRights   = streamRights | rightFdDatasync | rightFdSeek | rightFdSync | rightFdTell |
		rightFdAdvise | rightFdAllocate | rightFdFilestatSetSize | rightFdFilestatSetTimes
	dirRights = rightFdFdstatSetFlags | rightFdFilestatGet | rightFdDatasync | rightFdSync |
		rightFdFilestatSetTimes | rightFdReaddir | rightPathCreateDirectory | rightPathCreateFile |
		rightPathLinkSource | rightPathLinkTarget | rightPathOpen | rightPathReadlink |
		rightPathRenameSource | rightPathRenameTarget | rightPathFilestatGet |
		rightPathFilestatSetSize | rightPathFilestatSetTimes | rightPathSymlink |
		rightPathRemoveDirectory | rightPathUnlinkFile
	connRights     = streamRights | rightSockShutdown
	listenerRights = commonRights | rightSockAccept
)

// fdflags are the modes of a descriptor.
type fdflags uint16

const (
	flagAppend fdflags = 1 << iota
	flagDsync
	flagNonblock
	flagRsync
	flagSync

	allFlags = flagSync<<1 - 1
)

// entry is a row of the descriptor table. d is one of the others, a
// *host.Stream, or what somebody else has made.
type entry struct {
	d        host.Descriptor
	io       host.IO // nil: carries no bytes
	file     *host.File
	dir      *host.Dir
	conn     conn
	listener *host.Listener
	tcp      *host.TCP // opened by the guest: becomes a conn or listener
	udp      *host.UDP

	base, inheriting rights
	flags            fdflags
	preopen          bool
	guest            string // name of a preopened directory
}

// conn is a connected socket: *host.Conn, or *host.UDP.
type conn interface {
	Recv(ctx context.Context, p []byte, peek, all bool) (int, error)
	Write(ctx context.Context, p []byte) (int, error)
	Shutdown(read, write bool) error
}

// settle takes note of what a socket of the guest's own has become.
func (e *entry) settle() {
	if e.tcp == nil {
		return
	}
	if c := e.tcp.Conn(); c != nil {
		e.conn = c
	}
	e.listener = e.tcp.Listener()
}

// newEntry makes an entry with those of the rights that suit d.
func newEntry(d host.Descriptor, base, inheriting rights) *entry {
	e := &entry{d: d, inheriting: inheriting}
	suits := streamRights
	switch d := d.(type) {
	case *host.Dir:
		e.dir, suits = d, dirRights
		// Go's guests open a directory without this right, but truncate
		// files below it; they do ask for it on behalf of what is below.
		base |= inheriting & rightPathFilestatSetSize
	case *host.File:
		e.io, e.file, suits = d, d, fileRights
	case *host.Conn:
		e.io, e.conn, suits = d, d, connRights
	case *host.Listener:
		e.listener, suits = d, listenerRights
	case *host.TCP:
		e.io, e.tcp, suits = d, d, connRights|listenerRights
	case *host.UDP:
		e.io, e.udp, e.conn, suits = d, d, d, connRights
	case *host.Stream:
		e.io = d
		if d.Type() == host.CharDevice && !d.Terminal() {
			// Guests take a character device for a terminal unless it may seek.
			suits |= rightFdSeek | rightFdTell
		}
	case host.IO:
		e.io = d
	}
	e.base = base & suits
	return e
}

// newStdio makes an entry of a standard stream that lacks one direction.
func newStdio(d host.IO, without rights) *entry {
	return newEntry(d, allRights&^without, 0)
}

// setFlags changes the modes, as far as the descriptor has them.
func (e *entry) setFlags(flags fdflags) error {
	switch {
	case flags&^allFlags != 0:
		return host.EINVAL
	case e.file != nil:
		if err := e.file.SetAppend(flags&flagAppend != 0); err != nil {
			return err
		}
		e.file.SetSync(flags.syncMode())
	case e.io != nil:
		flags &= flagNonblock
		e.io.SetNonblock(flags != 0)
	case e.listener != nil:
		flags &= flagNonblock
		e.listener.SetNonblock(flags != 0)
	default:
		flags = 0 // a directory has no modes
	}
	e.flags = flags
	return nil
}

func (f fdflags) syncMode() host.SyncMode {
	switch {
	case f&(flagSync|flagRsync) != 0:
		return host.SyncAll
	case f&flagDsync != 0:
		return host.SyncData
	}
	return host.SyncNone
}

// get returns an open descriptor that has the rights needed.
func (s *System) get(fd uint64, need rights) (*entry, error) {
	e, ok := s.fds.Get(uint32(fd))
	if !ok {
		return nil, host.EBADF
	}
	if e.base&need != need {
		return nil, host.ENOTCAPABLE
	}
	return e, nil
}

// getDir returns a directory that has the rights needed.
func (s *System) getDir(fd uint64, need rights) (*entry, error) {
	e, err := s.get(fd, 0)
	switch {
	case err != nil:
		return nil, err
	case e.dir == nil:
		return nil, host.ENOTDIR
	case e.base&need != need:
		return nil, host.ENOTCAPABLE
	}
	return e, nil
}

// getIO returns a descriptor to read or write that has the rights needed.
func (s *System) getIO(fd uint64, need rights) (*entry, error) {
	e, ok := s.fds.Get(uint32(fd))
	switch {
	case !ok:
		return nil, host.EBADF
	case e.io == nil:
		return nil, e.carriesNoBytes()
	case e.base&need != need:
		return nil, host.ENOTCAPABLE
	}
	return e, nil
}

func (e *entry) carriesNoBytes() error {
	if e.dir != nil {
		return host.EISDIR
	}
	return host.ENOTCONN
}

// getFile returns a regular file that has the rights needed; other says what a
// descriptor that is none answers.
func (s *System) getFile(fd uint64, need rights, other host.Errno) (*entry, error) {
	e, err := s.get(fd, 0)
	switch {
	case err != nil:
		return nil, err
	case e.dir != nil:
		return nil, host.EISDIR
	case e.file == nil:
		return nil, other
	case e.base&need != need:
		return nil, host.ENOTCAPABLE
	}
	return e, nil
}
