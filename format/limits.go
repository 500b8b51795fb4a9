package format

// Limits bound what a reader does for a file it does not trust. The zero value
// of each field stands for its default.
type Limits struct {
	// SegmentBytes is the largest decoded size of one segment or index chunk.
	// Default 1 GiB.
	SegmentBytes int64
	// MetadataBytes is the largest message or footer metadata. Default 64 MiB.
	MetadataBytes int64
	// Segments is the largest number of frames of a file. Default 16 Mi.
	Segments int
}

// MaxFrameBytes is the largest body of a frame that writers make: larger
// attachments and calls are split.
const MaxFrameBytes = 64 << 20

// WithDefaults returns l with its zero fields replaced by the defaults.
func (l Limits) WithDefaults() Limits {
	if l.SegmentBytes <= 0 {
		l.SegmentBytes = 1 << 30
	}
	if l.MetadataBytes <= 0 {
		l.MetadataBytes = 64 << 20
	}
	if l.Segments <= 0 {
		l.Segments = 16 << 20
	}
	return l
}
