// Package redact masks secrets in a trace, for sharing it.
//
// Redact is all of it. Rules say where secrets are found: a first pass over the
// trace collects them. Every place where their bytes occur, or common encodings
// and digests of them, is then overwritten with as many bytes of one character:
// in what the calls passed, in the header, in attachments. Hashes over bytes that
// may hold a secret are removed. A replay of the result feeds the program the
// masked bytes, and so succeeds where it only passes them on; SPEC.md has the
// details.
//
// Not found is what is compressed, encrypted or otherwise computed of a secret,
// or of a part of one, and what a program may compute anew from bytes that are
// not masked.
//
// Memory grows with a segment, or with a single event that is larger, and with
// the number of secrets and of places where calls cut one.
package redact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/convert/edit"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/reader"
)

// Rules say what is secret. In names and paths a * stands for any text.
type Rules struct {
	Headers []string         // values of HTTP header fields of these names, whatever their case
	Env     []string         // values of these variables of the environment
	Paths   []string         // contents of files whose paths match; without a slash the last element is meant
	Regexps []*regexp.Regexp // what matches, or the groups in it if there are any
}

// Options say what is let pass.
type Options struct {
	Unmatched bool // rules that find nothing
	Program   bool // a program that holds a secret
	Short     bool // secrets that are too short, which stay
}

// Result is what was written, and what in it was masked.
type Result struct {
	edit.Result
	*format.Redacted
	Unmatched []string // rules that found nothing: "--env TOKEN"
	InProgram []string // rules that found what the program itself holds
	Short     []Short  // what is too short to be searched for
}

// Short counts what a rule finds that is too short to be searched for.
type Short struct {
	Rule  string // "--env TOKEN"
	Count int
	File  bool // these are lines of files, which are masked there; others stay
}

// ProgramError is the error for secrets that the program holds itself, or that
// are in the names of what it imports and exports. These cannot be masked.
type ProgramError struct {
	Rules []string // that found them: "--env TOKEN"
	Place string   // the first: a module and a byte in it, or the name of an import or export
}

func (e *ProgramError) Error() string {
	return fmt.Sprintf("the program itself holds what %s found, and cannot be masked: %s", strings.Join(e.Rules, " and "), e.Place)
}

// ErrUnsupported is the error for traces that are not of calls.
var ErrUnsupported = errors.New("cannot be redacted")

// Redact writes a trace with its secrets masked.
func Redact(ctx context.Context, in *reader.File, rules Rules, o Options, out edit.Output) (*Result, error) {
	r := &redaction{in: in, options: o}
	r.number(rules)
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := r.find(ctx); err != nil {
		return nil, err
	}
	if err := r.survey(ctx, cmp.Or(out.Source, "redact")); err != nil {
		return nil, err
	}
	written, err := r.write(ctx, out)
	if err != nil {
		return nil, err
	}
	r.result.Result = *written
	return &r.result, nil
}

// redaction is one run of Redact.
type redaction struct {
	in      *reader.File
	options Options
	rules   []rule
	regexps []*regexp.Regexp // by rule; nil for others
	secrets *secrets
	files   *fileRules
	matcher *matcher
	counts  *masker           // of the survey
	spans   map[string][]span // in attachments
	header  *format.Header    // of the new trace
	result  Result
}

// number gives each rule its number.
func (r *redaction) number(rules Rules) {
	for _, kind := range []struct {
		name  string
		names []string
	}{{ruleHeader, rules.Headers}, {ruleEnv, rules.Env}, {rulePath, rules.Paths}} {
		for _, name := range kind.names {
			r.rules = append(r.rules, rule{kind.name, name})
		}
	}
	r.regexps = make([]*regexp.Regexp, len(r.rules))
	for _, re := range rules.Regexps {
		r.regexps = append(r.regexps, re)
		r.rules = append(r.rules, rule{ruleRegexp, re.String()})
	}
}

func (r *redaction) check() error {
	switch {
	case len(r.rules) == 0:
		return errors.New("no rules: nothing would be masked")
	case r.in.Header().Session != nil:
		return fmt.Errorf("a session %w: its checksums are of what was typed and drawn, and would tell of it", ErrUnsupported)
	case !r.in.IsEvents():
		return fmt.Errorf("a table of other records than events %w", ErrUnsupported)
	case r.in.Live():
		return edit.ErrLive
	}
	return nil
}

// find collects the secrets.
func (r *redaction) find(ctx context.Context) error {
	r.secrets, r.files = newSecrets(r.rules), newFileRules(r.rules)
	r.secrets.left = r.options.Short
	if err := find(ctx, r.in, r.secrets, r.regexps, r.files); err != nil {
		return err
	}
	if missed := r.secrets.unmatched(); missed != nil {
		if !r.options.Unmatched {
			return missed
		}
		r.result.Unmatched = missed.Rules
	}
	for i, n := range r.secrets.short {
		if n > 0 {
			r.result.Short = append(r.result.Short, Short{r.rules[i].String(), n, r.rules[i].kind == rulePath})
		}
	}
	var err error
	r.matcher, err = newMatcher(r.secrets.needles())
	return err
}

// survey counts what is masked, makes the new header and finds what spans
// several events.
func (r *redaction) survey(ctx context.Context, source string) error {
	k := newMasker(r.in, r.matcher, r.files, len(r.rules))
	r.counts, r.spans = k, map[string][]span{}
	if err := r.checkProgram(); err != nil {
		return err
	}
	h := *r.in.Header()
	h.ID, h.Source = "", source
	changed, err := eachText(&h, k.string)
	if err != nil {
		return err
	}
	r.header = changed
	for _, a := range r.in.Attachments() {
		k.string(a.Name)
		k.string(a.MediaType)
		if a.MediaType == format.MediaTypeWasm {
			continue
		}
		open, err := r.in.OpenAttachment(a.Name)
		if err == nil {
			r.spans[a.Name], err = k.attachment(open, a.Size)
		}
		if err != nil {
			return fmt.Errorf("attachment %q: %w", a.Name, err)
		}
	}
	if err := readRows(ctx, r.in, k.survey, k.row); err != nil {
		return err
	}
	k.finish()
	return nil
}

// checkProgram looks for secrets in the modules, and in the names that events
// refer to.
func (r *redaction) checkProgram() error {
	k := newMasker(r.in, r.matcher, r.files, len(r.rules)) // what it counts is not masked
	place := ""
	for _, a := range r.in.Attachments() {
		if a.MediaType != format.MediaTypeWasm {
			continue
		}
		open, err := r.in.OpenAttachment(a.Name)
		if errors.Is(err, reader.ErrDetached) {
			continue // it is not in the new trace either
		}
		if err != nil {
			return err
		}
		spans, err := k.attachment(open, a.Size)
		if err != nil {
			return fmt.Errorf("attachment %q: %w", a.Name, err)
		}
		if len(spans) > 0 {
			place = cmp.Or(place, fmt.Sprintf("module %q at byte %d", a.Name, spans[0].from))
		}
	}
	for _, name := range slices.Concat(r.in.Modules(), r.in.Functions(), described(r.in.Header())) {
		if k.plain([]byte(name)) != nil {
			place = cmp.Or(place, "the name of an import or export")
		}
	}
	if place == "" {
		return nil
	}
	for i, n := range k.places {
		if n > 0 {
			r.result.InProgram = append(r.result.InProgram, r.rules[i].String())
		}
	}
	if !r.options.Program {
		return &ProgramError{Rules: r.result.InProgram, Place: place}
	}
	return nil
}

// described returns the text in the descriptions of functions.
func described(h *format.Header) (list []string) {
	for i := range h.Functions {
		fn := &h.Functions[i]
		list = append(list, fn.Module, fn.Name, fn.Signature)
		for _, p := range slices.Concat(fn.Params, fn.Result) {
			list = append(list, p.Name, p.Role)
		}
	}
	return list
}

// errStop ends the reading of rows.
var errStop = errors.New("stop")

// write is the last pass.
func (r *redaction) write(ctx context.Context, out edit.Output) (*edit.Result, error) {
	k := newMasker(r.in, r.matcher, r.files, len(r.rules))
	again := newMasker(r.in, r.matcher, r.files, len(r.rules))
	again.only = true
	split := r.counts.split
	mask := func(g *group) error {
		if err := k.mask(g, &split); err != nil {
			return err
		}
		return again.left(again.survey(g), g)
	}
	r.addReport()
	return edit.Rewrite(ctx, r.in, out, edit.Change{
		Header: r.header,
		Attachment: func(a format.Attachment, content io.ReaderAt) (format.Attachment, io.ReaderAt) {
			spans := r.spans[a.Name]
			a.Name, a.MediaType = k.string(a.Name), k.string(a.MediaType)
			if spans == nil {
				return a, content
			}
			return a, &masked{content, spans, k.filler}
		},
		Rows: func(yield func(edit.Row, error) bool) {
			err := readRows(ctx, r.in, mask, func(row *row) error {
				if err := again.left(again.row(row), row.group); err != nil {
					return err
				}
				if !yield(row.Row, nil) {
					return errStop
				}
				return nil
			})
			if err != nil && err != errStop {
				yield(edit.Row{}, err)
			}
		},
	})
}

// left makes sure that nothing was found in what has been masked. It is an error
// of this package if there is.
func (k *masker) left(err error, g *group) error {
	if err != nil {
		return err
	}
	if k.total > 0 {
		return fmt.Errorf("event %d: a secret is left after masking: nothing was written", g.number)
	}
	return nil
}

// addReport puts into the header what was masked, behind what was before.
func (r *redaction) addReport() {
	report := r.secrets.report(r.counts.places, r.counts.total)
	for i := range report.Rules {
		report.Rules[i].Name = r.counts.string(report.Rules[i].Name)
	}
	r.result.Redacted = report
	r.header.Redacted = r.in.Header().Redacted.Add(report)
}
