package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type segment struct {
	Number int      `json:"number"`
	Name   string   `json:"name"`
	Ratio  *float64 `json:"ratio"`
	Tags   []string `json:"tags,omitempty"`
}

func TestEncode(t *testing.T) {
	one := segment{Number: 1, Name: "a <b> & \x1b\u009b\u202e\U000e0041", Tags: []string{"x", "y"}}
	two := segment{Number: 2, Name: "b"}
	const name = `"a <b> & \u001b\u009b\u202e\udb40\udc41"`
	tests := []struct {
		name   string
		format Format
		value  any
		want   string
	}{
		{"json", JSON, one, "{\n  \"number\": 1,\n  \"name\": " + name + ",\n  \"ratio\": null,\n  \"tags\": [\n    \"x\",\n    \"y\"\n  ]\n}\n"},
		{"json list", JSON, []segment{two, two},
			"[\n  {\n    \"number\": 2,\n    \"name\": \"b\",\n    \"ratio\": null\n  },\n  {\n    \"number\": 2,\n    \"name\": \"b\",\n    \"ratio\": null\n  }\n]\n"},
		{"json empty list", JSON, []segment{}, "[]\n"},
		{"json nil list", JSON, []segment(nil), "[]\n"},
		{"json bytes", JSON, []byte("hi"), "\"aGk=\"\n"},
		{"json raw", JSON, json.RawMessage(`{"a":1}`), "{\n  \"a\": 1\n}\n"},
		{"jsonl", JSONL, two, `{"number":2,"name":"b","ratio":null}` + "\n"},
		{"jsonl list", JSONL, []segment{two, one}, `{"number":2,"name":"b","ratio":null}` + "\n" + `{"number":1,"name":` + name + `,"ratio":null,"tags":["x","y"]}` + "\n"},
		{"jsonl empty list", JSONL, []segment{}, ""},
		{"yaml", YAML, one, "number: 1\nname: \"a <b> & \\u001b\\u009b\\u202e\\U000e0041\"\nratio: null\ntags:\n  - x\n  - \"y\"\n"},
		{"yaml list", YAML, []segment{two, one},
			"- number: 2\n  name: b\n  ratio: null\n- number: 1\n  name: \"a <b> & \\u001b\\u009b\\u202e\\U000e0041\"\n  ratio: null\n  tags:\n    - x\n    - \"y\"\n"},
		{"yaml empty list", YAML, []segment{}, "[]\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Encode(&out, tt.format, tt.value); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEncodeErrors(t *testing.T) {
	for _, format := range []Format{JSON, JSONL, YAML} {
		if err := Encode(&bytes.Buffer{}, format, func() {}); err == nil {
			t.Errorf("%s: a function was encoded", format)
		}
		if err := Encode(&bytes.Buffer{}, format, []any{1, func() {}}); err == nil {
			t.Errorf("%s: a list with a function was encoded", format)
		}
		if err := Encode(&failing{fmt.Errorf("full")}, format, []int{1}); err == nil {
			t.Errorf("%s: a failed write went unnoticed", format)
		}
	}
	if err := Encode(&bytes.Buffer{}, Text, 1); err == nil {
		t.Error("text was encoded")
	}
}

// What is added is there after Flush, before the list ends.
func TestListFlush(t *testing.T) {
	var out bytes.Buffer
	l := NewList(&out, JSONL)
	if err := l.Add(1); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(); err != nil || out.String() != "1\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestYAML(t *testing.T) {
	tests := []struct{ json, want string }{
		{`null`, "null"},
		{`true`, "true"},
		{`-12`, "-12"},
		{`18446744073709551615`, "18446744073709551615"},
		{`1.5`, "1.5"},
		{`1e21`, "1.0e21"},
		{`1.5e-7`, "1.5e-7"},
		{`"plain text"`, "plain text"},
		{`"/usr/lib/a.so"`, "/usr/lib/a.so"},
		{`"K=V"`, "K=V"},
		{`""`, `""`},
		{`"no"`, `"no"`}, {`"Yes"`, `"Yes"`}, {`"null"`, `"null"`}, {`"NaN"`, `"NaN"`}, {`"on"`, `"on"`},
		{`"12"`, `"12"`}, {`"0x1f"`, `"0x1f"`}, {`"1_000"`, `"1_000"`}, {`"2026-01-02"`, `"2026-01-02"`}, {`"-"`, `"-"`},
		{`"a: b"`, `"a: b"`}, {`"a #b"`, `"a #b"`}, {`"#a"`, `"#a"`}, {`"- a"`, `"- a"`}, {`"*a"`, `"*a"`}, {`"[a"`, `"[a"`},
		{`" a"`, `" a"`}, {`"a "`, `"a "`}, {`"a  b"`, `"a  b"`}, {`"~"`, `"~"`}, {`"."`, `"."`}, {`"a,b"`, `"a,b"`},
		{`"a\nb\t\"q\" \\"`, `"a\nb\t\"q\" \\"`},
		{`"日本"`, `"日本"`},
		{`{}`, "{}"},
		{`[]`, "[]"},
		{`{"a":{},"b":[],"c":null}`, "a: {}\nb: []\nc: null"},
		{`{"z":1,"a":{"b":{"c":2}}}`, "z: 1\na:\n  b:\n    c: 2"},
		{`{"list":[1,{"x":1,"y":[2]}]}`, "list:\n  - 1\n  - x: 1\n    \"y\":\n      - 2"},
		{`[[1,2],[],[[3]]]`, "- - 1\n  - 2\n- []\n- - - 3"},
		{`[{"a":[{"b":1},{"b":2}]}]`, "- a:\n    - b: 1\n    - b: 2"},
		{`{"on":1,"a b":2,"1":3,"":4}`, "\"on\": 1\na b: 2\n\"1\": 3\n\"\": 4"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		if err := Encode(&out, YAML, json.RawMessage(tt.json)); err != nil {
			t.Errorf("%s: %v", tt.json, err)
		}
		if got := strings.TrimSuffix(out.String(), "\n"); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.json, got, tt.want)
		}
	}
}

func ExampleEncode() {
	type function struct {
		Name  string `json:"name"`
		Calls int    `json:"calls"`
	}
	var out bytes.Buffer
	if err := Encode(&out, YAML, []function{{"fd_write", 12}, {"clock_time_get", 3}}); err != nil {
		fmt.Println(err)
	}
	fmt.Print(out.String())
	// Output:
	// - name: fd_write
	//   calls: 12
	// - name: clock_time_get
	//   calls: 3
}

func ExampleTable() {
	table := NewTable(Left("FUNCTION"), Right("CALLS"), Right("BYTES"))
	table.Row("fd_write", Count(12345), Bytes(2488))
	table.Row("fd_read", Count(7), Bytes(72))
	var out bytes.Buffer
	if err := table.Write(&out); err != nil {
		fmt.Println(err)
	}
	fmt.Print(out.String())
	// Output:
	// FUNCTION   CALLS     BYTES
	// fd_write  12,345  2.43 KiB
	// fd_read        7      72 B
}

// appender says of itself what encoding/json says of its embedded value.
type appender struct{ segment }

func (a appender) AppendJSON(dst []byte) ([]byte, error) {
	data, err := json.Marshal(a.segment)
	return append(dst, data...), err
}

func TestListOfAppenders(t *testing.T) {
	values := []segment{{Number: 1, Name: "\x1b\u202e\U000e0041"}, {Number: 2, Name: "b", Tags: []string{"x"}}}
	for _, f := range []Format{JSON, JSONL, YAML} {
		var want, got bytes.Buffer
		plain, list := NewList(&want, f), NewList(&got, f)
		for _, v := range values {
			if err := errors.Join(plain.Add(v), list.Add(appender{v})); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(plain.Close(), list.Close()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", f, diff)
		}
	}
}
