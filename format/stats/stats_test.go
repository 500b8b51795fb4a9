package stats_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/stats"
)

const wasi = "wasi_snapshot_preview1"

var header = &format.Header{Functions: []format.Function{
	{Module: wasi, Name: "fd_write", Reads: []format.Region{{Kind: format.RegionGather}}},
	{Module: wasi, Name: "path_open", Reads: []format.Region{{Kind: format.RegionBytes}}},
}}

func TestOf(t *testing.T) {
	const call = format.HasModule | format.HasFunction | format.HasErrno | format.HasValue | format.HasDuration | format.HasInput
	b := stats.Columns{
		Kind:      []int8{int8(format.KindCall), int8(format.KindPart), int8(format.KindCall), int8(format.KindCall), int8(format.KindExit), 14},
		Module:    []int16{0, 0, 0, 0, 0, 1},
		Function:  []int16{0, 0, 0, 1, 0, 1},
		Errno:     []int32{0, 0, 8, 0, 0, 0},
		Value:     []int64{100, 0, 50, 4, 3, 0},
		Duration:  []int64{5, 0, 1000, 7, 0, 9},
		InputEnd:  []int64{10, 20, 27, 30, 35, 35, 36},
		OutputEnd: nil,
		Has: []uint32{uint32(call), uint32(format.HasModule | format.HasFunction | format.HasInput), uint32(call), uint32(call),
			uint32(format.HasValue), uint32(call)},
		KindNames: append(format.KindNames(), "spare", "later"),
	}

	want := []format.FunctionStats{
		{Kind: "call", Module: wasi, Function: "fd_write", Count: 2, Errors: 1, Bytes: 100, Timed: 2, TotalNS: 1005, MaxNS: 1000,
			Times: format.Histogram{{Bucket: 5, Count: 1}, {Bucket: int16(format.BucketOf(1000)), Count: 1}}},
		{Kind: "call", Module: wasi, Function: "path_open", Count: 1, Bytes: 5, Timed: 1, TotalNS: 7, MaxNS: 7,
			Times: format.Histogram{{Bucket: 7, Count: 1}}},
		{Kind: "part", Module: wasi, Function: "fd_write", Count: 1, Bytes: 7},
		{Kind: "exit", Count: 1},
		{Kind: "later", Module: "m", Function: "path_open", Count: 1, Bytes: 1, Timed: 1, TotalNS: 9, MaxNS: 9,
			Times: format.Histogram{{Bucket: 8, Count: 1}}},
	}
	got := stats.Of(b, header, []string{wasi, "m"}, []string{"fd_write", "path_open"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOfManyCodes(t *testing.T) {
	const rows = 3000
	b := stats.Columns{Kind: make([]int8, rows), Module: make([]int16, rows), Function: make([]int16, rows), Has: make([]uint32, rows)}
	for i := range rows {
		b.Kind[i], b.Module[i], b.Function[i] = int8(i%100)-20, int16(i%7)-3, int16(i%600)-2
		b.Has[i] = uint32(format.HasModule | format.HasFunction)
	}
	var total int64
	for _, s := range stats.Of(b, nil, []string{"m"}, []string{"f", "g"}) {
		total += s.Count
	}
	if total != rows {
		t.Errorf("counted %d events, want %d", total, rows)
	}
}

func BenchmarkOf(b *testing.B) {
	const rows = 64 << 10
	const clock = format.HasModule | format.HasFunction | format.HasErrno | format.HasP0 | format.HasP1 | format.HasP2
	for _, c := range []struct {
		name      string
		functions int
		has       format.Fields
	}{{"clock", 1, clock}, {"mixed", 5, clock | format.HasDuration | format.HasInput}} {
		b.Run(c.name, func(b *testing.B) {
			names := []string{"a", "b", "c", "d", "fd_write"}
			columns := stats.Columns{Kind: make([]int8, rows), Module: make([]int16, rows), Function: make([]int16, rows), Errno: make([]int32, rows),
				Value: make([]int64, rows), Duration: make([]int64, rows), InputEnd: make([]int64, rows+1), Has: make([]uint32, rows)}
			for i := range rows {
				columns.Function[i], columns.Duration[i], columns.Has[i] = int16(i%c.functions), int64(i*7%9000), uint32(c.has)
			}
			b.ReportAllocs()
			for b.Loop() {
				stats.Of(columns, header, []string{wasi}, names)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/event")
		})
	}
}

// Durations and values of a hostile trace do not make sums wrap.
func TestSumsThatDoNotFit(t *testing.T) {
	const has = uint32(format.HasModule | format.HasFunction | format.HasErrno | format.HasValue | format.HasDuration)
	for _, n := range []int64{math.MaxInt64, math.MinInt64} {
		b := stats.Columns{Kind: make([]int8, 2), Module: make([]int16, 2), Function: make([]int16, 2), Errno: make([]int32, 2),
			Value: []int64{n, n}, Duration: []int64{n, n}, Has: []uint32{has, has}}
		of := stats.Of(b, header, []string{wasi}, []string{"fd_write"})
		if of = format.MergeStats(of, of); len(of) != 1 || of[0].TotalNS != n || of[0].Bytes != n {
			t.Errorf("%+v, want sums of %d", of, n)
		}
	}
	if got := format.Sum(math.MaxInt64, math.MinInt64); got != -1 {
		t.Errorf("sum %d, want -1", got)
	}
}
