// Package wasm reads what a WebAssembly binary declares: imports and exports
// with their types, memories, custom sections. It is for showing a module, not
// for running or validating one. Start with Read.
//
// Code and data are skipped without being read, so a module of hundreds of
// megabytes costs a few reads. Input is not trusted: every length is checked
// against what is left of the file before anything is allocated.
package wasm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrNotWasm is returned for bytes that do not begin as a WebAssembly binary.
var ErrNotWasm = errors.New("not a WebAssembly binary")

// Binary is what a WebAssembly binary declares.
type Binary struct {
	Component bool     `json:"component,omitempty"` // of the component model, not a core module
	Name      string   `json:"name,omitempty"`      // from the name section
	Imports   []Import `json:"imports"`
	Exports   []Export `json:"exports"`
	Memories  []Memory `json:"memories"` // imported ones first
	Customs   []Custom `json:"custom_sections"`
	DWARF     bool     `json:"dwarf"` // it has debug information with source lines
}

// Import is one import, in the order of the binary.
type Import struct {
	Module string `json:"module,omitempty"` // empty in a component, whose imports have one name
	Name   string `json:"name"`
	Kind   string `json:"kind"`           // "func", "table", "memory", "global", "tag"; in a component also "instance", "type", ...
	Type   string `json:"type,omitempty"` // "(i32, i32) -> i32", "2 pages, max 16", "mut i32"
}

// Export is one export, in the order of the binary.
type Export struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Type string `json:"type,omitempty"`
}

// Memory is the declaration of a memory, in pages.
type Memory struct {
	Min      uint64 `json:"min_pages"`
	Max      uint64 `json:"max_pages,omitempty"`
	HasMax   bool   `json:"has_max,omitempty"`
	Shared   bool   `json:"shared,omitempty"`
	Is64     bool   `json:"memory64,omitempty"`
	PageBits uint32 `json:"page_bits"` // a page has 1<<PageBits bytes: 16 but for custom page sizes
	Imported bool   `json:"imported,omitempty"`
}

// Custom is a custom section.
type Custom struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // bytes of its content
}

// Limits of what is kept of one binary.
const (
	maxSection = 64 << 20 // bytes of a section that is read whole
	maxCustoms = 4096
	maxHead    = 4096 // bytes that are read of a custom section: its name
)

// The preambles: magic, then the version of core modules, or the version and
// layer of components.
const (
	preambleModule    = "\x00asm\x01\x00\x00\x00"
	preambleComponent = "\x00asm\x0d\x00\x01\x00"
)

// Read reads a binary of the given size. The error names the section and the
// byte where the binary cannot be understood; what was read up to there is
// returned with it.
func Read(r io.ReaderAt, size int64) (*Binary, error) {
	preamble := make([]byte, len(preambleModule))
	if _, err := r.ReadAt(preamble, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	b := &Binary{Imports: []Import{}, Exports: []Export{}, Memories: []Memory{}, Customs: []Custom{}}
	s := &scanner{r: r, size: size, binary: b}
	switch string(preamble) {
	case preambleModule:
		return b, s.sections(s.moduleSection)
	case preambleComponent:
		b.Component = true
		return b, s.sections(s.componentSection)
	}
	return nil, ErrNotWasm
}

// scanner goes through the sections of a binary. The index spaces are filled
// as sections come, in the order that the specification demands.
type scanner struct {
	r       io.ReaderAt
	size    int64
	binary  *Binary
	types   []string // signatures
	funcs   []uint32 // type of each function
	tables  []string
	globals []string
	tags    []uint32
}

// section is the place of a section's content.
type section struct {
	id   byte
	at   int64
	size int64
}

func (s *scanner) sections(visit func(section) error) error {
	for at := int64(len(preambleModule)); at < s.size; {
		sec, err := s.header(at)
		if err == nil {
			err = visit(sec)
		}
		if err != nil {
			return fmt.Errorf("section %d at byte %d: %w", sec.id, at, err)
		}
		at = sec.at + sec.size
	}
	return nil
}

func (s *scanner) header(at int64) (section, error) {
	head := make([]byte, min(1+binary.MaxVarintLen32, s.size-at))
	if _, err := s.r.ReadAt(head, at); err != nil && !errors.Is(err, io.EOF) {
		return section{}, err
	}
	d := &decoder{buf: head[1:]}
	n := int64(d.u32())
	sec := section{head[0], at + 1 + int64(d.at), n}
	if d.err != nil {
		return sec, d.err
	}
	if n > s.size-sec.at {
		return sec, fmt.Errorf("%d bytes declared, %d left", n, s.size-sec.at)
	}
	return sec, nil
}

// content reads the first n bytes of a section, or all of it if it is shorter.
func (s *scanner) content(sec section, n int64) (*decoder, error) {
	buf := make([]byte, min(n, sec.size))
	if _, err := s.r.ReadAt(buf, sec.at); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return &decoder{buf: buf}, nil
}

// whole reads a section that is to be decoded.
func (s *scanner) whole(sec section, decode func(*decoder)) error {
	if sec.size > maxSection {
		return fmt.Errorf("%d bytes, the limit is %d", sec.size, int64(maxSection))
	}
	d, err := s.content(sec, sec.size)
	if err != nil {
		return err
	}
	decode(d)
	return d.err
}

// custom notes a custom section; of the name section it reads the beginning,
// where the module's name is.
func (s *scanner) custom(sec section) error {
	if len(s.binary.Customs) == maxCustoms {
		return fmt.Errorf("more than %d custom sections", maxCustoms)
	}
	d, err := s.content(sec, maxHead)
	if err != nil {
		return err
	}
	name := d.name()
	if d.err != nil {
		return d.err
	}
	s.binary.Customs = append(s.binary.Customs, Custom{name, sec.size - int64(d.at)})
	switch name {
	case "name", "component-name":
		s.name(d)
	case ".debug_line":
		s.binary.DWARF = true
	}
	return nil
}

// name reads subsection 0 of a name section. A damaged name section does not
// make a module invalid, so its errors are dropped.
func (s *scanner) name(d *decoder) {
	if d.u8() == 0 {
		d.u32()
		if name := d.name(); d.err == nil {
			s.binary.Name = name
		}
	}
}
