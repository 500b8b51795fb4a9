package wasip2

import (
	"context"
	"math"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// fileInput reads a file from an offset on.
type fileInput struct {
	file   *host.File
	offset int64
}

// Read reads at the offset.
func (f *fileInput) Read(_ context.Context, p []byte) (int, error) {
	n, err := f.file.ReadAt(p, f.offset)
	f.offset += int64(n)
	return n, err
}

// Readable is always true.
func (*fileInput) Readable() (n uint64, hangup, ok bool) { return 0, false, true }

// SetNonblock does nothing: a file never makes a guest wait.
func (*fileInput) SetNonblock(bool) {}

// fileOffset checks an offset of the guest's.
func fileOffset(offset uint64) (int64, error) {
	if offset > math.MaxInt64 {
		return 0, host.EINVAL
	}
	return int64(offset), nil
}

// [method]descriptor.read-via-stream
func (d *descriptor) readViaStream(_ context.Context, h *Host, c *component.Call) error {
	in, err := d.input(c.Args.U64())
	if err != nil {
		return fsError(c, err)
	}
	c.Result.OK()
	return give(&h.inputs, c, &inputStream{in: in, release: d.open.use().release})
}

func (d *descriptor) input(at uint64) (input, error) {
	if s, ok := d.open.Descriptor.(*host.Stream); ok && d.flags&flagRead != 0 {
		return s, nil
	}
	file, err := d.file(flagRead)
	if err != nil {
		return nil, err
	}
	offset, err := fileOffset(at)
	return &fileInput{file, offset}, err
}

// [method]descriptor.write-via-stream
func (d *descriptor) writeViaStream(_ context.Context, h *Host, c *component.Call) error {
	write, err := d.writer(c.Args.U64())
	return h.giveOutput(c, d, write, err)
}

func (d *descriptor) writer(at uint64) (func(context.Context, []byte) (int, error), error) {
	if s, ok := d.open.Descriptor.(*host.Stream); ok && d.flags&flagWrite != 0 {
		return s.Write, nil
	}
	file, err := d.file(flagWrite)
	if err != nil {
		return nil, err
	}
	offset, err := fileOffset(at)
	return func(_ context.Context, p []byte) (int, error) {
		n, err := file.WriteAt(p, offset)
		offset += int64(n)
		return n, err
	}, err
}

// [method]descriptor.append-via-stream
func (d *descriptor) appendViaStream(_ context.Context, h *Host, c *component.Call) error {
	write, err := d.appender()
	return h.giveOutput(c, d, write, err)
}

// appender writes to the end of the file wherever that is at the time. Only
// that write is in append mode: others on the same file have their offsets.
func (d *descriptor) appender() (func(context.Context, []byte) (int, error), error) {
	if s, ok := d.open.Descriptor.(*host.Stream); ok && d.flags&flagWrite != 0 {
		return s.Write, nil
	}
	file, err := d.file(flagWrite)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, p []byte) (int, error) {
		if err := file.SetAppend(true); err != nil {
			return 0, err
		}
		n, err := file.Write(ctx, p)
		if err2 := file.SetAppend(false); err == nil {
			err = err2
		}
		return n, err
	}, nil
}

// giveOutput gives the guest a stream that writes to d.
func (h *Host) giveOutput(c *component.Call, d *descriptor, write func(context.Context, []byte) (int, error), err error) error {
	if err != nil {
		return fsError(c, err)
	}
	c.Result.OK()
	return give(&h.outputs, c, &outputStream{out: direct{write}, release: d.open.use().release})
}

// [method]descriptor.advise
func (d *descriptor) advise(_ context.Context, _ *Host, c *component.Call) error {
	offset, err := fileOffset(c.Args.U64())
	length, err2 := fileOffset(c.Args.U64())
	advice := host.Advice(c.Args.Case())
	file, err3 := d.file(0)
	for _, e := range []error{err3, err, err2} {
		if e != nil {
			return fsError(c, e)
		}
	}
	return fsDone(c, file.Advise(offset, length, advice))
}

// syncs are what can be committed to the disk.
type syncs interface {
	Sync() error
	SyncData() error
}

// dirSyncs commits a directory, which has no data apart from its metadata.
type dirSyncs struct{ *host.Dir }

func (d dirSyncs) SyncData() error { return d.Sync() }

// commit calls f on what d is. What cannot be committed, as a pipe, has nothing
// to commit.
func (d *descriptor) commit(c *component.Call, f func(syncs) error) error {
	var err error
	switch o := d.open.Descriptor.(type) {
	case *host.File:
		err = f(o)
	case *host.Dir:
		err = f(dirSyncs{o})
	}
	return fsDone(c, err)
}

// [method]descriptor.sync-data
func (d *descriptor) syncData(_ context.Context, _ *Host, c *component.Call) error {
	return d.commit(c, syncs.SyncData)
}

// [method]descriptor.sync
func (d *descriptor) sync(_ context.Context, _ *Host, c *component.Call) error {
	return d.commit(c, syncs.Sync)
}

// [method]descriptor.get-flags
func (d *descriptor) getFlags(_ context.Context, _ *Host, c *component.Call) error {
	c.Result.OK()
	c.Result.Flags(d.flags)
	return nil
}

// [method]descriptor.get-type
func (d *descriptor) getType(_ context.Context, _ *Host, c *component.Call) error {
	c.Result.OK()
	c.Result.Case(descriptorTypes[d.open.Type()])
	return nil
}

// [method]descriptor.set-size
func (d *descriptor) setSize(_ context.Context, _ *Host, c *component.Call) error {
	size, err := fileOffset(c.Args.U64())
	if err != nil {
		return fsError(c, err)
	}
	file, err := d.file(flagWrite)
	if err != nil {
		return fsError(c, err)
	}
	return fsDone(c, file.Truncate(size))
}

// [method]descriptor.set-times
func (d *descriptor) setTimes(_ context.Context, h *Host, c *component.Call) error {
	times, err := h.newTimes(c)
	if err != nil {
		return fsError(c, err)
	}
	settable, ok := d.open.Descriptor.(interface{ SetTimes(host.Times) error })
	if !ok {
		return fsError(c, host.ENOTSUP)
	}
	return fsDone(c, settable.SetTimes(times))
}

// [method]descriptor.read
func (d *descriptor) readFile(_ context.Context, h *Host, c *component.Call) error {
	p := h.scratch[:min(c.Args.U64(), chunk)]
	in, err := fileOffset(c.Args.U64())
	if err != nil {
		return fsError(c, err)
	}
	file, err := d.file(flagRead)
	if err != nil {
		return fsError(c, err)
	}
	n, err := file.ReadAt(p, in)
	if err != nil {
		return fsError(c, err)
	}
	c.Result.OK()
	c.Result.Blob(p[:n])
	c.Result.Bool(n < len(p))
	return nil
}

// [method]descriptor.write
func (d *descriptor) writeFile(_ context.Context, _ *Host, c *component.Call) error {
	p := c.Args.Blob()
	offset, err := fileOffset(c.Args.U64())
	if err != nil {
		return fsError(c, err)
	}
	file, err := d.file(flagWrite)
	if err != nil {
		return fsError(c, err)
	}
	n, err := file.WriteAt(p, offset)
	if err != nil {
		return fsError(c, err)
	}
	c.Result.OK()
	c.Result.U64(uint64(n))
	return nil
}

// [method]descriptor.stat
func (d *descriptor) stat(_ context.Context, _ *Host, c *component.Call) error {
	s, err := d.open.Stat()
	return encodeStat(c, s, err)
}

// [method]descriptor.metadata-hash
func (d *descriptor) metadataHash(_ context.Context, _ *Host, c *component.Call) error {
	s, err := d.open.Stat()
	return encodeHash(c, s, err)
}

// [method]descriptor.is-same-object
func (d *descriptor) isSameObject(_ context.Context, h *Host, c *component.Call) error {
	b, err := h.descriptors.get(c.Args.Rep())
	if err != nil {
		return err
	}
	c.Result.Bool(d.open == b.open || sameFile(d.open, b.open))
	return nil
}

func sameFile(a, b host.Descriptor) bool {
	x, err := a.Stat()
	y, err2 := b.Stat()
	return err == nil && err2 == nil && x.Ino != 0 && x.Dev == y.Dev && x.Ino == y.Ino
}
