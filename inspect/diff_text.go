package inspect

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"github.com/tracetool/tracetool/format"
)

const ansiGreen = "\x1b[32m"

// WriteText writes the first difference with the events before it, then the
// functions whose counts differ and what the two traces are.
func (r *DiffResult) WriteText(w io.Writer, o TextOptions) error {
	var b bytes.Buffer
	if r.Equal {
		fmt.Fprintf(&b, "no difference in %d events\n", r.Compared)
	} else if r.First != nil {
		r.First.writeText(&b, r.Compared, &o)
	}
	b.WriteString("---\n")
	if len(r.Functions) > 0 {
		r.writeFunctions(&b, &o)
		b.WriteString("---\n")
	}
	r.writeSides(&b, &o)
	_, err := w.Write(b.Bytes())
	return err
}

func (v *Divergence) writeText(b *bytes.Buffer, compared int64, o *TextOptions) {
	fmt.Fprintf(b, "first difference after %d equal events\n", compared)
	for _, line := range v.Before {
		fmt.Fprintf(b, "  %s\n", line)
	}
	if v.LineA != "" {
		fmt.Fprintln(b, o.paint(ansiRed, "- "+v.LineA))
	}
	if v.LineB != "" {
		fmt.Fprintln(b, o.paint(ansiGreen, "+ "+v.LineB))
	}
	for _, d := range v.Differs {
		fmt.Fprintf(b, "  %s:\n    - %s\n    + %s\n", d.Name, d.A, d.B)
	}
}

func (r *DiffResult) writeFunctions(b *bytes.Buffer, o *TextOptions) {
	t := newTable("FUNCTION", ">COUNT A", ">COUNT B", ">ERRORS A", ">ERRORS B")
	for _, f := range r.Functions {
		cells := mapped([]int64{f.CountA, f.CountB, f.ErrorsA, f.ErrorsB}, func(n int64) string { return strconv.FormatInt(n, 10) })
		t.row(append([]string{functionName(Function{Kind: f.Kind, Module: f.Module, Name: f.Function})}, cells...)...)
	}
	t.write(b, o)
}

func (r *DiffResult) writeSides(b *bytes.Buffer, o *TextOptions) {
	t := newTable("TRACE", "ID", ">EVENTS", ">DURATION", "EXIT")
	for i, s := range []DiffSide{r.A, r.B} {
		t.row("AB"[i:i+1], escape(s.ID), strconv.FormatInt(s.Events, 10), durationText(s.DurationNS), exitOr(s.Exit))
	}
	t.write(b, o)
}

func exitOr(e *format.Exit) string {
	if e == nil {
		return "-"
	}
	return exitText(e)
}
