package inspect

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/inspect/wasm"
)

// WriteText writes the summary for people: what the trace is of, then the
// tables of segments and functions, or of columns, each after a line "---".
func (s *Summary) WriteText(w io.Writer, o TextOptions) error {
	var b bytes.Buffer
	p := page{&b, &o}
	s.writeFacts(p)
	b.WriteString("---\n")
	if err := s.writeSegments(&b, o); err != nil {
		return err
	}
	if len(s.Columns) > 0 {
		b.WriteString("---\n")
		s.writeColumns(&b, &o)
	}
	if len(s.Functions) > 0 {
		b.WriteString("---\n")
		WriteFunctions(&b, s.Functions, o)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// page writes lines of a label and a value, or of a label and a list.
type page struct {
	b *bytes.Buffer
	o *TextOptions
}

const labelWidth = len("Attachments: ")

func (p page) fact(label, value string) {
	if value != "" {
		pad := strings.Repeat(" ", labelWidth-len(label)-1)
		fmt.Fprintf(p.b, "%s%s%s\n", p.o.paint(ansiBold, label+":"), pad, value)
	}
}

func (p page) list(label string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(p.b, "%s\n", p.o.paint(ansiBold, label+":"))
	for _, item := range items {
		fmt.Fprintf(p.b, "  %s\n", item)
	}
}

func (s *Summary) writeFacts(p page) {
	p.fact("ID", escape(s.ID))
	p.fact("State", p.state(s))
	p.fact("Start", p.o.date(s.Start))
	p.fact("Duration", durationText(s.DurationNS))
	p.fact("Runtime", hostText(s.Host))
	p.fact("Recorded by", escape(s.Tool))
	p.fact("Made from", escape(s.Source))
	if s.Partial != nil {
		p.fact("Partial", "only what "+escape(s.Partial.Recorder)+" keeps: answers of some functions")
		p.fact("Lost", escape(s.Partial.Lost))
	}
	p.list("Redacted", redactedLines(s.Redacted))
	p.list("Tags", tagLines(s.Tags))
	p.list("Modules", mapped(s.Modules, moduleLine))
	s.writeProgram(p)
	p.list("Attachments", mapped(s.otherAttachments(), attachmentLine))
	p.fact("Exit", exitText(s.Exit))
	p.fact("Records", s.recordsText())
	p.fact("Root", escape(s.Root))
}

func (p page) state(s *Summary) string {
	if s.State == CutShort {
		return p.o.paint(ansiRed, string(s.State))
	}
	return string(s.State)
}

// WriteProgram writes the part of the summary that says what the program was
// given and ran in.
func (s *Summary) WriteProgram(w io.Writer, o TextOptions) error {
	var b bytes.Buffer
	p := page{&b, &o}
	p.fact("Runtime", hostText(s.Host))
	s.writeProgram(p)
	_, err := w.Write(b.Bytes())
	return err
}

func (s *Summary) writeProgram(p page) {
	g := s.Program
	if g == nil {
		return
	}
	p.list("Args", mapped(g.Args, quoteArg))
	p.list("Env", mapped(g.Env, escape))
	p.list("Dirs", mapped(g.Dirs, dirLine))
	p.list("Listen", mapped(g.Listen, escape))
	p.list("Dial", mapped(g.Dial, dialLine))
	p.list("Allow net", mapped(g.AllowNet, escape))
	p.list("Allow HTTP", mapped(g.AllowHTTP, escape))
	p.fact("Cwd", escape(g.Cwd))
	p.fact("Serve", escape(g.Serve))
	p.fact("Stdin", escape(g.Stdin))
	p.list("Invoke", mapped(g.Invoke, escape))
	if c := g.Chaos; c != nil {
		p.fact("Chaos", fmt.Sprintf("%v of the calls, seed %d", c.Ratio, c.Seed))
	}
}

func mapped[T any](list []T, text func(T) string) []string {
	lines := make([]string, len(list))
	for i, v := range list {
		lines[i] = text(v)
	}
	return lines
}

// redactedLines are "2 places", and "header authorization: 1 secret, 2 places".
func redactedLines(r *format.Redacted) []string {
	if r == nil {
		return nil
	}
	lines := []string{plural(r.Places, "place")}
	for _, by := range r.Rules {
		rule := escape(by.Rule)
		if by.Name != "" {
			rule += " " + escape(by.Name)
		}
		lines = append(lines, rule+": "+plural(int64(by.Secrets), "secret")+", "+plural(by.Places, "place"))
	}
	return lines
}

func plural(n int64, word string) string {
	if n != 1 {
		word += "s"
	}
	return strconv.FormatInt(n, 10) + " " + word
}

func tagLines(tags map[string]string) []string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		lines = append(lines, escape(key+"="+tags[key]))
	}
	return lines
}

// quoteArg quotes arguments that would not be seen to be one otherwise.
func quoteArg(s string) string {
	if s == "" || strings.ContainsAny(s, " \"'\\") {
		return strconv.Quote(s)
	}
	return escape(s)
}

func dirLine(d format.Preopen) string {
	s := escape(d.Guest) + " from " + escape(d.Host)
	if d.ReadOnly {
		s += " (read-only)"
	}
	return s
}

func dialLine(d format.Dialed) string {
	return escape(d.Address) + " (" + escape(d.Local) + " > " + escape(d.Remote) + ")"
}

func moduleLine(m Module) string {
	s := fmt.Sprintf("sha256:%s: %s (%s)", m.SHA256, escape(m.Name), bytesText(m.Size))
	if m.Detached {
		s += ", kept elsewhere"
	}
	return s
}

func attachmentLine(a Attachment) string {
	s := fmt.Sprintf("sha256:%s: %s (%s)", a.SHA256, escape(a.Name), bytesText(a.Size))
	if a.MediaType != "" {
		s += " " + escape(a.MediaType)
	}
	return s
}

// otherAttachments are those that are not modules.
func (s *Summary) otherAttachments() []Attachment {
	var list []Attachment
	for _, a := range s.Attachments {
		if a.MediaType != format.MediaTypeWasm {
			list = append(list, a)
		}
	}
	return list
}

func hostText(h *format.Host) string {
	if h == nil {
		return ""
	}
	s := fmt.Sprintf("%s (%s), %s/%s, %s", h.Runtime, h.Engine, h.OS, h.Arch, h.Go)
	if h.MemoryPages > 0 {
		s += ", memory up to " + bytesText(int64(h.MemoryPages)<<16)
	}
	return escape(s)
}

func exitText(e *format.Exit) string {
	if e == nil {
		return ""
	}
	s := fmt.Sprintf("%s with %d", e.Status, e.Code)
	if e.Error != "" {
		s += ": " + e.Error
	}
	return escape(s)
}

// recordsText is "23, 1 batch(es), 1 segment(s), 2.36 KiB/5.44 KiB +72 B
// (compression: 56.65%)", as timecraft has it.
func (s *Summary) recordsText() string {
	return fmt.Sprintf("%d, %d batch(es), %d segment(s), %s/%s +%s (compression: %s)",
		s.Events, s.Batches, len(s.Segments), bytesText(s.StoredBytes), bytesText(s.RawBytes),
		bytesText(s.MetadataBytes), percentText(s.Compression))
}

func (s *Summary) writeSegments(w io.Writer, o TextOptions) error {
	limit := o.Segments
	if limit == 0 {
		limit = 16
	}
	if limit < 0 || limit >= len(s.Segments) {
		return WriteSegments(w, s.Segments, o)
	}
	if err := WriteSegments(w, s.Segments[:limit], o); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "... and %d more\n", len(s.Segments)-limit)
	return err
}

func (s *Summary) writeColumns(w io.Writer, o *TextOptions) error {
	t := newTable("COLUMN", "TYPE", "NULLABLE")
	for _, c := range s.Columns {
		t.row(escape(c.Name), escape(c.Type), strconv.FormatBool(c.Nullable))
	}
	return t.write(w, o)
}

// WriteSegments writes a table of segments.
func WriteSegments(w io.Writer, list []Segment, o TextOptions) error {
	t := newTable("SEGMENT", ">RECORDS", ">BATCHES", ">DURATION", ">SIZE", ">UNCOMPRESSED SIZE", ">COMPRESSED SIZE", ">COMPRESSION RATIO")
	for _, s := range list {
		number := strconv.Itoa(s.Number)
		if s.Open {
			number += " (open)"
		}
		t.row(number, strconv.FormatInt(s.Records, 10), strconv.Itoa(s.Batches), durationText(s.DurationNS),
			bytesText(s.SizeBytes), bytesText(s.RawBytes), bytesText(s.StoredBytes), percentText(s.Compression))
	}
	return t.write(w, &o)
}

// WriteFunctions writes a table of functions. Events of another kind than
// calls have their kind in front.
func WriteFunctions(w io.Writer, list []Function, o TextOptions) error {
	t := newTable("FUNCTION", ">COUNT", ">ERRORS", ">BYTES", ">TOTAL", ">P50", ">P99", ">MAX")
	for _, f := range list {
		times := []string{"-", "-", "-", "-"}
		if f.Timed > 0 {
			times = mapped([]int64{f.TotalNS, f.P50NS, f.P99NS, f.MaxNS}, durationText)
		}
		t.row(append([]string{functionName(f), strconv.FormatInt(f.Count, 10), strconv.FormatInt(f.Errors, 10), bytesText(f.Bytes)}, times...)...)
	}
	return t.write(w, &o)
}

// functionName leaves out the module of WASI preview1, as the lines of events
// do: with it the table would be wider than many a terminal.
func functionName(f Function) string {
	name := f.Name
	if f.Module != "" && f.Module != call.Module {
		name = f.Module + "." + name
	}
	if f.Kind != format.KindCall.String() {
		name = strings.TrimSpace("[" + f.Kind + "] " + name)
	}
	return escape(name)
}

// WriteAttachments writes a table of attachments.
func WriteAttachments(w io.Writer, list []Attachment, o TextOptions) error {
	t := newTable("NAME", ">SIZE", "MEDIA TYPE", "SHA256")
	for _, a := range list {
		t.row(escape(a.Name), bytesText(a.Size), escape(a.MediaType), a.SHA256)
	}
	return t.write(w, &o)
}

// WriteModules writes each module with its imports, exports and memories.
func WriteModules(w io.Writer, list []Module, o TextOptions) error {
	var b bytes.Buffer
	p := page{&b, &o}
	for i, m := range list {
		if i > 0 {
			b.WriteString("---\n")
		}
		p.module(m)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (p page) module(m Module) {
	p.fact("ID", "sha256:"+m.SHA256)
	p.fact("Name", escape(m.Name))
	p.fact("Size", bytesText(m.Size))
	if m.Detached {
		p.fact("Bytes", "kept elsewhere")
	}
	p.fact("Error", p.o.paint(ansiRed, escape(m.Error)))
	d := m.Declares
	if d == nil {
		return
	}
	if d.Component {
		p.fact("Kind", "component")
	}
	p.fact("Own name", escape(d.Name))
	if d.DWARF {
		p.fact("DWARF", "yes")
	}
	p.list("Imports", mapped(d.Imports, importLine))
	p.list("Exports", mapped(d.Exports, exportLine))
	p.list("Memories", mapped(d.Memories, wasm.Memory.String))
}

func importLine(im wasm.Import) string {
	name := im.Name
	if im.Module != "" {
		name = im.Module + "." + name
	}
	return itemLine(im.Kind, name, im.Type)
}

func exportLine(ex wasm.Export) string { return itemLine(ex.Kind, ex.Name, ex.Type) }

// itemLine is "func wasi_snapshot_preview1.fd_write(i32, i32, i32, i32) -> i32"
// or "memory memory: 2 pages".
func itemLine(kind, name, typ string) string {
	line := kind + " " + name
	switch {
	case kind == "func":
		line += typ
	case typ != "":
		line += ": " + typ
	}
	return escape(line)
}
