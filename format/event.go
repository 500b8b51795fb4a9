package format

import "math/bits"

// Kind says what a row records. Its number is the code in the "kind" column
// of files written by this version; readers go by the name in the file's
// dictionary, so later versions may add kinds.
type Kind int8

// The kinds of event.
const (
	KindCall   Kind = iota // the guest called a host function, which returned or ended the guest
	KindPart               // bytes that precede the next row of the same task, which was too large for one row
	KindStart              // the host began to call a function that the guest exports
	KindExport             // that function returned
	KindWrite              // the host wrote into guest memory outside a call
	KindDrop               // the guest dropped a resource
	KindExit               // the guest ended: value is the exit code, hash the final memory
	KindTrap               // the guest trapped: input is the message and stack, hash the final memory
	KindInput              // session: input was given to the program
	KindResize             // session: the screen changed its size
	KindTick               // session: time moved on
	KindFrame              // session: the program drew a frame
	KindEnd                // session: the last record
	numKinds
)

var kindNames = [numKinds]string{
	"call", "part", "start", "export", "write", "drop", "exit", "trap",
	"input", "resize", "tick", "frame", "end",
}

// KindNames lists the names of all kinds in the order of their codes: the
// dictionary of the "kind" column.
func KindNames() []string { return append([]string(nil), kindNames[:]...) }

// KindByName returns the kind of that name.
func KindByName(name string) (Kind, bool) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), true
		}
	}
	return 0, false
}

func (k Kind) String() string {
	if k < 0 || k >= numKinds {
		return "unknown"
	}
	return kindNames[k]
}

// Fields is the set of nullable columns that hold a value in a row: bit i
// stands for the i-th nullable column of the event table.
type Fields uint32

// The nullable columns, in the order of the event table.
const (
	HasDuration Fields = 1 << iota
	HasModule
	HasFunction
	HasErrno
	HasValue
	HasHash
	HasP0
	HasP1
	HasP2
	HasP3
	HasP4
	HasP5
	HasP6
	HasP7
	HasP8
	HasInput
	HasOutput
)

// NumParams is the number of parameter columns, p0 to p8: no function of WASI
// preview1 has more core parameters.
const NumParams = 9

// HasParams returns the set of the first n parameter columns.
func HasParams(n int) Fields { return HasP0 * (1<<n - 1) }

// Event is one row of the event table. Columns whose bit is not in Has are
// null; their fields here are then zero. SPEC.md has the table's definition.
type Event struct {
	Time     int64            // when it began, ns since the Unix epoch
	Duration int64            // ns
	Kind     Kind             //
	Module   int16            // code in the trace's dictionary of modules
	Function int16            // code in the trace's dictionary of functions
	Task     int32            // thread, component instance or served request
	Errno    int32            // the function's own error number, 0 is success
	Value    int64            // scalar result, see SPEC.md "value"
	Hash     uint64           // of guest bytes that were not kept; exit and trap: of the final memory
	P        [NumParams]int64 // core parameters, i32 zero-extended, floats as their bits
	Input    []byte           // from guest to host
	Output   []byte           // from host to guest
	Has      Fields           //
	Seq      int64            // number of the event in its trace, or in the one it was filtered or merged from
}

// Params returns the parameters that are present: always the first ones.
func (e *Event) Params() []int64 {
	return e.P[:bits.OnesCount32(uint32(e.Has&HasParams(NumParams)))]
}
