package redact

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// encodings returns the needles of a secret: itself, cut where it is very long,
// and the forms in which text holds bytes.
func encodings(secret []byte, rules []int) []needle {
	var list []needle
	add := func(n needle) {
		known := slices.ContainsFunc(list, func(o needle) bool { return bytes.Equal(o.text, n.text) && o.head == n.head && o.tail == n.tail })
		if n.rules = rules; len(n.text) >= minSecret && !known {
			list = append(list, n)
		}
	}
	for _, piece := range cut(secret) {
		add(needle{text: piece})
		for _, text := range escaped(piece) {
			for _, t := range cut([]byte(text)) {
				add(needle{text: t})
			}
		}
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			for offset := range 3 {
				add(inBase64(e, piece, offset))
			}
		}
	}
	return list
}

// cut returns a text in pieces of at most maxNeedle bytes. They are as long as
// each other, so that none is too short to be a secret.
func cut(text []byte) [][]byte {
	n := (len(text) + maxNeedle - 1) / maxNeedle
	if n <= 1 {
		return [][]byte{text}
	}
	var list [][]byte
	for i := range n {
		list = append(list, text[i*len(text)/n:(i+1)*len(text)/n])
	}
	return list
}

// escaped returns a text in hexadecimal, as lists of decimal numbers, in
// percent-encoding and as strings of JSON and languages like it have it.
func escaped(text []byte) []string {
	lower := hex.EncodeToString(text)
	list := []string{lower, strings.ToUpper(lower), decimal(text, ", "), decimal(text, ","), decimal(text, " ")}
	for _, digits := range []string{"%02X", "%02x"} {
		list = append(list, percent(text, digits, func(byte) bool { return false }))
		for _, set := range keptSets {
			some := percent(text, digits, func(c byte) bool { return isAlphanumeric(c) || strings.IndexByte(set, c) >= 0 })
			list = append(list, some, strings.ReplaceAll(some, "%20", "+"))
		}
	}
	if utf8.Valid(text) {
		list = append(list, jsonForms(text)...)
	}
	return list
}

func decimal(text []byte, separator string) string {
	var b strings.Builder
	for i, c := range text {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(strconv.Itoa(int(c)))
	}
	return b.String()
}

// percent encodes the bytes that are not kept.
func percent(text []byte, digits string, keep func(byte) bool) string {
	var b strings.Builder
	for _, c := range text {
		if keep(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%"+digits, c)
		}
	}
	return b.String()
}

// keptSets are the characters that encoders of addresses keep beside letters and
// digits: those of queries, of JavaScript's encodeURIComponent and encodeURI, of
// segments of paths in Go and in the standard, and of whole paths.
var keptSets = []string{"-._~", "-._~!'()*", "-._~;/?:@&=+$,#!'()*", "-._~$&+=:@", "-._~!$&'()*+,;=:@", "-._~$&+,/:;=@"}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// jsonForms returns the inside of a string with as few escapes as possible, with
// those of HTML, with slashes escaped, and in ASCII alone.
func jsonForms(text []byte) []string {
	var list []string
	for _, html := range []bool{false, true} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(html)
		if err := e.Encode(string(text)); err != nil {
			continue
		}
		inside := strings.TrimSuffix(b.String(), "\n")
		inside = inside[1 : len(inside)-1]
		list = append(list, inside, strings.ReplaceAll(inside, "/", `\/`))
		for _, digits := range []string{`\u%04x`, `\u%04X`} {
			list = append(list, ascii(inside, digits))
		}
	}
	return list
}

// ascii escapes all other characters in the inside of a JSON string.
func ascii(inside, digits string) string {
	var b strings.Builder
	for _, r := range inside {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, digits+digits, high, low)
		default:
			fmt.Fprintf(&b, digits, r)
		}
	}
	return b.String()
}

// inBase64 returns the characters that a secret makes by itself, wherever it is
// in what is encoded: it begins behind offset bytes of a group of three. The
// characters at its ends have bits of its neighbours as well.
func inBase64(e *base64.Encoding, secret []byte, offset int) needle {
	padded := append(make([]byte, offset), secret...)
	text := []byte(e.EncodeToString(padded))
	from := (8*offset + 5) / 6 // the first character with no bits before the secret's
	to := 8 * len(padded) / 6
	return needle{text: text[min(from, to):to], head: offset > 0, tail: len(padded)%3 != 0}
}

// digests returns the digests of a secret that programs print or send, with and
// without the line feed that it may end in: whoever has one can try secrets.
func digests(secret []byte, rules []int) (list []needle) {
	for _, text := range [][]byte{secret, append(bytes.Clone(secret), '\n')} {
		md5, sha1, sha256, sha512 := md5.Sum(text), sha1.Sum(text), sha256.Sum256(text), sha512.Sum512(text)
		for _, sum := range [][]byte{md5[:], sha1[:], sha256[:], sha512[:]} {
			lower := hex.EncodeToString(sum)
			for _, form := range []string{string(sum), lower, strings.ToUpper(lower), base64.RawStdEncoding.EncodeToString(sum), base64.RawURLEncoding.EncodeToString(sum)} {
				list = append(list, needle{text: []byte(form), rules: rules, digest: true})
			}
		}
	}
	return list
}

func isBase64(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("+/-_", c) >= 0 }
