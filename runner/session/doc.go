// Package session records, replays and gates interactive, frame-drawing
// programs: a session is a trace like any other.
//
// A program implements Model. A Recorder gives it a screen size, a seed and
// then events, resizes and ticks of a clock that belongs to the session alone;
// after each step the program draws a Frame, which is checksummed. Replay gives
// the same to a fresh model and finds the first frame that differs; Gate makes
// a report of it with pictures; Bisect finds the first step at which two builds
// differ; Minimize drops the inputs that a failure does not need. Save and Load
// keep a Trace in a file, as an Arrow table or as JSONL.
//
// # Determinism
//
// All that a model is told comes through its methods, time included: nothing
// here reads a clock. The same model, given the same, must draw the same. A
// trace of the same session is the same, byte for byte, wherever it is made.
//
// # Names
//
// SessionRecorder is Recorder here, SessionTrace is Trace, TraceRecord is
// Record, SCHEMA_VERSION is SchemaVersion, ReplayMismatch is Mismatch,
// replay and gate_trace are Replay and Gate. TraceParseError,
// TraceValidationError and TraceLoadError are ParseError, ValidationError and
// LoadError. ReplayResult, ReplayError, GateReport and GateDiff keep their
// names.
package session
