package writer

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/ipc"
)

// Open opens a closed trace to add events or records to it. Nothing in the
// file changes until the first segment is sealed; that one replaces the tail.
// A trace that was not closed must be recovered first. The options say which
// of the file's properties have to agree with them.
func Open(path string, opts Options) (*Writer, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkNoSidecar(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	w, err := open(f, opts)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

func open(f *os.File, opts Options) (*Writer, error) {
	id, err := traceID(f)
	if err != nil {
		return nil, err
	}
	// The sidecar is what keeps two writers apart: it comes before the state
	// is read that the other one might change.
	s, err := createSidecar(f.Name()+format.SidecarSuffix, id, &Options{Mode: opts.Mode})
	if err != nil {
		return nil, err
	}
	w := &Writer{opts: opts, sidecar: s}
	if err := w.load(f); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return w, nil
}

func traceID(f *os.File) (string, error) {
	info, _, err := readTail(f)
	if err != nil {
		return "", err
	}
	var h format.Header
	err = metadata(info.Schema.Metadata(), format.KeyHeader, &h)
	return h.ID, err
}

// load takes over the state of the writer that closed the file.
func (w *Writer) load(f *os.File) error {
	info, old, err := readTail(f)
	if err != nil {
		return err
	}
	w.target = &target{path: f.Name(), file: f, named: true, old: old}
	w.schema = info.Schema
	if err := metadata(info.Schema.Metadata(), format.KeyHeader, &w.header); err != nil {
		return err
	}
	if w.header.Version > format.Version {
		return fmt.Errorf("%s: %w %d, this program writes %d", f.Name(), format.ErrVersion, w.header.Version, format.Version)
	}
	if w.out, err = newOutput(w.schema, w.opts.Compression); err != nil {
		return err
	}
	if err := w.out.load(f, info, old.at); err != nil {
		return err
	}
	w.out.tail = int64(len(old.data))
	w.openTarget()
	w.segments, w.events = int64(w.out.summary.Segments), w.out.summary.Events
	w.opts.Schema, w.opts.Seq = nil, false
	switch n := w.schema.NumFields(); {
	case !format.IsEventSchema(w.schema):
		w.opts.Schema = w.schema
		return nil
	case n == format.ColSeq+1 && w.schema.Field(format.ColSeq).Equal(format.SeqField()):
		w.opts.Seq = true
	case n != format.NumColumns:
		return fmt.Errorf("%s: columns %v after those of the event table", f.Name(), w.schema.Fields()[format.NumColumns:])
	}
	return w.loadDictionaries(f, info.Dictionaries)
}

// load reads where the next frame goes and what the tail has to list.
func (o *output) load(f *os.File, info *ipc.FooterInfo, end int64) error {
	o.dictionaries, o.batches = info.Dictionaries, info.Batches
	if err := json.Unmarshal([]byte(info.Value(format.KeySummary)), &o.summary); err != nil {
		return corrupt(f, end, "summary: %v", err)
	}
	if !o.summary.Closed {
		return fmt.Errorf("%s was not closed: recover it first", f.Name())
	}
	if o.summary.Events < 0 || o.summary.Segments < 0 {
		return corrupt(f, end, "%d events in %d segments", o.summary.Events, o.summary.Segments)
	}
	root, err := hex.DecodeString(o.summary.Root)
	if err != nil || copy(o.root[:], root) != len(o.root) {
		return corrupt(f, end, "root hash %q", o.summary.Root)
	}
	if o.summary.Kinds == nil {
		o.summary.Kinds = map[string]int64{}
	}
	if err := json.Unmarshal([]byte(info.Value(format.KeyIndex)), &o.index); err != nil || len(o.index) == 0 {
		return corrupt(f, end, "index locations %q", info.Value(format.KeyIndex))
	}
	last := o.index[len(o.index)-1]
	t, _, _, err := readFrame(f, last[0], end)
	if err != nil {
		return err
	}
	if t.Kind != format.FrameIndex || last[0]+last[1] != end {
		return corrupt(f, last[0], "%s frame of %d bytes, want the index up to byte %d", t.Kind, last[1], end)
	}
	o.frame, o.at = t.Frame+1, end
	return nil
}

// loadDictionaries reads the dictionaries, and compares them with those of the
// options.
func (w *Writer) loadDictionaries(f *os.File, blocks []ipc.Block) error {
	var names [3][]string
	if len(blocks) != len(names) {
		return corrupt(f, 0, "%d dictionaries, want %d", len(blocks), len(names))
	}
	for i, b := range blocks {
		var err error
		if names[i], err = readDictionary(f, b, w.out.at); err != nil {
			return err
		}
	}
	kinds := names[0]
	if known := format.KindNames(); len(kinds) > len(known) || !slices.Equal(kinds, known[:len(kinds)]) {
		return fmt.Errorf("%s: kinds of event %q, want %q", f.Name(), kinds, known)
	}
	for _, d := range []struct {
		name string
		want *[]string
		have []string
	}{{"modules", &w.opts.Modules, names[1]}, {"functions", &w.opts.Functions, names[2]}} {
		if err := checkDictionary(*d.want, d.have); err != nil {
			return fmt.Errorf("%s: %s: %w", f.Name(), d.name, err)
		}
		*d.want = d.have
	}
	w.setDictionaries(len(kinds))
	return nil
}

// checkDictionary checks that the wanted names have the same codes in a
// trace's dictionary, which cannot change any more.
func checkDictionary(want, have []string) error {
	var unknown []string
	for _, name := range want {
		if !slices.Contains(have, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("not in the trace's dictionary: %s", strings.Join(unknown, ", "))
	}
	for i, name := range want {
		if i >= len(have) || have[i] != name {
			return fmt.Errorf("%q has the code %d, in the trace %d", name, i, slices.Index(have, name))
		}
	}
	return nil
}
