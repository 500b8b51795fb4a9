package convert

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/writer"
)

// textTable is a trace of one row of texts.
func textTable(t *testing.T, schema *arrow.Schema, texts ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.arrow")
	w, err := writer.Create(path, writer.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i, text := range texts {
		b.Field(i).(*array.StringBuilder).Append(text)
	}
	if err := errors.Join(w.WriteRecord(b.NewRecord()), w.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func textField(name, key, value string) arrow.Field {
	return arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Metadata: arrow.NewMetadata([]string{key}, []string{value})}
}

// TestTextSaidToBeJSON: what a column says of its text is a stranger's word.
func TestTextSaidToBeJSON(t *testing.T) {
	for _, tt := range []struct {
		text, want string // want "" is an error
	}{
		{`{"a":1}`, `{"a":1}`},
		{`{"a": 1}`, `{"a": 1}`},
		{`NaN`, `NaN`},
		{"{\n\"a b\": [1,\r2]}", `{"a b":[1,2]}`},
		{"x", ""},
		{"", ""},
		{`1,"b":2`, ""},
		{"\x1b[31m", ""},
		{"\"\x1b[31m\"", ""},
		{"\"\xff\"", ""},
		{strings.Repeat("[", 10_000), ""},
	} {
		column, row := tt.want, tt.want
		if tt.want != "" {
			column = `{"j":` + tt.want + "}"
		}
		for _, c := range []struct {
			field arrow.Field
			want  string
		}{{textField("j", keyJSON, "true"), column}, {textField("o", keyOriginal, "true"), row}} {
			var out bytes.Buffer
			_, err := Convert(context.Background(), Input{Path: textTable(t, arrow.NewSchema([]arrow.Field{c.field}, nil), tt.text)},
				Output{Writer: &out}, Options{To: JSONL, Plain: true})
			if c.want == "" && !errors.Is(err, format.ErrCorrupt) || c.want != "" && (err != nil || out.String() != c.want+"\n") {
				t.Errorf("%q as %s: %q, %v, want %q", clip([]byte(tt.text)), c.field.Name, out.String(), err, c.want)
			}
			if strings.Contains(out.String(), "\x1b") {
				t.Errorf("%q as %s is written as it is", tt.text, c.field.Name)
			}
		}
	}
}

// TestColumnsThatJSONCannotTell: two of one name.
func TestColumnsThatJSONCannotTell(t *testing.T) {
	name := arrow.Field{Name: "a", Type: arrow.BinaryTypes.String}
	path := textTable(t, arrow.NewSchema([]arrow.Field{name, name}, nil), "x", "y")
	for _, plain := range []bool{false, true} {
		if _, err := Convert(context.Background(), Input{Path: path}, Output{Writer: new(bytes.Buffer)}, Options{To: JSONL, Plain: plain}); err == nil {
			t.Errorf("plain %v: no error", plain)
		}
	}
}

// TestRecordsThatAreNoOneValue: the metadata speak of one column, there are two.
func TestRecordsThatAreNoOneValue(t *testing.T) {
	meta := arrow.NewMetadata([]string{keyRow}, []string{valueColumn})
	fields := []arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String}, {Name: "b", Type: arrow.BinaryTypes.String}}
	var out bytes.Buffer
	_, err := Convert(context.Background(), Input{Path: textTable(t, arrow.NewSchema(fields, &meta), "x", "y")},
		Output{Writer: &out}, Options{To: JSONL, Plain: true})
	if want := "{\"a\":\"x\",\"b\":\"y\"}\n"; err != nil || out.String() != want {
		t.Errorf("%q, %v, want %q", out.String(), err, want)
	}
}
