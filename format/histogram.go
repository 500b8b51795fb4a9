package format

import (
	"encoding/json"
	"math/bits"
	"slices"
)

// Histogram counts durations in buckets whose width is a quarter of a power of
// two, so that a quantile read from it is within 13 % of the true one. Bucket
// b holds b ns for b < 4; bucket 4+4e+s holds (4+s)<<e up to, and without,
// (5+s)<<e. The zero value is empty. In JSON it is a list of [bucket, count].
type Histogram []BucketCount

// BucketCount is one bucket that is not empty; a Histogram's are in order.
type BucketCount struct {
	Bucket int16
	Count  int64
}

// BucketOf returns the bucket of a duration in ns; negative ones count as 0.
func BucketOf(ns int64) int {
	if ns < 4 {
		return int(max(ns, 0))
	}
	e := bits.Len64(uint64(ns)) - 3
	return 4*e + int(ns>>e)
}

// NumBuckets is one more than the largest number of a bucket.
const NumBuckets = 4*61 + 4

// bucketMiddle is the duration that stands for a bucket's.
func bucketMiddle(b int) int64 {
	if b < 4 {
		return int64(b)
	}
	e := (b - 4) / 4
	lo := int64(4+(b-4)%4) << e
	return lo + (int64(1)<<e)/2
}

// Quantile returns the duration in ns below which the fraction q of all lie,
// to the precision of a bucket; 0 if h is empty.
func (h Histogram) Quantile(q float64) int64 {
	var total int64
	for _, b := range h {
		total += b.Count
	}
	rank := int64(q * float64(total))
	for _, b := range h {
		if rank -= b.Count; rank < 0 {
			return bucketMiddle(int(b.Bucket))
		}
	}
	if len(h) == 0 {
		return 0
	}
	return bucketMiddle(int(h[len(h)-1].Bucket))
}

// Merge returns the sum of two histograms.
func (h Histogram) Merge(o Histogram) Histogram {
	sum := slices.Clone(h)
	for _, b := range o {
		i, found := slices.BinarySearchFunc(sum, b, func(x, y BucketCount) int { return int(x.Bucket) - int(y.Bucket) })
		if found {
			sum[i].Count += b.Count
		} else {
			sum = slices.Insert(sum, i, b)
		}
	}
	return sum
}

// MarshalJSON writes [[bucket, count], ...].
func (h Histogram) MarshalJSON() ([]byte, error) {
	pairs := make([][2]int64, len(h))
	for i, b := range h {
		pairs[i] = [2]int64{int64(b.Bucket), b.Count}
	}
	return json.Marshal(pairs)
}

// UnmarshalJSON reads what MarshalJSON writes. Buckets out of range or order
// are left out.
func (h *Histogram) UnmarshalJSON(data []byte) error {
	var pairs [][2]int64
	if err := json.Unmarshal(data, &pairs); err != nil {
		return err
	}
	*h = nil
	last := int64(-1)
	for _, p := range pairs {
		if p[0] > last && p[0] < NumBuckets && p[1] > 0 {
			*h = append(*h, BucketCount{int16(p[0]), p[1]})
			last = p[0]
		}
	}
	return nil
}
