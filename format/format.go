// Package format says what the bytes and columns of a trace mean: the event
// table, the frames and their checksums, the header, index and footer, the
// sidecar of a recording in progress, errors and limits. SPEC.md at the top of
// the repository is its counterpart in prose.
//
// A trace is one file that is at once an Arrow IPC file, an Arrow IPC stream
// from byte 8 on, and a checksummed, indexed sequence of frames. Start with
// Event (a row), Header (what the trace is of), Trailer (what guards a frame)
// and Summary (what the footer tells without reading any row). Package
// format/ipc builds and verifies the Arrow messages, package writer writes
// traces, package reader reads them.
//
// The format version is Version. A reader refuses a newer one with ErrVersion;
// fields added within a version have the meaning of their absence as default.
package format

// Version is the version of the file format that this package describes. It
// is raised only by changes that older readers would misread.
const Version = 1

// The keys of custom metadata. Header is in the schema's, Summary and Index
// in the footer's, and the Attachment keys in an attachment's message.
const (
	KeyVersion             = "tracetool.version"
	KeyHeader              = "tracetool.header"
	KeySummary             = "tracetool.summary"
	KeyIndex               = "tracetool.index"
	KeyAttachmentName      = "tracetool.attachment.name"
	KeyAttachmentMediaType = "tracetool.attachment.media_type"
	KeyAttachmentSize      = "tracetool.attachment.size"
	KeyAttachmentSHA256    = "tracetool.attachment.sha256"
)

// Magic opens and closes an Arrow IPC file. At the start it is padded to
// FirstFrame bytes.
const Magic = "ARROW1"

// FirstFrame is the offset of the first frame in a file. All later frames
// start at multiples of FrameAlign.
const (
	FirstFrame = 8
	FrameAlign = 64
)

// Extension ends the name of every trace that the tools write by default.
const Extension = ".trace.arrow"

// SidecarSuffix is added to a trace's name for the file that holds its open
// segment while it is being recorded.
const SidecarSuffix = ".open"

// MediaTypeWasm is the media type of attached WebAssembly modules.
const MediaTypeWasm = "application/wasm"

// KeyModules and KeyFunctions are in the first index frame's message metadata:
// second copies of those dictionaries, as JSON lists, for recovery.
const (
	KeyModules   = "tracetool.modules"
	KeyFunctions = "tracetool.functions"
)
