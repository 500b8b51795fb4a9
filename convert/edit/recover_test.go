package edit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// damaged writes a damaged trace to a file of its own.
func damaged(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "damaged.trace.arrow")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// small is a trace of four segments, and its bytes.
func small(t *testing.T) (*reader.File, []byte) {
	t.Helper()
	r := runA
	r.opts.SegmentRows = 5
	path := filepath.Join(t.TempDir(), "small")
	end := format.Event{Time: startNS + 1000, Kind: format.KindExit, Has: format.HasValue}
	if err := r.create(t, path, append(r.events(18), end)).Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, path), data
}

func segmentsOf(t *testing.T, f *reader.File) []*format.Frame {
	t.Helper()
	list := make([]*format.Frame, f.Segments())
	for i := range list {
		fr, err := f.Segment(i)
		if err != nil {
			t.Fatal(err)
		}
		list[i] = fr
	}
	return list
}

// cuts are places to cut a file: around each frame's ends, and many between.
func cuts(segments []*format.Frame, size int) []int {
	var list []int
	for n := 0; n < size; n += 131 {
		list = append(list, n)
	}
	for _, fr := range segments {
		end := int(fr.Offset + fr.Metadata + fr.StoredBytes)
		list = append(list, int(fr.Offset), end-1, end, end+1)
	}
	return append(list, size-1)
}

// Of a trace that is cut the rows of the frames before the cut are recovered,
// and nothing else.
func TestRecoverTruncated(t *testing.T) {
	in, data := small(t)
	all := rows(t, in, reader.Query{})
	segments := segmentsOf(t, in)
	for _, n := range cuts(segments, len(data)) {
		want := int64(0)
		for _, fr := range segments {
			if fr.Offset+fr.Metadata+fr.StoredBytes <= int64(n) {
				want = fr.FirstEvent + fr.Rows
			}
		}
		path := damaged(t, data[:n])
		out := path + ".out"
		r, err := Recover(ctx, path, Output{Path: out}, false)
		if err != nil {
			if want > 0 || !errors.Is(err, format.ErrCorrupt) && !errors.Is(err, format.ErrNotTrace) {
				t.Errorf("cut at %d: %v, want %d rows", n, err, want)
			}
			if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("cut at %d: a file was left behind", n)
			}
			continue
		}
		if len(r.Lost) == 0 {
			t.Errorf("cut at %d: nothing is reported as lost", n)
		}
		if diff := cmp.Diff(all[:want], rows(t, open(t, out), reader.Query{}), cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
			t.Errorf("cut at %d: -want +got:\n%s", n, diff)
		}
	}
}

// A damaged segment costs its own rows; the others keep their numbers.
func TestRecoverDamagedSegment(t *testing.T) {
	in, data := small(t)
	segments := segmentsOf(t, in)
	for i, fr := range segments {
		bad := bytes.Clone(data)
		bad[fr.Offset+fr.Metadata+fr.StoredBytes/2] ^= 4
		path := damaged(t, bad)
		r, err := Recover(ctx, path, Output{Path: path + ".out"}, false)
		if err != nil {
			t.Fatal(err)
		}
		all := rows(t, in, reader.Query{})
		want := slices.Concat(all[:fr.FirstEvent], all[fr.FirstEvent+fr.Rows:])
		f := check(t, path+".out", &r.Result, want)
		checkAttachments(t, f, attached)
		if len(r.Lost) == 0 {
			t.Errorf("segment %d: nothing is reported as lost", i)
		}
	}
}

func TestRecoverDamagedAttachment(t *testing.T) {
	in, data := small(t)
	frames, err := in.Frames()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(frames, func(fr format.Frame) bool { return fr.Attachment != nil && fr.Attachment.Name == "app.wasm" })
	data[frames[i].Offset+frames[i].Metadata+frames[i].Payload] ^= 1
	path := damaged(t, data)
	r, err := Recover(ctx, path, Output{Path: path + ".out"}, false)
	if err != nil {
		t.Fatal(err)
	}
	f := check(t, path+".out", &r.Result, rows(t, in, reader.Query{}))
	checkAttachments(t, f, map[string]string{"shared.txt": "the same in all"})
	if len(r.Lost) == 0 || r.Attachments != 1 {
		t.Errorf("recovered %+v", r)
	}
}

// dead makes what a killed recorder leaves: a trace and its sidecar.
func dead(t *testing.T, n int) (path string, want []string) {
	t.Helper()
	live := filepath.Join(t.TempDir(), "live")
	r := runA
	r.opts.SegmentRows = 8
	w := r.create(t, live, r.events(n))
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	want = rows(t, open(t, live), reader.Query{})
	path = filepath.Join(t.TempDir(), "dead")
	for _, suffix := range []string{"", format.SidecarSuffix} {
		data, err := os.ReadFile(live + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path, want
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// What a killed recorder left is all recovered: nothing is lost.
func TestRecoverDead(t *testing.T) {
	for _, n := range []int{0, 5, 8, 21} {
		path, want := dead(t, n)
		r, err := Recover(ctx, path, Output{Path: path + ".out", Source: "recover dead"}, false)
		if err != nil {
			t.Fatal(err)
		}
		check(t, path+".out", &r.Result, want)
		if len(want) != n || len(r.Lost) != 0 || !exists(path+format.SidecarSuffix) {
			t.Errorf("%d events: recovered %+v, sidecar kept: %v", n, r, exists(path+format.SidecarSuffix))
		}
		r, err = Recover(ctx, path, Output{Source: "recover --in-place dead"}, true)
		if err != nil {
			t.Fatal(err)
		}
		check(t, path, &r.Result, want)
		if exists(path + format.SidecarSuffix) {
			t.Error("the sidecar is still there after recovery in place")
		}
	}
}

// Between the new trace and the removal of the sidecar the trace reads right:
// the sidecar's segments are known to be in the file.
func TestRecoverLeavesStaleSidecar(t *testing.T) {
	path, want := dead(t, 21)
	side, err := os.ReadFile(path + format.SidecarSuffix)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(ctx, path, Output{}, true); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+format.SidecarSuffix, side, 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, rows(t, open(t, path), reader.Query{})); diff != "" {
		t.Errorf("with the old sidecar: -want +got:\n%s", diff)
	}
}

func TestRecoverForeignSidecar(t *testing.T) {
	path, want := dead(t, 8)
	other, _ := dead(t, 3)
	side, err := os.ReadFile(other + format.SidecarSuffix)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+format.SidecarSuffix, side, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Recover(ctx, path, Output{}, true)
	if err != nil {
		t.Fatal(err)
	}
	if !exists(path + format.SidecarSuffix) {
		t.Error("the sidecar of another trace was removed")
	}
	if r.Events > int64(len(want)) {
		t.Errorf("%d events of %d were recovered", r.Events, len(want))
	}
}

func TestRecoverLive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live")
	w := runA.create(t, path, runA.events(3))
	defer w.Close()
	if _, err := Recover(ctx, path, Output{}, true); !errors.Is(err, ErrLive) {
		t.Errorf("error %v, want ErrLive", err)
	}
	if _, err := Replace(path, Output{}, nil); !errors.Is(err, ErrLive) {
		t.Errorf("error %v, want ErrLive", err)
	}
}

func TestRecoverForeignTable(t *testing.T) {
	in := records(t, "n", 1, 2, 3, 4, 5, 6, 7)
	var b bytes.Buffer
	if _, err := Snapshot(ctx, in, Output{Pipe: &b}); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	fr := segmentsOf(t, open(t, damaged(t, data)))[1]
	data[fr.Offset+fr.Metadata] ^= 1
	path := damaged(t, data)
	r, err := Recover(ctx, path, Output{}, true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1, 2, 3, 7}, numbers(t, path)); diff != "" || len(r.Lost) == 0 {
		t.Errorf("recovered %+v: -want +got:\n%s", r, diff)
	}
}

func TestReplace(t *testing.T) {
	path, want := dead(t, 11)
	res, err := Replace(path, Output{}, func(in *reader.File, out Output) (*Result, error) {
		return AddAttachment(ctx, in, out, "notes.txt", "text/plain", bytes.NewReader([]byte("notes")), 5)
	})
	if err != nil {
		t.Fatal(err)
	}
	f := check(t, path, res, want)
	checkAttachments(t, f, map[string]string{"app.wasm": "module A", "shared.txt": "the same in all", "notes.txt": "notes"})
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("failed")
	if _, err := Replace(path, Output{}, func(*reader.File, Output) (*Result, error) { return nil, failed }); !errors.Is(err, failed) {
		t.Errorf("error %v, want %v", err, failed)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("a failed edit changed the file: %v", err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A damaged footer costs no rows, but nobody can know that none followed.
func TestRecoverDamagedFooter(t *testing.T) {
	in, data := small(t)
	data[len(data)-40] ^= 1
	path := damaged(t, data)
	r, err := Recover(ctx, path, Output{Path: path + ".out"}, false)
	if err != nil {
		t.Fatal(err)
	}
	f := check(t, path+".out", &r.Result, rows(t, in, reader.Query{}))
	checkAttachments(t, f, attached)
	if len(r.Lost) != 1 || !r.Ended {
		t.Errorf("recovered %+v, want one loss and the end of the program", r)
	}
}
