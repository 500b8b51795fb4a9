//go:build !windows

package cli

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// waiting starts the fake app's wait command and returns once it writes.
func waiting(t *testing.T, args ...string) (cmd *exec.Cmd, out *bufio.Reader, closeOut func() error, errOut *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), exe, append([]string{"wait"}, args...)...)
	cmd.Env = append(os.Environ(), asApp+"=1")
	errOut = &bytes.Buffer{}
	cmd.Stderr = errOut
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out = bufio.NewReader(pipe)
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd, out, pipe.Close, errOut
}

func TestSignals(t *testing.T) {
	tests := []struct {
		name string
		args []string
		sigs []syscall.Signal
		code int
	}{
		{"SIGINT", nil, []syscall.Signal{syscall.SIGINT}, 130},
		{"SIGTERM", nil, []syscall.Signal{syscall.SIGTERM}, 143},
		{"SIGHUP", nil, []syscall.Signal{syscall.SIGHUP}, 129},
		{"second SIGHUP", []string{"--deaf"}, []syscall.Signal{syscall.SIGHUP, syscall.SIGHUP, syscall.SIGINT}, 130},
		{"second signal", []string{"--deaf"}, []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, 143},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd, out, _, errOut := waiting(t, tt.args...)
			go out.WriteTo(&bytes.Buffer{})
			for _, sig := range tt.sigs {
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				time.Sleep(50 * time.Millisecond) // two signals at once may arrive in either order
			}
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != tt.code || errOut.Len() > 0 {
				t.Errorf("exit code %d, stderr %q; want %d and silence", code, errOut, tt.code)
			}
		})
	}
}

// TestEcho: timeout(1) sends its signal twice, which is not a person's second one.
// Here no time is too long for that, so that the next one of the same kind is none.
func TestEcho(t *testing.T) {
	t.Setenv(longEcho, "1")
	for _, sigs := range [][2]syscall.Signal{{syscall.SIGTERM, syscall.SIGINT}, {syscall.SIGINT, syscall.SIGTERM}} {
		cmd, out, _, _ := waiting(t, "--deaf")
		cmd.Process.Signal(sigs[0])
		for line := ""; line != "signalled\n"; {
			var err error
			if line, err = out.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		go out.WriteTo(&bytes.Buffer{})
		cmd.Process.Signal(sigs[0])
		time.Sleep(50 * time.Millisecond) // in which it would end
		cmd.Process.Signal(sigs[1])       // fails if it has ended, which its code tells
		cmd.Wait()
		if code, want := cmd.ProcessState.ExitCode(), 128+int(sigs[1]); code != want {
			t.Errorf("%v twice: exit code %d, want %d by the signal after them", sigs[0], code, want)
		}
	}
}

// As in "tracetool cat | head": the reader of stdout goes away.
func TestReaderGone(t *testing.T) {
	cmd, _, closeOut, errOut := waiting(t)
	if err := closeOut(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 0 || errOut.Len() > 0 {
		t.Errorf("exit code %d, stderr %q; want 0 and silence", code, errOut)
	}
}
