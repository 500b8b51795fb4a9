package ticks

import (
	"bytes"
	"os"
	"sync"
)

// count reads the time stamp counter.
func count() uint64

// reliable reports whether the system tells the time by the counter. Only Linux
// says so.
var reliable = sync.OnceValue(func() bool {
	source, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	return err == nil && string(bytes.TrimSpace(source)) == "tsc"
})
