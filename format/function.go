package format

// Function describes a host function: its core signature and which guest
// memory it reads and writes. One such row drives recording, replay, decoding
// and tests; the header of a trace carries those of the functions it uses.
type Function struct {
	Module string   `json:"module"`           // import module, "wasi_snapshot_preview1"
	Name   string   `json:"name"`             // import name, "fd_write"
	Params []Param  `json:"params"`           // core parameters in order, at most NumParams
	Result []Param  `json:"results"`          // core results, at most 1
	Reads  []Region `json:"reads,omitempty"`  // memory that the host reads
	Writes []Region `json:"writes,omitempty"` // memory that the host writes, in the order it is captured

	// Signature is the type of a component's function, as canon.Func writes it.
	// Such a function has no core parameters and regions here.
	Signature string `json:"signature,omitempty"`

	// Errno: the result is an error number, 0 for success.
	Errno bool `json:"errno,omitempty"`
	// WritesOnError: memory is captured also if the error number is not 0, as
	// the capture rules of package call say.
	WritesOnError bool `json:"writes_on_error,omitempty"`
	// Untimed: the duration of a call says nothing and is not recorded.
	Untimed bool `json:"untimed,omitempty"`
	// Compare: no regions are declared; what the host wrote is found by
	// comparing the whole memory before and after the call.
	Compare bool `json:"compare,omitempty"`
}

// Type is a core WebAssembly value type: "i32", "i64", "f32", "f64".
type Type string

// The core value types.
const (
	I32 Type = "i32"
	I64 Type = "i64"
	F32 Type = "f32"
	F64 Type = "f64"
)

// Param is one core parameter or result. Role is what the number stands for:
// the name of a decoder in package call such as "fd", "errno", "oflags",
// "clockid", "pointer" or "size", or empty for a plain number.
type Param struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	Role string `json:"role,omitempty"`
}

// RolePointer marks a parameter that is an address in guest memory. It is
// compared only when the replayed module is the recorded one.
const RolePointer = "pointer"

// RegionKind is the shape of a region of guest memory.
type RegionKind string

// The shapes of regions. Ptr, Len and Used are numbers of parameters.
const (
	RegionFixed    RegionKind = "fixed"   // Size bytes at Ptr
	RegionBytes    RegionKind = "bytes"   // Len bytes at Ptr; if Used is set only the first *Used, a u32
	RegionArray    RegionKind = "array"   // Len elements of Size bytes at Ptr
	RegionGather   RegionKind = "gather"  // Len ciovecs at Ptr: what the host reads through them
	RegionScatter  RegionKind = "scatter" // Len iovecs at Ptr: the first *Used bytes that the host wrote through them
	RegionArgs     RegionKind = "args"    // argument (or environment) pointers at Ptr and bytes at Len; sizes from the header
	RegionEnviron  RegionKind = "environ"
	RegionSockaddr RegionKind = "sockaddr" // buffer that a u32 address and a u32 length at Ptr name: that length, then Size-4 bytes padded with zeros
	RegionAddrinfo RegionKind = "addrinfo" // list that the u32 at Ptr points to: Size bytes for each of the first *Used elements
	RegionNote     RegionKind = "note"     // what the host adds for readers, beside parameter Ptr: nothing in guest memory
)

// Region is a piece of guest memory that a call reads or writes.
type Region struct {
	Kind RegionKind `json:"kind"`
	Role string     `json:"role,omitempty"` // what is there: "path", "text", "filestat", "subscription", ...
	Ptr  int        `json:"ptr"`            // number of the parameter with the address
	Len  int        `json:"len,omitempty"`  // number of the parameter with the length or count
	Used int        `json:"used,omitempty"` // number of the parameter that points to the u32 count of bytes moved; 0 for none, so that parameter 0 cannot be it
	Size uint32     `json:"size,omitempty"` // bytes of the region or of one element
}
