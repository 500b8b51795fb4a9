package inspect

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"iter"

	"github.com/tracetool/tracetool/format/call"
)

// runRows compares tables of other records than events, row by row, as JSON.
func (d *differ) runRows(ctx context.Context) error {
	from, to := d.o.Filter.FromEvent, d.o.Filter.ToEvent
	nextA, stopA := iter.Pull2(Rows(d.a, from, to))
	defer stopA()
	nextB, stopB := iter.Pull2(Rows(d.b, from, to))
	defer stopB()
	for ; ; d.result.Compared++ {
		ra, errA, okA := nextA()
		rb, errB, okB := nextB()
		if err := cmp.Or(errA, errB, ctx.Err()); err != nil {
			return err
		}
		if !okA && !okB {
			d.result.Equal = true
			return nil
		}
		if found, err := compareRows(ra, rb); err != nil || found != nil {
			d.result.First = &Divergence{Differs: found, Before: []string{}}
			return err
		}
	}
}

// compareRows returns the columns in which two rows differ; a nil row has none.
func compareRows(a, b *Row) ([]Difference, error) {
	var found []Difference
	ca, cb := cells(a), cells(b)
	for i := range max(len(ca), len(cb)) {
		x, y := cellAt(ca, i), cellAt(cb, i)
		jx, err := json.Marshal(x)
		if err != nil {
			return nil, err
		}
		jy, err := json.Marshal(y)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(jx, jy) {
			found = append(found, Difference{escape(cmp.Or(name0(x), name0(y))), escape(string(jx)), escape(string(jy))})
		}
	}
	return found, nil
}

func cells(r *Row) call.Object {
	if r == nil {
		return nil
	}
	return r.Values
}

// cellAt returns column i as an object of its name and value, none beyond the
// last.
func cellAt(o call.Object, i int) call.Object {
	if i >= len(o) {
		return nil
	}
	return o[i : i+1]
}

func name0(o call.Object) string {
	if len(o) == 0 {
		return ""
	}
	return o[0].Name
}
