package convert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tracetool/tracetool/format"
)

// through converts text and returns the result.
func through(t *testing.T, text []byte, to Form, opts Options) []byte {
	t.Helper()
	out, _, err := convertText(text, to, opts)
	if err != nil {
		t.Fatalf("%v\n%s", err, clipText(text))
	}
	return out
}

func convertText(text []byte, to Form, opts Options) ([]byte, *Report, error) {
	var out bytes.Buffer
	opts.To = to
	report, err := Convert(context.Background(), Input{Reader: bytes.NewReader(text)}, Output{Writer: &out}, opts)
	return out.Bytes(), report, err
}

func clipText(b []byte) []byte { return b[:min(len(b), 2000)] }

// types returns the columns that a table in the dialect declares.
func types(t *testing.T, jsonl []byte) string {
	t.Helper()
	line, _, _ := bytes.Cut(jsonl, []byte("\n"))
	var head struct{ Schema schemaJSON }
	if err := json.Unmarshal(line, &head); err != nil {
		t.Fatal(err)
	}
	return describeFields(head.Schema.Fields)
}

func describeFields(fields []fieldJSON) string {
	var parts []string
	for _, f := range fields {
		s := f.Name + ":" + f.Type
		if len(f.Fields) > 0 {
			s += "<" + describeFields(f.Fields) + ">"
		}
		for _, k := range []string{keyJSON, keyNull, keyFloat, keyOriginal} {
			if f.Metadata[k] != "" {
				s += "!" + strings.TrimPrefix(k, "tracetool.")
			}
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " ")
}

func TestInference(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"scalars":          {`{"a":1,"b":1.5,"c":true,"d":"x","e":null}`, "a:int64 b:float64 c:bool d:utf8 e:utf8!null"},
		"order":            {`{"a":1,"c":1}{"a":1,"b":1,"c":1}`, "a:int64 b:int64 c:int64"},
		"order differs":    {`{"a":1,"c":1}{"c":1,"a":1}`, "a:int64 c:int64 _original:utf8!original"},
		"twice":            {`{"a":1,"a":2}`, "a:int64 _original:utf8!original"},
		"absent":           {`{"a":1}{"b":1}`, "b:int64 a:int64"},
		"null or absent":   {`{"a":1,"b":null}{"a":1}`, "a:int64 b:utf8!null _original:utf8!original"},
		"int and float":    {`{"a":1}{"a":1.5}`, "a:float64"},
		"python float":     {`{"a":1.0}{"a":1.5}`, "a:float64!float"},
		"two spellings":    {`{"a":1}{"a":1.0}{"a":0.5}`, "a:float64 _original:utf8!original"},
		"mixed":            {`{"a":1}{"a":"x"}`, "a:utf8!json"},
		"big":              {`{"a":18446744073709551615}`, "a:utf8!json"},
		"int64":            {`{"a":9223372036854775807}{"a":-9223372036854775808}`, "a:int64"},
		"wide and float":   {`{"a":9007199254740993}{"a":0.5}`, "a:utf8!json"},
		"long decimal":     {`{"a":3.14159265358979323846}`, "a:utf8!json"},
		"decimals":         {`{"a":0.1}{"a":1e-5}{"a":10.50}{"a":-0.0}`, "a:float64!float"},
		"overflow":         {`{"a":1e999}`, "a:utf8!json"},
		"python":           {`{"a":NaN}{"a":-Infinity}{"a":2.5}`, "a:float64"},
		"nested":           {`{"a":{"b":1,"c":[1,2]}}{"a":{"b":2}}`, "a:struct<b:int64 c:list<item:int64>>"},
		"empty":            {`{"a":{},"b":[]}`, "a:utf8!json b:list<item:utf8>"},
		"list of objects":  {`{"a":[{"x":1},null,{"y":"z"}]}`, "a:list<item:struct<y:utf8 x:int64>>"},
		"half a surrogate": {`{"a":"\ud800"}`, "a:utf8!json"},
		"not objects":      {`[[1,2],[3]]`, "value:list<item:int64>"},
		"lines of arrays":  {"[1,2]\n[3]\n", "value:list<item:int64>"},
		"numbers":          {"1\n2\nnull\n", "value:int64"},
		"array":            {`[{"a":1},{"a":2}]`, "a:int64"},
		"own name":         {`{"_original":1,"a":1}{"a":1,"_original":1}`, "_original:int64 a:int64 __original:utf8!original"},
		"our key, text":    {`{"tracetool":"1.0","type":"header"}`, "tracetool:utf8 type:utf8"},
		"our key, object":  {`{"tracetool":{"a":1},"type":"x"}`, "tracetool:struct<a:int64> type:utf8"},
		"our key, number":  {`{"tracetool":1.5,"type":"x"}`, "tracetool:float64 type:utf8"},
		"our key, alone":   {"{\"tracetool\":1}\n{\"tracetool\":2}\n", "tracetool:int64"},
		"bom":              {"\uFEFF{\"a\":1}", "a:int64"},
		"null record":      {"{\"a\":1}\nnull\n", "value:struct<a:int64>"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dialect := through(t, []byte(test.in), JSONL, Options{})
			if d := cmp.Diff(test.want, types(t, dialect)); d != "" {
				t.Error(d)
			}
			checkForeign(t, []byte(test.in))
		})
	}
}

// checkForeign converts another program's records by every way and compares
// the plain result with the original.
func checkForeign(t *testing.T, in []byte) {
	t.Helper()
	want := canonicalAll(t, in)
	dialect := through(t, in, JSONL, Options{})
	document := through(t, dialect, JSON, Options{})
	for name, text := range map[string][]byte{
		"directly":    through(t, in, JSONL, Options{Plain: true}),
		"as array":    through(t, in, JSON, Options{Plain: true}),
		"from JSONL":  through(t, dialect, JSONL, Options{Plain: true}),
		"from JSON":   through(t, document, JSONL, Options{Plain: true}),
		"JSONL again": through(t, through(t, document, JSONL, Options{}), JSONL, Options{Plain: true}),
	} {
		if d := cmp.Diff(want, canonicalAll(t, text)); d != "" {
			t.Fatalf("%s: %s\ndialect: %s", name, d, clipText(dialect))
		}
	}
	if again := through(t, document, JSONL, Options{}); !bytes.Equal(again, dialect) {
		t.Fatalf("JSONL differs after JSON:\n%s\n%s", clipText(dialect), clipText(again))
	}
}

// canonicalAll returns the records of a text in a form that keeps the order of
// keys and the exact value of numbers, but not how they are spelled.
func canonicalAll(t *testing.T, text []byte) []string {
	t.Helper()
	var records []string
	f := &foreignSource{limit: 1 << 30, open: func(int) (io.Reader, error) { return bytes.NewReader(text), nil }}
	collect := func(record []byte) error {
		records = append(records, canonical(t, record))
		return nil
	}
	err := f.each(1, collect)
	if errors.Is(err, errSeparate) {
		records, f.separate = nil, true
		err = f.each(1, collect)
	}
	if err != nil {
		t.Fatalf("%v in %s", err, clipText(text))
	}
	return records
}

func canonical(t *testing.T, record []byte) string {
	s := &scanner{b: record, python: true}
	out := canonicalValue(s)
	s.end()
	if s.err != nil {
		t.Fatalf("%v in %s", s.err, clipText(record))
	}
	return out
}

func canonicalValue(s *scanner) string {
	var parts []string
	switch c := s.peek(); {
	case c == '{':
		for more := s.open('{'); more; more = s.next('}') {
			key := canonicalString(s)
			s.expect(':')
			parts = append(parts, key+":"+canonicalValue(s))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case c == '[':
		for more := s.open('['); more; more = s.next(']') {
			parts = append(parts, canonicalValue(s))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case c == '"':
		return canonicalString(s)
	case c == 't' || c == 'f' || c == 'n':
		return string(s.skip())
	}
	n := s.number()
	if _, ok := special(string(n)); ok {
		return string(n)
	}
	digits, exponent, ok := decimal(n)
	if !ok {
		return string(n)
	}
	// 1 and 1.0 differ, 1.50 and 1.5 do not.
	return fmt.Sprintf("%v%se%d:%v", n[0] == '-', digits, exponent, exponent >= 0 && hasPoint(n))
}

func canonicalString(s *scanner) string {
	at := s.i
	text := s.text()
	if s.lone {
		return string(s.b[at:s.i])
	}
	return strconv.QuoteToASCII(string(text))
}

// randomJSON appends a random value; the same place tends to have one type.
func randomJSON(r *rand.Rand, dst []byte, depth, mixing int) []byte {
	kind := depth * 3 % 7
	if r.IntN(100) < mixing || depth == 0 {
		kind = r.IntN(9)
	}
	if depth > 3 && kind > 4 {
		kind = r.IntN(5)
	}
	switch kind {
	case 0:
		return strconv.AppendInt(dst, pick(r, extremes...), 10)
	case 1:
		return append(dst, pick(r, "1.5", "0.1", "-2.25", "1e-7", "3", "1.0", "1E5", "12345678901234567890", "0.1234567890123456789", "-0", "NaN", "10.50")...)
	case 2:
		return append(dst, pick(r, "true", "false")...)
	case 3:
		return append(dst, pick(r, `"x"`, `""`, `"é\n\u0000\/\ud83d\ude00"`, `"\ud800"`, `"2024-01-01T00:00:00Z"`)...)
	case 4:
		return append(dst, "null"...)
	case 5:
		dst = append(dst, '[')
		for i := range r.IntN(4) {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = randomJSON(r, dst, depth+1, mixing)
		}
		return append(dst, ']')
	default:
		return randomObject(r, dst, depth, mixing)
	}
}

func randomObject(r *rand.Rand, dst []byte, depth, mixing int) []byte {
	dst = append(dst, '{')
	first := true
	for i := range 6 {
		if r.IntN(4) == 0 {
			continue
		}
		if r.IntN(100) < mixing {
			i = r.IntN(6)
		}
		if !first {
			dst = append(dst, " , "...)
		}
		first = false
		dst = fmt.Appendf(dst, "\"k%d\" : ", i)
		dst = randomJSON(r, dst, depth+1+i, mixing)
	}
	return append(dst, '}')
}

func TestForeignRoundTrip(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 7))
		mixing := pick(r, 0, 0, 2, 30)
		var in []byte
		for range 1 + r.IntN(30) {
			in = randomObject(r, in, 0, mixing)
			in = append(in, '\n')
		}
		checkForeign(t, in)
	}
}

func TestForeignErrors(t *testing.T) {
	deep := strings.Repeat("[", maxNesting+2) + strings.Repeat("]", maxNesting+2)
	tests := map[string]struct {
		in   string
		want error
	}{
		"text":           {"hello world", format.ErrNotTrace},
		"csv":            {"a,b\n1,2\n", format.ErrNotTrace},
		"binary":         {"\x7fELF", format.ErrNotTrace},
		"empty":          {"", format.ErrNotTrace},
		"white space":    {" \n\n", format.ErrNotTrace},
		"no records":     {"[]", format.ErrNotTrace},
		"open object":    {`{"a":1}{"a":`, format.ErrTruncated},
		"open array":     {`[{"a":1},`, format.ErrTruncated},
		"second is text": {"{\"a\":1}\nhello\n", format.ErrCorrupt},
		"not UTF-8":      {"{\"a\":1}\n{\"a\":\"\xff\"}", format.ErrCorrupt},
		"deep":           {deep, format.ErrLimit},
		"long":           {`{"a":"` + strings.Repeat("x", 2000) + `"}`, format.ErrLimit},
		"leading zero":   {"{\"a\":1}\n{\"a\":01}", format.ErrCorrupt},
		"control":        {"{\"a\":1}\n{\"a\":\"\t\"}", format.ErrCorrupt},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := convertText([]byte(test.in), JSONL, Options{MaxRecord: 1500})
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestForeignCut(t *testing.T) {
	out, report, err := convertText([]byte("{\"a\":1}\n{\"a\":2}\n{\"a\":"), JSONL, Options{Plain: true, Partial: true})
	if err != nil || report.Rows != 2 || report.Lost == "" || string(out) != "{\"a\":1}\n{\"a\":2}\n" {
		t.Errorf("%s %+v %v", out, report, err)
	}
}

// TestNothingLeft: a failing conversion leaves no file, temporary ones
// included.
func TestNothingLeft(t *testing.T) {
	dir, tmp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	for _, out := range []string{"x.jsonl", "x.json", "x.arrow"} {
		_, err := Convert(context.Background(), Input{Reader: strings.NewReader("{\"a\":1}\n{")}, Output{Path: dir + "/" + out}, Options{})
		if !errors.Is(err, format.ErrTruncated) {
			t.Error(err)
		}
	}
	for _, d := range []string{dir, tmp} {
		if left, _ := os.ReadDir(d); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}
