package wasip2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
)

// outside says how a program of another project is run.
type outside struct {
	args  []string
	env   []string
	cwd   string
	stdin string
	files bool   // a directory with some files
	write bool   // which may be changed
	dirs  int    // empty directories instead, from /a on
	dir   bool   // stdin is a directory
	pipe  bool   // nobody reads stdout
	clock Clock  // nil: the host's
	none  bool   // no network
	want  string // "", "exit N", "trap" or "timeout"
	serve bool   // called by HTTP instead
	post  string // by a POST of this path, whose body comes back
	proxy bool   // in the name of the server beside it
	why   string // it is not run
}

const (
	notWASI   = "imports an interface that is none of WASI 0.2"
	otherCode = "wants not-permitted where the WIT says read-only"
	harness   = "tests a setting of its own runtime's"
)

// outsiders are the programs that need more than an empty directory and the
// network, or that do not pass.
var outsiders = map[string]outside{
	"p2_api_proxy":                                    {why: harness},
	"p2_api_proxy_forward_request":                    {serve: true, proxy: true, post: "/forwarded?a=b"},
	"p2_api_proxy_streaming":                          {serve: true, post: "/echo"},
	"p2_api_reactor":                                  {why: "has a world of its own"},
	"p2_api_read_only":                                {files: true},
	"p2_api_time":                                     {clock: &stepping{}},
	"p2_cli_args":                                     {args: []string{"hello", "this", "", "is an argument", "with 🚩 emoji"}},
	"p2_cli_argv0":                                    {args: []string{"p2_cli_argv0"}},
	"p2_cli_directory_list":                           {files: true},
	"p2_cli_env":                                      {env: []string{"frabjous=day", "callooh=callay"}},
	"p2_cli_exit_failure":                             {want: "exit 1"},
	"p2_cli_exit_panic":                               {want: "trap"},
	"p2_cli_exit_with_code":                           {want: "exit 42"},
	"p2_cli_file_append":                              {files: true, write: true},
	"p2_cli_file_dir_sync":                            {files: true},
	"p2_cli_file_read":                                {files: true},
	"p2_cli_hostcall_fuel":                            {why: harness},
	"p2_cli_initial_cwd":                              {cwd: "/sandbox"},
	"p2_cli_invoke_async":                             {why: "is WASI 0.3"},
	"p2_cli_many_resources":                           {why: harness},
	"p2_cli_max_resources":                            {},
	"p2_cli_much_stdout":                              {args: []string{"x", "10000"}},
	"p2_cli_multiple_preopens":                        {dirs: 3},
	"p2_cli_no_ip_name_lookup":                        {why: "wants permanent-resolver-failure for what is access-denied here"},
	"p2_cli_no_tcp":                                   {none: true},
	"p2_cli_no_udp":                                   {none: true},
	"p2_cli_serve_authority_and_scheme":               {serve: true},
	"p2_cli_serve_config":                             {why: notWASI},
	"p2_cli_serve_echo_env":                           {serve: true},
	"p2_cli_serve_hello_world":                        {serve: true},
	"p2_cli_serve_keyvalue":                           {why: notWASI},
	"p2_cli_serve_return_before_set":                  {serve: true, want: "500"},
	"p2_cli_serve_sleep":                              {why: "sleeps for ever"},
	"p2_cli_serve_trap_before_set":                    {serve: true, want: "500"},
	"p2_cli_serve_with_print":                         {serve: true},
	"p2_cli_sleep_forever":                            {want: "timeout"},
	"p2_cli_stdin":                                    {stdin: "So rested he by the Tumtum tree"},
	"p2_cli_stdin_eisdir":                             {dir: true},
	"p2_cli_stdout_epipe":                             {pipe: true},
	"p2_file_hardlink_across_perms":                   {why: otherCode},
	"p2_file_rename_across_perms":                     {why: otherCode},
	"p2_file_stream_not_permitted":                    {why: "wants not-permitted where a descriptor is not open for writing"},
	"p2_file_truncation_readonly":                     {why: otherCode},
	"p2_http_outbound_request_invalid_header":         {why: harness},
	"p2_http_outbound_request_missing_path_and_query": {why: "wants an error where the WIT says that the path is empty"},
	"p2_http_outbound_request_timeout":                {why: "needs an address on the network that does not answer"},
	"p2_ip_name_lookup":                               {why: "needs the network"},
	"p2_pollable_traps":                               {want: "trap"},
	"p2_stream_pollable_traps":                        {want: "trap"},
	"p2_tls_sample_application":                       {why: notWASI},
	"p2_udp_send_too_much":                            {want: "trap"},
}

// stepping is a clock of which each reading is later.
type stepping struct{ readings int64 }

func (*stepping) Wall() int64 { return 1_431_648_000_000_000_100 }

func (s *stepping) Monotonic() int64 {
	s.readings++
	return (s.readings - 1) * 42 * int64(time.Second)
}

// TestWasmtimePrograms runs wasmtime's own programs for WASI 0.2, if
// WASMTIME_P2 names a directory with them: crates/test-programs/src/bin/p2_*.rs
// of its repository, built for wasm32-wasip2.
func TestWasmtimePrograms(t *testing.T) {
	dir := os.Getenv("WASMTIME_P2")
	if dir == "" {
		t.Skip("WASMTIME_P2 names no directory with wasmtime's p2_*.wasm")
	}
	programs, err := filepath.Glob(filepath.Join(dir, "p2_*.wasm"))
	if err != nil || len(programs) == 0 {
		t.Fatalf("%s: found no p2_*.wasm (%v)", dir, err)
	}
	s := httptest.NewServer(http.HandlerFunc(mirror))
	t.Cleanup(s.Close)
	for _, program := range programs {
		name := strings.TrimSuffix(filepath.Base(program), ".wasm")
		t.Run(name, func(t *testing.T) {
			o := outsiders[name]
			if o.why != "" {
				t.Skip(o.why)
			}
			if o.env == nil {
				o.env = []string{"HTTP_SERVER=" + s.Listener.Addr().String()}
			}
			runOutside(t, program, name, o)
		})
	}
}

// mirror is the server that the programs expect.
func mirror(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-wasmtime-test-method", r.Method)
	w.Header().Set("x-wasmtime-test-uri", r.RequestURI)
	http.NewResponseController(w).EnableFullDuplex()
	io.Copy(w, r.Body)
}

func runOutside(t *testing.T, program, name string, o outside) {
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	c, err := component.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	if o.want == "timeout" {
		ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	}
	defer cancel()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(true))
	defer rt.Close(context.Background())
	p, err := c.Compile(ctx, rt)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cfg := o.config(t, name, &out)
	if o.serve {
		serveOutside(t, c, p, cfg, o)
		return
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if got := outcome(callExport(ctx, c, p, h, "wasi:cli/run", "run", nil)); got != o.want {
		t.Errorf("%s, want %q; %s", got, o.want, &out)
	}
}

func (o *outside) config(t *testing.T, name string, out io.Writer) Config {
	d := Dir{Host: t.TempDir(), Guest: "."}
	if o.files {
		d.Guest, d.ReadOnly = "/", !o.write
		for file, text := range map[string]string{
			"foo.txt": "", "bar.txt": "And stood awhile in thought", "baz.txt": "", "sub/wow.txt": "", "sub/yay.txt": "",
		} {
			path := filepath.Join(d.Host, file)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if o.args == nil {
		o.args = []string{"."}
	}
	cfg := Config{
		Args: append([]string{name}, o.args...), Env: o.env, Cwd: o.cwd, Dirs: []Dir{d}, Clock: o.clock,
		Stdin: strings.NewReader(o.stdin), Stdout: out, Stderr: out, AllowHTTP: []string{"*"},
	}
	if !o.none {
		cfg.AllowNet = []string{"*"}
	}
	if o.dirs > 0 {
		cfg.Dirs = nil
	}
	for i := range o.dirs {
		cfg.Dirs = append(cfg.Dirs, Dir{Host: t.TempDir(), Guest: "/" + string(rune('a'+i))})
	}
	if o.dir {
		f, err := os.Open(d.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		cfg.Stdin = f
	}
	if o.pipe {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		t.Cleanup(func() { w.Close() })
		cfg.Stdout = w
	}
	return cfg
}

// callExport calls a function of an interface, of any version, in a new
// instance.
func callExport(ctx context.Context, c *component.Component, p *component.Program, h *Host, iface, name string, args []byte) ([]byte, error) {
	in, err := p.Instantiate(ctx, h)
	if err != nil {
		return nil, err
	}
	defer in.Close(ctx)
	for _, e := range c.Exports() {
		if strings.HasPrefix(e.Name, iface+"@0.2.") {
			return in.Call(ctx, e.Name, name, args)
		}
	}
	return nil, component.ErrNoExport
}

func outcome(result []byte, err error) string {
	var exit *component.ExitError
	switch {
	case errors.As(err, &exit) && exit.Code == 0:
		return ""
	case errors.As(err, &exit):
		return fmt.Sprintf("exit %d", exit.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case err != nil:
		return "trap"
	case len(result) == 1 && result[0] == 1:
		return "exit 1"
	}
	return ""
}

func serveOutside(t *testing.T, c *component.Component, p *component.Program, cfg Config, o outside) {
	s := httptest.NewServer(&Handler{Config: cfg, Handle: func(ctx context.Context, h *Host, request, outparam uint32) error {
		var args canon.Encoder
		args.Rep(request)
		args.Rep(outparam)
		_, err := callExport(ctx, c, p, h, "wasi:http/incoming-handler", "handle", args.Bytes())
		return err
	}})
	defer s.Close()
	const sent = "what is sent comes back"
	req, err := http.NewRequest("GET", s.URL, nil)
	if o.post != "" {
		req, err = http.NewRequest("POST", s.URL+o.post, strings.NewReader(sent))
	}
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "localhost"
	if o.proxy {
		req.Host = strings.TrimPrefix(o.env[0], "HTTP_SERVER=")
	}
	req.Header.Set("env", "FOO")
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	switch {
	case o.proxy:
		if uri := resp.Header.Get("x-wasmtime-test-uri"); err != nil || uri != o.post {
			t.Errorf("the server was asked for %q, want %q (%v)", uri, o.post, err)
		}
	case o.post != "" && (err != nil || string(body) != sent):
		t.Errorf("%q came back (%v), want %q", body, err, sent)
	}
	if got := fmt.Sprint(resp.StatusCode); got != o.want && (o.want != "" || got != "200") {
		t.Errorf("status %s, want %s", got, o.want)
	}
}
