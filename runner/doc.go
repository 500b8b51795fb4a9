// Package runner records WebAssembly programs and replays them. It is the only
// tree of this module that imports a WebAssembly runtime, wazero.
//
// Record runs a program of WASI preview1 and writes a trace of every host call;
// Run does the same without a trace; Replay runs the program that is inside a
// trace with nothing but the trace: no file, clock, network or environment of
// the host is touched, and the first call that differs ends it with a
// *DivergenceError.
//
// Programs that use wazero themselves, with host functions of their own, record
// with a Recorder and replay with Replay, which needs none of those functions.
//
// # What is compared
//
// At replay every call must name the recorded function with the recorded
// parameters and must let the host read the same bytes. The guest must end as it
// did, with the same memory. A replacement module (ReplayConfig.Module) is held
// to what its calls mean, not to addresses and memory.
//
// What is not determined by the calls may differ on another engine or
// architecture: the payload of a NaN that two NaNs make, and the depth at which
// the stack overflows. Result.Warnings says when a replay is exposed to that.
//
// # Limits
//
// One trace holds one module. Functions have at most format.NumParams
// parameters and, for imports, one result, all of them numbers. Threads of the
// guest are not supported.
package runner
