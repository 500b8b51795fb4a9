package convert

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/writer"
)

// target is a sink whose output becomes visible at commit, or never.
type target interface {
	sink
	commit() error
	abort()
}

// newTarget returns the target for opts.To.
func newTarget(out Output, from string, opts *Options) (target, error) {
	if err := out.check(); err != nil {
		return nil, err
	}
	if opts.To == Arrow {
		return &traceTarget{out: out, from: from, opts: opts}, nil
	}
	if out.Writer != nil {
		return streamTarget{newTextSink(out.Writer, opts.To == JSON, opts)}, nil
	}
	file, err := createFile(out.Path, opts.Force)
	if err != nil {
		return nil, err
	}
	return &fileTarget{newTextSink(file, opts.To == JSON, opts), file}, nil
}

// streamTarget writes text to a stream, where nothing can be taken back.
type streamTarget struct{ *textSink }

func (streamTarget) commit() error { return nil }
func (streamTarget) abort()        {}

// fileTarget writes text to a new file.
type fileTarget struct {
	*textSink
	file *newFile
}

func (t *fileTarget) commit() error { return t.file.commit() }
func (t *fileTarget) abort()        { t.file.abort() }

// newFile is a file that gets its name when it is complete.
type newFile struct {
	*os.File
	path  string
	force bool
}

// createFile creates a file of mode 0600 beside path under a temporary name.
func createFile(path string, force bool) (*newFile, error) {
	if err := writer.CheckNew(path, force); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, asPath(err, path)
	}
	return &newFile{file, path, force}, nil
}

// asPath names the file that was asked for in an error of its temporary one.
func asPath(err error, path string) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		e.Path = path
	}
	return err
}

// Write names the file that was asked for in its errors.
func (f *newFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	return n, asPath(err, f.path)
}

func (f *newFile) abort() {
	f.File.Close()
	os.Remove(f.File.Name())
}

func (f *newFile) commit() error {
	err := f.File.Sync()
	if e := f.File.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = f.publish()
	}
	os.Remove(f.File.Name())
	return err
}

// publish names the file. A link fails where another process has created the
// file meanwhile; a rename would replace it.
func (f *newFile) publish() error {
	if !f.force {
		err := os.Link(f.File.Name(), f.path)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		// The file system has no links.
		if _, err := os.Lstat(f.path); err == nil {
			return &fs.PathError{Op: "create", Path: f.path, Err: fs.ErrExist}
		}
	}
	return os.Rename(f.File.Name(), f.path)
}

// traceTarget writes a trace.
type traceTarget struct {
	out  Output
	from string
	opts *Options
	w    *writer.Writer
}

func (t *traceTarget) begin(head *table) (err error) {
	header := *head.header
	opts := writer.Options{
		Header: &header, Modules: head.modules, Functions: head.functions, Seq: head.seq, Schema: head.schema,
		Compression: t.opts.Compression, Force: t.opts.Force, NoSidecar: true,
	}
	if t.out.Writer != nil {
		t.w, err = writer.New(t.out.Writer, opts)
	} else {
		t.w, err = writer.Create(t.out.Path, opts)
	}
	return err
}

func (t *traceTarget) attach(a *format.Attachment, r *io.SectionReader) error {
	if r == nil {
		return t.w.AttachDetached(*a)
	}
	return t.w.AttachFrom(a.Name, a.MediaType, r, a.Size)
}

func (t *traceTarget) event(e *format.Event) error   { return t.w.Append(e) }
func (t *traceTarget) record(rec arrow.Record) error { return t.w.WriteRecord(rec) }

// end writes the attachments, if no row has done that: they are readable until
// now.
func (t *traceTarget) end(*format.Summary) error { return t.w.Start() }
func (t *traceTarget) commit() error             { return t.w.Close() }

func (t *traceTarget) abort() {
	if t.w != nil {
		t.w.Abort()
	}
}
