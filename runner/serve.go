package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/wasip2"
	"github.com/tracetool/tracetool/writer"
)

// The export that answers HTTP requests, in any version of WASI 0.2.
const (
	handlerInterface = "wasi:http/incoming-handler"
	handlerName      = "handle"
)

const (
	// maxServed is how many requests are served at a time. Others wait.
	maxServed = 256
	// serveGrace is what requests under way get when serving ends, before
	// their guests are stopped.
	serveGrace = 5 * time.Second
	// headerTimeout is what a client has to send the header of a request.
	headerTimeout = time.Minute
)

// ServeConfig is what Serve needs beside what each guest is given.
type ServeConfig struct {
	Config
	// Failed is told why the host answered a request in place of the
	// component, or why its answer was cut short: a trap, say. It is called by
	// several goroutines at a time, and not after Serve has returned. nil: nobody
	// is told.
	Failed func(r *http.Request, err error)
}

// Serve answers the HTTP requests that come to l with a component, until ctx is
// done. Each request has an instance of its own and is recorded as a task of its
// own, numbered from 0. Config.Timeout is for each request; Stdin and Invoke are
// for programs. Serve closes l.
//
// It calls create when the component and its configuration have been found to be
// fine, and closes the writer. The Result has the number of events and how long
// Serve took; its End is EndExit, or EndFull.
func Serve(ctx context.Context, m Module, cfg ServeConfig, l net.Listener, create CreateFunc) (*Result, error) {
	defer l.Close()
	cfg.Exclusive, cfg.Observe = false, nil
	if cfg.TextLimit == 0 {
		cfg.TextLimit = -1 // what is served is a network
	}
	s := &served{common: newCommon(&m, &cfg.Config, newClock(true)), cfg: &cfg}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	defer s.engine.close(context.Background())
	p := s.program()
	p.Embedded, p.Serve = true, l.Addr().String()
	header, names := s.describeExports(s.component, []component.Func{*s.handler}, p)
	if err := s.record(create, header, names, nil); err != nil {
		return nil, err
	}
	w := s.rec.w
	began := time.Now()
	err := s.serve(ctx, l)
	result := &Result{End: EndExit, Events: w.Events(), Duration: time.Since(began)}
	if errors.Is(err, writer.ErrFull) {
		result.End, err = EndFull, nil
	}
	return result, joinErrors(err, w.Close())
}

// served is a component that is served.
type served struct {
	common
	cfg       *ServeConfig
	component *component.Component
	compiled  *component.Program
	handler   *component.Func
	host      wasip2.Config
	slots     chan struct{}
	guests    context.Context // ends guests

	requests sync.RWMutex // is held by each request for reading, until its guest has ended
	over     bool         // none may begin any more

	mu    sync.Mutex // of the writer, tasks and err
	tasks int32
	err   error // why nothing more can be recorded
	stop  context.CancelFunc
}

func (s *served) prepare(ctx context.Context) (err error) {
	if !s.module.IsComponent() {
		return fmt.Errorf("%s: %w", s.module.Name, ErrNoComponent)
	}
	if err = s.refuse(); err != nil {
		return err
	}
	if s.engine, s.component, s.compiled, err = compileComponent(ctx, s.module, s.options); err != nil {
		return err
	}
	if err = s.check(); err != nil {
		s.engine.close(ctx)
	}
	return err
}

// check finds what is wrong with every request.
func (s *served) check() error {
	switch s.handler = findExport(s.component, handlerInterface, handlerName); {
	case s.handler == nil:
		return fmt.Errorf("%s: exports no %s", s.module.Name, handlerInterface)
	case !ofWASI02(s.handler.Interface):
		return fmt.Errorf("%s: exports %s, expected WASI 0.2", s.module.Name, s.handler.Interface)
	}
	var output sync.Mutex
	s.host = s.hostConfig()
	s.host.Stdin = nil
	s.host.Stdout = shared(s.host.Stdout, &output)
	s.host.Stderr = shared(s.host.Stderr, &output)
	host, err := wasip2.New(s.host)
	if err != nil {
		return err
	}
	defer host.Close()
	return checkImports(s.module, s.component, host)
}

// serve answers requests until ctx is done or the trace cannot be written.
func (s *served) serve(ctx context.Context, l net.Listener) error {
	ctx, s.stop = context.WithCancel(ctx)
	defer s.stop()
	s.slots = make(chan struct{}, maxServed)
	var stopGuests context.CancelFunc
	s.guests, stopGuests = context.WithCancel(context.WithoutCancel(ctx))
	defer stopGuests()
	server := &http.Server{
		Handler:           s.counted(&wasip2.Handler{Config: s.host, Handle: s.handle, Failed: s.cfg.Failed}),
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    wasip2.MaxHeaderBytes,
		ConnContext:       wasip2.ConnContext,
		// The component answers "OPTIONS *" too.
		DisableGeneralOptionsHandler: true,
	}
	drained := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(drained)
		grace, cancel := context.WithTimeout(s.guests, serveGrace)
		defer cancel()
		if server.Shutdown(grace) != nil {
			stopGuests()
			server.Close()
		}
	})
	err := server.Serve(wasip2.Listener(l))
	if ctx.Err() == nil {
		s.stop()
	}
	<-drained
	stopGuests()
	s.requests.Lock() // once all have ended: some go on after their connections were closed
	s.over = true
	s.requests.Unlock()
	if s.err != nil {
		return s.err
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// counted is a handler whose requests serve waits for: a server that is closed
// leaves them behind.
func (s *served) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.RLock()
		defer s.requests.RUnlock()
		if s.over {
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	})
}

// handle serves one request as a task. The guest goes on when the client has
// gone, so the context is not that of the request.
func (s *served) handle(_ context.Context, host *wasip2.Host, request, outparam uint32) error {
	select {
	case s.slots <- struct{}{}:
	case <-s.guests.Done():
		return errServed
	}
	defer func() { <-s.slots }()
	rec := s.newTask()
	host.SetClock(rec.clock)
	t := &task{common: s.common, served: s, host: host, request: request, outparam: outparam}
	t.rec, t.clock, t.gate = rec, rec.clock, rec.gate
	result, err := t.call(s.guests, t)
	if rec.err != nil {
		s.fail(rec.err)
	}
	switch {
	case t.err == nil:
		return err
	case result == nil:
		return t.err
	case result.End == EndTimeout:
		return fmt.Errorf("stopped after %v: %w", s.cfg.Timeout, context.DeadlineExceeded)
	case result.End == EndCancelled:
		return errServed
	case result.End == EndExit && result.ExitCode == 0:
		return nil // as if it had returned
	case result.End == EndExit:
		return fmt.Errorf("the component exited with code %d", result.ExitCode)
	}
	return t.err
}

// errServed is why guests are stopped that were not done.
var errServed = errors.New("stopped: serving has ended")

// newTask makes a recorder for a request. Tasks share the writer and nothing
// else that changes.
func (s *served) newTask() *recorder {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := *s.rec
	r.task, r.shared, r.gate, r.clock = s.tasks, &s.mu, new(gate), s.clock.fork()
	s.tasks++
	return &r
}

// fail ends serving: a request that cannot be recorded must not be served.
func (s *served) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		s.stop()
	}
}

// task is the guest of one request.
type task struct {
	common
	served            *served
	host              *wasip2.Host
	request, outparam uint32
	instance          *component.Instance
	err               error // how the guest ended, if not by returning
}

func (t *task) callAll(ctx context.Context, _ *Result) (err error) {
	defer func() { t.err = err }()
	if t.instance, err = t.served.compiled.Instantiate(ctx, newRecordedHost(t.rec, t.host)); err != nil {
		return guestError(err)
	}
	var args canon.Encoder
	args.Rep(t.request)
	args.Rep(t.outparam)
	_, err = callComponent(ctx, t.instance, t.rec, *t.served.handler, args.Bytes(), t.host.RequestNote(t.request))
	return err
}

func (t *task) hashMemory() (uint64, bool) {
	hash, ok := hashMemories(memoriesOf(t.instance))
	if t.instance != nil {
		t.instance.Close(context.Background())
	}
	return hash, ok
}

// shared lets several goroutines write to w, one at a time. A file of the host
// can be shared as it is.
func shared(w io.Writer, mu *sync.Mutex) io.Writer {
	if w == nil {
		return nil
	}
	return &sharedWriter{w, mu}
}

type sharedWriter struct {
	w  io.Writer
	mu *sync.Mutex
}

func (s *sharedWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
