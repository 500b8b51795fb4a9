package format

import (
	"cmp"
	"slices"
)

// Header says what a trace is of: everything known when recording begins. It
// is stored once, as JSON under KeyHeader in the schema's metadata.
type Header struct {
	Version int    `json:"version"`         // format version, see Version
	ID      string `json:"id"`              // UUID v7 of the trace
	StartNS int64  `json:"start_ns,string"` // wall clock when recording began, ns since the Unix epoch
	Tool    string `json:"tool"`            // writer, "tracetool 1.0.0"

	// Tags are what the user called the run by, for finding it again.
	Tags map[string]string `json:"tags,omitempty"`

	Program *Program `json:"program,omitempty"` // for traces of WebAssembly programs
	Host    *Host    `json:"host,omitempty"`

	// Functions describes the host functions that the program imports.
	Functions []Function `json:"functions,omitempty"`
	// TextLimit is how many bytes a call keeps of what the guest wrote
	// elsewhere than to stdout and stderr: 0 stands for 1024, -1 keeps all.
	TextLimit int64 `json:"text_limit,omitempty"`
	// Session describes an interactive session, in the terms of that package.
	Session map[string]any `json:"session,omitempty"`
	// Source says what the trace was made from, for converted, filtered,
	// merged and recovered ones: "merge a.trace.arrow b.trace.arrow".
	Source string `json:"source,omitempty"`
	// Partial: the events are answers of some functions only, and not all that
	// the program did.
	Partial *Partial `json:"partial,omitempty"`
	// Redacted: bytes were masked, and hashes that may tell of them removed.
	Redacted *Redacted `json:"redacted,omitempty"`
}

// Partial says of a trace that it was made from one of another recorder, which
// kept only what Functions returned. A replay gives these answers to the
// program, in the order of each function, and runs it for the rest.
type Partial struct {
	Recorder string `json:"recorder"`       // "wasm-rr"
	Lost     string `json:"lost,omitempty"` // what its own trace lacks, if that was cut
}

// Redacted says what was masked in a trace, and nothing of what it was.
type Redacted struct {
	Rules  []RedactedBy `json:"rules"`  // in the order of the header, env, path and regexp rules; those of an earlier redaction first
	Places int64        `json:"places"` // that were masked; one that several rules found counts once
}

// Add returns the sum of two redactions, of which either may be nil.
func (r *Redacted) Add(o *Redacted) *Redacted {
	if r == nil || o == nil {
		return cmp.Or(r, o)
	}
	return &Redacted{Rules: slices.Concat(r.Rules, o.Rules), Places: r.Places + o.Places}
}

// RedactedBy is a rule that found what was masked.
type RedactedBy struct {
	Rule string `json:"rule"` // "header", "env", "path" or "regexp"
	// Name is the name of the header field or of the variable, or the pattern of
	// the path. A regular expression may spell a secret and is not kept.
	Name    string `json:"name,omitempty"`
	Secrets int    `json:"secrets"` // different byte strings that it found
	Places  int64  `json:"places"`  // where those, or encodings of them, were masked
}

// Program is what was run and what it was given.
type Program struct {
	Name     string    `json:"name"`                // attachment name of the main module
	SHA256   string    `json:"sha256"`              // of the module's bytes, hex
	Args     []string  `json:"args"`                // args[0] included
	Env      []string  `json:"env,omitempty"`       // K=V, only what was granted
	Dirs     []Preopen `json:"dirs,omitempty"`      // preopened directories, from fd 3 on
	Listen   []string  `json:"listen,omitempty"`    // addresses of preopened listeners; of components where they could listen
	Dial     []Dialed  `json:"dial,omitempty"`      // connections made for it, preopened after the listeners
	AllowNet []string  `json:"allow_net,omitempty"` // what it may use by sockets of its own: HOST[:PORT], "*" for all
	Stdin    string    `json:"stdin,omitempty"`     // where stdin came from: "inherit", a file name, empty for none
	Invoke   []string  `json:"invoke,omitempty"`    // exports called after _initialize, each with its arguments
	Reactor  bool      `json:"reactor,omitempty"`   // started by _initialize instead of _start
	// Embedded: a Go program drove the module: its exports are called as the
	// start events say.
	Embedded bool `json:"embedded,omitempty"`
	// Of components: what could be asked by HTTP, HOST[:PORT] or "*", and where
	// they began.
	AllowHTTP []string `json:"allow_http,omitempty"`
	Cwd       string   `json:"cwd,omitempty"`
	// Serve is the address where a component was served, one task a request.
	Serve string `json:"serve,omitempty"`
	// Chaos: faults were injected into host calls.
	Chaos *Chaos `json:"chaos,omitempty"`
}

// Chaos is the fault injection of a recording. The events hold what the
// program saw, so that a replay needs none.
type Chaos struct {
	Ratio float64 `json:"ratio"`       // of the calls that could fail, 0 to 1
	Seed  uint64  `json:"seed,string"` // of what was injected where
}

// Preopen is a directory given to the guest.
type Preopen struct {
	Host     string `json:"host"`
	Guest    string `json:"guest"`
	ReadOnly bool   `json:"read_only,omitempty"`
}

// Dialed is a connection that was made before the program began.
type Dialed struct {
	Address string `json:"address"` // what was asked for: "example.com:80"
	Local   string `json:"local"`   // this end: "192.0.2.1:49152"
	Remote  string `json:"remote"`  // the other: "198.51.100.7:80"
}

// Host is where the program ran: what may make another machine's replay
// differ in NaN bits, stack depth or memory growth.
type Host struct {
	Engine      string `json:"engine"`       // "compiler" or "interpreter"
	Runtime     string `json:"runtime"`      // "wazero v1.12.0"
	OS          string `json:"os"`           // GOOS
	Arch        string `json:"arch"`         // GOARCH
	Go          string `json:"go"`           // "go1.26.0"
	MemoryPages uint32 `json:"memory_pages"` // limit of a memory, in pages of 64 KiB
	Features    uint64 `json:"features"`     // enabled core features, wazero's api.CoreFeatures
}
