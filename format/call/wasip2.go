package call

import (
	"strings"

	"github.com/tracetool/tracetool/format/canon"
)

// Role is what a function of WASI 0.2 does that its type does not say.
type Role byte

// The roles.
const (
	NoRole      Role = iota
	MakesStdout      // it returns a stream that is stdout
	MakesStderr
	WritesText  // its first parameter after the stream is text, of which Header.TextLimit is kept
	StoresText  // the same of a file
	WritesZeros // it writes as many zeros as its parameter says
	Splices     // what it moves from one stream to another is its note, as WritesText keeps it
)

// HasText: the function's first parameter after the resource is text.
func (r Role) HasText() bool { return r == WritesText || r == StoresText }

// Types of notes: what a host adds to a row for readers. The guest was not told.
const (
	headersNote  = "list<tuple<string, list<u8>>>"
	requestNote  = "record{method: string, scheme: string, authority: string, path-with-query: string, remote: string, headers: " + headersNote + "}"
	responseNote = "record{status: u16, headers: " + headersNote + "}"
	textNote     = "list<u8>"
)

// trait is what is known of a function beside its type.
type trait struct {
	iface, name string
	role        Role
	note        string // type of its note; empty: it has none
}

const streams = "wasi:io/streams"

var traits = []trait{
	{"wasi:cli/stdout", "get-stdout", MakesStdout, ""},
	{"wasi:cli/stderr", "get-stderr", MakesStderr, ""},
	{streams, "[method]output-stream.write", WritesText, ""},
	{streams, "[method]output-stream.blocking-write-and-flush", WritesText, ""},
	{"wasi:filesystem/types", "[method]descriptor.write", StoresText, ""},
	{streams, "[method]output-stream.write-zeroes", WritesZeros, ""},
	{streams, "[method]output-stream.blocking-write-zeroes-and-flush", WritesZeros, ""},
	{streams, "[method]output-stream.splice", Splices, textNote},
	{streams, "[method]output-stream.blocking-splice", Splices, textNote},
	{"wasi:http/incoming-handler", "handle", NoRole, requestNote},
	{"wasi:http/types", "[method]future-incoming-response.get", NoRole, responseNote},
	{"wasi:http/types", "[method]future-trailers.get", NoRole, headersNote},
}

// traitOf returns what is known of a function, nil if nothing is.
func traitOf(module, name string) *trait {
	iface, _, _ := strings.Cut(module, "@")
	for i := range traits {
		if t := &traits[i]; t.name == name && t.iface == iface {
			return t
		}
	}
	return nil
}

// noteTypes are the types of notes by their text.
var noteTypes = parseNotes()

func parseNotes() map[string]*canon.Type {
	m := map[string]*canon.Type{}
	for i := range traits {
		if text := traits[i].note; text != "" {
			f, err := canon.ParseFunc("func() -> " + text)
			if err != nil {
				panic(err)
			}
			m[text] = f.Result
		}
	}
	return m
}

// fits: a function of that role can have these parameters and this result. The
// types in a trace may be any.
func (r Role) fits(params []canon.Field, result *canon.Type) bool {
	first := func(k canon.Kind) bool { return len(params) > 0 && params[0].Type.Kind == k }
	scalar := result != nil && result.Kind.Scalar()
	switch r {
	case MakesStdout, MakesStderr:
		return result != nil && result.Kind == canon.Own
	case WritesText, StoresText:
		return first(canon.List) && params[0].Type.Elem.Kind == canon.U8 && !scalar
	case WritesZeros:
		return first(canon.U64)
	case Splices:
		return first(canon.Borrow) && !scalar && result != nil
	}
	return true
}
