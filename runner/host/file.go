package host

import (
	"context"
	"io"
	"os"
)

// File is an open regular file. Its position is the host's.
type File struct {
	f        *os.File
	borrowed bool // somebody else closes f
	readOnly bool
	append   bool
	sync     SyncMode
}

// SyncMode says what a write has committed to the disk when it returns.
type SyncMode uint8

// The sync modes.
const (
	SyncNone SyncMode = iota
	SyncData          // the data, and what is needed to read it back
	SyncAll           // the times as well
)

// Type returns RegularFile.
func (f *File) Type() FileType { return RegularFile }

// Stat describes the file.
func (f *File) Stat() (Stat, error) { return statFile(f.f) }

// Close closes the file, unless it was only lent, as stdin is.
func (f *File) Close() error {
	if f.borrowed {
		return nil
	}
	return fail(f.f.Close())
}

// Read reads at the position.
func (f *File) Read(_ context.Context, p []byte) (int, error) {
	n, err := f.f.Read(p)
	if err == nil || err == io.EOF {
		return n, nil
	}
	return n, f.misused(err)
}

// ReadAt reads up to len(p) bytes at an offset; fewer only at the end.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.f.ReadAt(p, offset)
	if n > 0 || err == nil || err == io.EOF {
		return n, nil
	}
	return 0, f.misused(err)
}

// Write writes at the position, or at the end in append mode.
func (f *File) Write(_ context.Context, p []byte) (int, error) {
	if f.append && emulateAppend {
		if _, err := f.f.Seek(0, io.SeekEnd); err != nil {
			return 0, fail(err)
		}
	}
	n, err := f.f.Write(p)
	return n, f.written(n, err)
}

// WriteAt writes at an offset and leaves the position alone.
func (f *File) WriteAt(p []byte, offset int64) (int, error) {
	n, err := f.f.WriteAt(p, offset)
	return n, f.written(n, err)
}

// written reports an error only if nothing was written, as write(2) does.
func (f *File) written(n int, err error) error {
	if err != nil && n == 0 {
		return f.misused(err)
	}
	switch f.sync {
	case SyncData:
		return f.SyncData()
	case SyncAll:
		return f.Sync()
	}
	return nil
}

// misused tells a file that was closed under us, or not opened for this.
func (f *File) misused(err error) error {
	if errno := ErrnoOf(err); errno != EPIPE {
		return errno
	}
	return EBADF
}

// Seek moves the position and returns it, in bytes from the start.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	n, err := f.f.Seek(offset, whence)
	return n, fail(err)
}

// Readable is always true: the rest of the file is there.
func (f *File) Readable() (n uint64, hangup, ok bool) {
	pos, err := f.f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, false, true
	}
	info, err := f.f.Stat()
	if err != nil || info.Size() < pos {
		return 0, false, true
	}
	return uint64(info.Size() - pos), false, true
}

// Writable is always true.
func (f *File) Writable() bool { return true }

// SetNonblock does nothing: a regular file never makes a guest wait.
func (f *File) SetNonblock(bool) {}

// SetAppend makes each Write go to the end of the file.
func (f *File) SetAppend(on bool) error {
	if on == f.append {
		return nil
	}
	if err := setAppend(f.f, on); err != nil {
		return fail(err)
	}
	f.append = on
	return nil
}

// SetSync makes each write commit what mode says before it returns.
func (f *File) SetSync(mode SyncMode) { f.sync = mode }

// Sync commits data and metadata to the disk.
func (f *File) Sync() error { return fail(f.f.Sync()) }

// SyncData commits data to the disk, and the metadata needed to read it.
func (f *File) SyncData() error { return fail(syncData(f.f)) }

// Truncate sets the size in bytes.
func (f *File) Truncate(size int64) error {
	if f.readOnly {
		return EROFS
	}
	return fail(f.f.Truncate(size))
}

// SetTimes sets the file's times.
func (f *File) SetTimes(t Times) error {
	if f.readOnly {
		return EROFS
	}
	return fail(setFileTimes(f.f, t))
}

// Allocate makes sure that the file reaches offset+size, and reserves the room
// where the platform can.
func (f *File) Allocate(offset, size int64) error {
	if f.readOnly {
		return EROFS
	}
	return fail(allocate(f.f, offset, size))
}

// Advise tells the host how a range will be used; size 0 is up to the end.
func (f *File) Advise(offset, size int64, advice Advice) error {
	return fail(advise(f.f, offset, size, advice))
}

// Advice is the expected use of a range of a file, numbered as in preview1.
type Advice uint8

// The kinds of advice.
const (
	AdviseNormal Advice = iota
	AdviseSequential
	AdviseRandom
	AdviseWillNeed
	AdviseDontNeed
	AdviseNoReuse
)

func statFile(f *os.File) (Stat, error) {
	info, err := f.Stat()
	if err != nil {
		return Stat{}, fail(err)
	}
	s := statOf(info)
	addFileStat(&s, f)
	return s, nil
}

// extend is Allocate where room cannot be reserved: it only sets the size.
func extend(f *os.File, end int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() >= end {
		return err
	}
	return f.Truncate(end)
}
