package redact

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/format/call"
	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/reader"
)

// finder is the first pass: it collects what the rules find.
type finder struct {
	*secrets
	in      *reader.File
	regexps []*regexp.Regexp // by rule; nil for others
	files   *fileRules
	tracker *tracker
	streams map[streamKey]*foundStream
	number  int64 // of the event
}

// foundStream is what is kept of a stream between its pieces.
type foundStream struct {
	window  []byte // the last bytes, for regular expressions
	unread  int    // bytes of window that were not searched yet
	seen    int    // offset in window up to which the ends of matches were taken
	line    []byte // the line under way, for header fields
	field   string // of the line before, which a folded line goes on with
	file    []byte // contents under way of a file
	partly  bool   // of which some were taken before
	byRules []int  // that the file is one of
	next    int64  // where the next piece must be; -1: anywhere
}

// Bounds on what is kept of one stream.
const (
	maxWindow   = 64 << 10 // of a match that goes on and on
	keptWindow  = 32 << 10 // searched again with what follows: of others that calls cut
	maxLine     = 64 << 10
	maxContents = 64 << 10
)

func find(ctx context.Context, in *reader.File, s *secrets, regexps []*regexp.Regexp, files *fileRules) error {
	f := &finder{secrets: s, in: in, regexps: regexps, files: files, tracker: newTracker(in, files), streams: map[streamKey]*foundStream{}}
	if err := f.header(); err != nil {
		return err
	}
	for _, a := range in.Attachments() {
		if err := f.attachment(a); err != nil {
			return fmt.Errorf("attachment %q: %w", a.Name, err)
		}
	}
	if err := readRows(ctx, in, f.event, nil); err != nil {
		return err
	}
	return f.end(func(streamKey) bool { return true })
}

// each calls do with the rules of a kind.
func (f *finder) each(kind string, do func(i int, r rule) error) error {
	for i, r := range f.rules {
		if r.kind != kind {
			continue
		}
		if err := do(i, r); err != nil {
			return err
		}
	}
	return nil
}

// header looks at the header: at the environment, and at all other text.
func (f *finder) header() error {
	h := f.in.Header()
	if h.Program != nil {
		for _, variable := range h.Program.Env {
			name, value, _ := strings.Cut(variable, "=")
			if err := f.variable(name, []byte(value), inPlace("the recorded environment")); err != nil {
				return err
			}
		}
	}
	var failed error
	_, err := eachText(h, func(s string) string {
		if failed == nil {
			failed = f.match([]byte(s), inPlace("the header"))
		}
		return s
	})
	return cmp.Or(failed, err)
}

// variable takes a variable of the environment, without the white space that a
// program may trim.
func (f *finder) variable(name string, value []byte, where func() string) error {
	return f.each(ruleEnv, func(i int, r rule) error {
		if !reader.Glob(r.name, name) {
			return nil
		}
		return f.add(i, bytes.TrimSpace(value), where)
	})
}

// match takes what the regular expressions find in a whole text.
func (f *finder) match(text []byte, where func() string) error {
	return f.each(ruleRegexp, func(i int, _ rule) error {
		for _, m := range f.regexps[i].FindAllSubmatchIndex(text, -1) {
			if err := f.matched(i, text, m, where); err != nil {
				return err
			}
		}
		return nil
	})
}

// matched takes a match: its groups, or all of it if there are none.
func (f *finder) matched(rule int, text []byte, m []int, where func() string) error {
	if len(m) == 2 {
		return f.add(rule, text[m[0]:m[1]], where)
	}
	for g := 2; g < len(m); g += 2 {
		if m[g] < 0 {
			continue
		}
		if err := f.add(rule, text[m[g]:m[g+1]], where); err != nil {
			return err
		}
	}
	return nil
}

// attachment looks for regular expressions in an attachment that is no module.
func (f *finder) attachment(a format.Attachment) error {
	if a.MediaType == format.MediaTypeWasm || !f.has(ruleRegexp) {
		return nil
	}
	r, err := f.in.OpenAttachment(a.Name)
	if err != nil {
		return err
	}
	var s foundStream
	where := inPlace("an attachment")
	buf := make([]byte, maxWindow)
	for {
		n, err := r.Read(buf)
		if err := f.window(&s, buf[:n], where); err != nil {
			return err
		}
		if err == io.EOF {
			return f.window(&s, nil, where)
		}
		if err != nil {
			return err
		}
	}
}

func (f *finder) event(g *group) error {
	e := &g.event
	f.number = g.number
	if err := f.tracker.event(e); err != nil {
		return fmt.Errorf("event %d: %w", g.number, err)
	}
	if err := f.pairs(e); err != nil {
		return err
	}
	for i := range f.tracker.texts {
		x := &f.tracker.texts[i]
		data := x.of(e)
		var err error
		if x.stream == nil {
			err = f.match(data, inEvent(g.number))
		} else {
			err = f.piece(x.stream, data)
		}
		if err != nil {
			return err
		}
	}
	return f.over(e)
}

// over ends the streams that the event ended.
func (f *finder) over(e *format.Event) error {
	t := f.tracker
	if t.over {
		return f.end(func(key streamKey) bool { return key.task == e.Task })
	}
	for _, key := range t.ended {
		if s := f.streams[key]; s != nil {
			delete(f.streams, key)
			if err := f.finish(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// end ends the streams that are meant.
func (f *finder) end(meant func(streamKey) bool) error {
	for key, s := range f.streams {
		if !meant(key) {
			continue
		}
		delete(f.streams, key)
		if err := f.finish(s); err != nil {
			return err
		}
	}
	return nil
}

// finish takes what a stream has kept.
func (f *finder) finish(s *foundStream) error {
	if err := f.window(s, nil, inEvent(f.number)); err != nil {
		return err
	}
	if err := f.headerLine(s); err != nil {
		return err
	}
	return f.contents(s, true)
}

// piece takes the next bytes of a stream.
func (f *finder) piece(p *piece, data []byte) error {
	s := f.streams[p.key]
	if s != nil && p.at >= 0 && p.at != s.next {
		if err := f.finish(s); err != nil {
			return err
		}
		s = nil
	}
	if s == nil {
		if len(f.streams) >= maxOpen {
			return fmt.Errorf("event %d: %w: more than %d streams at a time", f.number, format.ErrLimit, maxOpen)
		}
		s = &foundStream{}
		f.streams[p.key] = s
	}
	s.next = p.at + int64(len(data))
	if err := f.window(s, data, inEvent(f.number)); err != nil {
		return err
	}
	if err := f.lines(s, data); err != nil {
		return err
	}
	if rules := f.files.match(p.path); rules != nil {
		s.byRules = rules
		s.file = append(s.file, data...)
		return f.contents(s, false)
	}
	return nil
}

// window takes what the regular expressions find in the last bytes of a stream
// and in data. A match that more bytes may make longer waits for them; without
// data there are none.
func (f *finder) window(s *foundStream, data []byte, where func() string) error {
	if !f.has(ruleRegexp) {
		return nil
	}
	s.window = append(s.window, data...)
	if s.unread += len(data); s.unread < keptWindow && len(data) > 0 {
		return nil // several pieces are searched at once
	}
	s.unread = 0
	keep, seen := max(0, len(s.window)-keptWindow), len(s.window)
	err := f.each(ruleRegexp, func(i int, _ rule) error {
		for _, m := range f.regexps[i].FindAllSubmatchIndex(s.window, -1) {
			if m[1] <= s.seen {
				continue
			}
			if m[1] == len(s.window) && len(data) > 0 && m[1]-m[0] < maxWindow {
				keep, seen = min(keep, m[0]), m[1]-1
				continue
			}
			if err := f.matched(i, s.window, m, where); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.window = append(s.window[:0], s.window[keep:]...)
	s.seen = seen - keep
	return nil
}

// lines looks for header fields in the lines of a stream.
func (f *finder) lines(s *foundStream, data []byte) error {
	if !f.has(ruleHeader) {
		return nil
	}
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		s.line = append(s.line, line[:min(len(line), maxLine-len(s.line))]...)
		if !whole {
			return nil
		}
		if err := f.headerLine(s); err != nil {
			return err
		}
		data = rest
	}
	return nil
}

func (f *finder) has(kind string) bool {
	return slices.ContainsFunc(f.rules, func(r rule) bool { return r.kind == kind })
}

// headerLine takes the line under way of a stream.
func (f *finder) headerLine(s *foundStream) error {
	line := s.line
	s.line = s.line[:0]
	if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		return f.field(s.field, line)
	}
	name, value, _ := bytes.Cut(line, []byte(":"))
	s.field = string(name[:min(len(name), maxField)])
	return f.field(s.field, value)
}

// maxField is the length of the longest name of a field.
const maxField = 256

// field takes a line of a header field, or its value where a component has it.
func (f *finder) field(name string, value []byte) error {
	name = strings.ToLower(name)
	return f.each(ruleHeader, func(i int, r rule) error {
		if !reader.Glob(strings.ToLower(r.name), name) {
			return nil
		}
		return f.value(i, name, bytes.TrimSpace(value))
	})
}

// value takes the value of a field. Of credentials the scheme is no secret, and
// a password in them is one by itself; so are the values in a cookie.
func (f *finder) value(rule int, name string, value []byte) error {
	where := inEvent(f.number)
	switch name {
	case "authorization", "proxy-authorization":
		scheme, credentials, ok := bytes.Cut(value, []byte(" "))
		credentials = bytes.TrimSpace(credentials)
		if !ok || len(credentials) < minSecret {
			break
		}
		if err := f.basic(rule, scheme, credentials); err != nil {
			return err
		}
		return f.add(rule, credentials, where)
	case "cookie", "set-cookie":
		for part := range bytes.SplitSeq(value, []byte(";")) {
			_, v, _ := bytes.Cut(part, []byte("="))
			if err := f.also(rule, bytes.TrimSpace(v), where); err != nil {
				return err
			}
		}
	}
	return f.add(rule, value, where)
}

// basic takes the user and the password of HTTP's basic authentication.
func (f *finder) basic(rule int, scheme, credentials []byte) error {
	if !strings.EqualFold(string(scheme), "basic") {
		return nil
	}
	plain, err := base64.StdEncoding.DecodeString(string(credentials))
	if err != nil || !utf8.Valid(plain) {
		return nil
	}
	if _, password, ok := bytes.Cut(plain, []byte(":")); ok && len(password) >= minSecret {
		if err := f.add(rule, password, inEvent(f.number)); err != nil {
			return err
		}
	}
	return f.also(rule, plain, inEvent(f.number))
}

// pairs takes the names and values that an event has in pairs: variables of the
// environment, which the header has only where they are UTF-8, and header fields
// of a component, also where its host has noted them.
func (f *finder) pairs(e *format.Event) error {
	fn := f.tracker.function(e)
	switch {
	case fn.sig != nil && fn.sig.Note != nil && strings.HasPrefix(fn.name, "wasi:http/"):
		return f.fields(e)
	case e.Kind != format.KindCall:
		return nil
	case fn.name == "environ_get":
		return f.environ(e, fn.fn)
	case fn.sig == nil:
		return nil
	case fn.name == "wasi:cli/environment#get-environment":
		return f.environment(e)
	case fn.name == "wasi:http/outgoing-handler#handle" && len(fn.sig.Params) > 0 && fn.sig.Params[0].Type.Kind == canon.String:
		return f.exchange(e)
	case strings.HasPrefix(fn.name, "wasi:http/types#") && strings.Contains(fn.name, "fields."):
		return f.fields(e)
	}
	return nil
}

// environ takes the variables that environ_get gave: strings that end in a zero,
// behind a pointer for each.
func (f *finder) environ(e *format.Event, fn *format.Function) error {
	p := f.in.Header().Program
	for _, b := range call.SplitOutput(fn, f.in.Header(), e) {
		if p == nil || b.Region.Kind != format.RegionEnviron {
			continue
		}
		for variable := range bytes.SplitSeq(b.Data[min(len(b.Data), 4*len(p.Env)):], []byte{0}) {
			name, value, _ := bytes.Cut(variable, []byte("="))
			if err := f.variable(string(name), value, inEvent(f.number)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *finder) environment(e *format.Event) error {
	d := canon.NewDecoder(e.Output)
	return eachPair(&d, func(name string, value []byte) error { return f.variable(name, value, inEvent(f.number)) })
}

// exchange takes the header fields of a request and its response, which partial
// traces have in one call.
func (f *finder) exchange(e *format.Event) error {
	in, out := canon.NewDecoder(e.Input), canon.NewDecoder(e.Output)
	in.Blob() // method
	in.Blob() // address
	out.U16() // status
	return cmp.Or(eachPair(&in, f.field), eachPair(&out, f.field))
}

// eachPair calls do with the pairs of a list, as far as it is well-formed.
func eachPair(d *canon.Decoder, do func(name string, value []byte) error) error {
	for range d.Len() {
		name, value := d.String(), d.Blob()
		if d.Err() != nil {
			break
		}
		if err := do(name, value); err != nil {
			return err
		}
	}
	return nil
}

// fields takes the header fields that an event has: a name is a string, and its
// values are the bytes up to the next one.
func (f *finder) fields(e *format.Event) error {
	name := ""
	for _, x := range f.tracker.texts {
		if x.isString {
			name = string(x.of(e))
			continue
		}
		if err := f.field(name, x.of(e)); err != nil {
			return err
		}
	}
	return nil
}
