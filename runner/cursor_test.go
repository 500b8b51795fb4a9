package runner

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/writer"
)

// TestCursorTasks goes through tasks that begin and end anywhere in a trace of
// many segments, as far as a limit: what comes is what was written, and the number
// after it that of the event after all.
func TestCursorTasks(t *testing.T) {
	const rows, tasks = 8, 12
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 0))
		path := filepath.Join(t.TempDir(), "t.trace.arrow")
		w, err := writer.Create(path, writer.Options{Header: &format.Header{ID: "01a2134d-0000-7000-8000-000000000000"}, SegmentRows: rows, NoSidecar: true})
		if err != nil {
			t.Fatal(err)
		}
		total := 1 + r.Int64N(120)
		limit := int64(-1)
		if r.IntN(2) == 0 {
			limit = 1 + r.Int64N(total)
		}
		want := map[int32][]int64{0: nil}
		for i := range total {
			// Tasks of later events have higher numbers, more or less.
			task := int32(i*tasks/total + r.Int64N(4))
			if err := w.Append(&format.Event{Kind: format.KindCall, Time: i, Task: task}); err != nil {
				t.Fatal(err)
			}
			if limit < 0 || i < limit {
				want[task] = append(want[task], i)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		end := total
		if limit >= 0 {
			end = limit
		}

		got := map[int32][]int64{}
		through := func(c *cursor) {
			got[c.task] = nil
			for c.more() {
				if ev := c.event(); ev.Task != c.task || ev.Time != c.number() {
					t.Errorf("seed %d: task %d is at an event of task %d, number %d, with the time %d", seed, c.task, ev.Task, c.number(), ev.Time)
				}
				got[c.task] = append(got[c.task], c.number())
				c.next()
			}
			if c.err != nil || c.number() != end || c.stopped() != (limit >= 0) {
				t.Errorf("seed %d: task %d ends at %d, stopped %v, with %v; want %d, %v", seed, c.task, c.number(), c.stopped(), c.err, end, limit >= 0)
			}
		}
		first := newCursor(open(t, path), 0, limit)
		through(first)
		for _, task := range slices.Sorted(maps.Keys(first.others)) {
			through(first.other(task))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: -want +got:\n%s", seed, diff)
		}
	}
}
