package convert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
)

// table is what stands before the rows of a trace.
type table struct {
	header     *format.Header
	headerJSON []byte // header as it stands in its source; nil: as it marshals
	modules    []string
	functions  []string
	seq        bool          // rows keep the number that they have in another trace
	schema     *arrow.Schema // of somebody else's records; nil for events
}

// sink takes a trace apart: begin, attach for each attachment, then event or
// record for the rows, then end. Events and records are valid during the call.
type sink interface {
	begin(t *table) error
	// attach gives an attachment; r is nil if it is detached, and stays valid
	// until end.
	attach(a *format.Attachment, r *io.SectionReader) error
	event(e *format.Event) error
	record(rec arrow.Record) error
	end(s *format.Summary) error // s is nil if unknown
}

// dialect is the version of the JSONL dialect.
const dialect = 1

// appendHead appends the members that describe the table.
func (t *table) appendHead(dst []byte) ([]byte, error) {
	header := t.headerJSON
	if header == nil {
		var err error
		if header, err = marshal(t.header); err != nil {
			return dst, err
		}
	}
	dst = append(append(dst, `"header":`...), header...)
	if t.schema != nil {
		schema, err := marshal(newSchemaJSON(t.schema))
		if err != nil {
			return dst, err
		}
		return append(append(dst, `,"schema":`...), schema...), nil
	}
	dst = appendStrings(append(dst, `,"modules":`...), t.modules)
	dst = appendStrings(append(dst, `,"functions":`...), t.functions)
	if t.seq {
		dst = append(dst, `,"stored_seq":true`...)
	}
	return dst, nil
}

func appendStrings(dst []byte, values []string) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, v)
	}
	return append(dst, ']')
}

// marshal is json.Marshal without escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// unmarshal decodes JSON and keeps numbers of unknown type as their text.
func unmarshal(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}

// set reads the member of a head with that key. It reports false for a key
// that is none.
func (t *table) set(key string, value []byte) (known bool, err error) {
	switch key {
	case "tracetool":
		var version int
		if err := unmarshal(value, &version); err != nil {
			return true, err
		}
		if version > dialect {
			return true, fmt.Errorf("dialect %d, this program knows %d: %w", version, dialect, format.ErrVersion)
		}
	case "header":
		t.header, t.headerJSON = &format.Header{}, compact(nil, value)
		err = unmarshal(value, t.header)
	case "modules":
		t.modules, err = parseNames(value)
	case "functions":
		t.functions, err = parseNames(value)
	case "stored_seq":
		err = unmarshal(value, &t.seq)
	case "schema":
		var s schemaJSON
		if err = unmarshal(value, &s); err == nil {
			t.schema, err = s.schema()
		}
	default:
		return false, nil
	}
	return true, err
}

// parseNames reads a dictionary, whose codes are 16 bits wide.
func parseNames(value []byte) ([]string, error) {
	var names []string
	if err := unmarshal(value, &names); err != nil {
		return nil, err
	}
	if len(names) > math.MaxInt16+1 {
		return nil, fmt.Errorf("%d names, want at most %d", len(names), math.MaxInt16+1)
	}
	sorted := slices.Sorted(slices.Values(names))
	if unique := slices.Compact(slices.Clone(sorted)); len(unique) != len(sorted) {
		return nil, fmt.Errorf("a name is there twice")
	}
	return names, nil
}

// check completes a head that has been read.
func (t *table) check() error {
	if t.header == nil {
		return fmt.Errorf("no header")
	}
	if t.header.Version > format.Version {
		return fmt.Errorf("format version %d, this program knows %d: %w", t.header.Version, format.Version, format.ErrVersion)
	}
	return nil
}

// compact appends a JSON value without its white space. Unlike json.Compact it
// takes Python's numbers.
func compact(dst, value []byte) []byte {
	for i := 0; i < len(value); i++ {
		switch c := value[i]; c {
		case ' ', '\t', '\r', '\n':
		case '"':
			end := i + 1
			for value[end] != '"' {
				if value[end] == '\\' {
					end++
				}
				end++
			}
			dst = append(dst, value[i:end+1]...)
			i = end
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// schemaJSON is an Arrow schema as the dialect spells it.
type schemaJSON struct {
	Fields   []fieldJSON       `json:"fields"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// fieldJSON is an Arrow field. Type is Arrow's name of the type; Fields are
// the members of a struct, or the one element of a list.
type fieldJSON struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Nullable bool              `json:"nullable,omitempty"`
	Size     int32             `json:"size,omitempty"`     // bytes of fixed_size_binary, elements of fixed_size_list
	Unit     string            `json:"unit,omitempty"`     // of timestamp: s, ms, us, ns
	Timezone string            `json:"timezone,omitempty"` // of timestamp
	Fields   []fieldJSON       `json:"fields,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// simpleTypes are the types that their name says all about.
var simpleTypes = map[string]arrow.DataType{
	"null": arrow.Null, "bool": arrow.FixedWidthTypes.Boolean,
	"int8": arrow.PrimitiveTypes.Int8, "int16": arrow.PrimitiveTypes.Int16,
	"int32": arrow.PrimitiveTypes.Int32, "int64": arrow.PrimitiveTypes.Int64,
	"uint8": arrow.PrimitiveTypes.Uint8, "uint16": arrow.PrimitiveTypes.Uint16,
	"uint32": arrow.PrimitiveTypes.Uint32, "uint64": arrow.PrimitiveTypes.Uint64,
	"float32": arrow.PrimitiveTypes.Float32, "float64": arrow.PrimitiveTypes.Float64,
	"utf8": arrow.BinaryTypes.String, "large_utf8": arrow.BinaryTypes.LargeString,
	"binary": arrow.BinaryTypes.Binary, "large_binary": arrow.BinaryTypes.LargeBinary,
}

func newSchemaJSON(s *arrow.Schema) *schemaJSON {
	out := &schemaJSON{Fields: []fieldJSON{}, Metadata: metadataMap(s.Metadata(), ownKey)}
	for _, f := range s.Fields() {
		out.Fields = append(out.Fields, newFieldJSON(f))
	}
	return out
}

// ownKey reports whether the writer of a trace sets that key of the schema.
func ownKey(key string) bool { return key == format.KeyHeader || key == format.KeyVersion }

func metadataMap(m arrow.Metadata, without func(string) bool) map[string]string {
	out := map[string]string{}
	for i, k := range m.Keys() {
		if !without(k) {
			out[k] = m.Values()[i]
		}
	}
	return out
}

func newFieldJSON(f arrow.Field) fieldJSON {
	out := fieldJSON{Name: f.Name, Type: f.Type.Name(), Nullable: f.Nullable,
		Metadata: metadataMap(f.Metadata, func(string) bool { return false })}
	switch t := f.Type.(type) {
	case *arrow.TimestampType:
		out.Unit, out.Timezone = t.Unit.String(), t.TimeZone
	case *arrow.FixedSizeBinaryType:
		out.Size = int32(t.ByteWidth)
	case *arrow.FixedSizeListType:
		out.Size = t.Len()
	}
	if nested, ok := f.Type.(arrow.NestedType); ok {
		for _, c := range nested.Fields() {
			out.Fields = append(out.Fields, newFieldJSON(c))
		}
	}
	return out
}

// maxFields bounds the columns of a schema, those inside others included.
const maxFields = 1 << 16

func (s *schemaJSON) schema() (*arrow.Schema, error) {
	budget := maxFields
	fields, err := arrowFields(s.Fields, &budget, 0)
	if err != nil {
		return nil, err
	}
	meta := arrowMetadata(s.Metadata)
	return arrow.NewSchema(fields, &meta), nil
}

func arrowMetadata(m map[string]string) arrow.Metadata {
	var keys, values []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		keys, values = append(keys, k), append(values, m[k])
	}
	return arrow.NewMetadata(keys, values)
}

// maxFieldDepth is how deep fields may be nested; the reader's limit is 64.
const maxFieldDepth = 60

func arrowFields(in []fieldJSON, budget *int, depth int) ([]arrow.Field, error) {
	if *budget -= len(in); *budget < 0 || depth > maxFieldDepth {
		return nil, fmt.Errorf("more than %d fields, or nested more than %d deep", maxFields, maxFieldDepth)
	}
	fields := make([]arrow.Field, len(in))
	names := make(map[string]bool, len(in))
	for i, f := range in {
		children, err := arrowFields(f.Fields, budget, depth+1)
		if err != nil {
			return nil, err
		}
		dt, err := f.arrowType(children)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
		if names[f.Name] {
			return nil, fmt.Errorf("field %q is there twice", f.Name)
		}
		names[f.Name] = true
		fields[i] = arrow.Field{Name: f.Name, Type: dt, Nullable: f.Nullable, Metadata: arrowMetadata(f.Metadata)}
	}
	return fields, nil
}

func (f *fieldJSON) arrowType(children []arrow.Field) (arrow.DataType, error) {
	if dt, ok := simpleTypes[f.Type]; ok {
		return dt, nil
	}
	if f.Type == "struct" {
		return arrow.StructOf(children...), nil
	}
	if strings.HasSuffix(f.Type, "list") && len(children) != 1 {
		return nil, fmt.Errorf("list with %d fields, want 1", len(children))
	}
	switch f.Type {
	case "list":
		return arrow.ListOfField(children[0]), nil
	case "large_list":
		return arrow.LargeListOfField(children[0]), nil
	case "fixed_size_list":
		if f.Size <= 0 || f.Size > 1<<20 {
			return nil, fmt.Errorf("list of %d elements", f.Size)
		}
		return arrow.FixedSizeListOfField(f.Size, children[0]), nil
	case "fixed_size_binary":
		if f.Size < 0 || f.Size > 1<<20 {
			return nil, fmt.Errorf("%d bytes", f.Size)
		}
		return &arrow.FixedSizeBinaryType{ByteWidth: int(f.Size)}, nil
	case "timestamp":
		unit := slices.Index([]string{"s", "ms", "us", "ns"}, f.Unit)
		if unit < 0 {
			return nil, fmt.Errorf("unit %q, want s, ms, us or ns", f.Unit)
		}
		return &arrow.TimestampType{Unit: arrow.TimeUnit(unit), TimeZone: f.Timezone}, nil
	}
	return nil, fmt.Errorf("type %q is not supported", f.Type)
}
