// Package reader reads traces: whole files by path or io.ReaderAt, streams,
// files that are still being recorded, and what is left of damaged ones.
//
// Open gives a File. Events iterates its events, Batch gives the columns of
// one segment, Record the same as an Arrow record, OpenAttachment the files
// inside. A Query narrows Events down; segments in which nothing can match are
// skipped by the index, and of the others only the columns that decide are
// decompressed first. NewStream reads from a pipe. Verify makes every check
// there is, Salvage reads what survives in a damaged file.
//
// Nothing in a file is trusted: checksums and bounds are checked before bytes
// are decoded, sizes are bounded by format.Limits, and memory grows with a
// segment, never with the file. Damage is reported as *format.CorruptError.
package reader
