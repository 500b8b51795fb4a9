package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/convert"
	"github.com/tracetool/tracetool/convert/wasmrr"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/wasip2"
	"github.com/tracetool/tracetool/writer"
)

// What wasm-rr records has the types that WASI has, but for HTTP and reads.
func TestPartialTypes(t *testing.T) {
	h, err := wasip2.New(wasip2.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	n := 0
	for _, k := range wasmrr.Kinds {
		f := k.Function
		sig, err := canon.ParseFunc(f.Signature)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Func(f.Module+"@0.2.0", f.Name, sig)
		own := k.Call == "read" || k.Call == "http_response"
		if (err != nil) != own {
			t.Errorf("%s: %v", k.Call, err)
		}
		if err == nil {
			n++
		}
	}
	if n != 12 {
		t.Errorf("%d functions are WASI's, want 12", n)
	}
}

// rr makes a trace of one of wasm-rr.
func rr(t testing.TB, text string, app *Module) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rr"+format.Extension)
	opts := convert.Options{}
	if app != nil {
		opts.Program = &convert.Program{Name: app.Name, Bytes: app.Bytes}
	}
	in, out := convert.Input{Reader: strings.NewReader(text)}, convert.Output{Path: path}
	if _, err := convert.Convert(context.Background(), in, out, opts); err != nil {
		t.Fatal(err)
	}
	return path
}

// worldTrace is a trace of wasm-rr of examples/rust-world, worldOutput what it
// prints by that.
const (
	worldTrace = `{"events":[
{"call":"arguments","args":["world.wasm","race"]},
{"call":"environment","entries":[["LANG","C"]]},
{"call":"initial_cwd","path":"/home"},
{"call":"clock_now","seconds":1760299409,"nanoseconds":936653000},
{"call":"clock_resolution","seconds":0,"nanoseconds":1000},
{"call":"monotonic_clock_now","nanoseconds":500},
{"call":"monotonic_clock_now","nanoseconds":3600000000512},
{"call":"monotonic_clock_resolution","nanoseconds":41},
{"call":"random_bytes","bytes":"3132333435363738"},
{"call":"random_u64","value":7},
{"call":"insecure_random_bytes","bytes":"00ff0001"},
{"call":"insecure_random_u64","value":18446744073709551615},
{"call":"insecure_seed","seed":[1,2]},
{"call":"read"},
{"call":"http_response","request_method":"GET","request_url":"https://h.test/race","request_headers":[["host","h.test"]],"status":200,"headers":[],"body":"6869"}
]}`
	worldOutput = `arguments ["world.wasm", "race"]
environment [("LANG", "C")]
working directory Some("/home")
wall clock 1760299409.936653000, resolution 0.000001000
slept 3600000000012 ns, resolution 41 ns
random [31, 32, 33, 34, 35, 36, 37, 38] 0000000000000007
insecure [00, ff, 00, 01] ffffffffffffffff
seed 0000000000000001 0000000000000002
stdin ""
race: ready [1], spun false
the timer came, spun true
`
)

// A program that does what was recorded is told what was recorded, on both
// engines and every time.
func TestPartial(t *testing.T) {
	app := example(t, "rust-world/world.wasm")
	path := rr(t, worldTrace, &app)
	for _, engine := range engines {
		for range 3 {
			result, stdout, stderr, err := replayed(t, path, ReplayConfig{Engine: engine})
			if err != nil {
				t.Fatal(report(err))
			}
			if stdout != worldOutput || stderr != "" || result.End != EndExit || result.ExitCode != 0 || result.Events != 14 {
				t.Errorf("%s: %+v, stdout\n%s, want\n%s", engine, result, stdout, worldOutput)
			}
		}
	}
}

// A recording that was cut replays as far as it goes, wherever that is.
func TestPartialCut(t *testing.T) {
	app := example(t, "rust-world/world.wasm")
	lines := strings.SplitAfter(worldTrace, "\n")
	for n := 1; n < len(lines)-1; n++ {
		result, stdout, _, err := replayed(t, rr(t, strings.Join(lines[:n], ""), &app), ReplayConfig{})
		want := int64(n - 1)
		if n > 14 { // the read is no answer
			want--
		}
		if err != nil || result.End != EndCut && n < 16 || result.Events != want || !strings.HasPrefix(worldOutput, stdout) {
			t.Errorf("cut after %d events: %+v, %v, stdout %q", n-1, result, err, stdout)
		}
	}
}

// Each event that is missing, or is there twice, is a divergence.
func TestPartialDiverges(t *testing.T) {
	app := example(t, "rust-world/world.wasm")
	lines := strings.Split(strings.Replace(worldTrace, "\n]}", ",\n]}", 1), "\n")
	lines = lines[1 : len(lines)-1]
	trace := func(events ...string) string {
		return "{\"events\":[\n" + strings.TrimSuffix(strings.Join(events, "\n"), ",") + "\n]}"
	}
	for i, line := range lines {
		if strings.Contains(line, `"read"`) {
			continue
		}
		for _, tt := range []struct {
			what, text string
			event      int64
		}{
			{"without", trace(slices.Delete(slices.Clone(lines), i, i+1)...), int64(len(lines) - 1)},
			{"twice", trace(slices.Insert(slices.Clone(lines), i, line)...), int64(i + 1)},
		} {
			result, _, _, err := replayed(t, rr(t, tt.text, &app), ReplayConfig{})
			var diverged *DivergenceError
			if !errors.As(err, &diverged) || result.End != EndDiverged {
				t.Errorf("%s %s: %+v, %v", tt.what, line, result, err)
				continue
			}
			// Of two readings of a clock the second is the one too many.
			if diverged.Event != tt.event && diverged.Event != tt.event+1 {
				t.Errorf("%s %s: diverged at %d, want %d", tt.what, line, diverged.Event, tt.event)
			}
		}
	}
}

// A recording of HTTP that goes out as a trace of wasm-rr and comes in again
// answers the program as the server did.
func TestPartialHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Add("X-Two", "b")
		w.Header().Add("X-Two", "a")
		w.WriteHeader(201)
		fmt.Fprintf(w, "%s %s %d %s", r.Method, r.URL, n, strings.Repeat("y", 200_000))
	}))
	app := example(t, "rust-http/client.wasm")
	rec := record(t, app, Config{Args: []string{s.Listener.Addr().String()}, AllowHTTP: []string{"127.0.0.1"}})
	s.Close()
	var text bytes.Buffer
	report, err := wasmrr.Export(context.Background(), open(t, rec.path), &text, wasmrr.JSON)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"HTTP requests without a response (1)", "calls of wasi:io/poll (8)", "exit events (1)"} {
		if !strings.Contains(report.String(), want) {
			t.Errorf("lost %s, want also %s", report, want)
		}
	}
	if strings.Contains(report.String(), "results of reads") || strings.Contains(report.String(), "wholly") {
		t.Errorf("lost %s, want all of the bodies kept", report)
	}
	for _, want := range []string{`"request_method":"POST"`, `["x-two","b"],["x-two","a"]`, `"status":201`, `"request_headers":[["host","127.0.0.1:`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%.2000s\nlacks %s", text.Bytes(), want)
		}
	}

	// The last request was refused, which such a trace cannot tell.
	result, stdout, _, err := replayed(t, rr(t, text.String(), &app), ReplayConfig{})
	var diverged *DivergenceError
	if !errors.As(err, &diverged) || result.End != EndDiverged || !strings.Contains(diverged.Now, "127.0.0.1:1/") || len(diverged.Stack) == 0 {
		t.Fatalf("%+v, %v, want a divergence at the last request", result, err)
	}
	if stdout+"refused: ErrorCode::ConnectionRefused\n" != rec.stdout {
		t.Errorf("%s\nwant\n%s", stdout, rec.stdout)
	}
	if result.Events != 8 || len(result.Warnings) != 1 {
		t.Errorf("%+v, want 8 events and a warning", result)
	}
}

// Traces that no converter makes end in an error, not in a panic.
func TestPartialHostile(t *testing.T) {
	app := example(t, "rust-world/world.wasm")
	signature := map[string]string{}
	for _, k := range wasmrr.Kinds {
		signature[k.Call] = k.Function.Signature
	}
	for _, tt := range []struct {
		name, module, function, signature string
		input, output                     string
		want                              string
	}{
		{"malformed result", "wasi:cli/environment", "get-arguments", signature["arguments"], "", "\x05", "malformed"},
		{"no result", "wasi:cli/environment", "get-arguments", signature["arguments"], "", "", "malformed"},
		{"another type", "wasi:cli/environment", "get-arguments", "func() -> u64", "", "", "unknown imports: wasi:cli/environment"},
		{"malformed type", "wasi:cli/environment", "get-arguments", "func(", "", "", ""},
		{"resource out of nothing", "wasi:cli/stdout", "get-stdout", "func() -> own<wasi:io/streams.output-stream>", "", "", "malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hostile"+format.Extension)
			w, err := writer.Create(path, writer.Options{
				Header: &format.Header{Partial: &format.Partial{Recorder: "wasm-rr"},
					Functions: []format.Function{{Module: tt.module, Name: tt.function, Signature: tt.signature}}},
				Modules: []string{tt.module}, Functions: []string{tt.function},
			})
			if err != nil {
				t.Fatal(err)
			}
			ev := format.Event{Kind: format.KindCall, Has: format.HasModule | format.HasFunction}
			if tt.output != "" {
				ev.Output, ev.Has = []byte(tt.output), ev.Has|format.HasOutput
			}
			if err := errors.Join(w.Append(&ev), w.Close()); err != nil {
				t.Fatal(err)
			}
			_, _, _, err = replayed(t, path, ReplayConfig{Module: &app})
			if tt.want == "" {
				if err != nil {
					t.Errorf("%v, want none: what is not understood is not answered", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}
