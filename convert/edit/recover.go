package edit

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// Recovered is what Recover saved.
type Recovered struct {
	Result
	Lost  []string `json:"lost"`  // what could not be saved, in words; empty if nothing was lost
	Ended bool     `json:"ended"` // the trace tells how the program ended
}

// Recover writes all rows and attachments that survive in the trace at path,
// with those of the sidecar that a dead recorder left. Nothing is invented: each
// row and each attachment was found whole, by its checksums. If segments are
// missing before others, the column "seq" has the events' original numbers.
//
// If inPlace is set the new trace takes the place of the old one and the
// sidecar is removed; out.Path is then ignored. Otherwise both stay as they are.
// A trace that is being recorded is refused with ErrLive.
func Recover(ctx context.Context, path string, out Output, inPlace bool) (*Recovered, error) {
	out.Source = cmp.Or(out.Source, "recover")
	r, err := recoverWhole(ctx, path, out, inPlace)
	if errors.Is(err, format.ErrCorrupt) {
		return recoverDamaged(ctx, path, out, inPlace)
	}
	return r, err
}

// recoverWhole copies a trace in which nothing is missing. It fails with an
// error that matches format.ErrCorrupt at the first sign of damage.
func recoverWhole(ctx context.Context, path string, out Output, inPlace bool) (*Recovered, error) {
	in, err := reader.Open(path, reader.Options{})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if in.Live() {
		return nil, fmt.Errorf("%s: %w", path, ErrLive)
	}
	if err := checkGaps(in); err != nil {
		return nil, err
	}
	res, err := place(path, in, out, inPlace, func(out Output) (*Result, error) { return copyTrace(ctx, in, out, nil) })
	if err != nil {
		return nil, err
	}
	return &Recovered{Result: *res, Lost: []string{}, Ended: res.ended}, nil
}

func place(path string, in *reader.File, out Output, inPlace bool, edit func(Output) (*Result, error)) (*Result, error) {
	if inPlace {
		return replace(path, in, out, edit)
	}
	return edit(out)
}

// checkGaps returns an error if events are missing before the last one.
func checkGaps(in *reader.File) error {
	next := int64(0)
	for i := range in.Segments() {
		fr, err := in.Segment(i)
		if err != nil {
			return err
		}
		if fr.FirstEvent != next {
			return &format.CorruptError{Segment: i, Offset: fr.Offset, Detail: fmt.Sprintf("first event %d, want %d", fr.FirstEvent, next)}
		}
		next += fr.Rows
	}
	return nil
}

// recoverDamaged copies what a scan of the file finds.
func recoverDamaged(ctx context.Context, path string, out Output, inPlace bool) (*Recovered, error) {
	s, err := reader.SalvagePath(path, reader.Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	r := &Recovered{Lost: []string{}}
	for _, l := range s.Lost {
		r.Lost = append(r.Lost, l.String())
	}
	if len(r.Lost) == 0 && !s.Complete {
		r.Lost = append(r.Lost, "the footer is missing or damaged: whether more events followed is not known")
	}
	res, err := place(path, s.File, out, inPlace, func(out Output) (*Result, error) { return r.copy(ctx, s.File, out) })
	if err != nil {
		return nil, err
	}
	r.Result, r.Ended = *res, res.ended
	return r, nil
}

// copy copies the attachments and segments that can be read.
func (r *Recovered) copy(ctx context.Context, in *reader.File, out Output) (*Result, error) {
	whole, moved, err := r.survey(ctx, in)
	if err != nil {
		return nil, err
	}
	opts := optionsLike(in, out.Source)
	opts.Seq = opts.Seq || moved && in.IsEvents()
	if err := sizeAlike(&opts, in, whole); err != nil {
		return nil, err
	}
	return out.write(opts, func(s *sink) error {
		for _, a := range in.Attachments() {
			if err := r.unlessDamaged(s.attach(in, a, a.Name)); err != nil {
				return err
			}
		}
		return s.segments(ctx, in, whole)
	})
}

// survey finds the segments that can be decoded, and whether that gives their
// rows other numbers.
func (r *Recovered) survey(ctx context.Context, in *reader.File) (whole []int, moved bool, err error) {
	next := int64(0)
	for i := range in.Segments() {
		first, rows, err := decode(in, i)
		if err := errors.Join(r.unlessDamaged(err), ctx.Err()); err != nil {
			return nil, false, err
		}
		if err != nil {
			continue
		}
		whole = append(whole, i)
		moved = moved || first != next
		next += rows
	}
	return whole, moved, nil
}

// decode decodes a segment to see whether that is possible.
func decode(in *reader.File, segment int) (first, rows int64, err error) {
	fr, err := in.Segment(segment)
	if err != nil {
		return 0, 0, err
	}
	if in.IsEvents() {
		_, err = in.Batch(segment)
		return fr.FirstEvent, fr.Rows, err
	}
	rec, err := in.Record(segment)
	if err == nil {
		rec.Release()
	}
	return fr.FirstEvent, fr.Rows, err
}

// unlessDamaged notes an error that tells of damage as a loss, and returns any
// other.
func (r *Recovered) unlessDamaged(err error) error {
	if !errors.Is(err, format.ErrCorrupt) {
		return err
	}
	r.Lost = append(r.Lost, err.Error())
	return nil
}
