// Package remote reads a file on a web server without fetching all of it.
//
// [Open] finds out the size of the file, and the [File] that it returns is an
// io.ReaderAt, fit for reader.New: each read fetches the blocks it needs by a
// range request, in order reads fetch ahead, and what was fetched is kept up to
// a bound. A server that knows no ranges has its file fetched whole into a
// temporary file, within [Options.MaxSpool].
//
// The file is the one that Open found: its ETag or Last-Modified goes with
// every request and is compared with every answer, and a file that has changed
// is [ErrChanged]. Nothing but GET is sent, a redirect never leads from https
// to http, and passwords and signatures in addresses do not get into errors.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// Errors that callers may branch on.
var (
	ErrChanged = errors.New("the file on the server has changed")
	ErrTooLong = errors.New("the server does not answer range requests, and the file is too long to fetch whole")
)

// Options adjust how a file is fetched. The zero value works.
type Options struct {
	// Client makes the requests. Default: one that gives up where connecting
	// or an answer takes 30 s. Its CheckRedirect is not used.
	Client *http.Client
	// Stall is how long a server may be silent within an answer. Default 30 s.
	Stall time.Duration
	// MaxSpool bounds what is fetched of a file whose server knows no ranges.
	// Default 1 GiB; negative: no such file is fetched.
	MaxSpool int64
	// CacheBytes bounds the blocks that are kept in memory. Default 64 MiB.
	CacheBytes int64
}

const (
	defaultTimeout = 30 * time.Second
	defaultSpool   = 1 << 30
	defaultCache   = 64 << 20
)

func (o *Options) setDefaults() {
	if o.Client == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout = defaultTimeout
		o.Client = &http.Client{Transport: t}
	}
	if o.Stall <= 0 {
		o.Stall = defaultTimeout
	}
	if o.MaxSpool == 0 {
		o.MaxSpool = defaultSpool
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = defaultCache
	}
}

// IsURL reports whether the text is an address that Open takes: it begins with
// http:// or https://.
func IsURL(text string) bool {
	scheme, _, found := strings.Cut(text, "://")
	return found && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// File is a file on a web server. Its methods may be called by many
// goroutines; one fetches at a time.
type File struct {
	ctx    context.Context
	o      Options
	own    bool // the client is of Open's making
	url    *url.URL
	size   int64
	pinned validator
	spool  *os.File // the whole file, where the server knows no ranges

	mu     sync.Mutex
	closed bool
	cache  cache
	next   int64 // block after the last one that was fetched
	ahead  int64 // blocks to fetch at least, where reads are in order
}

// Open asks for the beginning of the file at an address. The context covers
// all reads of the File. Errors match fs.ErrNotExist where the server has no
// such file, and fs.ErrPermission where it wants to know who asks or refuses.
func Open(ctx context.Context, address string, o Options) (*File, error) {
	u, err := url.Parse(address)
	var bad *url.Error // has the address with its password
	switch {
	case errors.As(err, &bad):
		return nil, fmt.Errorf("address: %w", bad.Err)
	case u.Host == "" || !IsURL(address):
		return nil, fmt.Errorf("%s: not an http or https address", redact(u))
	}
	f := &File{ctx: ctx, url: u, ahead: 1, own: o.Client == nil}
	o.setDefaults()
	client := *o.Client
	client.CheckRedirect = checkRedirect
	o.Client = &client
	f.o = o
	f.cache.limit = max(o.CacheBytes/blockSize, maxFetch/blockSize)
	if err := f.retry(f.begin); err != nil {
		f.Close()
		return nil, f.wrap(err)
	}
	return f, nil
}

// Name is the address without what may be secret in it; see Redact.
func (f *File) Name() string { return redact(f.url) }

// Redact returns an address as it may be shown: xxxxx stands in for its
// password and its query, by which addresses are signed. Text that IsURL does
// not take comes back as it is.
func Redact(address string) string {
	if !IsURL(address) {
		return address
	}
	u, err := url.Parse(address)
	if err != nil {
		scheme, _, _ := strings.Cut(address, "://")
		return scheme + "://xxxxx"
	}
	return redact(u)
}

func redact(u *url.URL) string {
	shown := *u
	if shown.RawQuery != "" {
		shown.RawQuery = "xxxxx"
	}
	return shown.Redacted()
}

// Size is the length of the file in bytes.
func (f *File) Size() int64 { return f.size }

// Spooled reports whether the file had to be fetched whole.
func (f *File) Spooled() bool { return f.spool != nil }

// Close removes what was fetched. Reads after it return fs.ErrClosed.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed, f.cache.blocks = true, nil
	f.cache.order.Init()
	if f.own {
		f.o.Client.CloseIdleConnections()
	}
	if f.spool == nil {
		return nil
	}
	return errors.Join(f.spool.Close(), os.Remove(f.spool.Name()))
}

// ReadAt implements io.ReaderAt. Errors name the address.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("%s: offset %d", f.Name(), off)
	}
	if err := f.ctx.Err(); err != nil {
		return 0, f.wrap(err)
	}
	if f.spool != nil {
		return f.spool.ReadAt(p, off)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, f.wrap(fs.ErrClosed)
	}
	for n := 0; ; {
		if n == len(p) {
			return n, nil
		}
		if off >= f.size {
			return n, io.EOF
		}
		data, err := f.block(off/blockSize, (off+int64(len(p)-n)-1)/blockSize)
		if err != nil {
			return n, f.wrap(err)
		}
		k := copy(p[n:], data[off%blockSize:])
		n, off = n+k, off+int64(k)
	}
}

func (f *File) wrap(err error) error {
	var failed *url.Error // has the address with its password, and the method
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("%s: %w", f.Name(), err)
}

const maxRedirects = 10

// redirectError is a redirect that is not followed.
type redirectError struct{ reason string }

func (e *redirectError) Error() string { return e.reason }

// checkRedirect keeps a request from leaving https. Its password does not go
// to another host: net/http sees to that.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from, to := via[len(via)-1].URL, req.URL
	switch {
	case len(via) >= maxRedirects:
		return &redirectError{fmt.Sprintf("%d redirects", len(via))}
	case to.Scheme != "https" && (from.Scheme == "https" || to.Scheme != "http"):
		return &redirectError{fmt.Sprintf("redirect from %s to %s", from.Scheme, redact(to))}
	}
	return nil
}
