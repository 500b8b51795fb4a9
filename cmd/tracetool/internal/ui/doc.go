// Package ui is how tracetool speaks: streams that know whether they are a
// terminal, tables, sizes and durations for people, progress, colour, and the
// encoders behind -o json, jsonl and yaml.
//
// Start with [Stream], [Table] and [Encode]. Text that comes from a trace is
// untrusted: a guest chooses it, and a terminal obeys it. Tables escape their
// cells; whatever is printed otherwise goes through [Escape] or [EscapeText].
//
// Nothing here reads the environment or the process's files except
// [SystemStream].
package ui
