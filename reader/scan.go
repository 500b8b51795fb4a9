package reader

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/google/uuid"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// walker goes from frame to frame. Where one is damaged it finds the next.
type walker struct {
	*source
	at, end int64
	known   []int64 // offsets of frames, where an intact tail tells them
	tail    bool    // end is where an intact tail begins
	last    int64   // number of the last frame
	effort  int64   // bytes that may still be read in search of frames
}

// gap is a stretch that holds no intact frame.
type gap struct {
	from, to int64
	frame    *frame // whose body is cut short, nil if unknown
	err      error
}

// newWalker starts at the first frame; end is where the frames end at most.
func newWalker(s *source, end int64) *walker {
	return &walker{source: s, at: format.FirstFrame, end: end, last: -1, effort: 4*s.size + 64<<20}
}

// next returns the next frame, whose header is intact, or the gap before it.
// The error is io.EOF after the last frame, or that of reading.
func (w *walker) next() (*frame, *gap, error) {
	if w.at >= w.end {
		return nil, nil, io.EOF
	}
	fr, err := w.header(w.at, w.end)
	if err == nil {
		w.at, w.last = fr.end(), int64(fr.Frame)
		return fr, nil, nil
	}
	if !errors.Is(err, format.ErrCorrupt) {
		return nil, nil, err
	}
	g := &gap{from: w.at, to: w.end, frame: fr, err: err}
	if fr == nil {
		ended := !w.tail && w.endOfStream()
		if g.to, err = w.resync(); err != nil {
			return nil, nil, err
		}
		if ended && g.to >= w.end {
			return nil, nil, io.EOF
		}
	}
	w.at = g.to
	return nil, g, nil
}

// endOfStream reports whether the frames end here as they should.
func (w *walker) endOfStream() bool {
	var mark [format.EndOfStreamSize]byte
	return w.end-w.at >= int64(len(mark)) && w.read(mark[:], w.at) == nil && binary.LittleEndian.Uint64(mark[:]) == 0xFFFFFFFF
}

// resync returns the offset of the next frame, w.end if there is none.
func (w *walker) resync() (int64, error) {
	if w.tail {
		i, _ := slices.BinarySearch(w.known, w.at+1)
		for ; i < len(w.known); i++ {
			if fr, _ := w.header(w.known[i], w.end); fr != nil {
				return w.known[i], nil
			}
		}
		return w.end, nil
	}
	const window = 256 << 10
	buf := make([]byte, window)
	for at := w.at + 8 - w.at%8; at < w.end; at += window {
		buf = buf[:min(window, w.end-at)]
		if err := w.read(buf, at); err != nil {
			return 0, err
		}
		for i := 0; i+8 <= len(buf); i += 8 {
			if binary.LittleEndian.Uint32(buf[i:]) == 0xFFFFFFFF && w.plausible(at+int64(i), binary.LittleEndian.Uint32(buf[i+4:])) {
				return at + int64(i), nil
			}
		}
	}
	return w.end, nil
}

// plausible reports whether a frame begins at an offset. What it costs is
// bounded: a hostile file could name the same bytes again and again.
func (w *walker) plausible(at int64, size uint32) bool {
	n := int64(size)
	if n < format.TrailerSize || (at+8+n)%format.FrameAlign != 0 || n > w.limits.MetadataBytes || n > w.end-at-8 || n > w.effort {
		return false
	}
	w.effort -= n
	fr, _ := w.header(at, w.end)
	return fr != nil && int64(fr.Frame) > w.last
}

// scanLayout finds the frames of a file whose tail was torn when its recorder
// died. cause is returned unless the sidecar is of the same trace.
func (f *File) scanLayout(side *sidecar, cause error) (*layout, error) {
	l := &layout{first: format.FirstFrame}
	w := newWalker(f.source, f.size)
	for {
		fr, g, err := w.next()
		if err == io.EOF || g != nil {
			break
		}
		if err == nil {
			err = f.scanBody(fr)
		}
		if errors.Is(err, format.ErrCorrupt) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := l.add(f.source, fr); err != nil {
			return nil, err
		}
	}
	if l.schema == nil {
		return nil, cause
	}
	t, err := newTable(l.schema)
	if err != nil {
		return nil, f.wrap(format.FirstFrame, "schema", err)
	}
	if id, err := uuid.Parse(t.head.ID); err != nil || id != side.id {
		return nil, cause
	}
	return l, nil
}

// add notes a frame that a scan found.
func (l *layout) add(s *source, fr *frame) error {
	b := ipc.Block{Offset: fr.at, Metadata: int32(fr.metadata), Body: fr.BodyLength}
	l.end = fr.end()
	switch fr.Kind {
	case format.FrameSchema:
		m, err := s.parse(fr)
		if err != nil {
			return err
		}
		if l.schema == nil {
			l.schema = m.Schema
		}
	case format.FrameDictionary:
		l.dictionaries = append(l.dictionaries, b)
	case format.FrameEvents:
		l.segments = append(l.segments, b)
	case format.FrameIndex:
		l.index = append(l.index, format.IndexLocation{fr.at, fr.end() - fr.at})
	}
	if n := len(l.segments) + len(l.index) + len(l.dictionaries); n > s.limits.Segments {
		return s.corrupt(-1, fr.at, format.ErrLimit, "more than %d frames", s.limits.Segments)
	}
	return nil
}
