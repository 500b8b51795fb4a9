//go:build unix

package writer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// childPath names the variable that makes the test binary the recorder that is
// killed, and says where it records.
const childPath = "TRACETOOL_TEST_CRASH"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Fprintln(os.Stderr, record(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// crashEvent is the event with that number, with bytes of ever other length.
func crashEvent(i int) *format.Event {
	e := clockEvent(i)
	e.Has |= format.HasOutput
	e.Output = make([]byte, i%61)
	for k := range e.Output {
		e.Output[k] = byte(i + k)
	}
	return e
}

// record appends events without end, and acknowledges each on stdout.
func record(path string) error {
	opts := options
	opts.SegmentRows = 256 // many seals
	w, err := Create(path, opts)
	if err != nil {
		return err
	}
	if err := w.Start(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := w.Append(crashEvent(i)); err != nil {
			return err
		}
		if err := binary.Write(os.Stdout, binary.LittleEndian, int64(i+1)); err != nil {
			return err
		}
	}
}

// TestKilled: of recordings that are killed at random instants, every event
// whose Append had returned is there.
func TestKilled(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	var most int64
	for round := range rounds {
		path := tracePath(t)
		acknowledged := killed(t, path, time.Duration(rand.IntN(20_000))*time.Microsecond)
		if _, err := os.Stat(path + format.SidecarSuffix); err != nil && acknowledged == 0 {
			continue // killed before it began
		}
		got := collect(t, openReader(t, path), reader.Query{})
		if int64(len(got)) < acknowledged {
			t.Errorf("round %d: %d events, %d were acknowledged", round, len(got), acknowledged)
		}
		for i := range got {
			compare(t, got[i:i+1], []format.Event{*crashEvent(i)})
		}
		most = max(most, acknowledged)
		if t.Failed() {
			return
		}
	}
	if most < 1000 {
		t.Errorf("at most %d events were recorded in a round, want several segments", most)
	}
}

// killed runs a recorder, kills it some time after its first event, and
// returns how many events it has acknowledged.
func killed(t *testing.T, path string, after time.Duration) int64 {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childPath+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var n [8]byte
	var acknowledged int64
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	for {
		if _, err := io.ReadFull(out, n[:]); err != nil {
			break
		}
		if acknowledged == 0 {
			timer.Reset(after)
		}
		acknowledged = int64(binary.LittleEndian.Uint64(n[:]))
	}
	timer.Stop()
	_ = cmd.Process.Kill() // it may be dead already
	err = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("recorder ended with %v, want that it is killed", err)
	}
	return acknowledged
}

// TestMode: traces are for their owner whatever the umask.
func TestMode(t *testing.T) {
	for _, mask := range []int{0, 0o077, 0o777} {
		for _, hidden := range []bool{false, true} {
			path := tracePath(t)
			opts := options
			opts.NoSidecar = hidden
			old := unix.Umask(mask)
			w, err := Create(path, opts)
			if err == nil {
				err = w.Append(clockEvent(0))
			}
			unix.Umask(old)
			if err != nil {
				t.Fatal(err)
			}
			names := []string{path + format.SidecarSuffix}
			if hidden {
				names = nil
			}
			checkMode(t, names)
			mustClose(t, w)
			checkMode(t, []string{path})
		}
	}
}

func checkMode(t *testing.T, names []string) {
	t.Helper()
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode())
		}
	}
}

// TestSidecarCutShort: a fault on a mapped page is an error.
func TestSidecarCutShort(t *testing.T) {
	for _, interval := range []time.Duration{0, time.Hour} {
		path := tracePath(t)
		opts := options
		opts.SealInterval = interval
		w := mustCreate(t, path, opts)
		appendAll(t, w, clockEvents(10))
		if err := os.Truncate(path+format.SidecarSuffix, format.SidecarHeaderSize); err != nil {
			t.Fatal(err)
		}
		checkGoroutines(t, func() {
			err := w.Append(clockEvent(10))
			if err == nil {
				t.Error("Append: no error")
			}
			if again := w.Append(clockEvent(11)); !errors.Is(again, err) {
				t.Errorf("Append again: %v, want %v", again, err)
			}
			if closing := w.Close(); !errors.Is(closing, err) {
				t.Errorf("Close: %v, want %v", closing, err)
			}
		})
	}
}
