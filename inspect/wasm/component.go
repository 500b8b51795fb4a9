package wasm

import "fmt"

// The sections of a component that are read. What is nested in it, core
// modules and components, is skipped as a whole.
const (
	componentCustom = 0
	componentImport = 10
	componentExport = 11
)

func (s *scanner) componentSection(sec section) error {
	switch sec.id {
	case componentCustom:
		return s.custom(sec)
	case componentImport:
		return s.whole(sec, func(d *decoder) {
			for range d.count(4) {
				im := Import{Name: d.externName(), Kind: d.externKind()}
				if d.err != nil {
					return
				}
				s.binary.Imports = append(s.binary.Imports, im)
			}
		})
	case componentExport:
		return s.whole(sec, func(d *decoder) {
			for range d.count(5) {
				ex := Export{Name: d.externName(), Kind: d.sort()}
				d.u32()
				if d.u8() == 1 { // the type that it is given
					d.externKind()
				}
				if d.err != nil {
					return
				}
				s.binary.Exports = append(s.binary.Exports, ex)
			}
		})
	}
	return nil
}

// externName reads a name such as "wasi:clocks/wall-clock@0.2.0". Of its forms
// those with options are newer than what this package knows.
func (d *decoder) externName() string {
	if form := d.u8(); form > 1 {
		d.fail(fmt.Errorf("name of form %d", form))
	}
	return d.name()
}

// componentKinds are the sorts of a component's items.
var componentKinds = [...]string{"core module", "func", "value", "type", "component", "instance"}

// sort reads what is exported. A core module has a second byte.
func (d *decoder) sort() string {
	k := d.u8()
	if int(k) >= len(componentKinds) {
		d.fail(fmt.Errorf("item of sort %d", k))
		return ""
	}
	if k == 0 {
		d.u8()
	}
	return componentKinds[k]
}

// externKind reads the description of an item and returns its kind.
func (d *decoder) externKind() string {
	kind := d.sort()
	switch kind {
	case "value", "type":
		if bound := d.u8(); bound == 1 && kind == "type" {
			return kind // a fresh type, without a number
		}
		d.leb(35)
	default:
		d.u32()
	}
	return kind
}
