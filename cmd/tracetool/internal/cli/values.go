package cli

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"
	"github.com/tracetool/tracetool/cmd/tracetool/internal/ui"
)

// SizeVarP declares a flag for a size in bytes: 4096, 64MiB, 1GB. 0 is none.
func SizeVarP(fs *pflag.FlagSet, p *int64, name, short string, def int64, usage string) {
	*p = def
	fs.VarP((*sizeValue)(p), name, short, usage)
}

type sizeValue int64

func (v *sizeValue) Type() string { return "SIZE" }

// String is exact, in the largest unit that allows it.
func (v *sizeValue) String() string {
	n, unit := int64(*v), 0
	for n != 0 && n%1024 == 0 && unit < 4 {
		n, unit = n/1024, unit+1
	}
	return strconv.FormatInt(n, 10) + []string{"", "KiB", "MiB", "GiB", "TiB"}[unit]
}

func (v *sizeValue) Set(s string) error {
	n, err := parseSize(strings.TrimSpace(s))
	if err != nil {
		return fmt.Errorf("%q: want a size such as 4096, 64MiB or 1GB", s)
	}
	*v = sizeValue(n)
	return nil
}

// parseSize reads plain numbers itself: go-humanize takes them through a
// float, which loses the last digits of large ones.
func parseSize(s string) (int64, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	n, err := humanize.ParseBytes(s)
	if err == nil && n > math.MaxInt64 {
		err = strconv.ErrRange
	}
	return int64(n), err
}

// DurationVarP declares a flag for a duration that is not negative: 30s, 1h30m,
// 0.
func DurationVarP(fs *pflag.FlagSet, p *time.Duration, name, short string, def time.Duration, usage string) {
	*p = def
	fs.VarP((*durationValue)(p), name, short, usage)
}

type durationValue time.Duration

func (v *durationValue) Type() string { return "DURATION" }

func (v *durationValue) String() string {
	if *v == 0 {
		return "0"
	}
	s := time.Duration(*v).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (v *durationValue) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return fmt.Errorf("%q: want a duration such as 500ms, 30s or 1h30m", s)
	}
	*v = durationValue(d)
	return nil
}

// EnumVarP declares a flag that takes one of the allowed words. They appear in
// help, completion and errors.
func EnumVarP[T ~string](fs *pflag.FlagSet, p *T, name, short string, def T, usage string, allowed ...T) {
	*p = def
	fs.VarP(&enumValue[T]{p, allowed}, name, short, usage)
}

type enumValue[T ~string] struct {
	p       *T
	allowed []T
}

// chooser is a flag's value that is one of a few words.
type chooser interface{ choices() []string }

func (v *enumValue[T]) choices() []string {
	words := make([]string, len(v.allowed))
	for i, a := range v.allowed {
		words[i] = string(a)
	}
	return words
}

func (v *enumValue[T]) Type() string   { return strings.Join(v.choices(), "|") }
func (v *enumValue[T]) String() string { return string(*v.p) }

func (v *enumValue[T]) Set(s string) error {
	if !slices.Contains(v.allowed, T(s)) {
		return fmt.Errorf("%q: want %s", s, orList(v.choices()))
	}
	*v.p = T(s)
	return nil
}

// FormatVar declares -o, --output for the formats allowed, all where none is
// named. The first is the default.
func FormatVar(fs *pflag.FlagSet, p *ui.Format, allowed ...ui.Format) {
	if len(allowed) == 0 {
		allowed = []ui.Format{ui.Text, ui.JSON, ui.JSONL, ui.YAML}
	}
	EnumVarP(fs, p, "output", "o", allowed[0], "format of the result", allowed...)
}

// valueError words what a value's Set found. Ours name the value and what is
// wanted; those of strconv, behind pflag's own types, do not.
func valueError(e *pflag.InvalidValueError) error {
	var num *strconv.NumError
	if !errors.As(e.Unwrap(), &num) {
		return e.Unwrap()
	}
	want := "a number"
	switch kind := e.GetFlag().Value.Type(); {
	case kind == "bool":
		want = "true or false"
	case errors.Is(num, strconv.ErrRange):
		want = "a number in the range of " + kind
	case strings.HasPrefix(kind, "uint"), kind == "count":
		want = "a whole number from 0"
	case strings.HasPrefix(kind, "int"):
		want = "a whole number"
	}
	return fmt.Errorf("%q: want %s", e.GetValue(), want)
}
