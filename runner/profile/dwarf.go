package profile

import (
	"cmp"
	"debug/dwarf"
	"errors"
	"io"
	"slices"
	"strings"
)

// dwarfLines finds source lines by DWARF, whose addresses are offsets in the
// code section. Units are read when they are needed.
type dwarfLines struct {
	data  *dwarf.Data
	units []*unit
}

// unit is a compilation unit.
type unit struct {
	entry   *dwarf.Entry
	ranges  [][2]uint64
	loaded  bool
	lines   []lineEntry // by address
	files   []*dwarf.LineFile
	inlined []inlined // outer before inner
	starts  []start   // of functions
}

type lineEntry struct {
	address uint64
	file    string
	line    int
	end     bool // of a sequence
}

// inlined is a call that was inlined into a range of addresses.
type inlined struct {
	from, to     uint64
	name, system string
	file         string // of the call
	line         int
}

type start struct {
	from, to uint64
	line     int
}

// newDWARF returns nil where a module has no DWARF, or none that can be read.
func newDWARF(s sections) (d *dwarfLines) {
	defer func() {
		if recover() != nil { // debug/dwarf is not made for hostile input
			d = nil
		}
	}()
	get := func(name string) []byte { return s.custom[".debug_"+name] }
	if len(get("info")) == 0 {
		return nil
	}
	data, err := dwarf.New(get("abbrev"), nil, nil, get("info"), get("line"), nil, get("ranges"), get("str"))
	if err != nil {
		return nil
	}
	for name, content := range s.custom {
		if kind, ok := strings.CutPrefix(name, ".debug_"); ok && slices.Contains([]string{"addr", "line_str", "str_offsets", "rnglists"}, kind) {
			if data.AddSection(name, content) != nil {
				return nil
			}
		}
	}
	d = &dwarfLines{data: data}
	at := dwarf.Offset(0)
	for r := data.Reader(); ; r.SkipChildren() {
		e, err := r.Next()
		if err != nil || e == nil || e.Offset < at { // a sibling may be said to be anywhere
			return d
		}
		at = e.Offset + 1
		if e.Tag == dwarf.TagCompileUnit {
			d.units = append(d.units, &unit{entry: e, ranges: d.ranges(e)})
		}
	}
}

// ranges returns the addresses of an entry. Code that the linker has left out
// is at 0, where none can be, or at the end of the numbers.
func (d *dwarfLines) ranges(e *dwarf.Entry) [][2]uint64 {
	ranges, err := d.data.Ranges(e)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(ranges, func(r [2]uint64) bool { return r[0] == 0 || r[0] >= r[1] || r[0] >= 1<<32-2 })
}

// frames returns a function with the calls inlined at an address, innermost
// first.
func (d *dwarfLines) frames(outer frame, address, entry uint64) (frames []frame) {
	defer func() {
		if recover() != nil {
			frames = []frame{outer}
		}
	}()
	for _, u := range d.units {
		if slices.ContainsFunc(u.ranges, func(r [2]uint64) bool { return r[0] <= address && address < r[1] }) {
			u.load(d)
			return u.frames(outer, address, entry)
		}
	}
	return []frame{outer}
}

func (u *unit) frames(outer frame, address, entry uint64) []frame {
	file, line := u.line(address)
	var list []frame
	for _, i := range u.inlined {
		if i.from <= address && address < i.to {
			list = append(list, frame{name: i.name, system: i.system, file: i.file, line: i.line})
		}
	}
	// Each has the line of its call: its own place is that of the next inner.
	outer.start = u.start(entry)
	outer.file, outer.line = file, line
	frames := []frame{outer}
	for _, in := range list {
		last := &frames[len(frames)-1]
		place := frame{name: in.name, system: in.system, file: last.file, line: last.line}
		last.file, last.line = in.file, in.line
		frames = append(frames, place)
	}
	slices.Reverse(frames)
	return frames
}

// line returns the line of an address.
func (u *unit) line(address uint64) (string, int) {
	i, found := slices.BinarySearchFunc(u.lines, address, func(e lineEntry, at uint64) int { return cmp.Compare(e.address, at) })
	for found && i+1 < len(u.lines) && u.lines[i+1].address == address {
		i++ // the last one counts
	}
	if !found {
		i--
	}
	if i < 0 || u.lines[i].end {
		return "", 0
	}
	return u.lines[i].file, u.lines[i].line
}

func (u *unit) start(address uint64) int {
	for _, s := range u.starts {
		if s.from <= address && address < s.to {
			return s.line
		}
	}
	return 0
}

// load reads the lines of a unit and its inlined calls.
func (u *unit) load(d *dwarfLines) {
	if u.loaded {
		return
	}
	u.loaded = true
	u.loadLines(d)
	r := d.data.Reader()
	r.Seek(u.entry.Offset)
	if e, err := r.Next(); err != nil || e == nil || !e.Children {
		return
	}
	for depth := 1; depth > 0; {
		e, err := r.Next()
		if err != nil || e == nil {
			return
		}
		if e.Tag == 0 {
			depth--
			continue
		}
		u.add(d, e)
		if e.Children {
			depth++
		}
	}
}

func (u *unit) loadLines(d *dwarfLines) {
	lines, err := d.data.LineReader(u.entry)
	if err != nil || lines == nil {
		return
	}
	u.files = lines.Files()
	for {
		var e dwarf.LineEntry
		if err := lines.Next(&e); err != nil {
			if !errors.Is(err, io.EOF) {
				u.lines = nil
			}
			break
		}
		entry := lineEntry{address: e.Address, line: e.Line, end: e.EndSequence}
		if e.File != nil {
			entry.file = e.File.Name
		}
		u.lines = append(u.lines, entry)
	}
	u.files = lines.Files()
	// Sequences of left out code begin at 0 and overlap with others.
	u.lines = dropSequences(u.lines)
	slices.SortStableFunc(u.lines, func(a, b lineEntry) int {
		if c := cmp.Compare(a.address, b.address); c != 0 || a.end == b.end {
			return c
		} else if a.end {
			return -1 // another sequence begins where one ends
		}
		return 1
	})
}

// dropSequences leaves out those that begin at 0.
func dropSequences(lines []lineEntry) []lineEntry {
	kept, from := lines[:0], 0
	for i := range lines {
		if !lines[i].end {
			continue
		}
		if sequence := lines[from : i+1]; sequence[0].address != 0 && sequence[0].address < 1<<32-2 {
			kept = append(kept, sequence...)
		}
		from = i + 1
	}
	return kept
}

// add takes down a function or an inlined call.
func (u *unit) add(d *dwarfLines, e *dwarf.Entry) {
	switch e.Tag {
	case dwarf.TagSubprogram:
		line, _ := d.attribute(e, dwarf.AttrDeclLine).(int64)
		for _, r := range d.ranges(e) {
			u.starts = append(u.starts, start{r[0], r[1], int(line)})
		}
	case dwarf.TagInlinedSubroutine:
		var i inlined
		i.name, i.system = d.names(e)
		line, _ := e.Val(dwarf.AttrCallLine).(int64)
		i.line = int(line)
		if n, ok := e.Val(dwarf.AttrCallFile).(int64); ok && n >= 0 && n < int64(len(u.files)) && u.files[n] != nil {
			i.file = u.files[n].Name
		}
		for _, r := range d.ranges(e) {
			i.from, i.to = r[0], r[1]
			u.inlined = append(u.inlined, i)
		}
	}
}

// maxOrigins bounds how far an entry refers to another one.
const maxOrigins = 8

// attribute looks an attribute up in an entry and those that it stands for.
func (d *dwarfLines) attribute(e *dwarf.Entry, attr dwarf.Attr) any {
	for range maxOrigins {
		if v := e.Val(attr); v != nil {
			return v
		}
		origin, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			if origin, ok = e.Val(dwarf.AttrSpecification).(dwarf.Offset); !ok {
				return nil
			}
		}
		r := d.data.Reader()
		r.Seek(origin)
		next, err := r.Next()
		if err != nil || next == nil {
			return nil
		}
		e = next
	}
	return nil
}

// names returns what an inlined function is called, and its name in the
// module, which tells more where there is one.
func (d *dwarfLines) names(e *dwarf.Entry) (name, system string) {
	if system, ok := d.attribute(e, dwarf.AttrLinkageName).(string); ok && system != "" {
		return demangled(system), system
	}
	if name, ok := d.attribute(e, dwarf.AttrName).(string); ok && name != "" {
		return name, name
	}
	return "inlined", "inlined"
}
