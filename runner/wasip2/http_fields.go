package wasip2

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/wasip2/http1"
)

// fields is the resource fields: headers or trailers, in order, names as they
// were given by the guest.
type fields struct {
	list      []http1.Field
	size      int  // bytes, as in a message
	total     *int // of all fields of the host, which size is part of
	immutable bool // the list may be shared
}

func (h *Host) fieldsOf() *fields { return &fields{total: &h.fieldBytes} }

// close takes the size off the total. The list lives on where it is shared.
func (f *fields) close() { f.shrink(f.size) }

func (f *fields) shrink(n int) {
	f.size -= n
	if f.total != nil {
		*f.total -= n
	}
}

// frozen are fields that cannot be changed any more, and that somebody else
// counts.
func frozen(list []http1.Field) *fields { return &fields{list: list, immutable: true} }

// The most bytes that fields may have, and all of a host together.
const (
	maxFields    = 256 << 10
	maxAllFields = 64 << 20
)

var errAllFields = fmt.Errorf("fields and requests of more than %d bytes in all", maxAllFields)

// fieldOverhead is what a field takes beside its name and value.
const fieldOverhead = 4

// The cases of header-error.
const (
	fieldOK = iota - 1
	fieldInvalid
	fieldForbidden
	fieldImmutable
)

// forbidden are the fields that the host has charge of.
var forbidden = map[string]bool{
	"connection": true, "host": true, "http2-settings": true, "keep-alive": true, "proxy-authenticate": true,
	"proxy-authorization": true, "proxy-connection": true, "transfer-encoding": true, "upgrade": true,
}

// allowed are the fields of a message received that the guest may see.
func allowed(list []http1.Field) []http1.Field {
	return slices.DeleteFunc(slices.Clone(list), func(f http1.Field) bool { return forbidden[strings.ToLower(f.Name)] })
}

// lowered are fields with names in lower case: that is how guests get them
// elsewhere, and look for them.
func lowered(list []http1.Field) []http1.Field {
	lower := make([]http1.Field, len(list))
	for i, f := range list {
		lower[i] = http1.Field{Name: strings.ToLower(f.Name), Value: f.Value}
	}
	return lower
}

func checkName(name string) int {
	switch {
	case !http1.ValidName(name):
		return fieldInvalid
	case forbidden[strings.ToLower(name)]:
		return fieldForbidden
	}
	return fieldOK
}

func (f *fields) checkChange(name string) int {
	if f.immutable {
		return fieldImmutable
	}
	return checkName(name)
}

// grow counts a field to be added. An error is a trap.
func (f *fields) grow(name string, value []byte) error {
	n := len(name) + len(value) + fieldOverhead
	f.shrink(-n)
	switch {
	case f.size > maxFields:
		return fmt.Errorf("fields of more than %d bytes", maxFields)
	case *f.total > maxAllFields:
		return errAllFields
	}
	return nil
}

// headerDone writes result<_, header-error>.
func headerDone(c *component.Call, code int) error {
	if code == fieldOK {
		c.Result.OK()
		return nil
	}
	c.Result.Err()
	c.Result.Case(code)
	return nil
}

// [constructor]fields
func (h *Host) newFields(_ context.Context, c *component.Call) error {
	return give(&h.fields, c, h.fieldsOf())
}

// [static]fields.from-list
func (h *Host) fieldsFromList(_ context.Context, c *component.Call) error {
	f, code := h.fieldsOf(), fieldOK
	for range c.Args.Len() {
		name, value := c.Args.String(), slices.Clone(c.Args.Blob())
		if code == fieldOK {
			code = checkField(name, value)
		}
		if err := f.grow(name, value); err != nil {
			f.close()
			return err
		}
		f.list = append(f.list, http1.Field{Name: name, Value: value})
	}
	if code != fieldOK {
		f.close()
		return headerDone(c, code)
	}
	c.Result.OK()
	return give(&h.fields, c, f)
}

func checkField(name string, value []byte) int {
	if code := checkName(name); code != fieldOK {
		return code
	}
	if !http1.ValidValue(value) {
		return fieldInvalid
	}
	return fieldOK
}

// [method]fields.get
func (f *fields) get(_ context.Context, _ *Host, c *component.Call) error {
	name := c.Args.String()
	var values [][]byte
	for _, field := range f.list {
		if strings.EqualFold(field.Name, name) {
			values = append(values, field.Value)
		}
	}
	c.Result.Len(len(values))
	for _, v := range values {
		c.Result.Blob(v)
	}
	return nil
}

func (f *fields) index(name string) int {
	return slices.IndexFunc(f.list, func(field http1.Field) bool { return strings.EqualFold(field.Name, name) })
}

// [method]fields.has
func (f *fields) has(_ context.Context, _ *Host, c *component.Call) error {
	c.Result.Bool(f.index(c.Args.String()) >= 0)
	return nil
}

// [method]fields.set
//
// The values take the place of the first there is.
func (f *fields) set(_ context.Context, _ *Host, c *component.Call) error {
	name := c.Args.String()
	code := f.checkChange(name)
	var values []http1.Field
	for range c.Args.Len() {
		value := slices.Clone(c.Args.Blob())
		if code == fieldOK && !http1.ValidValue(value) {
			code = fieldInvalid
		}
		values = append(values, http1.Field{Name: name, Value: value})
	}
	if code != fieldOK {
		return headerDone(c, code)
	}
	at := f.index(name)
	if f.cut(name); at < 0 {
		at = len(f.list)
	}
	for _, v := range values {
		if err := f.grow(v.Name, v.Value); err != nil {
			return err
		}
	}
	f.list = slices.Insert(f.list, at, values...)
	return headerDone(c, fieldOK)
}

// cut removes the fields of a name.
func (f *fields) cut(name string) {
	f.list = slices.DeleteFunc(f.list, func(field http1.Field) bool {
		same := strings.EqualFold(field.Name, name)
		if same {
			f.shrink(len(field.Name) + len(field.Value) + fieldOverhead)
		}
		return same
	})
}

// [method]fields.delete
func (f *fields) remove(_ context.Context, _ *Host, c *component.Call) error {
	name := c.Args.String()
	code := f.checkChange(name)
	if code == fieldOK {
		f.cut(name)
	}
	return headerDone(c, code)
}

// [method]fields.append
func (f *fields) add(_ context.Context, _ *Host, c *component.Call) error {
	name, value := c.Args.String(), slices.Clone(c.Args.Blob())
	code := f.checkChange(name)
	if code == fieldOK {
		code = checkField(name, value)
	}
	if code != fieldOK {
		return headerDone(c, code)
	}
	if err := f.grow(name, value); err != nil {
		return err
	}
	f.list = append(f.list, http1.Field{Name: name, Value: value})
	return headerDone(c, fieldOK)
}

// [method]fields.entries
func (f *fields) entries(_ context.Context, _ *Host, c *component.Call) error {
	encodeFields(&c.Result, f.list)
	return nil
}

func encodeFields(to *canon.Encoder, list []http1.Field) {
	to.Len(len(list))
	for _, f := range list {
		to.String(f.Name)
		to.Blob(f.Value)
	}
}

// [method]fields.clone
func (f *fields) clone(_ context.Context, h *Host, c *component.Call) error {
	clone := h.fieldsOf()
	for _, field := range f.list {
		if err := clone.grow(field.Name, field.Value); err != nil {
			clone.close()
			return err
		}
	}
	clone.list = slices.Clone(f.list)
	return give(&h.fields, c, clone)
}
