package wasip2

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tracetool/tracetool/format/canon"
	"github.com/tracetool/tracetool/runner/component"
)

// Interface is an interface of WASI 0.2 and what the host provides of it.
type Interface struct {
	Name      string // without version: "wasi:io/streams"
	Functions []Function
}

// Function is a function of an interface.
type Function struct {
	Name string // as imported: "[method]input-stream.read"
	// typ is the function's type as the WIT has it, from the parameters on,
	// without self. A word that begins with $ stands for an entry of types.
	typ  string
	call method
}

// method is the implementation of a function. An error is a trap.
type method func(h *Host, ctx context.Context, c *component.Call) error

// Interfaces are all interfaces of WASI 0.2, with all their functions.
var Interfaces = slices.Concat(ioInterfaces, clockInterfaces, randomInterfaces, cliInterfaces,
	filesystemInterfaces, socketInterfaces, httpInterfaces)

// types are the names used in the types of functions. A name is replaced until
// none is left.
var types = map[string]string{
	"family":            "enum{ipv4, ipv6}",
	"ip-address":        "variant{ipv4($ipv4), ipv6($ipv6)}",
	"ipv4":              "tuple<u8, u8, u8, u8>",
	"ipv6":              "tuple<u16, u16, u16, u16, u16, u16, u16, u16>",
	"lookup":            "wasi:sockets/ip-name-lookup.resolve-address-stream",
	"net-error":         "enum{unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict, not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use, remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large, name-unresolvable, temporary-resolver-failure, permanent-resolver-failure}",
	"network":           "wasi:sockets/network.network",
	"shutdown":          "enum{receive, send, both}",
	"socket-address":    "variant{ipv4(record{port: u16, address: $ipv4}), ipv6(record{port: u16, flow-info: u32, address: $ipv6, scope-id: u32})}",
	"tcp-socket":        "wasi:sockets/tcp.tcp-socket",
	"udp-incoming":      "wasi:sockets/udp.incoming-datagram-stream",
	"udp-outgoing":      "wasi:sockets/udp.outgoing-datagram-stream",
	"udp-socket":        "wasi:sockets/udp.udp-socket",
	"fields":            "wasi:http/types.fields",
	"future-response":   "wasi:http/types.future-incoming-response",
	"future-trailers":   "wasi:http/types.future-trailers",
	"header-error":      "variant{invalid-syntax, forbidden, immutable}",
	"http-error":        "variant{DNS-timeout, DNS-error(record{rcode: option<string>, info-code: option<u16>}), destination-not-found, destination-unavailable, destination-IP-prohibited, destination-IP-unroutable, connection-refused, connection-terminated, connection-timeout, connection-read-timeout, connection-write-timeout, connection-limit-reached, TLS-protocol-error, TLS-certificate-error, TLS-alert-received(record{alert-id: option<u8>, alert-message: option<string>}), HTTP-request-denied, HTTP-request-length-required, HTTP-request-body-size(option<u64>), HTTP-request-method-invalid, HTTP-request-URI-invalid, HTTP-request-URI-too-long, HTTP-request-header-section-size(option<u32>), HTTP-request-header-size(option<$field-size>), HTTP-request-trailer-section-size(option<u32>), HTTP-request-trailer-size($field-size), HTTP-response-incomplete, HTTP-response-header-section-size(option<u32>), HTTP-response-header-size($field-size), HTTP-response-body-size(option<u64>), HTTP-response-trailer-section-size(option<u32>), HTTP-response-trailer-size($field-size), HTTP-response-transfer-coding(option<string>), HTTP-response-content-coding(option<string>), HTTP-response-timeout, HTTP-upgrade-failed, HTTP-protocol-error, loop-detected, configuration-error, internal-error(option<string>)}",
	"field-size":        "record{field-name: option<string>, field-size: option<u32>}",
	"incoming-body":     "wasi:http/types.incoming-body",
	"incoming-request":  "wasi:http/types.incoming-request",
	"incoming-response": "wasi:http/types.incoming-response",
	"method":            "variant{get, head, post, put, delete, connect, options, trace, patch, other(string)}",
	"outgoing-body":     "wasi:http/types.outgoing-body",
	"outgoing-request":  "wasi:http/types.outgoing-request",
	"outgoing-response": "wasi:http/types.outgoing-response",
	"outparam":          "wasi:http/types.response-outparam",
	"request-options":   "wasi:http/types.request-options",
	"scheme":            "variant{HTTP, HTTPS, other(string)}",
	"advice":            "enum{normal, sequential, random, will-need, dont-need, no-reuse}",
	"descriptor":        "wasi:filesystem/types.descriptor",
	"descriptor-flags":  "flags{read, write, file-integrity-sync, data-integrity-sync, requested-write-sync, mutate-directory}",
	"descriptor-stat":   "record{type: $descriptor-type, link-count: u64, size: u64, data-access-timestamp: option<$datetime>, data-modification-timestamp: option<$datetime>, status-change-timestamp: option<$datetime>}",
	"descriptor-type":   "enum{unknown, block-device, character-device, directory, fifo, symbolic-link, regular-file, socket}",
	"directory-entry":   "record{type: $descriptor-type, name: string}",
	"entry-stream":      "wasi:filesystem/types.directory-entry-stream",
	"fs-error":          "enum{access, would-block, already, bad-descriptor, busy, deadlock, quota, exist, file-too-large, illegal-byte-sequence, in-progress, interrupted, invalid, io, is-directory, loop, too-many-links, message-size, name-too-long, no-device, no-entry, no-lock, insufficient-memory, insufficient-space, not-directory, not-empty, not-recoverable, unsupported, no-tty, no-such-device, overflow, not-permitted, pipe, read-only, invalid-seek, text-file-busy, cross-device}",
	"metadata-hash":     "record{lower: u64, upper: u64}",
	"new-timestamp":     "variant{no-change, now, timestamp($datetime)}",
	"open-flags":        "flags{create, directory, exclusive, truncate}",
	"path-flags":        "flags{symlink-follow}",
	"datetime":          "record{seconds: u64, nanoseconds: u32}",
	"error":             "wasi:io/error.error",
	"pollable":          "wasi:io/poll.pollable",
	"input":             "wasi:io/streams.input-stream",
	"output":            "wasi:io/streams.output-stream",
	"stream-error":      "variant{last-operation-failed(own<$error>), closed}",
	"term-input":        "wasi:cli/terminal-input.terminal-input",
	"term-output":       "wasi:cli/terminal-output.terminal-output",
}

var typeName = regexp.MustCompile(`\$[a-z0-9-]+`)

// expand replaces the names of types.
func expand(text string) string {
	for typeName.MatchString(text) {
		text = typeName.ReplaceAllStringFunc(text, func(name string) string { return types[name[1:]] })
	}
	return text
}

// Signature returns the function's type.
func (i *Interface) Signature(f *Function) (*canon.Func, error) {
	text := f.typ
	if resource, ok := strings.CutPrefix(f.Name, "[method]"); ok {
		resource, _, _ = strings.Cut(resource, ".")
		self := "(self: borrow<" + i.Name + "." + resource + ">"
		if !strings.HasPrefix(text, "()") {
			self += ", "
		}
		text = self + text[1:]
	}
	sig, err := canon.ParseFunc("func" + expand(text))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", i.Name, f.Name, err)
	}
	return sig, nil
}

// entry is a function with its type.
type entry struct {
	function *Function
	sig      *canon.Func
}

// entries are the functions by interface and name.
var entries = sync.OnceValues(func() (map[[2]string]entry, error) {
	m := map[[2]string]entry{}
	for i := range Interfaces {
		iface := &Interfaces[i]
		for j := range iface.Functions {
			f := &iface.Functions[j]
			sig, err := iface.Signature(f)
			if err != nil {
				return nil, err
			}
			m[[2]string{iface.Name, f.Name}] = entry{f, sig}
		}
	}
	return m, nil
})

// lookup finds a function that was imported with a type of its own, nil if it
// is not known. The version of the interface does not matter: none of 0.2
// changed a type.
func lookup(iface, name string, sig *canon.Func) (*Function, error) {
	all, err := entries()
	if err != nil {
		return nil, err
	}
	unversioned, version, versioned := strings.Cut(iface, "@")
	e, ok := all[[2]string{unversioned, name}]
	switch {
	case !ok || versioned && !strings.HasPrefix(version, "0.2."):
		return nil, fmt.Errorf("%s: WASI 0.2 has no function %s", iface, name)
	case sig != nil && !sameFunc(sig, e.sig):
		return nil, &component.TypeError{Interface: iface, Name: name, Imported: sig, Want: e.sig}
	}
	return e.function, nil
}

// sameFunc compares types of functions. The names of parameters are no part of
// them.
func sameFunc(a, b *canon.Func) bool {
	return sameType(a.Result, b.Result) && slices.EqualFunc(a.Params, b.Params, func(p, q canon.Field) bool {
		return sameType(p.Type, q.Type)
	})
}

func sameType(a, b *canon.Type) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.Resource == b.Resource && sameType(a.Elem, b.Elem) && sameType(a.Err, b.Err) &&
		slices.EqualFunc(a.Fields, b.Fields, func(f, g canon.Field) bool {
			return f.Name == g.Name && sameType(f.Type, g.Type)
		})
}
