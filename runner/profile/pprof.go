package profile

import (
	"maps"
	"slices"

	"github.com/google/pprof/profile"
)

func valueType(name, unit string) *profile.ValueType {
	return &profile.ValueType{Type: name, Unit: unit}
}

// builder makes pprof's form of samples.
type builder struct {
	program   *program
	p         *profile.Profile
	locations map[location]*profile.Location
	functions map[frame]*profile.Function // without line
}

func newBuilder(p *program, types ...*profile.ValueType) *builder {
	return &builder{
		program: p, locations: map[location]*profile.Location{}, functions: map[frame]*profile.Function{},
		p: &profile.Profile{SampleType: types, Mapping: []*profile.Mapping{{
			ID: 1, File: p.name, Limit: 1 << 40,
			// Nothing is left for pprof to look up.
			HasFunctions: true, HasFilenames: true, HasLineNumbers: true, HasInlineFrames: true,
		}}},
	}
}

// build adds the samples in an order that depends on them alone.
func (b *builder) build(samples map[string]*sample) *profile.Profile {
	for _, key := range slices.Sorted(maps.Keys(samples)) {
		s := samples[key]
		if s.values == [len(s.values)]int64{} {
			continue // an allocation that failed
		}
		out := &profile.Sample{Value: slices.Clone(s.values[:len(b.p.SampleType)])}
		for _, l := range s.stack {
			out.Location = append(out.Location, b.location(l))
		}
		b.p.Sample = append(b.p.Sample, out)
	}
	return b.p
}

// calls returns counts by the name that samples have for a function.
func (b *builder) calls(counts map[uint32]*int64) map[string]int64 {
	byName := map[string]int64{}
	for n, count := range counts {
		if *count > 0 {
			byName[b.program.nameOf(n)] += *count
		}
	}
	return byName
}

func (b *builder) location(l location) *profile.Location {
	if known, ok := b.locations[l]; ok {
		return known
	}
	at := &profile.Location{ID: uint64(len(b.p.Location) + 1), Mapping: b.p.Mapping[0], Address: l.at}
	for _, f := range b.program.resolve(l) {
		at.Line = append(at.Line, profile.Line{Function: b.function(f), Line: int64(f.line)})
	}
	b.locations[l] = at
	b.p.Location = append(b.p.Location, at)
	return at
}

func (b *builder) function(f frame) *profile.Function {
	line := f.line
	f.line = 0
	known, ok := b.functions[f]
	if !ok {
		known = &profile.Function{ID: uint64(len(b.p.Function) + 1), Name: f.name, SystemName: f.system, Filename: f.file, StartLine: int64(f.start)}
		b.functions[f] = known
		b.p.Function = append(b.p.Function, known)
	}
	f.line = line
	return known
}
