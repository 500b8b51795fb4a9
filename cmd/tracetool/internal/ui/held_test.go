package ui

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// calls counts the writes to what it has.
type calls struct {
	mu sync.Mutex
	bytes.Buffer
	n int
}

func (c *calls) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.Buffer.Write(p)
}

func (c *calls) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Buffer.String()
}

// What is written to two streams of one file comes out in its order, in few writes.
func TestHeldOrder(t *testing.T) {
	var file calls
	out, err := NewStream(&file), NewStream(&file)
	var h Held
	var want strings.Builder
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		line := fmt.Sprintf("%d%s\n", i, strings.Repeat(".", r.IntN(40)))
		if i%1000 == 0 {
			line += strings.Repeat("x", heldBytes)
		}
		want.WriteString(line)
		to := out
		if i%500 == 0 {
			to = err
		}
		if n, err := h.Writer(to).Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	h.Flush()
	if got := file.text(); got != want.String() {
		t.Errorf("%d bytes, want %d in their order", len(got), want.Len())
	}
	if file.n > 1000 {
		t.Errorf("%d writes", file.n)
	}
}

// What is written comes out without more being written.
func TestHeldInAMoment(t *testing.T) {
	var file calls
	var h Held
	h.Writer(NewStream(&file)).Write([]byte("hello"))
	for end := time.Now().Add(30 * time.Second); file.text() != "hello"; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing came out")
		}
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

// A write that fails is told by the stream, and to those who go on writing.
func TestHeldFails(t *testing.T) {
	s := NewStream(full{})
	var h Held
	w := h.Writer(s)
	w.Write([]byte("hello"))
	h.Flush()
	if _, err := w.Write([]byte("again")); !errors.Is(err, errFull) || !errors.Is(s.Err(), errFull) {
		t.Errorf("%v, %v", err, s.Err())
	}
}
