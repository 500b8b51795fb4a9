package component

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// compiledModule is a core module of a component.
type compiledModule struct {
	compiled wazero.CompiledModule
	prefixed bool   // the module names of its imports begin with a prefix
	memory   uint64 // bytes that the memory of an instance begins with
}

// modulePrefix comes before all module names in the imports of a module that
// has an empty one, which wazero refuses.
const modulePrefix = "."

func compileModule(ctx context.Context, rt wazero.Runtime, s *stepCoreModule) (*compiledModule, error) {
	m := &compiledModule{memory: s.typ.memory}
	bytes := s.bytes
	if m.prefixed = s.typ.hasEmptyName(); m.prefixed {
		bytes = prefixImports(bytes)
	}
	var err error
	m.compiled, err = rt.CompileModule(ctx, bytes)
	return m, err
}

func (m *moduleType) hasEmptyName() bool {
	return slices.ContainsFunc(m.imports, func(i coreImport) bool { return i.module == "" })
}

// start instantiates a core module whose imports resolve names.
func (s *store) start(ctx context.Context, compiled wazero.CompiledModule, resolve func(name string) api.Module) (api.Module, error) {
	if s.instances++; s.instances > maxInstances {
		return nil, fmt.Errorf("more than %d instances", maxInstances)
	}
	ctx = experimental.WithImportResolver(experimental.WithMemoryAllocator(ctx, &s.memories), resolve)
	m, err := s.program.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, err
	}
	s.modules = append(s.modules, m)
	return m, nil
}

type stepCoreInstantiate struct {
	module uint32
	args   map[string]uint32
}

func (st stepCoreInstantiate) run(ctx context.Context, in *instance, _ map[string]value) error {
	module := in.coreModules[st.module]
	if module.memory > in.store.memories.left {
		return fmt.Errorf("core instance %d: memories of more than %d bytes in all", len(in.coreInstances), in.store.program.MaxMemory)
	}
	m, err := in.store.start(ctx, module.compiled, func(name string) api.Module {
		if module.prefixed {
			name = strings.TrimPrefix(name, modulePrefix)
		}
		if index, ok := st.args[name]; ok {
			return in.coreInstances[index]
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("core instance %d: %w", len(in.coreInstances), err)
	}
	in.coreInstances = append(in.coreInstances, m)
	return nil
}

type coreExport struct {
	name  string
	sort  coreSort
	index uint32
	typ   coreEntity
}

type stepCoreInline struct{ exports []coreExport }

// run makes a module instance of items. Functions of the host come first into
// one of their own, which suffices if there is nothing else.
func (st stepCoreInline) run(ctx context.Context, in *instance, _ map[string]value) error {
	items := make([]*coreItem, len(st.exports))
	var fresh []hostExport
	for i, e := range st.exports {
		items[i] = (*in.coreItems(e.sort))[e.index]
		if items[i].mod == nil {
			fresh = append(fresh, hostExport{e.name, items[i]})
		}
	}
	s := in.store
	m, err := s.hostModule(ctx, fresh)
	if err == nil && (len(fresh) < len(items) || m == nil) {
		m, err = s.bridge(ctx, st.exports, items)
	}
	if err != nil {
		return fmt.Errorf("core instance %d: %w", len(in.coreInstances), err)
	}
	in.coreInstances = append(in.coreInstances, m)
	return nil
}

// hostName is what stack traces call functions of the host by.
const hostName = "host"

type hostExport struct {
	name string
	item *coreItem
}

// hostModule puts functions of the host into a module. An item may be there
// under two names: the first is its own.
func (s *store) hostModule(ctx context.Context, list []hostExport) (api.Module, error) {
	if len(list) == 0 {
		return nil, nil
	}
	builder := s.program.runtime.NewHostModuleBuilder(hostName)
	for _, h := range list {
		builder.NewFunctionBuilder().
			WithGoModuleFunction(h.item.host, h.item.typ.params, h.item.typ.results).
			WithName(h.name).Export(h.name)
	}
	compiled, err := builder.Compile(ctx)
	if err != nil {
		return nil, err
	}
	s.hosts = append(s.hosts, compiled)
	m, err := s.program.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, err
	}
	s.modules = append(s.modules, m)
	for _, h := range list {
		if h.item.mod == nil {
			h.item.mod, h.item.name = m, h.name
		}
	}
	return m, nil
}

// bridge makes a module that imports each item under a module name of its own
// and exports it under the name that is wanted.
func (s *store) bridge(ctx context.Context, exports []coreExport, items []*coreItem) (api.Module, error) {
	compiled, err := s.program.runtime.CompileModule(ctx, bridgeModule(exports, items))
	if err != nil {
		return nil, err
	}
	return s.start(ctx, compiled, func(name string) api.Module {
		if i, err := strconv.Atoi(name); err == nil && i < len(items) {
			return items[i].mod
		}
		return nil
	})
}

// bridgeModule writes such a module.
func bridgeModule(exports []coreExport, items []*coreItem) []byte {
	var types, imports, names []byte
	var typeCount uint64
	counts := map[coreSort]uint64{}
	for i, it := range items {
		imports = appendName(appendName(imports, strconv.Itoa(i)), it.name)
		imports = append(imports, byte(it.typ.sort))
		switch e := it.typ; e.sort {
		case coreFunc, coreTag:
			if e.sort == coreTag {
				imports = append(imports, 0) // its attribute
			}
			types = append(types, 0x60)
			types = appendName(appendName(types, string(e.params)), string(e.results))
			imports = binary.AppendUvarint(imports, typeCount)
			typeCount++
		case coreTable:
			imports = append(imports, e.val, 0, 0) // at least 0 elements
		case coreMemory:
			imports = append(imports, 0, 0)
		case coreGlobal:
			mutable := byte(0)
			if e.mutable {
				mutable = 1
			}
			imports = append(imports, e.val, mutable)
		}
		names = append(appendName(names, exports[i].name), byte(it.typ.sort))
		names = binary.AppendUvarint(names, counts[it.typ.sort])
		counts[it.typ.sort]++
	}
	module := []byte(coreVersion)
	module = appendSection(module, coreSectionType, typeCount, types)
	module = appendSection(module, coreSectionImport, uint64(len(items)), imports)
	return appendSection(module, coreSectionExport, uint64(len(items)), names)
}

func appendName(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// appendSection appends a section that is a vector.
func appendSection(dst []byte, id byte, count uint64, elements []byte) []byte {
	content := append(binary.AppendUvarint(nil, count), elements...)
	return append(binary.AppendUvarint(append(dst, id), uint64(len(content))), content...)
}

// prefixImports puts a prefix before the module names in a module's imports.
func prefixImports(module []byte) []byte {
	in := &reader{data: module}
	in.take(uint32(len(coreVersion)))
	out := []byte(coreVersion)
	for in.err == nil && in.left() > 0 {
		id := in.byte()
		sec := in.section(in.u32())
		content := sec.data
		if id == coreSectionImport {
			content = prefixed(sec)
		}
		out = appendName(append(out, id), string(content))
	}
	return out
}

// prefixed is the content of an import section with prefixes.
func prefixed(sec *reader) []byte {
	n := sec.count()
	content := binary.AppendUvarint(nil, uint64(n))
	for range n {
		content = appendName(content, modulePrefix+sec.name())
		start := sec.at
		sec.name()
		sec.externType(func(uint32) coreEntity { return coreEntity{} })
		content = append(content, sec.data[start:sec.at]...)
	}
	return content
}
