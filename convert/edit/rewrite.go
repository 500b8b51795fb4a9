package edit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// Change is what Rewrite makes of a trace.
type Change struct {
	// Header is that of the new trace, which gets an id of its own where it has
	// none.
	Header *format.Header
	// Attachment returns the name, the media type and the content of an
	// attachment that the trace holds. The size must stay.
	Attachment func(a format.Attachment, r io.ReaderAt) (format.Attachment, io.ReaderAt)
	// Rows are those of the trace, part rows too, in their order. The columns and
	// dictionaries stay.
	Rows iter.Seq2[Row, error]
}

// Row is a row of the event table. It is valid until the next one.
type Row struct {
	Event *format.Event
	Last  bool // of its segment
}

// Rewrite writes the events of a trace again as change says, in the segments
// that they are in.
func Rewrite(ctx context.Context, in *reader.File, out Output, change Change) (*Result, error) {
	if !in.IsEvents() {
		return nil, errors.New("a table of other records than events cannot be rewritten")
	}
	opts := optionsLike(in, out.Source)
	opts.Header = change.Header
	all := make([]int, in.Segments())
	for i := range all {
		all[i] = i
	}
	if err := sizeAlike(&opts, in, all); err != nil {
		return nil, err
	}
	return out.write(opts, func(s *sink) error {
		for _, a := range in.Attachments() {
			if err := s.attachChanged(in, a, change.Attachment); err != nil {
				return fmt.Errorf("attachment %q: %w", a.Name, err)
			}
		}
		return s.rowsOf(ctx, change.Rows)
	})
}

// attachChanged writes what change makes of an attachment. One that is kept
// elsewhere is named as it was.
func (s *sink) attachChanged(in *reader.File, a format.Attachment, change func(format.Attachment, io.ReaderAt) (format.Attachment, io.ReaderAt)) error {
	r, err := in.OpenAttachment(a.Name)
	if errors.Is(err, reader.ErrDetached) {
		s.attachments++
		return s.w.AttachDetached(a)
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // checks its sha256, which the writer makes anew
		return err
	}
	changed, content := change(a, r)
	s.attachments++
	return s.w.AttachFrom(changed.Name, changed.MediaType, content, a.Size)
}

func (s *sink) rowsOf(ctx context.Context, rows iter.Seq2[Row, error]) error {
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := s.append(ctx, row.Event); err != nil {
			return err
		}
		if !row.Last {
			continue
		}
		if err := s.w.Seal(); err != nil {
			return err
		}
		s.report()
	}
	return ctx.Err()
}
