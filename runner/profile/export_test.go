package profile

// Symbolize looks up locations of a module that may be anything.
func Symbolize(module []byte, n uint64) {
	p := readProgram("fuzz", module)
	for at := range n {
		p.resolve(location{function: uint32(at % 40), at: at * 8})
		p.resolve(location{function: uint32(at % 40)})
	}
	if g := p.golang; g != nil {
		for i := range g.functions {
			g.describe(new(frame), location{function: g.number(&g.functions[i]), at: g.entry(g.number(&g.functions[i])) + 1})
		}
	}
}
