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
