package wasm

import (
	"fmt"
	"strings"
)

// The sections of a core module that are read.
const (
	sectionCustom   = 0
	sectionType     = 1
	sectionImport   = 2
	sectionFunction = 3
	sectionTable    = 4
	sectionMemory   = 5
	sectionGlobal   = 6
	sectionExport   = 7
	sectionTag      = 13
)

func (s *scanner) moduleSection(sec section) error {
	switch sec.id {
	case sectionCustom:
		return s.custom(sec)
	case sectionType:
		return s.whole(sec, s.typeSection)
	case sectionImport:
		return s.whole(sec, s.importSection)
	case sectionFunction:
		return s.whole(sec, func(d *decoder) {
			for range d.count(1) {
				s.funcs = append(s.funcs, d.u32())
			}
		})
	case sectionTable:
		return s.whole(sec, s.tableSection)
	case sectionMemory:
		return s.whole(sec, func(d *decoder) {
			for range d.count(2) {
				s.binary.Memories = append(s.binary.Memories, d.memory())
			}
		})
	case sectionGlobal:
		return s.whole(sec, s.globalSection)
	case sectionExport:
		return s.whole(sec, s.exportSection)
	case sectionTag:
		return s.whole(sec, func(d *decoder) {
			for range d.count(2) {
				s.tags = append(s.tags, d.tag())
			}
		})
	}
	return nil
}

func (s *scanner) typeSection(d *decoder) {
	for i := range d.count(1) {
		if form := d.u8(); form != 0x60 && d.err == nil {
			d.fail(fmt.Errorf("type %d: form 0x%02x is not a function's", i, form))
		}
		params := d.valueTypes()
		results := d.valueTypes()
		if d.err != nil {
			return
		}
		s.types = append(s.types, signature(params, results))
	}
}

// signature writes a function's type: "(i32, i64) -> i32".
func signature(params, results []string) string {
	text := "(" + strings.Join(params, ", ") + ")"
	switch len(results) {
	case 0:
		return text
	case 1:
		return text + " -> " + results[0]
	}
	return text + " -> (" + strings.Join(results, ", ") + ")"
}

func (s *scanner) importSection(d *decoder) {
	for range d.count(4) {
		im := Import{Module: d.name(), Name: d.name()}
		im.Kind, im.Type = s.importDescription(d)
		if d.err != nil {
			return
		}
		s.binary.Imports = append(s.binary.Imports, im)
	}
}

// importDescription reads what is imported and adds it to its index space.
func (s *scanner) importDescription(d *decoder) (kind, typ string) {
	k := d.u8()
	switch k {
	case 0:
		i := d.u32()
		s.funcs = append(s.funcs, i)
		typ = at(s.types, i)
	case 1:
		typ = d.table()
		s.tables = append(s.tables, typ)
	case 2:
		m := d.memory()
		m.Imported = true
		s.binary.Memories = append(s.binary.Memories, m)
		typ = m.String()
	case 3:
		typ = d.global()
		s.globals = append(s.globals, typ)
	case 4:
		i := d.tag()
		s.tags = append(s.tags, i)
		typ = at(s.types, i)
	default:
		d.fail(fmt.Errorf("import of kind %d", k))
		return "", ""
	}
	return kinds[k], typ
}

var kinds = [...]string{"func", "table", "memory", "global", "tag"}

// typeOf describes element i of a kind's index space, "" where there is none.
func (s *scanner) typeOf(kind byte, i uint32) string {
	switch {
	case kind == 0 && i < uint32(len(s.funcs)):
		return at(s.types, s.funcs[i])
	case kind == 1:
		return at(s.tables, i)
	case kind == 2 && i < uint32(len(s.binary.Memories)):
		return s.binary.Memories[i].String()
	case kind == 3:
		return at(s.globals, i)
	case kind == 4 && i < uint32(len(s.tags)):
		return at(s.types, s.tags[i])
	}
	return ""
}

func at(list []string, i uint32) string {
	if uint64(i) >= uint64(len(list)) {
		return ""
	}
	return list[i]
}

func (s *scanner) tableSection(d *decoder) {
	for range d.count(2) {
		if d.left() > 1 && d.buf[d.at] == 0x40 { // with an initial value, an expression
			d.fail(fmt.Errorf("table with an initial value is not supported"))
		}
		s.tables = append(s.tables, d.table())
	}
}

// globalSection reads the types of globals. Their initial values are constant
// expressions, whose ends are found for the usual instructions only.
func (s *scanner) globalSection(d *decoder) {
	for range d.count(3) {
		g := d.global()
		d.constant()
		if d.err != nil {
			return
		}
		s.globals = append(s.globals, g)
	}
}

func (s *scanner) exportSection(d *decoder) {
	for range d.count(3) {
		e := Export{Name: d.name()}
		k := d.u8()
		i := d.u32()
		if int(k) >= len(kinds) {
			d.fail(fmt.Errorf("export of kind %d", k))
		}
		if d.err != nil {
			return
		}
		e.Kind, e.Type = kinds[k], s.typeOf(k, i)
		s.binary.Exports = append(s.binary.Exports, e)
	}
}
