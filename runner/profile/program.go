package profile

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/ianlancetaylor/demangle"
	"github.com/tetratelabs/wazero/api"

	"github.com/tracetool/tracetool/reader"
	"github.com/tracetool/tracetool/runner"
)

type (
	module             = api.Module
	functionDefinition = api.FunctionDefinition
)

// location is a place in a program: a function, numbered as the module does,
// and where in it. What that means depends on where lines come from: it is an
// offset in the code section for DWARF, a PC for Go. 0 is the function's start.
type location struct {
	function uint32
	at       uint64
}

// frame is a location for people. Of several the first was inlined into the
// second, and so on.
type frame struct {
	name, system string // system: as in the module, mangled
	file         string
	line, start  int // start: where the function begins; 0: not known
}

// program is the module under the profiler.
type program struct {
	name      string
	imports   map[[2]string]uint32 // numbers of imported functions
	functions []function           // by number; imported ones are empty
	bodies    []uint64             // offsets in the code section, of all that are not imported
	imported  uint32               // functions that the module imports
	defined   bool                 // imported is known
	memory    bool                 // there is one
	throws    bool                 // there may be exceptions
	dwarf     *dwarfLines          // nil: no lines
	golang    *goTable             // nil: not a program of Go
}

type function struct {
	name string
	def  functionDefinition
}

// newProgram reads the module that a replay will run.
func newProgram(f *reader.File, cfg *runner.ReplayConfig) (*program, error) {
	m := cfg.Module
	if m == nil {
		h := f.Header()
		if h.Program == nil || !f.IsEvents() {
			return nil, fmt.Errorf("not the recording of a WebAssembly program")
		}
		data, err := f.ReadAttachment(h.Program.Name)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", h.Program.Name, err)
		}
		m = &runner.Module{Name: h.Program.Name, Bytes: data}
	}
	return readProgram(m.Name, m.Bytes), nil
}

// readProgram never fails: what cannot be read is not known.
func readProgram(name string, module []byte) *program {
	sections := readSections(module)
	memories, _ := binary.Uvarint(sections.memory)
	tags, _ := binary.Uvarint(sections.tags)
	p := &program{
		name: name, imports: map[[2]string]uint32{}, memory: memories > 0, throws: tags > 0,
		dwarf: newDWARF(sections), golang: findGo(initialMemory(sections.data)),
	}
	p.codes(sections)
	return p
}

// codes takes down where the code of each function is.
func (p *program) codes(s sections) {
	data := s.code
	n, size := binary.Uvarint(data)
	at := uint64(max(size, 0))
	for range n {
		if at >= uint64(len(data)) {
			return
		}
		length, size := binary.Uvarint(data[at:])
		if size <= 0 || length > uint64(len(data))-at-uint64(size) {
			return
		}
		p.bodies = append(p.bodies, at+uint64(size))
		at += uint64(size) + length
	}
}

// define takes down a function that the engine is about to compile, and
// returns its number. The functions of host modules have those of the imports.
func (p *program) define(def functionDefinition) uint32 {
	if def.GoFunction() == nil {
		n := def.Index()
		f := p.function(n)
		f.def, f.name = def, functionName(def)
		if !p.defined || n < p.imported {
			p.imported, p.defined = n, true
		}
		if p.golang != nil {
			p.golang.imports = p.imported
		}
		return n
	}
	key := [2]string{def.ModuleName(), def.Name()}
	n, ok := p.imports[key]
	if !ok {
		n = hostBase + uint32(len(p.imports))
		p.imports[key] = n
	}
	return n
}

// code returns where the code of a function begins, 0 if that is not known.
func (p *program) code(function uint32) uint64 {
	if i := int64(function) - int64(p.imported); i >= 0 && i < int64(len(p.bodies)) {
		return p.bodies[i]
	}
	return 0
}

// nameOf returns what a function is called.
func (p *program) nameOf(n uint32) string {
	frames := p.resolve(location{function: n})
	return frames[len(frames)-1].name
}

// hostBase is the number of the first host function: modules have not that
// many functions of their own.
const hostBase = 1 << 30

// function returns the entry of a number, which may be beyond the code that
// was read.
func (p *program) function(n uint32) *function {
	for uint32(len(p.functions)) <= n {
		p.functions = append(p.functions, function{})
	}
	return &p.functions[n]
}

func functionName(def functionDefinition) string {
	if name := def.Name(); name != "" {
		return name
	}
	for _, name := range def.ExportNames() {
		return name
	}
	return fmt.Sprintf("func[%d]", def.Index())
}

// resolve returns the frames at a location, one at least.
func (p *program) resolve(l location) []frame {
	if l.function >= hostBase {
		for key, n := range p.imports {
			if n == l.function {
				return []frame{{name: key[0] + "." + key[1]}}
			}
		}
	}
	f := p.function(l.function)
	outer := frame{name: f.name, system: f.name}
	if p.golang != nil {
		p.golang.describe(&outer, l)
		return []frame{outer}
	}
	outer.name = demangled(f.name)
	if p.dwarf == nil {
		return []frame{outer}
	}
	code := p.code(l.function)
	return p.dwarf.frames(outer, cmp.Or(l.at, code), code)
}

func demangled(name string) string {
	return demangle.Filter(name, demangle.NoClones, demangle.MaxLength(maxName))
}

// maxName is two to the power of this: what a demangled name has at most.
const maxName = 12

// sections are those of a module that a profiler looks at.
type sections struct {
	memory []byte
	tags   []byte
	code   []byte
	data   []byte
	custom map[string][]byte
}

// readSections never fails: the engine has found the module to be valid, or
// will find that it is not.
func readSections(module []byte) sections {
	const memory, code, data, tags = 5, 10, 11, 13
	s := sections{custom: map[string][]byte{}}
	in := module[min(8, len(module)):]
	for len(in) > 0 {
		id := in[0]
		content, rest := prefixed(in[1:])
		in = rest
		switch id {
		case 0:
			name, data := prefixed(content)
			s.custom[string(name)] = data
		case memory:
			s.memory = content
		case tags:
			s.tags = content
		case code:
			s.code = content
		case data:
			s.data = content
		}
	}
	return s
}

// prefixed cuts off a run of bytes that its length precedes.
func prefixed(in []byte) (content, rest []byte) {
	n, size := binary.Uvarint(in)
	if size <= 0 || n > math.MaxUint32 || n > uint64(len(in)-size) {
		return nil, nil
	}
	return in[size:][:n], in[size:][n:]
}
