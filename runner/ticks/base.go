//go:build !windows

package ticks

import "time"

// Base is a moment that time is counted from.
type Base struct{ time.Time }

// Begin returns the present moment.
func Begin() Base { return Base{time.Now()} }

// Since returns the nanoseconds since the moment, by the system's monotonic
// clock.
func (b Base) Since() int64 { return int64(time.Since(b.Time)) }
