package profile

import (
	"cmp"
	"maps"
	"slices"
)

// Row is what a CPU profile says of one function. Inlined functions have rows
// of their own, without calls.
type Row struct {
	Function string `json:"function"`
	File     string `json:"file,omitempty"`
	SelfNS   int64  `json:"self_ns"`  // time in the function itself
	TotalNS  int64  `json:"total_ns"` // with what it called
	HostNS   int64  `json:"host_ns"`  // that host calls made by it, or below it, took when they were recorded
	Calls    int64  `json:"calls"`
}

// Top returns a row for each function of a CPU profile, those first that took
// most time themselves.
func (p *Profile) Top() []Row {
	rows := map[string]*Row{}
	row := func(name string) *Row {
		r := rows[name]
		if r == nil {
			r = &Row{Function: name, Calls: p.Calls[name]}
			rows[name] = r
		}
		return r
	}
	for name := range p.Calls {
		row(name)
	}
	for _, s := range p.Profile.Sample {
		seen := map[string]bool{}
		for i, at := range s.Location {
			for j, line := range at.Line {
				r := row(line.Function.Name)
				r.File = cmp.Or(r.File, line.Function.Filename)
				if i == 0 && j == 0 {
					r.SelfNS += s.Value[1]
				}
				if !seen[r.Function] {
					r.TotalNS += s.Value[1]
					r.HostNS += s.Value[2]
				}
				seen[r.Function] = true
			}
		}
	}
	list := make([]Row, 0, len(rows))
	for _, r := range slices.Collect(maps.Values(rows)) {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.SelfNS, a.SelfNS), cmp.Compare(b.TotalNS, a.TotalNS), cmp.Compare(b.HostNS, a.HostNS),
			cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Function, b.Function))
	})
	return list
}
