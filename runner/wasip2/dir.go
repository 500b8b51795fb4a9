package wasip2

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// Dir is a directory of the host that the guest may use.
type Dir struct {
	Host     string // path on the host
	Guest    string // name the guest knows it by, such as "/"
	ReadOnly bool   // changes fail with read-only
}

func dirError(d Dir, err error) error {
	return fmt.Errorf("directory %s for the guest's %s: %w", d.Host, d.Guest, err)
}

// symlinkFollow is the only path flag.
const symlinkFollow = 1

// in calls f with the directory that d is, and writes what it returns as
// result<_, error-code>.
func (d *descriptor) in(c *component.Call, f func(dir *host.Dir) error) error {
	dir, err := d.dir()
	if err != nil {
		return fsError(c, err)
	}
	return fsDone(c, f(dir))
}

// [method]descriptor.create-directory-at
func (d *descriptor) createDirectoryAt(_ context.Context, _ *Host, c *component.Call) error {
	return d.in(c, func(dir *host.Dir) error { return dir.Mkdir(c.Args.String()) })
}

// [method]descriptor.remove-directory-at
func (d *descriptor) removeDirectoryAt(_ context.Context, _ *Host, c *component.Call) error {
	return d.in(c, func(dir *host.Dir) error { return dir.Rmdir(c.Args.String()) })
}

// [method]descriptor.unlink-file-at
func (d *descriptor) unlinkFileAt(_ context.Context, _ *Host, c *component.Call) error {
	return d.in(c, func(dir *host.Dir) error { return dir.Unlink(c.Args.String()) })
}

// [method]descriptor.symlink-at
func (d *descriptor) symlinkAt(_ context.Context, _ *Host, c *component.Call) error {
	return d.in(c, func(dir *host.Dir) error {
		target := c.Args.String()
		return dir.Symlink(target, c.Args.String())
	})
}

// [method]descriptor.set-times-at
func (d *descriptor) setTimesAt(_ context.Context, h *Host, c *component.Call) error {
	return d.in(c, func(dir *host.Dir) error {
		flags, path := c.Args.Flags(), c.Args.String()
		times, err := h.newTimes(c)
		if err != nil {
			return err
		}
		return dir.SetTimesAt(path, flags&symlinkFollow != 0, times)
	})
}

// [method]descriptor.link-at
//
// A link is not followed: asked to, the call fails with invalid.
func (d *descriptor) linkAt(_ context.Context, h *Host, c *component.Call) error {
	if c.Args.Flags()&symlinkFollow != 0 {
		return fsError(c, host.EINVAL)
	}
	return d.between(h, c, (*host.Dir).Link)
}

// [method]descriptor.rename-at
func (d *descriptor) renameAt(_ context.Context, h *Host, c *component.Call) error {
	return d.between(h, c, (*host.Dir).Rename)
}

// between reads a path below d, another directory and a path below that, and
// calls f with them.
func (d *descriptor) between(h *Host, c *component.Call, f func(from *host.Dir, oldPath string, to *host.Dir, newPath string) error) error {
	oldPath := c.Args.String()
	other, err := h.descriptors.get(c.Args.Rep())
	if err != nil {
		return err
	}
	newPath := c.Args.String()
	to, err := other.dir()
	if err != nil {
		return fsError(c, err)
	}
	return d.in(c, func(from *host.Dir) error { return f(from, oldPath, to, newPath) })
}

// below reads path flags and a path, and describes what is there.
func (d *descriptor) below(c *component.Call) (host.Stat, error) {
	dir, err := d.dir()
	if err != nil {
		return host.Stat{}, err
	}
	flags := c.Args.Flags()
	return dir.StatAt(c.Args.String(), flags&symlinkFollow != 0)
}

// [method]descriptor.stat-at
func (d *descriptor) statAt(_ context.Context, _ *Host, c *component.Call) error {
	s, err := d.below(c)
	return encodeStat(c, s, err)
}

// [method]descriptor.metadata-hash-at
func (d *descriptor) metadataHashAt(_ context.Context, _ *Host, c *component.Call) error {
	s, err := d.below(c)
	return encodeHash(c, s, err)
}

// [method]descriptor.readlink-at
func (d *descriptor) readlinkAt(_ context.Context, _ *Host, c *component.Call) error {
	target, err := d.readlink(c.Args.String())
	if err != nil {
		return fsError(c, err)
	}
	c.Result.OK()
	c.Result.String(target)
	return nil
}

// readlink returns what a link holds, unless that is the host's business.
func (d *descriptor) readlink(path string) (string, error) {
	dir, err := d.dir()
	if err != nil {
		return "", err
	}
	target, err := dir.Readlink(path)
	switch {
	case err != nil:
		return "", err
	case filepath.IsAbs(target), strings.HasPrefix(target, "/"):
		return "", host.EPERM
	case !utf8.ValidString(target):
		return "", host.EILSEQ
	}
	return target, nil
}

// openFlags are the bits of open-flags, and of the descriptor flags above them,
// that the host's opening knows.
var openFlags = [...]host.OpenFlags{
	host.Create, host.MustBeDir, host.Exclusive, host.Truncate,
	4: host.Read, host.Write,
}

// [method]descriptor.open-at
func (d *descriptor) openAt(_ context.Context, h *Host, c *component.Call) error {
	lookup, path, how, flags := c.Args.Flags(), c.Args.String(), c.Args.Flags(), c.Args.Flags()
	o, err := d.openBelow(path, lookup&symlinkFollow != 0, how, flags)
	if err != nil {
		return fsError(c, err)
	}
	c.Result.OK()
	return give(&h.descriptors, c, o)
}

func (d *descriptor) openBelow(path string, follow bool, how, flags uint64) (*descriptor, error) {
	dir, err := d.dir()
	switch {
	case err != nil:
		return nil, err
	case flags&flagMutateDirectory&^d.flags != 0:
		return nil, host.EROFS
	}
	var mode host.OpenFlags
	for i, f := range openFlags {
		if (how|flags<<4)>>i&1 != 0 {
			mode |= f
		}
	}
	if follow {
		mode |= host.FollowLinks
	}
	o, err := dir.Open(path, mode)
	if err != nil {
		return nil, err
	}
	open := &opened{Descriptor: o}
	return &descriptor{open.use(), d.inherit(o, flags)}, nil
}

// inherit sets up what was opened below d and returns its flags. A directory
// may be changed if d may: libraries do not ask for it when they open one.
func (d *descriptor) inherit(o host.Descriptor, flags uint64) uint64 {
	switch o := o.(type) {
	case *host.Dir:
		return flags&^flagMutateDirectory | d.flags&flagMutateDirectory
	case *host.File:
		switch {
		case flags&flagFileSync != 0:
			o.SetSync(host.SyncAll)
		case flags&flagDataSync != 0:
			o.SetSync(host.SyncData)
		}
	}
	return flags &^ flagMutateDirectory
}

// entryStream is the resource directory-entry-stream: a reading of a directory,
// which is opened anew for it.
type entryStream struct {
	dir  *host.Dir
	next uint64
}

func (s *entryStream) close() { s.dir.Close() }

// [method]descriptor.read-directory
func (d *descriptor) readDirectory(_ context.Context, h *Host, c *component.Call) error {
	dir, err := d.dir()
	if err != nil {
		return fsError(c, err)
	}
	o, err := dir.Open(".", host.MustBeDir)
	if err != nil {
		return fsError(c, err)
	}
	c.Result.OK()
	return give(&h.entryStreams, c, &entryStream{dir: o.(*host.Dir), next: firstEntry})
}

// firstEntry is the number of the first entry after "." and "..", which WASI
// 0.2 leaves out.
const firstEntry = 2

// [method]directory-entry-stream.read-directory-entry
func (s *entryStream) readDirectoryEntry(_ context.Context, _ *Host, c *component.Call) error {
	e, ok, err := s.dir.Entry(s.next)
	if ok {
		s.next++
	}
	switch {
	case err != nil:
		return fsError(c, err)
	case ok && !utf8.ValidString(e.Name):
		return fsError(c, host.EILSEQ)
	case !ok:
		c.Result.OK()
		c.Result.None()
		return nil
	}
	c.Result.OK()
	c.Result.Some()
	c.Result.Case(descriptorTypes[e.Type])
	c.Result.String(e.Name)
	return nil
}
