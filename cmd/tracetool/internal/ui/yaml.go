package ui

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// writeYAML writes a JSON value as YAML in block style. What it writes means
// the same to readers of YAML 1.1 and 1.2.
func writeYAML(b *bufio.Writer, data []byte) error {
	y := newYAML(b, data)
	return y.value(0, "", "")
}

// writeYAMLElement writes a JSON value as one element of a sequence.
func writeYAMLElement(b *bufio.Writer, data []byte) error {
	y := newYAML(b, data)
	b.WriteByte('-')
	return y.value(1, " ", " ")
}

// yamlWriter turns the tokens of one JSON value, whose order of keys they keep,
// into YAML.
type yamlWriter struct {
	b   *bufio.Writer
	dec *json.Decoder
}

func newYAML(b *bufio.Writer, data []byte) *yamlWriter {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return &yamlWriter{b: b, dec: dec}
}

// value writes the next value at the given depth. What stands before it on its
// line is parted from a scalar by scalarLead and from the first entry of a
// collection by blockLead: a blank after "- ", a new line after "key:".
func (y *yamlWriter) value(depth int, scalarLead, blockLead string) error {
	tok, err := y.dec.Token()
	if err != nil {
		return err
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		y.b.WriteString(scalarLead)
		return y.line(yamlScalar(tok))
	}
	if !y.dec.More() {
		y.b.WriteString(scalarLead)
		y.line(string(delim) + map[json.Delim]string{'{': "}", '[': "]"}[delim])
	} else if err := y.block(delim, depth, blockLead); err != nil {
		return err
	}
	_, err = y.dec.Token()
	return err
}

func (y *yamlWriter) block(delim json.Delim, depth int, lead string) error {
	for first := true; y.dec.More(); first = false {
		if first {
			y.b.WriteString(lead)
		}
		if !first || lead == "\n" {
			y.b.WriteString(strings.Repeat("  ", depth))
		}
		if err := y.entry(delim, depth); err != nil {
			return err
		}
	}
	return nil
}

func (y *yamlWriter) entry(delim json.Delim, depth int) error {
	if delim == '[' {
		y.b.WriteByte('-')
		return y.value(depth+1, " ", " ")
	}
	key, err := y.dec.Token()
	if err != nil {
		return err
	}
	y.b.WriteString(yamlScalar(key) + ":")
	return y.value(depth+1, " ", "\n")
}

func (y *yamlWriter) line(s string) error {
	_, err := y.b.WriteString(s + "\n")
	return err
}

func yamlScalar(tok json.Token) string {
	switch v := tok.(type) {
	case nil:
		return "null"
	case bool:
		if v {
			return "true"
		}
		return "false"
	case json.Number:
		return yamlNumber(v.String())
	}
	return yamlString(tok.(string))
}

// yamlNumber gives a number with an exponent the point without which YAML 1.1
// takes it for text.
func yamlNumber(s string) string {
	if i := strings.IndexAny(s, "eE"); i >= 0 && !strings.Contains(s, ".") {
		return s[:i] + ".0" + s[i:]
	}
	return s
}

// yamlPlain matches text that needs no quotes: it starts with a letter, a slash
// or an underscore and holds nothing that YAML gives a meaning to. "a: b" and
// "a #b" are kept out by having no blank after a colon and no number sign.
var yamlPlain = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./+@%=()-]*( [A-Za-z0-9_./+@%=()-]+)*$`)

// yamlWord matches the words that YAML 1.1 or 1.2 reads as something else than
// text, among them "no" and "y", and the infinities.
var yamlWord = regexp.MustCompile(`(?i)^(y|yes|n|no|true|false|on|off|null|nan|inf)$`)

func yamlString(s string) string {
	if yamlPlain.MatchString(s) && !yamlWord.MatchString(s) {
		return s
	}
	// A string of JSON is one of YAML, but for the pairs of escapes that stand
	// for one character beyond 16 bits.
	quoted, err := marshalWith(s, func(r rune) string { return fmt.Sprintf(`\U%08x`, r) })
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(quoted)
}
