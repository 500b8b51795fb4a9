package component

import (
	"context"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero"
)

// memoriesComponent has a core module with a memory of 10 pages that may grow to
// 100, and n instances of it.
func memoriesComponent(n byte) []byte {
	module := coreVersion + "\x05\x04\x01\x01\x0a\x64" + "\x07\x05\x01\x01m\x02\x00"
	b := append([]byte(preamble), rawSection(sectionCoreModule, []byte(module))...)
	for range n {
		b = appendSection(b, sectionCoreInstance, 1, []byte{0, 0, 0})
	}
	return b
}

// TestMemories: the memories of all core modules are bounded together, by both
// engines.
func TestMemories(t *testing.T) {
	ctx := context.Background()
	for name, config := range map[string]wazero.RuntimeConfig{"interpreter": wazero.NewRuntimeConfigInterpreter(), "auto": wazero.NewRuntimeConfig()} {
		rt := wazero.NewRuntimeWithConfig(ctx, config)
		defer rt.Close(ctx)
		start := func(n byte) (*Instance, error) {
			c, err := Decode(memoriesComponent(n))
			if err != nil {
				t.Fatal(err)
			}
			p, err := c.Compile(ctx, rt)
			if err != nil {
				t.Fatal(err)
			}
			p.MaxMemory = 50 << 16
			return p.Instantiate(ctx, missingHost{})
		}
		if _, err := start(6); err == nil || err.Error() != "core instance 5: memories of more than 3276800 bytes in all" {
			t.Errorf("%s: %v", name, err)
		}
		in, err := start(3)
		if err != nil {
			t.Fatal(err)
		}
		grow := func(module int, pages uint32) string {
			before, ok := in.Modules()[module].ExportedMemory("m").Grow(pages)
			return fmt.Sprint(before, ok)
		}
		for _, tt := range []struct {
			module int
			pages  uint32
			want   string
		}{{0, 15, "10 true"}, {1, 6, "0 false"}, {1, 5, "10 true"}, {2, 1, "0 false"}, {0, 0, "25 true"}} {
			if got := grow(tt.module, tt.pages); got != tt.want {
				t.Errorf("%s: memory %d by %d pages: %s, want %s", name, tt.module, tt.pages, got, tt.want)
			}
		}
		if m := in.Modules()[1].ExportedMemory("m"); !m.WriteByte(15<<16-1, 1) || m.WriteByte(15<<16, 1) {
			t.Errorf("%s: the memory has not grown", name)
		}
		in.Close(ctx)
	}
}
