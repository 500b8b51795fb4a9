package component

import (
	"context"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/tetratelabs/wazero"
	"github.com/tracetool/tracetool/format/canon"
)

// TestCloseLetsGo: the runtime keeps nothing of an instance that was closed, for
// a server makes one for each request.
func TestCloseLetsGo(t *testing.T) {
	ctx := context.Background()
	for name, config := range map[string]wazero.RuntimeConfig{"interpreter": wazero.NewRuntimeConfigInterpreter(), "auto": wazero.NewRuntimeConfig()} {
		rt := wazero.NewRuntimeWithConfig(ctx, config)
		defer rt.Close(ctx)
		c, err := Decode(echoComponent(t, parseType(t, "string"), utf8Strings))
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Compile(ctx, rt)
		if err != nil {
			t.Fatal(err)
		}
		closed := func() weak.Pointer[instance] {
			in, err := p.Instantiate(ctx, &echoHost{})
			if err != nil {
				t.Fatal(err)
			}
			var e canon.Encoder
			e.String("text")
			if _, err := in.Call(ctx, "", "f", e.Bytes()); err != nil {
				t.Fatal(err)
			}
			if err := in.Close(ctx); err != nil {
				t.Fatal(err)
			}
			return weak.Make(in.root)
		}()
		for range 100 { // finalizers take their time
			if runtime.GC(); closed.Value() == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if closed.Value() != nil {
			t.Errorf("%s: the instance is still there", name)
		}
		runtime.KeepAlive(p)
	}
}
