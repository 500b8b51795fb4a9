package wasip2

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// filesystemInterfaces are the functions of wasi:filesystem.
var filesystemInterfaces = []Interface{
	{"wasi:filesystem/preopens", []Function{
		{"get-directories", "() -> list<tuple<own<$descriptor>, string>>", (*Host).getDirectories},
	}},
	{"wasi:filesystem/types", []Function{
		{"[method]descriptor.read-via-stream", "(offset: u64) -> result<own<$input>, $fs-error>", on(descriptors, (*descriptor).readViaStream)},
		{"[method]descriptor.write-via-stream", "(offset: u64) -> result<own<$output>, $fs-error>", on(descriptors, (*descriptor).writeViaStream)},
		{"[method]descriptor.append-via-stream", "() -> result<own<$output>, $fs-error>", on(descriptors, (*descriptor).appendViaStream)},
		{"[method]descriptor.advise", "(offset: u64, length: u64, advice: $advice) -> result<_, $fs-error>", on(descriptors, (*descriptor).advise)},
		{"[method]descriptor.sync-data", "() -> result<_, $fs-error>", on(descriptors, (*descriptor).syncData)},
		{"[method]descriptor.get-flags", "() -> result<$descriptor-flags, $fs-error>", on(descriptors, (*descriptor).getFlags)},
		{"[method]descriptor.get-type", "() -> result<$descriptor-type, $fs-error>", on(descriptors, (*descriptor).getType)},
		{"[method]descriptor.set-size", "(size: u64) -> result<_, $fs-error>", on(descriptors, (*descriptor).setSize)},
		{"[method]descriptor.set-times", "(data-access-timestamp: $new-timestamp, data-modification-timestamp: $new-timestamp) -> result<_, $fs-error>", on(descriptors, (*descriptor).setTimes)},
		{"[method]descriptor.read", "(length: u64, offset: u64) -> result<tuple<list<u8>, bool>, $fs-error>", on(descriptors, (*descriptor).readFile)},
		{"[method]descriptor.write", "(buffer: list<u8>, offset: u64) -> result<u64, $fs-error>", on(descriptors, (*descriptor).writeFile)},
		{"[method]descriptor.read-directory", "() -> result<own<$entry-stream>, $fs-error>", on(descriptors, (*descriptor).readDirectory)},
		{"[method]descriptor.sync", "() -> result<_, $fs-error>", on(descriptors, (*descriptor).sync)},
		{"[method]descriptor.create-directory-at", "(path: string) -> result<_, $fs-error>", on(descriptors, (*descriptor).createDirectoryAt)},
		{"[method]descriptor.stat", "() -> result<$descriptor-stat, $fs-error>", on(descriptors, (*descriptor).stat)},
		{"[method]descriptor.stat-at", "(path-flags: $path-flags, path: string) -> result<$descriptor-stat, $fs-error>", on(descriptors, (*descriptor).statAt)},
		{"[method]descriptor.set-times-at", "(path-flags: $path-flags, path: string, data-access-timestamp: $new-timestamp, data-modification-timestamp: $new-timestamp) -> result<_, $fs-error>", on(descriptors, (*descriptor).setTimesAt)},
		{"[method]descriptor.link-at", "(old-path-flags: $path-flags, old-path: string, new-descriptor: borrow<$descriptor>, new-path: string) -> result<_, $fs-error>", on(descriptors, (*descriptor).linkAt)},
		{"[method]descriptor.open-at", "(path-flags: $path-flags, path: string, open-flags: $open-flags, flags: $descriptor-flags) -> result<own<$descriptor>, $fs-error>", on(descriptors, (*descriptor).openAt)},
		{"[method]descriptor.readlink-at", "(path: string) -> result<string, $fs-error>", on(descriptors, (*descriptor).readlinkAt)},
		{"[method]descriptor.remove-directory-at", "(path: string) -> result<_, $fs-error>", on(descriptors, (*descriptor).removeDirectoryAt)},
		{"[method]descriptor.rename-at", "(old-path: string, new-descriptor: borrow<$descriptor>, new-path: string) -> result<_, $fs-error>", on(descriptors, (*descriptor).renameAt)},
		{"[method]descriptor.symlink-at", "(old-path: string, new-path: string) -> result<_, $fs-error>", on(descriptors, (*descriptor).symlinkAt)},
		{"[method]descriptor.unlink-file-at", "(path: string) -> result<_, $fs-error>", on(descriptors, (*descriptor).unlinkFileAt)},
		{"[method]descriptor.is-same-object", "(other: borrow<$descriptor>) -> bool", on(descriptors, (*descriptor).isSameObject)},
		{"[method]descriptor.metadata-hash", "() -> result<$metadata-hash, $fs-error>", on(descriptors, (*descriptor).metadataHash)},
		{"[method]descriptor.metadata-hash-at", "(path-flags: $path-flags, path: string) -> result<$metadata-hash, $fs-error>", on(descriptors, (*descriptor).metadataHashAt)},
		{"[method]directory-entry-stream.read-directory-entry", "() -> result<option<$directory-entry>, $fs-error>", on(entryStreams, (*entryStream).readDirectoryEntry)},
		{"filesystem-error-code", "(err: borrow<$error>) -> option<$fs-error>", on(ioErrors, (*ioError).filesystemErrorCode)},
	}},
}

// fsCodes are the error codes of wasi:filesystem. What is not here is io.
var fsCodes = codes("fs-error", map[host.Errno]string{
	host.EACCES: "access", host.EAGAIN: "would-block", host.EBADF: "bad-descriptor", host.EBUSY: "busy",
	host.EDQUOT: "quota", host.EEXIST: "exist", host.EFBIG: "file-too-large",
	host.EILSEQ: "illegal-byte-sequence", host.EINTR: "interrupted", host.EINVAL: "invalid", host.EIO: "io",
	host.EISDIR: "is-directory", host.ELOOP: "loop", host.EMLINK: "too-many-links",
	host.ENAMETOOLONG: "name-too-long", host.ENODEV: "no-device", host.ENOENT: "no-entry",
	host.ENOMEM: "insufficient-memory", host.EMFILE: "insufficient-memory", host.ENFILE: "insufficient-memory",
	host.ENOSPC: "insufficient-space", host.ENOTDIR: "not-directory", host.ENOTEMPTY: "not-empty",
	host.ENOTSUP: "unsupported", host.ENXIO: "no-such-device", host.EOVERFLOW: "overflow",
	host.EPERM: "not-permitted", host.EPIPE: "pipe", host.EROFS: "read-only", host.ESPIPE: "invalid-seek",
	host.ETXTBSY: "text-file-busy", host.EXDEV: "cross-device",
})

func fsCode(err error) int {
	if code, ok := fsCodes[host.ErrnoOf(err)]; ok {
		return code
	}
	return fsCodes[host.EIO]
}

// fsError writes an error of wasi:filesystem as the result.
func fsError(c *component.Call, err error) error {
	c.Result.Err()
	c.Result.Case(fsCode(err))
	return nil
}

// fsDone writes result<_, error-code>.
func fsDone(c *component.Call, err error) error {
	if err != nil {
		return fsError(c, err)
	}
	c.Result.OK()
	return nil
}

// filesystem-error-code
func (e *ioError) filesystemErrorCode(_ context.Context, _ *Host, c *component.Call) error {
	errno, ok := e.err.(host.Errno)
	if !ok {
		c.Result.None()
		return nil
	}
	c.Result.Some()
	c.Result.Case(fsCode(errno))
	return nil
}

// The descriptor flags.
const (
	flagRead = 1 << iota
	flagWrite
	flagFileSync
	flagDataSync
	flagReadSync
	flagMutateDirectory
)

// descriptor is the resource descriptor: a directory, a file, or a stream where
// a directory has a pipe or device.
type descriptor struct {
	open  *opened
	flags uint64
}

// opened is what a descriptor and the streams made from it share. The last one
// closes it.
type opened struct {
	host.Descriptor
	users int
}

func (o *opened) use() *opened {
	o.users++
	return o
}

func (o *opened) release() {
	if o.users--; o.users == 0 {
		o.Close()
	}
}

func (d *descriptor) close() { d.open.release() }

// dir returns the directory that d is.
func (d *descriptor) dir() (*host.Dir, error) {
	if dir, ok := d.open.Descriptor.(*host.Dir); ok {
		return dir, nil
	}
	return nil, host.ENOTDIR
}

// file returns the file that d is, opened at least as flag says.
func (d *descriptor) file(flag uint64) (*host.File, error) {
	file, ok := d.open.Descriptor.(*host.File)
	if d.open.Type() == host.Directory {
		return nil, host.EISDIR
	}
	if !ok || d.flags&flag != flag {
		return nil, host.EBADF
	}
	return file, nil
}

// openDirs opens the preopened directories.
func (h *Host) openDirs(dirs []Dir) error {
	for _, d := range dirs {
		if !utf8.ValidString(d.Guest) {
			return fmt.Errorf("guest directory %q is not UTF-8", d.Guest)
		}
		dir, err := host.OpenDir(d.Host, d.ReadOnly, h.wake)
		if err != nil {
			return dirError(d, err)
		}
		flags := uint64(flagRead | flagMutateDirectory)
		if d.ReadOnly {
			flags = flagRead
		}
		open := &opened{Descriptor: dir}
		h.preopens = append(h.preopens, preopen{descriptor{open.use(), flags}, d.Guest})
	}
	return nil
}

// preopen is a directory that the guest has from the start.
type preopen struct {
	descriptor
	guest string
}

// get-directories
func (h *Host) getDirectories(_ context.Context, c *component.Call) error {
	c.Result.Len(len(h.preopens))
	for _, p := range h.preopens {
		if err := give(&h.descriptors, c, &descriptor{p.open.use(), p.flags}); err != nil {
			return err
		}
		c.Result.String(p.guest)
	}
	return nil
}

// descriptorTypes are the host's file types as wasi:filesystem numbers them.
var descriptorTypes = func() map[host.FileType]int {
	n := cases("descriptor-type")
	return map[host.FileType]int{
		host.Unknown: n["unknown"], host.BlockDevice: n["block-device"], host.CharDevice: n["character-device"],
		host.Directory: n["directory"], host.RegularFile: n["regular-file"], host.SymbolicLink: n["symbolic-link"],
		host.SocketStream: n["socket"], host.SocketDgram: n["socket"],
	}
}()

func encodeStat(c *component.Call, s host.Stat, err error) error {
	if err != nil {
		return fsError(c, err)
	}
	c.Result.OK()
	c.Result.Case(descriptorTypes[s.Type])
	c.Result.U64(s.Links)
	c.Result.U64(s.Size)
	for _, ns := range []int64{s.Atime, s.Mtime, s.Ctime} {
		c.Result.Some()
		encodeDatetime(c, ns)
	}
	return nil
}

// newTimes reads the access and the modification time of a call.
func (h *Host) newTimes(c *component.Call) (host.Times, error) {
	atime, err := h.newTime(c)
	mtime, err2 := h.newTime(c)
	if err == nil {
		err = err2
	}
	return host.Times{Atime: atime, Mtime: mtime}, err
}

// newTime reads a new-timestamp: no-change, now or a time.
func (h *Host) newTime(c *component.Call) (*int64, error) {
	switch c.Args.Case() {
	case 0:
		return nil, nil
	case 1:
		now := h.clock.Wall()
		return &now, nil
	}
	s, ns := c.Args.U64(), c.Args.U32()
	switch {
	case ns >= uint32(time.Second):
		return nil, host.EINVAL
	case s >= math.MaxInt64/uint64(time.Second):
		return nil, host.EOVERFLOW
	}
	t := int64(s)*int64(time.Second) + int64(ns)
	return &t, nil
}

// encodeHash writes a hash that identifies a file as long as it exists, as an
// inode number does: libraries use it for that.
func encodeHash(c *component.Call, s host.Stat, err error) error {
	if err != nil {
		return fsError(c, err)
	}
	key := binary.LittleEndian.AppendUint64(nil, s.Dev)
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(key, s.Ino))
	c.Result.OK()
	c.Result.U64(binary.LittleEndian.Uint64(sum[:]))
	c.Result.U64(binary.LittleEndian.Uint64(sum[8:]))
	return nil
}
