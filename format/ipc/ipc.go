// Package ipc builds and verifies the Arrow IPC messages that traces are made
// of: schema, dictionary batch, record batch and footer.
//
// arrow-go writes no end-of-stream mark, message metadata or compression
// level, and its reader allocates from counts in the file before it checks
// them. So the messages are built here directly over flatbuffers, and parsed
// with every offset, length and count checked before it is used. Arrays are
// arrow-go's own.
//
// Build with SchemaMessage, Encoder and Footer; parse with ParseMessage and
// ParseFooter, then turn a body into arrays with Body.
package ipc

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
)

// MessageKind is the kind of an IPC message, as Arrow numbers its headers.
type MessageKind byte

// The messages that traces contain.
const (
	SchemaKind      MessageKind = 1
	DictionaryKind  MessageKind = 2
	RecordBatchKind MessageKind = 3
)

// metadataV5 is the metadata version that all our messages carry.
const metadataV5 = 4

// Codec is the compression of a batch's buffers. The zero value is Zstd, the
// writers' default.
type Codec uint8

// The codecs.
const (
	Zstd Codec = iota
	LZ4
	None
)

// codecNames are the codecs' names as flags and tables spell them.
var codecNames = [...]string{Zstd: "zstd", LZ4: "lz4", None: "none"}

func (c Codec) String() string {
	if int(c) >= len(codecNames) {
		return "unknown"
	}
	return codecNames[c]
}

// CodecByName returns the codec of that name.
func CodecByName(name string) (Codec, error) {
	for c, n := range codecNames {
		if n == name {
			return Codec(c), nil
		}
	}
	return 0, fmt.Errorf("compression %q, want zstd, lz4 or none", name)
}

// arrowCodecs are the codecs' numbers in Arrow's Message.fbs.
var arrowCodecs = [...]int8{Zstd: 1, LZ4: 0}

// KeyValue is one entry of custom metadata.
type KeyValue struct{ Key, Value string }

// Node is the length and the number of nulls of one array.
type Node struct{ Length, Nulls int64 }

// Span is a buffer's place in a body.
type Span struct{ Offset, Length int64 }

// Block is a message's place in a file, as the footer lists it: Metadata
// includes the 8 bytes of prefix.
type Block struct {
	Offset   int64
	Metadata int32
	Body     int64
}

// Message is a parsed message. Which fields are set depends on Kind.
type Message struct {
	Kind         MessageKind
	BodyLength   int64
	Metadata     []KeyValue
	Schema       *arrow.Schema // SchemaKind
	DictionaryID int64         // DictionaryKind
	Delta        bool          // DictionaryKind
	Rows         int64         // batches
	Nodes        []Node        // batches, depth first
	Buffers      []Span        // batches, depth first
	Codec        Codec         // batches
}

// Value returns the value of a metadata key, empty if it is absent.
func (m *Message) Value(key string) string { return lookup(m.Metadata, key) }

// FooterInfo is a parsed footer.
type FooterInfo struct {
	Schema       *arrow.Schema
	Dictionaries []Block
	Batches      []Block
	Metadata     []KeyValue
}

// Value returns the value of a metadata key, empty if it is absent.
func (f *FooterInfo) Value(key string) string { return lookup(f.Metadata, key) }

func lookup(kvs []KeyValue, key string) string {
	for _, kv := range kvs {
		if kv.Key == key {
			return kv.Value
		}
	}
	return ""
}
