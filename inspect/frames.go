package inspect

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// ErrNoSession is returned for a trace that is of no interactive session.
var ErrNoSession = errors.New("the trace is of no session, so it has no frames")

// FrameStats are the frames of a session in numbers. Times are those of the
// session's clock.
type FrameStats struct {
	Frames          int64   `json:"frames"`
	Inputs          int64   `json:"inputs"`
	Resizes         int64   `json:"resizes"`
	Ticks           int64   `json:"ticks"`
	DurationNS      int64   `json:"duration_ns"`       // from the start to the last record
	FramesPerSecond float64 `json:"frames_per_second"` // 0 where no time passed

	// Latency is how long it took from an input to the next frame: as far as the
	// session's clock went on between them, and what the program took where that was
	// measured.
	Latency Latency `json:"latency"`
	// Measured is whether the recorder had a stopwatch: how long the program
	// took for its frames is known.
	Measured bool `json:"measured"`
	// Slowest are the frames that took longest, where that was measured; else
	// those that came latest after their first input.
	Slowest []SlowFrame `json:"slowest"`
}

// Latency sums durations up. Quantiles are exact to 13 %.
type Latency struct {
	P50NS int64 `json:"p50_ns"`
	P99NS int64 `json:"p99_ns"`
	MaxNS int64 `json:"max_ns"`
}

// SlowFrame is a frame that took long.
type SlowFrame struct {
	Frame  int64  `json:"frame"`
	Event  int64  `json:"event"`           // its event in the trace
	TimeNS int64  `json:"time_ns"`         // since the start of the session
	TookNS int64  `json:"took_ns"`         //
	Inputs int64  `json:"inputs"`          // that it followed
	Input  string `json:"input,omitempty"` // the last of them
}

// Frames reads the events of a session and sums its frames up. It lists that
// many of the slowest.
func Frames(f *reader.File, slowest int) (*FrameStats, error) {
	if f.Header().Session == nil || !f.IsEvents() {
		return nil, ErrNoSession
	}
	c := frameCounter{start: f.Header().StartNS, most: slowest}
	q := reader.Query{
		Kinds:  []format.Kind{format.KindInput, format.KindResize, format.KindTick, format.KindFrame, format.KindEnd},
		Fields: format.HasDuration | format.HasInput | format.HasP0,
	}
	for e, err := range f.Events(q) {
		if err != nil {
			return nil, err
		}
		c.add(e)
	}
	return c.stats(), nil
}

// frameCounter sums frames up.
type frameCounter struct {
	FrameStats
	start   int64
	most    int
	latency [format.NumBuckets]int64
	waiting []int64 // times of the inputs since the last frame
	input   []byte  // the last of them
}

func (c *frameCounter) add(e *format.Event) {
	now := span(c.start, e.Time)
	c.DurationNS = max(c.DurationNS, now)
	switch e.Kind {
	case format.KindInput:
		c.Inputs++
		c.waiting, c.input = append(c.waiting, now), append(c.input[:0], e.Input...)
	case format.KindResize:
		c.Resizes++
	case format.KindTick:
		c.Ticks++
	case format.KindFrame:
		c.frame(e, now)
	}
}

func (c *frameCounter) frame(e *format.Event, now int64) {
	c.Frames++
	slow := SlowFrame{Frame: e.P[0], Event: e.Seq, TimeNS: now, Inputs: int64(len(c.waiting))}
	var measured int64
	if e.Has&format.HasDuration != 0 {
		measured = max(0, e.Duration)
	}
	for i, at := range c.waiting {
		took := span(at, now)
		if i == 0 {
			slow.TookNS = took
		}
		took += min(measured, math.MaxInt64-took)
		c.latency[format.BucketOf(took)]++
		c.Latency.MaxNS = max(c.Latency.MaxNS, took)
	}
	if e.Has&format.HasDuration != 0 {
		if !c.Measured {
			c.Measured, c.Slowest = true, nil // of frames without
		}
		slow.TookNS = e.Duration
	} else if c.Measured {
		slow.TookNS = 0
	}
	if slow.Inputs > 0 {
		slow.Input = string(c.input[:min(len(c.input), maxInput)])
	}
	c.keep(slow)
	c.waiting = c.waiting[:0]
}

// maxInput is how much of an input is kept for a slow frame, in bytes.
const maxInput = 256

// keep puts a frame among the slowest if it is one of them.
func (c *frameCounter) keep(slow SlowFrame) {
	if slow.TookNS == 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(c.Slowest, slow, func(a, b SlowFrame) int {
		return cmp.Or(cmp.Compare(b.TookNS, a.TookNS), cmp.Compare(a.Frame, b.Frame))
	})
	if i < c.most {
		c.Slowest = slices.Insert(c.Slowest, i, slow)
		c.Slowest = c.Slowest[:min(len(c.Slowest), c.most)]
	}
}

func (c *frameCounter) stats() *FrameStats {
	var h format.Histogram
	for b, n := range c.latency {
		if n > 0 {
			h = append(h, format.BucketCount{Bucket: int16(b), Count: n})
		}
	}
	s := c.FrameStats
	s.Latency.P50NS, s.Latency.P99NS = min(h.Quantile(.5), s.Latency.MaxNS), min(h.Quantile(.99), s.Latency.MaxNS)
	if s.DurationNS > 0 {
		s.FramesPerSecond = float64(s.Frames) / (float64(s.DurationNS) / 1e9)
	}
	if s.Slowest == nil {
		s.Slowest = []SlowFrame{}
	}
	return &s
}

// WriteText writes the numbers for people.
func (s *FrameStats) WriteText(w io.Writer, o TextOptions) error {
	var b bytes.Buffer
	p := page{&b, &o}
	p.fact("Frames", fmt.Sprintf("%d in %s, %.1f a second", s.Frames, durationText(s.DurationNS), s.FramesPerSecond))
	p.fact("Inputs", fmt.Sprint(s.Inputs))
	p.fact("Resizes", fmt.Sprint(s.Resizes))
	p.fact("Ticks", fmt.Sprint(s.Ticks))
	p.fact("Latency", fmt.Sprintf("from input to frame p50 %s, p99 %s, max %s",
		durationText(s.Latency.P50NS), durationText(s.Latency.P99NS), durationText(s.Latency.MaxNS)))
	took := make([]string, len(s.Slowest))
	for i, f := range s.Slowest {
		took[i] = fmt.Sprintf("%s frame %d (event %d) at %s", durationText(f.TookNS), f.Frame, f.Event, durationText(f.TimeNS))
		if f.Inputs > 0 {
			took[i] += ", after " + escape(f.Input)
		}
	}
	label := "Slowest, since their first input"
	if s.Measured {
		label = "Slowest, as measured"
	}
	p.list(label, took)
	_, err := w.Write(b.Bytes())
	return err
}
