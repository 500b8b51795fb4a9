package inspect

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// TextOptions says how text is laid out. The zero value is for a pipe.
type TextOptions struct {
	Now      time.Time      // start times are also told relative to it; zero: they are not
	Location *time.Location // of dates; nil: local time
	Color    bool           // bold headings and red errors, by ANSI sequences
	Segments int            // rows of the table of segments in a summary; 0: 16, -1: all
}

const (
	ansiBold  = "\x1b[1m"
	ansiRed   = "\x1b[31m"
	ansiReset = "\x1b[0m"
)

func (o *TextOptions) paint(ansi, s string) string {
	if !o.Color || s == "" {
		return s
	}
	return ansi + s + ansiReset
}

func (o *TextOptions) date(t time.Time) string {
	loc := o.Location
	if loc == nil {
		loc = time.Local
	}
	s := t.In(loc).Format(time.RFC1123)
	if o.Now.IsZero() {
		return s
	}
	return ago(o.Now.Sub(t)) + ", " + s
}

// ago is how long something is past, in one unit: "16m ago".
func ago(d time.Duration) string {
	if d < 0 {
		return "in the future"
	}
	const day = 24 * time.Hour
	units := []struct {
		size time.Duration
		name string
	}{{365 * day, "y"}, {day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}}
	for _, u := range units {
		if d >= u.size {
			return fmt.Sprintf("%d%s ago", d/u.size, u.name)
		}
	}
	return fmt.Sprintf("%ds ago", d/time.Second)
}

// escape makes untrusted text one line: what does not print is written as in a
// Go string literal.
func escape(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }) {
		return s
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

// bytesText is a size in binary units: "72 B", "2.43 KiB".
func bytesText(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1024, 0
	for v >= 1023.995 && unit < 5 {
		v, unit = v/1024, unit+1
	}
	return fmt.Sprintf("%.2f %ciB", v, "KMGTPE"[unit])
}

// durationText is a duration to three digits, in ASCII: "812ns", "12us",
// "3.4ms", "1.2s", "2m05s", "1h02m".
func durationText(ns int64) string {
	switch d := time.Duration(ns); {
	case d < time.Microsecond:
		return fmt.Sprintf("%dns", ns)
	case d < time.Millisecond:
		return unitText(d, time.Microsecond, "us")
	case d < time.Second:
		return unitText(d, time.Millisecond, "ms")
	case d < time.Minute:
		return unitText(d, time.Second, "s")
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
}

// unitText cuts digits off rather than rounding up into the next unit.
func unitText(d, unit time.Duration, name string) string {
	if d >= 10*unit {
		return fmt.Sprintf("%d%s", d/unit, name)
	}
	s := fmt.Sprintf("%d.%d", d/unit, d%unit*10/unit)
	return strings.TrimSuffix(s, ".0") + name
}

// percentText is a part as parity has it: "56.65%", "-" where there is none.
func percentText(part *float64) string {
	if part == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f%%", 100**part)
}

// table is text in columns two blanks apart. Columns whose heading starts with
// ">" are aligned to the right.
type table struct {
	heads []string
	rows  [][]string
}

func newTable(heads ...string) *table { return &table{heads: heads} }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer, o *TextOptions) error {
	widths := make([]int, len(t.heads))
	heads := make([]string, len(t.heads))
	for i, h := range t.heads {
		heads[i] = strings.TrimPrefix(h, ">")
		widths[i] = len(heads[i])
		for _, r := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(r[i]))
		}
	}
	if _, err := fmt.Fprintln(w, o.paint(ansiBold, t.line(heads, widths))); err != nil {
		return err
	}
	for _, r := range t.rows {
		if _, err := fmt.Fprintln(w, t.line(r, widths)); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, c := range cells {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
		if strings.HasPrefix(t.heads[i], ">") {
			b.WriteString(pad + c)
		} else {
			b.WriteString(c + pad)
		}
		b.WriteString("  ")
	}
	return strings.TrimRight(b.String(), " ")
}
