package edit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/google/uuid"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// ErrLive is returned for a trace that is being recorded where it would have
// to be replaced.
var ErrLive = errors.New("the trace is being recorded")

// Snapshot writes all that a trace holds at this moment, the rows of an open
// segment included. It is the same trace: id, segments and numbers stay.
func Snapshot(ctx context.Context, in *reader.File, out Output) (*Result, error) {
	out.Source = cmp.Or(out.Source, "snapshot")
	return copyTrace(ctx, in, out, nil)
}

// Copy writes a trace again. Nothing of it changes, and neither does its root
// hash where it is compressed alike.
func Copy(ctx context.Context, in *reader.File, out Output) (*Result, error) {
	out.Source = in.Header().Source
	return copyTrace(ctx, in, out, nil)
}

// AddAttachment writes a copy of a trace that holds one more file. It is an
// error if an attachment has that name.
func AddAttachment(ctx context.Context, in *reader.File, out Output, name, mediaType string, r io.ReaderAt, size int64) (*Result, error) {
	out.Source = cmp.Or(out.Source, in.Header().Source, "add "+name)
	return copyTrace(ctx, in, out, func(s *sink) error {
		s.attachments++
		return s.w.AttachFrom(name, mediaType, r, size)
	})
}

// copyTrace copies a trace segment by segment, with what add attaches.
func copyTrace(ctx context.Context, in *reader.File, out Output, add func(*sink) error) (*Result, error) {
	all := make([]int, in.Segments())
	for i := range all {
		all[i] = i
	}
	opts := optionsLike(in, out.Source)
	if err := sizeAlike(&opts, in, all); err != nil {
		return nil, err
	}
	return out.write(opts, func(s *sink) error {
		if err := s.attachAll(in); err != nil {
			return err
		}
		if add != nil {
			if err := add(s); err != nil {
				return err
			}
		}
		return s.segments(ctx, in, all)
	})
}

// sizeAlike makes segments as large as those of another trace, so that rows
// stay in their segments.
func sizeAlike(opts *writer.Options, in *reader.File, segments []int) error {
	if !in.IsEvents() {
		return nil
	}
	rows, bytes := int64(writer.DefaultSegmentRows), int64(writer.DefaultSegmentBytes)
	for _, i := range segments {
		fr, err := in.Segment(i)
		if err != nil {
			return err
		}
		rows, bytes = max(rows, fr.Rows), max(bytes, fr.RawBytes)
	}
	opts.SegmentRows, opts.SegmentBytes = int(rows), int(min(bytes, format.MaxFrameBytes/2))
	return nil
}

// segments appends the rows of some segments, part rows too, sealing a segment
// where the other trace did. A sidecar that is left over is then known to be
// stale.
func (s *sink) segments(ctx context.Context, in *reader.File, segments []int) error {
	for _, i := range segments {
		if err := s.segment(ctx, in, i); err != nil {
			return err
		}
		s.report()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) segment(ctx context.Context, in *reader.File, i int) error {
	if !in.IsEvents() {
		return s.record(in, i, 0, math.MaxInt64)
	}
	b, err := in.Batch(i)
	if err != nil {
		return err
	}
	var e format.Event
	for row := range b.Rows {
		b.Event(row, &e)
		if err := s.append(ctx, &e); err != nil {
			return err
		}
	}
	return s.w.Seal()
}

// Replace puts a trace made by edit in the place of the one at path. The edit
// is given the trace to read and where to write; the name changes hands when
// the new trace is complete and the old one closed, and the sidecar of a dead
// recorder, whose rows are in the new trace, is removed.
func Replace(path string, out Output, edit func(in *reader.File, out Output) (*Result, error)) (*Result, error) {
	in, err := reader.Open(path, reader.Options{})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if in.Live() {
		return nil, fmt.Errorf("%s: %w", path, ErrLive)
	}
	return replace(path, in, out, func(out Output) (*Result, error) { return edit(in, out) })
}

func replace(path string, in io.Closer, out Output, edit func(Output) (*Result, error)) (*Result, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	out.Path, out.Pipe = path+"."+id.String()+".tmp", nil
	res, err := edit(out)
	if err != nil {
		return nil, err
	}
	// Windows does not rename over an open file.
	if err := errors.Join(in.Close(), os.Rename(out.Path, path)); err != nil {
		return nil, errors.Join(err, os.Remove(out.Path))
	}
	return res, removeSidecar(path, res.ID)
}

// removeSidecar removes the sidecar of a trace if it is that trace's.
func removeSidecar(path, id string) error {
	want, err := uuid.Parse(id)
	if err != nil {
		return nil // no recorder of ours wrote such an id
	}
	f, err := reader.OpenFile(path + format.SidecarSuffix)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, format.ErrNotTrace) {
		return nil
	}
	if err != nil {
		return err
	}
	head := make([]byte, format.SidecarIDAt+len(want))
	_, err = io.ReadFull(f, head)
	f.Close()
	if err != nil || string(head[:len(format.SidecarMagic)]) != format.SidecarMagic || string(head[format.SidecarIDAt:]) != string(want[:]) {
		return nil // somebody else's file, or a recorder that has only begun
	}
	return os.Remove(path + format.SidecarSuffix)
}
