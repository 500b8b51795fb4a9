package ui

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestEscape(t *testing.T) {
	tests := []struct{ in, line, text string }{
		{"", "", ""},
		{"plain, größer, 日本", "plain, größer, 日本", "plain, größer, 日本"},
		{`C:\dir`, `C:\dir`, `C:\dir`},
		{"a\nb\tc\r", `a\nb\tc\r`, "a\nb\tc\\r"},
		{"\x1b[31mred\x1b]0;title\a", `\x1b[31mred\x1b]0;title\x07`, `\x1b[31mred\x1b]0;title\x07`},
		{"\x00\x7f", `\x00\x7f`, `\x00\x7f`},
		{"\u009b31m", `\u009b31m`, `\u009b31m`},
		{"\x9b31m", `\x9b31m`, `\x9b31m`},
		{"abc\u202egnp.exe\u2069", `abc\u202egnp.exe\u2069`, `abc\u202egnp.exe\u2069`},
		{"a\u2028b\ufeff", `a\u2028b\ufeff`, `a\u2028b\ufeff`},
		{"\U000e0041", `\U000e0041`, `\U000e0041`},
		{"\xff\xfe", `\xff\xfe`, `\xff\xfe`},
		{"\\x1b is not \x1b", `\\x1b is not \x1b`, `\\x1b is not \x1b`},
		{"\ufffd", "\ufffd", "\ufffd"},
	}
	for _, tt := range tests {
		if got := Escape(tt.in); got != tt.line {
			t.Errorf("Escape(%q) = %q, want %q", tt.in, got, tt.line)
		}
		if got := EscapeText(tt.in); got != tt.text {
			t.Errorf("EscapeText(%q) = %q, want %q", tt.in, got, tt.text)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a\x1b\\\xff\u202e\U000e0041")
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return mustEscape(r, "") }) {
			t.Errorf("Escape(%q) = %q", s, got)
		}
	})
}

func TestBytes(t *testing.T) {
	tests := []struct {
		n    int64
		want string
	}{
		{0, "0 B"}, {72, "72 B"}, {1023, "1023 B"}, {1024, "1.00 KiB"}, {2488, "2.43 KiB"}, {1<<20 - 1, "1.00 MiB"},
		{64 << 20, "64.00 MiB"}, {5 << 30, "5.00 GiB"}, {math.MaxInt64, "8.00 EiB"}, {-2048, "-2.00 KiB"}, {math.MinInt64, "-8.00 EiB"},
	}
	for _, tt := range tests {
		if got := Bytes(tt.n); got != tt.want {
			t.Errorf("Bytes(%d) = %q, want %q", tt.n, got, tt.want)
		}
	}
}

func TestDuration(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"}, {999, "999ns"}, {time.Microsecond, "1us"}, {1250, "1.2us"}, {12 * time.Microsecond, "12us"},
		{999_940, "1000us"}, {999_960, "1ms"}, {1200 * time.Microsecond, "1.2ms"}, {250 * time.Millisecond, "250ms"},
		{3400 * time.Millisecond, "3.4s"}, {12345 * time.Millisecond, "12.3s"}, {59_960 * time.Millisecond, "1m00s"},
		{125 * time.Second, "2m05s"}, {62 * time.Minute, "1h02m"}, {time.Hour - time.Millisecond, "1h00m"},
		{76 * time.Hour, "3d04h"}, {24*time.Hour - time.Second, "1d00h"}, {-3 * time.Second, "-3s"}, {math.MinInt64, "-106751d23h"},
	}
	for _, tt := range tests {
		if got := Duration(tt.d); got != tt.want {
			t.Errorf("Duration(%d) = %q, want %q", tt.d, got, tt.want)
		}
	}
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		before time.Duration
		want   string
	}{
		{0, "now"}, {59 * time.Second, "59s ago"}, {17*time.Minute + 40*time.Second, "17m ago"}, {25 * time.Hour, "1d ago"},
		{15 * 24 * time.Hour, "2w ago"}, {70 * 24 * time.Hour, "2mo ago"}, {800 * 24 * time.Hour, "2y ago"}, {-3 * time.Second, "in 3s"},
	}
	for _, tt := range tests {
		if got := Ago(now.Add(-tt.before), now); got != tt.want {
			t.Errorf("Ago(%s before) = %q, want %q", tt.before, got, tt.want)
		}
	}
}

func TestPercentAndCount(t *testing.T) {
	for got, want := range map[string]string{
		Percent(5665, 10000): "56.65%", Percent(0, 0): "-", Percent(3, 0): "-", Percent(2, 1): "200.00%",
		Count(1234567): "1,234,567", Count(-12): "-12",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTable(t *testing.T) {
	table := NewTable(Left("FUNCTION"), Right("CALLS"), Left("PATH"))
	table.Row("fd_write", 12, "/tmp/a\x1b[31m")
	table.Row("日本", 1234567, "")
	table.Row("e\u0301", "-")
	const want = `FUNCTION    CALLS  PATH
fd_write       12  /tmp/a\x1b[31m
日本      1234567
` + "e\u0301               -\n"
	var plain, colored bytes.Buffer
	if err := table.Write(&plain); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, plain.String()); diff != "" {
		t.Error(diff)
	}
	s := NewStream(&colored)
	s.SetColor(ColorAlways)
	if err := table.Write(s); err != nil {
		t.Fatal(err)
	}
	if got := colored.String(); !strings.HasPrefix(got, "\x1b[1mFUNCTION    CALLS  PATH\x1b[0m\nfd_write") {
		t.Errorf("%q", got)
	}
}

func TestColor(t *testing.T) {
	tests := []struct {
		name          string
		ansi, noColor bool
		mode          ColorMode
		want          bool
	}{
		{"terminal", true, false, ColorAuto, true},
		{"pipe or dumb terminal", false, false, ColorAuto, false},
		{"NO_COLOR", true, true, ColorAuto, false},
		{"asked for", false, true, ColorAlways, true},
		{"refused", true, false, ColorNever, false},
	}
	for _, tt := range tests {
		s := NewStream(io.Discard)
		s.ansi, s.noColor = tt.ansi, tt.noColor
		s.SetColor(tt.mode)
		if s.Color() != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, s.Color(), tt.want)
		}
	}
}

// A file is no terminal, whatever the environment says.
func TestSystemStreamFile(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := SystemStream(f, func(string) (string, bool) { return "xterm", true })
	if s.Terminal() || s.Color() || s.Width() != 80 || RefuseBinary(s) != nil {
		t.Errorf("terminal %t, colour %t, width %d, %v", s.Terminal(), s.Color(), s.Width(), RefuseBinary(s))
	}
}

func TestRefuseBinary(t *testing.T) {
	if err := RefuseBinary(NewTerminal(io.Discard, 80)); !errors.Is(err, ErrBinaryTerminal) {
		t.Errorf("%v, want ErrBinaryTerminal", err)
	}
	if err := RefuseBinary(NewStream(io.Discard)); err != nil {
		t.Errorf("no terminal: %v", err)
	}
}

type failing struct{ err error }

func (w *failing) Write([]byte) (int, error) { return 0, w.err }

func TestStreamError(t *testing.T) {
	w := &failing{io.ErrClosedPipe}
	s := NewStream(w)
	if _, err := s.Write(nil); !errors.Is(err, ErrPipeClosed) || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v, want ErrPipeClosed and its cause", err)
	}
	w.err = io.ErrShortWrite
	s.Write(nil)
	if !errors.Is(s.Err(), ErrPipeClosed) {
		t.Errorf("%v, want the first error", s.Err())
	}
}

func TestProgress(t *testing.T) {
	tests := []struct {
		name  string
		ansi  bool
		total int64
		unit  Unit
		end   func(*Progress)
		want  string
	}{
		{"piped", false, 400, Events, (*Progress).Done, "convert: 300 events in 3s, 100/s\n"},
		{"piped and failed", false, 400, Events, (*Progress).Abort, ""},
		{"terminal", true, 400, Events, (*Progress).Done,
			"\rconvert: 25% of 400 events, 100/s, 3s left\x1b[K" +
				"\rconvert: 75% of 400 events, 100/s, 1s left\x1b[K" +
				"\r\x1b[Kconvert: 300 events in 3s, 100/s\n"},
		{"total unknown", true, 0, BytesUnit, (*Progress).Abort,
			"\rconvert: 100 B, 100 B/s\x1b[K\rconvert: 300 B, 100 B/s\x1b[K\r\x1b[K"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			s := NewStream(&out)
			if tt.ansi {
				s = NewTerminal(&out, 80)
			}
			clock := time.Unix(1000, 0)
			p := NewProgress(s, "convert", tt.total, tt.unit, false)
			p.now, p.start = func() time.Time { return clock }, clock
			p.Add(1) // too early for a line
			clock = clock.Add(time.Second)
			p.Set(100)
			p.Add(100) // too soon after the last
			clock = clock.Add(2 * time.Second)
			p.Add(100)
			tt.end(p)
			p.Abort()
			p.Add(1)
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestQuietProgress(t *testing.T) {
	p := NewProgress(NewStream(&failing{io.ErrShortWrite}), "x", 0, Events, true)
	p.Add(1)
	p.Set(2)
	p.Done()
	if p != nil {
		t.Errorf("%v, want nil", p)
	}
}

// A redrawn line that wrapped could not be removed again.
func TestTruncate(t *testing.T) {
	for in, want := range map[string]string{"abcd": "abc", "日本": "日", "ab": "ab"} {
		if got := truncate(in, 3); got != want {
			t.Errorf("truncate(%q, 3) = %q, want %q", in, got, want)
		}
	}
}

func TestDisplayWidth(t *testing.T) {
	for in, want := range map[string]int{"": 0, "abc": 3, "größe": 5, "日本": 4, "e\u0301": 1, "한글": 4, "ＡＢ": 4, "🙂": 2} {
		if got := DisplayWidth(in); got != want {
			t.Errorf("DisplayWidth(%q) = %d, want %d", in, got, want)
		}
	}
}
