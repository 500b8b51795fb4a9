package guest

import (
	"context"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/screen"
	"github.com/tracetool/tracetool/runner/wasi"
)

// The exports of a module that draws frames by itself, see SPEC.md.
const (
	exportStart   = "session_start"
	exportBuffer  = "session_buffer"
	exportEvent   = "session_event"
	exportResize  = "session_resize"
	exportAdvance = "session_advance"
	exportDraw    = "session_draw"
	exportFrame   = "session_frame"
)

// frameSignatures are the parameters and results of these exports.
var frameSignatures = map[string]struct{ params, results []api.ValueType }{
	exportStart:   {types(i32, i32, i64), types(i32)},
	exportBuffer:  {types(i32), types(i32)},
	exportEvent:   {types(i32, i32), types(i32)},
	exportResize:  {types(i32, i32), types(i32)},
	exportAdvance: {types(i64), types(i32)},
	exportDraw:    {nil, types(i64)},
	exportFrame:   {nil, types(i64)},
}

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
)

func types(t ...api.ValueType) []api.ValueType { return t }

// frameExports says how a module draws.
type frameExports struct {
	draw string // exportDraw: text for a terminal; exportFrame: bytes of its own
}

// findFrameExports returns nil for a module that has none of these exports.
func findFrameExports(exports map[string]api.FunctionDefinition) (*frameExports, error) {
	if exports[exportStart] == nil {
		return nil, nil
	}
	f := &frameExports{draw: exportDraw}
	if exports[exportFrame] != nil {
		f.draw = exportFrame
	}
	if exports[exportFrame] != nil && exports[exportDraw] != nil {
		return nil, fmt.Errorf("exports both %s and %s, want one of them", exportDraw, exportFrame)
	}
	for _, name := range []string{exportStart, exportBuffer, exportEvent, exportResize, exportAdvance, f.draw} {
		if err := checkFrameExport(name, exports[name]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func checkFrameExport(name string, def api.FunctionDefinition) error {
	want := frameSignatures[name]
	switch {
	case def == nil:
		return fmt.Errorf("exports %s, but no %s", exportStart, name)
	case string(def.ParamTypes()) != string(want.params), string(def.ResultTypes()) != string(want.results):
		return fmt.Errorf("export %s: expected (%s) -> (%s), found (%s) -> (%s)", name,
			typeNames(want.params), typeNames(want.results), typeNames(def.ParamTypes()), typeNames(def.ResultTypes()))
	}
	return nil
}

func typeNames(list []api.ValueType) (s string) {
	for i, t := range list {
		if i > 0 {
			s += ", "
		}
		s += component.TypeName(t)
	}
	return s
}

// frames drives a module that draws by itself. It cannot wait: its exports
// return.
type frames struct {
	m         *Model
	exports   *frameExports
	functions map[string]api.Function // exports that were called: each has a stack of its own
	size      session.Size
	last      []byte // what the module drew last
}

// call calls an export that there is.
func (f *frames) call(name string, params ...uint64) ([]uint64, error) {
	fn := f.functions[name]
	if fn == nil {
		if f.functions == nil {
			f.functions = map[string]api.Function{}
		}
		fn = f.m.instance.ExportedFunction(name)
		f.functions[name] = fn
	}
	return fn.Call(f.m.ctx, params...)
}

// config gives the module an end of input and no way to sleep.
func (f *frames) config(w *wasi.Config) {
	w.Wait = func(_ context.Context, timeout time.Duration, ready func() bool) error {
		if ready() || timeout == 0 {
			return nil
		}
		return host.ENOTSUP
	}
}

func (f *frames) start(size session.Size, seed uint64) error {
	if err := f.m.instantiate(); err != nil {
		return err
	}
	if init := f.m.instance.ExportedFunction("_initialize"); init != nil {
		if _, err := init.Call(f.m.ctx); err != nil {
			return err
		}
	}
	return f.tell(exportStart, uint64(size.Columns), uint64(size.Rows), seed)
}

// tell calls an export that returns goOn, or the code to exit with.
func (f *frames) tell(name string, params ...uint64) error {
	result, err := f.call(name, params...)
	if err != nil {
		return err
	}
	status := int32(result[0])
	if status == goOn {
		return nil
	}
	if err := f.look(); err != nil {
		return err
	}
	return sys.NewExitError(uint32(status))
}

// goOn is what exports return that do not end the module.
const goOn = -1

// handle stores the event's text where the module wants it.
func (f *frames) handle(ev session.Event) error {
	text := ev.String()
	at, err := f.call(exportBuffer, uint64(len(text)))
	if err != nil {
		return err
	}
	if !f.m.instance.Memory().WriteString(uint32(at[0]), text) {
		return fmt.Errorf("%s(%d) returned %d: outside of the memory", exportBuffer, len(text), uint32(at[0]))
	}
	return f.tell(exportEvent, at[0], uint64(len(text)))
}

func (f *frames) resize(size session.Size) error {
	f.size = size
	return f.tell(exportResize, uint64(size.Columns), uint64(size.Rows))
}

func (f *frames) advance(now time.Duration) error {
	f.m.now = now
	return f.tell(exportAdvance, uint64(now))
}

// maxDrawn bounds what a module draws at once, in bytes.
const maxDrawn = 16 << 20

// look asks the module for what it draws and keeps it.
func (f *frames) look() error {
	result, err := f.call(f.exports.draw)
	if err != nil {
		return err
	}
	at, size := uint32(result[0]), uint32(result[0]>>32)
	if size > maxDrawn {
		return fmt.Errorf("%s: %d bytes, want at most %d", f.exports.draw, size, maxDrawn)
	}
	drawn, ok := f.m.instance.Memory().Read(at, size)
	if !ok {
		return fmt.Errorf("%s: %d bytes at %d: outside of the memory", f.exports.draw, size, at)
	}
	f.last = append(f.last[:0], drawn...)
	return nil
}

// draw shows what the module draws now, or drew when it ended.
func (f *frames) draw(frame *session.Frame) error {
	if f.m.ended() == nil {
		if err := f.m.limited(f.look); err != nil {
			return err
		}
	}
	if f.exports.draw == exportFrame {
		frame.SetBytes(f.last)
		return nil
	}
	t := screen.New(f.size.Columns, f.size.Rows)
	t.OutputNewline = true
	_, _ = t.Write(f.last) // never fails
	t.Draw(frame)
	return nil
}

// ask does nothing: the time between two frames is the session's to bound.
func (f *frames) ask(context.Context) {}

func (f *frames) close() {}
