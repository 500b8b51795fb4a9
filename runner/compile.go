package runner

import (
	"context"

	"github.com/tetratelabs/wazero"
)

// CompileOptions say how a module is made ready for a host of its own. The zero
// value works.
type CompileOptions struct {
	Engine      Engine
	MemoryPages uint32 // limit of each memory in pages of 64 KiB; 0: 65536
	CacheDir    string // of compiled modules; empty: DefaultCacheDir, NoCache: none
	// Interruptible instances end when the context of a call does, also in a
	// loop without calls. This makes tight loops slower.
	Interruptible bool
}

// Compiled is a module that is ready to be instantiated, for hosts that bring
// functions of their own. Record, Run and Replay have theirs.
type Compiled struct {
	Runtime wazero.Runtime
	Module  wazero.CompiledModule

	engine *engine
}

// Compile compiles a module. Its errors match ErrNotWasm or ErrComponent, or say
// what is wrong with the module.
func Compile(ctx context.Context, m Module, o CompileOptions) (*Compiled, error) {
	options := engineOptions{kind: o.Engine, pages: o.MemoryPages, features: features,
		cacheDir: o.CacheDir, interruptible: o.Interruptible}
	if options.pages == 0 {
		options.pages = maxPages
	}
	e, module, err := compile(ctx, &m, options)
	if err != nil {
		return nil, err
	}
	return &Compiled{Runtime: e.rt, Module: module, engine: e}, nil
}

// Close ends all instances.
func (c *Compiled) Close() { c.engine.close(context.Background()) }

// TrapOf takes the error of a guest's call apart; nil if the guest did not trap.
func TrapOf(err error) *Trap {
	if !isTrap(err) {
		return nil
	}
	return newTrap(err)
}
