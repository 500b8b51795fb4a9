package reader_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
	"github.com/tracetool/tracetool/reader"
)

// reseal makes the checksums of all frames and of the tail right, as far as
// they can be found, so that what is behind them is reached.
func reseal(data []byte) []byte {
	data = bytes.Clone(data)
	le := binary.LittleEndian
	for at := format.FirstFrame; at+8 <= len(data) && le.Uint32(data[at:]) == 0xFFFFFFFF; {
		n := int(le.Uint32(data[at+4:]))
		if n < format.TrailerSize || n > len(data)-at-8 {
			break
		}
		header := data[at : at+8+n]
		t := header[len(header)-format.TrailerSize:]
		body := data[at+8+n:]
		if length := le.Uint64(t[32:]); length < uint64(len(body)) {
			body = body[:length]
		}
		le.PutUint32(t[8:], format.CRC(body))
		le.PutUint32(t[4:], 0)
		le.PutUint32(t[4:], format.CRC(header))
		at += len(header) + len(body)
	}
	if end := len(data) - 4 - len(format.Magic); end > 0 {
		if n, ok := format.FooterLength(data[end:]); ok && n <= int64(end) {
			footer := data[int64(end)-n : end-8]
			le.PutUint32(data[end-4:], format.CRC(footer))
		}
	}
	return data
}

func addSeeds(f *testing.F) {
	opts := options()
	for _, c := range []ipc.Codec{ipc.Zstd, ipc.LZ4, ipc.None} {
		opts.Compression = c
		f.Add(trace(f, 15, opts))
	}
	f.Add(shared()[:2000])
	f.Add(foreignTrace(f, "1", `{"version":1}`, make([]byte, 100)))
}

// small limits keep the fuzzer from allocating what they allow.
var small = reader.Options{Limits: format.Limits{SegmentBytes: 1 << 20, MetadataBytes: 1 << 20, Segments: 1000}}

// readAll uses everything that a File offers. Errors are what is expected.
func readAll(f *reader.File) {
	_, _ = f.Frames()
	for _, q := range []reader.Query{{}, {RawParts: true, Functions: []string{"*"}, Errors: true}, {FromEvent: 3, ToTime: 1 << 62}} {
		for range f.Events(q) { // each is decoded
		}
	}
	_, _ = f.EventAt(4)
	var last *reader.Batch
	for i := range f.Segments() {
		_, _ = f.Segment(i)
		if b, err := f.BatchAfter(last, i, format.HasInput|format.HasP0); err == nil {
			last = b
		}
		if b, err := f.Batch(i); err == nil {
			for row := range b.Rows {
				_, _ = b.Input(row), b.Output(row)
			}
		}
		if rec, err := f.Record(i); err == nil {
			_, _ = rec.MarshalJSON()
		}
	}
	for _, a := range f.Attachments() {
		_, _ = f.ReadAttachment(a.Name)
	}
}

func exercise(data []byte) {
	size := int64(len(data))
	if f, err := reader.New(bytes.NewReader(data), size, small); err == nil {
		readAll(f)
	}
	_, _ = reader.Verify(context.Background(), bytes.NewReader(data), size, small, func(reader.Problem) {})
	s, err := reader.NewStream(bytes.NewReader(data), small)
	if err != nil {
		return
	}
	for {
		fr, err := s.Next()
		if err != nil {
			return
		}
		if fr.Kind == format.FrameEvents {
			_, _ = s.Batch()
			_, _ = s.Record()
		} else {
			_, _ = io.Copy(io.Discard, s)
		}
	}
}

// FuzzOpen reads arbitrary bytes in every way: nothing may panic or hang.
func FuzzOpen(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		exercise(data)
		exercise(reseal(data))
	})
}

// FuzzSalvage: what Salvage finds in any bytes can be read.
func FuzzSalvage(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		for i, data := range [][]byte{data, reseal(data)} {
			s, err := reader.Salvage(bytes.NewReader(data), int64(len(data)), small)
			if err != nil {
				continue
			}
			readAll(s.File)
			if len(s.Lost) > 0 || s.Complete || !s.IsEvents() {
				continue
			}
			for _, err := range s.Events(reader.Query{}) {
				// Checksums that were made to hold say nothing of the content.
				if made := i > 0 && errors.Is(err, format.ErrCorrupt); err != nil && !made {
					t.Errorf("nothing is lost, but %v", err)
				}
			}
		}
	})
}

// TestResealed flips bits behind right checksums.
func TestResealed(t *testing.T) {
	data := tiny(t)
	step := 7
	if testing.Short() {
		step = 53
	}
	for i := 0; i < len(data); i += step {
		flipped := bytes.Clone(data)
		flipped[i] ^= 1 << (i / 7 % 8)
		exercise(reseal(flipped))
	}
}

// TestNamesThatAreNoText: a name that is not UTF-8 is damage, however right its
// checksum; the copy in the index is taken instead.
func TestNamesThatAreNoText(t *testing.T) {
	data := bytes.Clone(tiny(t))
	want := open(t, data).Functions()
	f := framesOf(t, data)[3]
	at := bytes.Index(data[f[0]:], []byte(want[0]))
	if at < 0 {
		t.Fatalf("frame 3 has no name %q", want[0])
	}
	data[f[0]+int64(at)] = 0xFF
	data = reseal(data)
	s, err := reader.Salvage(bytes.NewReader(data), int64(len(data)), reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Functions(); !slices.Equal(got, want) {
		t.Errorf("salvaged %q, want %q", got, want)
	}
	if got := open(t, data).Functions(); !slices.Equal(got, want) {
		t.Errorf("opened with %q, want %q", got, want)
	}
}

// TestHostileSpans gives buffers of every frame places that overflow or lie
// outside the body, behind right checksums.
func TestHostileSpans(t *testing.T) {
	data := tiny(t)
	for _, f := range framesOf(t, data) {
		n := int64(binary.LittleEndian.Uint32(data[f[0]+4:]))
		for at := f[0] + 8; at+8 <= f[0]+8+n-format.TrailerSize; at += 8 {
			for _, v := range []uint64{1 << 63, 1<<63 - 1, 1 << 40, ^uint64(0)} {
				changed := bytes.Clone(data)
				binary.LittleEndian.PutUint64(changed[at:], v)
				exercise(reseal(changed))
			}
		}
	}
}
