package ui

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
)

// Bytes is a size in binary units with two decimals: "72 B", "2.43 KiB".
func Bytes(n int64) string {
	if n > -1024 && n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n)/1024, 0
	for math.Abs(v) >= 1023.995 && unit < len("KMGTPE")-1 {
		v, unit = v/1024, unit+1
	}
	return fmt.Sprintf("%.2f %ciB", v, "KMGTPE"[unit])
}

// Count is a number with its thousands parted: "1,234,567".
func Count(n int64) string { return humanize.Comma(n) }

// Percent is part of whole: "56.65%", or "-" where whole is 0.
func Percent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f%%", 100*float64(part)/float64(whole))
}

// Duration is d to two or three digits: "12us", "1.2ms", "3.4s", "2m05s",
// "1h02m", "3d04h". It is ASCII, unlike [time.Duration.String].
func Duration(d time.Duration) string {
	if d < 0 {
		if d == math.MinInt64 {
			d++
		}
		return "-" + Duration(-d)
	}
	switch {
	case d == 0:
		return "0s"
	case d < time.Microsecond:
		return fmt.Sprintf("%dns", d)
	case d < 999_950*time.Nanosecond:
		return short(d, time.Microsecond, "us")
	case d < 999_950*time.Microsecond:
		return short(d, time.Millisecond, "ms")
	case d < 59_950*time.Millisecond:
		return short(d, time.Second, "s")
	}
	return long(d)
}

// short gives one decimal below ten units and none above.
func short(d, unit time.Duration, name string) string {
	v := float64(d) / float64(unit)
	if v >= 9.95 && name != "s" {
		return fmt.Sprintf("%.0f%s", v, name)
	}
	s := strconv.FormatFloat(v, 'f', 1, 64)
	if s[len(s)-2:] == ".0" {
		s = s[:len(s)-2]
	}
	return s + name
}

func long(d time.Duration) string {
	if s := d.Round(time.Second); s < time.Hour {
		return fmt.Sprintf("%dm%02ds", s/time.Minute, s%time.Minute/time.Second)
	}
	if m := d.Round(time.Minute); m < 24*time.Hour {
		return fmt.Sprintf("%dh%02dm", m/time.Hour, m%time.Hour/time.Minute)
	}
	h := d.Round(time.Hour) / time.Hour
	return fmt.Sprintf("%dd%02dh", h/24, h%24)
}

// Ago is how long before now t was, in one unit: "17m ago", "now", "in 3s".
func Ago(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case d <= -time.Second:
		return "in " + coarse(-d)
	case d < time.Second:
		return "now"
	}
	return coarse(d) + " ago"
}

func coarse(d time.Duration) string {
	const day = 24 * time.Hour
	units := []struct {
		size time.Duration
		name string
	}{{365 * day, "y"}, {30 * day, "mo"}, {7 * day, "w"}, {day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}}
	for _, u := range units {
		if d >= u.size {
			return fmt.Sprintf("%d%s", d/u.size, u.name)
		}
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
