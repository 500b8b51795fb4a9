package inspect

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/writer"
)

// sessionFile is a trace of a session: an input for each frame, which follows it
// by as many ms as its number.
func sessionFile(t *testing.T, frames int64, measured bool) *reader.File {
	t.Helper()
	var b bytes.Buffer
	const start = 1_000_000_000
	w, err := writer.New(&b, writer.Options{Header: &format.Header{StartNS: start, Session: map[string]any{"schema_version": 1}}})
	if err != nil {
		t.Fatal(err)
	}
	append := func(e format.Event) {
		if err := w.Append(&e); err != nil {
			t.Fatal(err)
		}
	}
	for i := range frames {
		at := start + i*100_000_000
		append(format.Event{Kind: format.KindInput, Time: at, Input: []byte("key \x1b"), Has: format.HasInput})
		append(format.Event{Kind: format.KindTick, Time: at})
		frame := format.Event{Kind: format.KindFrame, Time: at + i*1_000_000, P: [format.NumParams]int64{i}, Has: format.HasP0}
		if measured {
			frame.Duration, frame.Has = frames-i, frame.Has|format.HasDuration
		}
		append(frame)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := reader.New(bytes.NewReader(b.Bytes()), int64(b.Len()), reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFrames(t *testing.T) {
	s, err := Frames(sessionFile(t, 10, false), 2)
	if err != nil {
		t.Fatal(err)
	}
	want := &FrameStats{
		Frames: 10, Inputs: 10, Ticks: 10, DurationNS: 909_000_000, FramesPerSecond: 10 / .909,
		Latency: Latency{P50NS: s.Latency.P50NS, P99NS: s.Latency.P99NS, MaxNS: 9_000_000},
		Slowest: []SlowFrame{
			{Frame: 9, Event: 29, TimeNS: 909_000_000, TookNS: 9_000_000, Inputs: 1, Input: "key \x1b"},
			{Frame: 8, Event: 26, TimeNS: 808_000_000, TookNS: 8_000_000, Inputs: 1, Input: "key \x1b"},
		},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	if p := s.Latency.P50NS; p < 4_000_000 || p > 6_000_000 {
		t.Errorf("p50 %d", p)
	}
	measured, err := Frames(sessionFile(t, 10, true), 1)
	if err != nil || !measured.Measured || measured.Slowest[0].Frame != 0 || measured.Slowest[0].TookNS != 10 {
		t.Errorf("%+v, %v", measured, err)
	}
	if max := measured.Latency.MaxNS; max != 9_000_001 { // the last frame took 1 ns
		t.Errorf("measured: the latency is %d ns at most, want 9000001", max)
	}
	var text strings.Builder
	if err := s.WriteText(&text, TextOptions{}); err != nil || strings.Contains(text.String(), "\x1b") || !strings.Contains(text.String(), "10 in 909ms, 11.0 a second") {
		t.Errorf("%v: %s", err, text.String())
	}
}

func TestFramesOfNoSession(t *testing.T) {
	var b bytes.Buffer
	w, err := writer.New(&b, writer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := reader.New(bytes.NewReader(b.Bytes()), int64(b.Len()), reader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Frames(f, 1); !errors.Is(err, ErrNoSession) {
		t.Error(err)
	}
}
