//go:build !amd64 || race

package writer

import "sync/atomic"

// publish stores the count of complete rows after the row itself.
func publish(count *int64, n int64) { atomic.StoreInt64(count, n) }
