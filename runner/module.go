package runner

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tetratelabs/wazero/api"
	"github.com/tracetool/tracetool/format"
)

// Files that are no module.
var (
	ErrNotWasm     = errors.New("not a WebAssembly module or component")
	ErrNoComponent = errors.New("a module of WASI preview1, expected a component of WASI 0.2")
	ErrComponent   = errors.New("a WebAssembly component, expected a module of WASI preview1")
)

// Module is a WebAssembly program: a module of WASI preview1, or a component of
// WASI 0.2.
type Module struct {
	Name  string // base name of its file, as UTF-8: what the trace calls it
	Bytes []byte
}

// Load reads a module from a file. Its errors are of type *fs.PathError, match
// ErrNotWasm, or tell that it has more than 1 GiB. Of what is no module, however
// large, only the first bytes are read. What in the file's name is no UTF-8 is
// replaced in that of the module.
func Load(path string) (Module, error) {
	file, err := os.Open(path)
	if err != nil {
		return Module{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Module{}, err
	}
	if info.IsDir() { // to read it fails, but Windows does not say why
		return Module{}, &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	}
	var data bytes.Buffer
	if _, err := io.CopyN(&data, file, preamble); err != nil && err != io.EOF {
		return Module{}, err
	}
	m := Module{Name: strings.ToValidUTF8(filepath.Base(path), "\uFFFD"), Bytes: data.Bytes()}
	if err := m.Check(); err != nil && !errors.Is(err, ErrComponent) {
		return Module{}, fmt.Errorf("%s: %w", path, err)
	}
	size := info.Size() // 0 of a pipe
	if size <= maxModule {
		data.Grow(int(size) + bytes.MinRead)
		if _, err := data.ReadFrom(io.LimitReader(file, maxModule)); err != nil {
			return Module{}, err
		}
	}
	if max(size, int64(data.Len())) > maxModule {
		return Module{}, fmt.Errorf("%s: expected a module of at most %d bytes, found more", path, maxModule)
	}
	m.Bytes = data.Bytes()
	return m, nil
}

const (
	preamble = 8 // bytes of a module's magic, u16 version and u16 layer
	// maxModule is how large a module may be, in bytes. Browsers have the same
	// limit.
	maxModule = 1 << 30
)

var wasmMagic = []byte("\x00asm")

// Check looks at the first bytes only: for what cannot be a module it returns
// ErrComponent, or an error that matches ErrNotWasm.
func (m Module) Check() error {
	switch {
	case len(m.Bytes) < preamble || !bytes.HasPrefix(m.Bytes, wasmMagic):
		return ErrNotWasm
	case m.Bytes[6] == 1 && m.Bytes[7] == 0:
		return ErrComponent
	case string(m.Bytes[4:preamble]) != "\x01\x00\x00\x00":
		return fmt.Errorf("%w: version %d of layer %d, expected version 1 of layer 0 or a component",
			ErrNotWasm, binary.LittleEndian.Uint16(m.Bytes[4:]), binary.LittleEndian.Uint16(m.Bytes[6:]))
	}
	return nil
}

// IsComponent reports whether it is a component of WASI 0.2.
func (m Module) IsComponent() bool { return errors.Is(m.Check(), ErrComponent) }

func (m Module) sha256() string {
	sum := sha256.Sum256(m.Bytes)
	return hex.EncodeToString(sum[:])
}

// attachment describes the module as a file of a trace.
func (m Module) attachment() format.Attachment {
	return format.Attachment{Name: m.Name, MediaType: format.MediaTypeWasm, Size: int64(len(m.Bytes)), SHA256: sha256.Sum256(m.Bytes)}
}

// matches: the function has the signature that the import wants.
func matches(fn *format.Function, def api.FunctionDefinition) bool {
	return typesMatch(fn.Params, def.ParamTypes()) && typesMatch(fn.Result, def.ResultTypes())
}

func typesMatch(params []format.Param, types []api.ValueType) bool {
	if len(params) != len(types) {
		return false
	}
	for i, t := range types {
		if valueType(params[i].Type) != t {
			return false
		}
	}
	return true
}

func valueType(t format.Type) api.ValueType {
	switch t {
	case format.I64:
		return api.ValueTypeI64
	case format.F32:
		return api.ValueTypeF32
	case format.F64:
		return api.ValueTypeF64
	}
	return api.ValueTypeI32
}

func valueTypes(params []format.Param) []api.ValueType {
	types := make([]api.ValueType, len(params))
	for i, p := range params {
		types[i] = valueType(p.Type)
	}
	return types
}

// mask drops the upper half of a 32-bit number's slot: the compiler leaves
// garbage there.
func mask(v uint64, t api.ValueType) uint64 {
	if t == api.ValueTypeI32 || t == api.ValueTypeF32 {
		return uint64(uint32(v))
	}
	return v
}
