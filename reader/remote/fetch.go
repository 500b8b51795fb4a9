package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// firstFetch is what Open asks for: it holds a trace's schema, and small traces
// whole.
const firstFetch = 4 * blockSize

// validator says which version of the file an answer is of.
type validator struct{ etag, modified string }

func validatorOf(h http.Header) validator {
	return validator{etag: h.Get("ETag"), modified: h.Get("Last-Modified")}
}

// ifRange is the value of the header If-Range, which takes no weak ETag.
func (v validator) ifRange() string {
	if v.etag != "" && !strings.HasPrefix(v.etag, "W/") {
		return v.etag
	}
	return v.modified
}

// changed reports whether an answer is of another version. Headers that were
// left out, as servers may in answers to If-Range, say nothing.
func (v validator) changed(now validator) bool {
	differ := func(a, b string) bool { return a != "" && b != "" && a != b }
	return differ(v.etag, now.etag) || differ(v.modified, now.modified)
}

// begin makes the first request: its answer tells whether the server knows
// ranges, the size and the version of the file.
func (f *File) begin() error {
	resp, cancel, err := f.get(0, firstFetch)
	if err != nil {
		return err
	}
	defer cancel()
	defer resp.Body.Close()
	f.pinned = validatorOf(resp.Header)
	switch resp.StatusCode {
	case http.StatusPartialContent:
	case http.StatusRequestedRangeNotSatisfiable:
		if resp.Header.Get("Content-Range") == "bytes */0" { // an empty file has no first byte
			return nil
		}
		return answered(resp)
	case http.StatusOK:
		return f.fetchAll(resp)
	default:
		return answered(resp)
	}
	from, to, size, err := contentRange(resp)
	if err != nil {
		return err
	}
	if want := min(firstFetch, size); from != 0 || to != want {
		return fmt.Errorf("asked for bytes 0 to %d, the server sent %d to %d", want, from, to)
	}
	f.size = size
	data, err := f.body(resp, to)
	if err != nil {
		return err
	}
	f.cache.putAll(0, data)
	f.next = (to + blockSize - 1) / blockSize
	return nil
}

// retry makes a request again that failed on the way.
func (f *File) retry(request func() error) error {
	for try := 0; ; try++ {
		err := request()
		if err == nil || !errors.As(err, new(*transientError)) || try == len(retryAfter) {
			return err
		}
		select {
		case <-time.After(retryAfter[try]):
		case <-f.ctx.Done():
			return f.ctx.Err()
		}
	}
}

// retryAfter is how long a request that failed waits to be repeated.
var retryAfter = []time.Duration{100 * time.Millisecond, time.Second}

// transientError is one that may be gone on the next try.
type transientError struct{ error }

func (e *transientError) Unwrap() error { return e.error }

// fetch returns the bytes from one offset to another.
func (f *File) fetch(from, to int64) ([]byte, error) {
	resp, cancel, err := f.get(from, to)
	if err != nil {
		return nil, err
	}
	defer cancel()
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK, http.StatusRequestedRangeNotSatisfiable, http.StatusPreconditionFailed:
		return nil, ErrChanged // If-Range did not hold, or the file is shorter now
	default:
		return nil, answered(resp)
	}
	gotFrom, gotTo, size, err := contentRange(resp)
	switch {
	case err != nil:
		return nil, err
	case size != f.size || f.pinned.changed(validatorOf(resp.Header)):
		return nil, ErrChanged
	case gotFrom != from || gotTo != to:
		return nil, fmt.Errorf("asked for bytes %d to %d, the server sent %d to %d", from, to, gotFrom, gotTo)
	}
	return f.body(resp, to-from)
}

// get sends a request for a range. The answer ends when cancel is called, or
// when the server is silent for too long.
func (f *File) get(from, to int64) (*http.Response, context.CancelFunc, error) {
	ctx, cancel := context.WithCancelCause(f.ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, nil, err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
	req.Header.Set("Accept-Encoding", "identity")
	if v := f.pinned.ifRange(); v != "" {
		req.Header.Set("If-Range", v)
	}
	resp, err := f.o.Client.Do(req)
	if err != nil {
		cancel(nil)
		if f.ctx.Err() == nil && !errors.As(err, new(*redirectError)) {
			err = &transientError{err}
		}
		return nil, nil, err
	}
	resp.Body = newStallReader(resp.Body, f.o.Stall, cancel)
	return resp, func() { cancel(nil) }, nil
}

// body reads exactly n bytes.
func (f *File) body(resp *http.Response, n int64) ([]byte, error) {
	if err := checkEncoding(resp); err != nil {
		return nil, err
	}
	data := make([]byte, n)
	got, err := io.ReadFull(resp.Body, data)
	if err != nil {
		return nil, &transientError{fmt.Errorf("%d of %d bytes: %w", got, n, err)}
	}
	return data, nil
}

// fetchAll takes the whole file, which is what a server sends that does not
// know ranges.
func (f *File) fetchAll(resp *http.Response) (err error) {
	if err := checkEncoding(resp); err != nil {
		return err
	}
	if resp.ContentLength == 0 { // a part of an empty file is the same as the whole
		return nil
	}
	limit := f.o.MaxSpool
	if limit < 0 || resp.ContentLength > limit {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLong, resp.ContentLength, max(limit, 0))
	}
	if f.spool, err = os.CreateTemp("", "tracetool-*"); err != nil {
		return err
	}
	n, err := io.Copy(f.spool, io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return fmt.Errorf("%d bytes: %w", n, err)
	case n > limit:
		return fmt.Errorf("%w: the limit is %d bytes", ErrTooLong, limit)
	}
	f.size = n
	return nil
}

// checkEncoding refuses bytes that are not those of the file.
func checkEncoding(resp *http.Response) error {
	if e := resp.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return fmt.Errorf("the server sent the encoding %q, which was not asked for", e)
	}
	return nil
}

// contentRange reads the header of a part: bytes FROM-LAST/SIZE. It returns the
// offset after the last byte.
func contentRange(resp *http.Response) (from, to, size int64, err error) {
	text := resp.Header.Get("Content-Range")
	bounds, total, _ := strings.Cut(strings.TrimPrefix(text, "bytes "), "/")
	first, last, _ := strings.Cut(bounds, "-")
	var errs [3]error
	from, errs[0] = strconv.ParseInt(first, 10, 64)
	to, errs[1] = strconv.ParseInt(last, 10, 64)
	size, errs[2] = strconv.ParseInt(total, 10, 64)
	if errors.Join(errs[:]...) != nil || from < 0 || to < from || to >= size {
		return 0, 0, 0, fmt.Errorf("the server sent a part with Content-Range %q, want bytes FROM-LAST/SIZE", text)
	}
	return from, to + 1, size, nil
}

// statusError is an answer that is no part of a file.
type statusError struct {
	status string
	code   int
}

func (e *statusError) Error() string { return "the server answered " + e.status }

// Is makes the error match those of files that say the same.
func (e *statusError) Is(target error) bool {
	switch e.code {
	case http.StatusNotFound, http.StatusGone:
		return target == fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == fs.ErrPermission
	}
	return false
}

func answered(resp *http.Response) error {
	err := &statusError{resp.Status, resp.StatusCode}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &transientError{err}
	}
	return err
}

// errStalled ends an answer that does not go on.
var errStalled = errors.New("the server has sent nothing for too long")

// stallReader cancels the request when a read takes too long.
type stallReader struct {
	io.ReadCloser
	after  time.Duration
	cancel context.CancelCauseFunc
}

func newStallReader(r io.ReadCloser, after time.Duration, cancel context.CancelCauseFunc) *stallReader {
	return &stallReader{r, after, cancel}
}

func (r *stallReader) Read(p []byte) (int, error) {
	timer := time.AfterFunc(r.after, func() { r.cancel(errStalled) })
	n, err := r.ReadCloser.Read(p)
	if !timer.Stop() && err != nil {
		err = errStalled
	}
	return n, err
}
