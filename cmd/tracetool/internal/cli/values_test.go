package cli

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func TestSuggest(t *testing.T) {
	words := []string{"record", "replay", "recover", "inspect", "info", "cat", "head", "filter", "--trace", "--timeout"}
	tests := []struct {
		word string
		want []string
	}{
		{"recrod", []string{"record"}}, {"recove", []string{"recover"}}, {"relay", []string{"replay"}}, {"fliter", []string{"filter"}},
		{"insp", []string{"inspect"}}, {"re", []string{"record", "replay", "recover"}}, {"cta", []string{"cat"}},
		{"--tarce", []string{"--trace"}}, {"--time", []string{"--timeout"}}, {"x", []string{}}, {"xyzzy", []string{}}, {"", []string{}}, {"--", []string{}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, append([]string{}, suggest(tt.word, words)...)); diff != "" {
			t.Errorf("%q: %s", tt.word, diff)
		}
	}
}

func TestEditDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"abcd", "badc", 2},
	}
	for _, tt := range tests {
		if got := editDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestSize(t *testing.T) {
	tests := []struct {
		in   string
		want int64 // -1: refused
		text string
	}{
		{"0", 0, "0"}, {"4096", 4096, "4KiB"}, {"1000", 1000, "1000"}, {"64MiB", 64 << 20, "64MiB"}, {"1GB", 1e9, "1000000000"},
		{"1.5 KiB", 1536, "1536"}, {"2g", 2e9, "1953125KiB"}, {"9007199254740993", 1<<53 + 1, "9007199254740993"},
		{"9223372036854775807", math.MaxInt64, "9223372036854775807"},
		{"-1", -1, ""}, {"", -1, ""}, {"MiB", -1, ""}, {"10EB", -1, ""}, {"1XB", -1, ""}, {"NaN", -1, ""}, {"9223372036854775808", -1, ""},
	}
	for _, tt := range tests {
		fs := pflag.NewFlagSet("", pflag.ContinueOnError)
		var n int64
		SizeVarP(fs, &n, "size", "", 7, "x")
		err := fs.Set("size", tt.in)
		if tt.want < 0 {
			if err == nil || n != 7 {
				t.Errorf("%q: %d, %v; want an error and the default", tt.in, n, err)
			}
			continue
		}
		if text := fs.Lookup("size").Value.String(); err != nil || n != tt.want || text != tt.text {
			t.Errorf("%q: %d, %q, %v; want %d, %q", tt.in, n, text, err, tt.want, tt.text)
		}
	}
}

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0", time.Second: "1s", 30 * time.Second: "30s", time.Minute: "1m", time.Hour: "1h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m",
		time.Hour + time.Second: "1h0m1s", 1500 * time.Millisecond: "1.5s",
	} {
		if got := (*durationValue)(&d).String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestOperands(t *testing.T) {
	tests := []struct {
		args string
		want []operand
	}{
		{"", nil},
		{"FILE", []operand{{"FILE", false, false}}},
		{"A [B]", []operand{{"A", false, false}, {"B", true, false}}},
		{"[A [B]]", []operand{{"A", true, false}, {"B", true, false}}},
		{"FILE...", []operand{{"FILE", false, true}}},
		{"A [B...]", []operand{{"A", false, false}, {"B", true, true}}},
		{"APP.wasm [-- ARGS...]", []operand{{"APP.wasm", false, false}}},
	}
	for _, tt := range tests {
		c := &Command{Args: tt.args}
		if diff := cmp.Diff(tt.want, c.operands(), cmp.AllowUnexported(operand{})); diff != "" {
			t.Errorf("%q: %s", tt.args, diff)
		}
	}
}

func TestCheckArgs(t *testing.T) {
	for _, tt := range []struct {
		declared string
		given    int
		want     string
	}{
		{"A [B]", 0, "missing A"}, {"A [B]", 1, ""}, {"A [B]", 2, ""}, {"A [B]", 3, `unexpected argument "2"`},
		{"[A] B", 0, "missing B"}, {"[A] B", 1, ""}, {"[A] B", 2, ""}, {"[A] B", 3, `unexpected argument "2"`},
		{"A B", 0, "missing A"}, {"A B", 1, "missing B"}, {"A B", 2, ""},
		{"A...", 0, "missing A"}, {"A...", 5, ""}, {"A [B...]", 0, "missing A"}, {"A [B...]", 5, ""},
		{"", 0, ""}, {"", 1, `unexpected argument "0"`},
	} {
		n := node{app: &App{Name: "app"}, path: []*Command{{Name: "verb", Args: tt.declared}}}
		got := ""
		if err := n.checkArgs([]string{"0", "1", "2", "3", "4"}[:tt.given]); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%q with %d: %q, want %q", tt.declared, tt.given, got, tt.want)
		}
	}
}
