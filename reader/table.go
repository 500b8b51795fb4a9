package reader

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tracetool/tracetool/format"
)

// table is what decoding a segment takes: schema, header and dictionaries.
type table struct {
	schema       *arrow.Schema
	head         *format.Header
	events       bool
	seq          bool // the table has the column "seq"
	dictionaries []arrow.Array
	kinds        []string // names by code: ours, then later versions'
	kindCodes    []int8   // by the file's code; nil where they are ours
	modules      []string
	functions    []string
	reuse        reuse
}

// Header says what the trace is of.
func (t *table) Header() *format.Header { return t.head }

// Schema is the schema of the trace's table, with its metadata.
func (t *table) Schema() *arrow.Schema { return t.schema }

// IsEvents reports whether the table is the event table. Otherwise it holds
// somebody else's records, which only Record reads.
func (t *table) IsEvents() bool { return t.events }

// Kinds lists the names of kinds by code: those of package format, then those
// of later versions that the trace has.
func (t *table) Kinds() []string { return t.kinds }

// Modules is the dictionary of the column "module".
func (t *table) Modules() []string { return t.modules }

// Functions is the dictionary of the column "function".
func (t *table) Functions() []string { return t.functions }

// newTable reads the header from a schema's metadata.
func newTable(schema *arrow.Schema) (*table, error) {
	t := &table{schema: schema, head: new(format.Header), events: format.IsEventSchema(schema), kinds: format.KindNames()}
	if err := decodeHeader(schema, t.head, false); err != nil {
		return nil, err
	}
	if err := checkVersion(int64(t.head.Version)); err != nil {
		return nil, err
	}
	if t.events && schema.NumFields() > format.ColSeq {
		seq := schema.Field(format.ColSeq)
		t.seq = seq.Name == format.SeqField().Name && arrow.TypeEqual(seq.Type, format.SeqField().Type)
	}
	t.dictionaries = make([]arrow.Array, len(dictionaryTypes(schema.Fields(), nil)))
	return t, nil
}

// decodeHeader reads the header from a schema's metadata; a brief one is without its
// functions.
func decodeHeader(schema *arrow.Schema, to *format.Header, brief bool) error {
	meta := schema.Metadata()
	i := meta.FindKey(format.KeyHeader)
	if i < 0 {
		return fmt.Errorf("%w: its schema has no %s", format.ErrNotTrace, format.KeyHeader)
	}
	text := metadataText(meta.Values()[i], brief)
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	return nil
}

func checkVersion(v int64) error {
	if v > format.Version {
		return fmt.Errorf("%w: version %d, this program reads up to %d", format.ErrVersion, v, format.Version)
	}
	return nil
}

// dictionaryTypes appends the value types of dictionary fields, depth first:
// the order of their ids.
func dictionaryTypes(fields []arrow.Field, types []arrow.DataType) []arrow.DataType {
	for _, f := range fields {
		switch dt := f.Type.(type) {
		case *arrow.DictionaryType:
			types = append(types, dt.ValueType)
		case arrow.NestedType:
			types = dictionaryTypes(dt.Fields(), types)
		}
	}
	return types
}

// The dictionaries of the event table.
const (
	kindDictionary = iota
	moduleDictionary
	functionDictionary
)

// setDictionary stores the values of a dictionary.
func (t *table) setDictionary(id int, values arrow.Array) {
	t.dictionaries[id] = values
	if !t.events {
		return
	}
	switch id {
	case kindDictionary:
		t.setKinds(texts(values))
	case moduleDictionary:
		t.modules = texts(values)
	case functionDictionary:
		t.functions = texts(values)
	}
}

// setNames is setDictionary for lists of names kept elsewhere.
func (t *table) setNames(id int, names []string) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(names, nil)
	t.setDictionary(id, b.NewStringArray())
}

func texts(values arrow.Array) []string {
	names := make([]string, values.Len())
	if s, ok := values.(*array.String); ok {
		for i := range names {
			names[i] = s.Value(i)
		}
	}
	return names
}

// setKinds maps the file's codes of kinds to ours. Names of later versions
// get codes beyond ours.
func (t *table) setKinds(names []string) {
	ours := format.KindNames()
	t.kinds, t.kindCodes = slices.Clone(ours), make([]int8, len(names))
	for code, name := range names {
		k := slices.Index(t.kinds, name)
		if k < 0 {
			k = min(len(t.kinds), 127)
			t.kinds = append(t.kinds[:k], name)
		}
		t.kindCodes[code] = int8(k)
	}
	if len(names) <= len(ours) && slices.Equal(names, ours[:len(names)]) {
		t.kindCodes = nil
	}
}

// numKinds is how many codes the file's dictionary of kinds has.
func (t *table) numKinds() int {
	if t.kindCodes != nil {
		return len(t.kindCodes)
	}
	if a := t.dictionaries[kindDictionary]; a != nil {
		return a.Len()
	}
	return len(t.kinds)
}

// readDictionary decodes a dictionary's frame.
func (s *source) readDictionary(f *frame, t *table) (int, arrow.Array, error) {
	b, err := s.batch(f, nil)
	if err != nil {
		return 0, nil, err
	}
	m := b.m
	types := dictionaryTypes(t.schema.Fields(), nil)
	if m.Delta || m.DictionaryID < 0 || m.DictionaryID >= int64(len(types)) {
		return 0, nil, s.damaged(f, fmt.Errorf("dictionary %d of %d, delta %v", m.DictionaryID, len(types), m.Delta))
	}
	id := int(m.DictionaryID)
	values, err := guard(func() (arrow.Array, error) { return b.Values(types[id]) })
	if err != nil {
		return 0, nil, s.damaged(f, err)
	}
	for i, name := range texts(values) {
		if !utf8.ValidString(name) { // no reader of Arrow has to take it, and JSON cannot say it
			return 0, nil, s.damaged(f, fmt.Errorf("name %d, %q, is not UTF-8", i, name))
		}
	}
	return id, values, nil
}

// guard turns a panic of arrow-go over content that passed our checks into an
// error.
func guard[T any](build func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("arrow: %v", p)
		}
	}()
	return build()
}
