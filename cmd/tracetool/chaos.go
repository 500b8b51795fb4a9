package main

import (
	"math/rand/v2"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/format"
)

// chaosFlags inject faults into the host calls of a program.
type chaosFlags struct {
	ratio float64
	seed  uint64
	fs    *pflag.FlagSet
}

func (c *chaosFlags) bind(fs *pflag.FlagSet) {
	c.fs = fs
	fs.Float64Var(&c.ratio, "chaos", 0, "let this `RATIO` of the calls fail or come short, and the clocks drift; 0 to 1")
	fs.Uint64Var(&c.seed, "chaos-seed", 0, "repeat the faults of a run by its seed `N`; without, it is drawn and printed")
}

// chaos draws a seed if there is none, and says which. Verbs without the flags
// inject nothing.
func (c *chaosFlags) chaos(streams *cli.IO) (format.Chaos, error) {
	if c.fs == nil {
		return format.Chaos{}, nil
	}
	seeded := c.fs.Changed("chaos-seed")
	switch {
	case !(c.ratio >= 0 && c.ratio <= 1):
		return format.Chaos{}, cli.Usagef("--chaos: want 0 to 1")
	case seeded && !c.fs.Changed("chaos"):
		return format.Chaos{}, cli.Usagef("--chaos-seed: want --chaos with it")
	case c.ratio > 0 && !seeded:
		c.seed = rand.Uint64()
		streams.Notef("the same faults again: --chaos %v --chaos-seed %d", c.ratio, c.seed)
	}
	return format.Chaos{Ratio: c.ratio, Seed: c.seed}, nil
}
