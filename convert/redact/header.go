package redact

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/tracetool/tracetool/format"
)

// eachText returns a copy of a header with every text in it changed, those of
// fields to come as well. What stays are numbers, the id and digests, the
// descriptions of functions, which are the program's, and what an earlier
// redaction says.
func eachText(h *format.Header, change func(string) string) (*format.Header, error) {
	data, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	copied := new(format.Header)
	if err := json.Unmarshal(data, copied); err != nil {
		return nil, err
	}
	changeTexts(reflect.ValueOf(copied).Elem(), change)
	return copied, nil
}

// keptFields are the fields of headers that stay.
var keptFields = []string{"ID", "SHA256", "Functions", "Redacted"}

func changeTexts(v reflect.Value, change func(string) string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(change(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			changeTexts(v.Elem(), change)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !slices.Contains(keptFields, v.Type().Field(i).Name) {
				changeTexts(v.Field(i), change)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			changeTexts(v.Index(i), change)
		}
	case reflect.Map:
		changeMap(v, change)
	}
}

// changeMap changes the keys and values of a map of strings.
func changeMap(m reflect.Value, change func(string) string) {
	if m.IsNil() || m.Type() != reflect.TypeFor[map[string]string]() {
		return
	}
	changed := map[string]string{}
	for key, value := range m.Interface().(map[string]string) {
		changed[change(key)] = change(value)
	}
	m.Set(reflect.ValueOf(changed))
}
