package redact

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/tracetool/tracetool/format"
)

// The kinds of rules, in the order in which they are numbered.
const (
	ruleHeader = "header"
	ruleEnv    = "env"
	rulePath   = "path"
	ruleRegexp = "regexp"
)

// rule is one rule.
type rule struct {
	kind string
	name string // of the field or variable, the pattern of the path, the expression
}

// String is the rule as a person gave it.
func (r rule) String() string { return fmt.Sprintf("--%s %s", r.kind, r.name) }

// ShortError is the error for a secret of so few bytes that masking it would
// mask other things everywhere.
type ShortError struct {
	Rule  string // "--env TOKEN"
	Where string // "event 17", "the recorded environment"
	Bytes int    // but for 00 and ff, of which numbers are full
}

// Error does not tell the secret.
func (e *ShortError) Error() string {
	return fmt.Sprintf("%s: what it finds in %s has %d telling bytes: masking fewer than %d would mask them wherever they stand",
		e.Rule, e.Where, e.Bytes, minSecret)
}

// telling counts the bytes that numbers are not full of.
func telling(text []byte) int {
	return len(text) - bytes.Count(text, []byte{0}) - bytes.Count(text, []byte{0xff})
}

// UnmatchedError is the error for rules that found nothing.
type UnmatchedError struct{ Rules []string }

func (e *UnmatchedError) Error() string {
	return "nothing matched " + strings.Join(e.Rules, ", ")
}

// ErrTooMany is the error for rules that find too much to search for.
var ErrTooMany = errors.New("too many secrets")

// Bounds on what is searched for.
const (
	maxSecrets     = 1 << 14
	maxSecretBytes = 1 << 20
)

// secrets are the byte strings that the rules found.
type secrets struct {
	rules  []rule
	byText map[string][]int // rules that found it, ascending
	bytes  int
	left   bool     // what is too short is left as it is
	found  []bool   // by rule
	counts []int    // different secrets by rule
	short  []int    // what is too short to be searched for, by rule: of files lines
	files  []needle // digests of the contents of files
}

func newSecrets(rules []rule) *secrets {
	n := len(rules)
	return &secrets{rules: rules, byText: map[string][]int{}, found: make([]bool, n), counts: make([]int, n), short: make([]int, n)}
}

// add takes what a rule found somewhere.
func (s *secrets) add(rule int, text []byte, where func() string) error {
	if len(text) == 0 {
		return nil
	}
	n := telling(text)
	if n < minSecret && !s.left {
		return &ShortError{Rule: s.rules[rule].String(), Where: where(), Bytes: n}
	}
	s.found[rule] = true
	if n < minSecret {
		s.short[rule]++
		return nil
	}
	by, known := s.byText[string(text)]
	for _, r := range by {
		if r == rule {
			return nil
		}
	}
	if !known {
		s.bytes += len(text)
		if len(s.byText) >= maxSecrets || s.bytes > maxSecretBytes {
			return fmt.Errorf("%s: %w: at most %d with %d bytes in all are searched for; narrow the rule", s.rules[rule], ErrTooMany, maxSecrets, maxSecretBytes)
		}
	}
	s.counts[rule]++
	s.byText[string(text)] = append(by, rule)
	return nil
}

// also takes a part of a secret that may occur alone, if it is long enough not
// to be a word of its own.
func (s *secrets) also(rule int, text []byte, where func() string) error {
	if telling(text) < minPart {
		return nil
	}
	return s.add(rule, text, where)
}

// minPart is the length of the shortest part of a secret that is one too.
const minPart = 8

// needles returns all that is to be masked.
func (s *secrets) needles() []needle {
	list := s.files
	for text, rules := range s.byText {
		list = append(list, encodings([]byte(text), rules)...)
		list = append(list, digests([]byte(text), rules)...)
	}
	return list
}

// unmatched returns the rules that found nothing.
func (s *secrets) unmatched() *UnmatchedError {
	e := &UnmatchedError{}
	for i, found := range s.found {
		if !found {
			e.Rules = append(e.Rules, s.rules[i].String())
		}
	}
	if e.Rules == nil {
		return nil
	}
	return e
}

// inEvent says where something was found.
func inEvent(number int64) func() string {
	return func() string { return fmt.Sprintf("event %d", number) }
}

func inPlace(place string) func() string { return func() string { return place } }

// report says what the rules found and where it was masked.
func (s *secrets) report(places []int64, total int64) *format.Redacted {
	r := &format.Redacted{Rules: []format.RedactedBy{}, Places: total}
	for i, rule := range s.rules {
		by := format.RedactedBy{Rule: rule.kind, Name: rule.name, Secrets: s.counts[i], Places: places[i]}
		if rule.kind == ruleRegexp {
			by.Name = "" // it may spell a secret
		}
		r.Rules = append(r.Rules, by)
	}
	return r
}
