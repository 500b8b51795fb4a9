package format

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
)

// Summary is what the footer tells of the whole trace: JSON under KeySummary.
type Summary struct {
	Closed      bool             `json:"closed"` // false while recording, and ever after if the recorder died
	Events      int64            `json:"events"`
	Segments    int              `json:"segments"`
	FirstTimeNS int64            `json:"first_time_ns,string"`
	LastTimeNS  int64            `json:"last_time_ns,string"`
	StoredBytes int64            `json:"stored_bytes"` // bodies of all event frames
	RawBytes    int64            `json:"raw_bytes"`    // the same before compression
	Functions   []FunctionStats  `json:"functions"`
	Kinds       map[string]int64 `json:"kinds"` // events by kind
	Exit        *Exit            `json:"exit,omitempty"`
	Root        string           `json:"root"` // root hash, hex: see Root
}

// Exit is how the program ended.
type Exit struct {
	Status string `json:"status"` // "exited" or "trapped"
	Code   int64  `json:"code"`   // exit code; 134 for a trap
	Memory string `json:"memory"` // xxh3 of the final memory, 16 hex digits; empty where unknown
	Error  string `json:"error,omitempty"`
}

// FunctionStats counts the events of one function and kind.
type FunctionStats struct {
	Kind     string    `json:"kind"`
	Module   string    `json:"module,omitempty"`
	Function string    `json:"function,omitempty"`
	Count    int64     `json:"count"`
	Errors   int64     `json:"errors,omitempty"`   // events with an errno that is not 0
	Bytes    int64     `json:"bytes,omitempty"`    // bytes moved: the value of calls that gather or scatter, else input and output
	Timed    int64     `json:"timed,omitempty"`    // events with a duration
	TotalNS  int64     `json:"total_ns,omitempty"` // sum of durations
	MaxNS    int64     `json:"max_ns,omitempty"`   // longest duration
	Times    Histogram `json:"times,omitempty"`
}

// Sum is a + b, or the int64 next to it: rows may say anything of their durations.
func Sum(a, b int64) int64 {
	sum := a + b
	switch {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	}
	return sum
}

// Merge adds o, the statistics of further events of the same function.
func (s *FunctionStats) Merge(o *FunctionStats) {
	s.Count += o.Count
	s.Errors += o.Errors
	s.Bytes = Sum(s.Bytes, o.Bytes)
	s.Timed += o.Timed
	s.TotalNS = Sum(s.TotalNS, o.TotalNS)
	s.MaxNS = max(s.MaxNS, o.MaxNS)
	s.Times = s.Times.Merge(o.Times)
}

// MergeStats adds the statistics of a segment to a total.
func MergeStats(total, segment []FunctionStats) []FunctionStats {
next:
	for _, s := range segment {
		for i := range total {
			t := &total[i]
			if t.Kind == s.Kind && t.Module == s.Module && t.Function == s.Function {
				t.Merge(&s)
				continue next
			}
		}
		total = append(total, s)
	}
	return total
}

// Root is the root hash: a chain over the schema, the dictionaries, the
// attachments' digests and the segments, in the order of their frames.
//
//	root(0)   = 32 zero bytes
//	root(n+1) = SHA-256(root(n) ‖ digest(n))
//
// The digest of an attachment is SHA-256 of "attachment", name, media type and
// its own sha256, each but the last after its length as u32: it is the same
// whether the bytes are embedded or kept elsewhere. The digest of any other
// frame is SHA-256 of its kind's name, its message with padding but without
// trailer, and its body, each after its length as u64. Index frames, which
// follow from the others, are not in the chain.
type Root [sha256.Size]byte

// Frame extends the chain by a schema, dictionary or events frame.
func (r *Root) Frame(kind FrameKind, message, body []byte) {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(kind.String()), message, body} {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	r.extend(h.Sum(nil))
}

// Attachment extends the chain by an attachment, at its first chunk.
func (r *Root) Attachment(a *Attachment) {
	h := sha256.New()
	for _, part := range []string{"attachment", a.Name, a.MediaType} {
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(part))))
		h.Write([]byte(part))
	}
	h.Write(a.SHA256[:])
	r.extend(h.Sum(nil))
}

func (r *Root) extend(digest []byte) {
	*r = sha256.Sum256(append(r[:], digest...))
}

func (r Root) String() string { return hex.EncodeToString(r[:]) }

// Attachment describes a file inside a trace: a module, an input.
type Attachment struct {
	Name      string
	MediaType string
	Size      int64             // bytes
	SHA256    [sha256.Size]byte // of its bytes
	Detached  bool              // the bytes are kept elsewhere
}
