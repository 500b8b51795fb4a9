package session_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/tracetool/tracetool/runner/session"
)

// counter is a program with a screen: it shows how often "+" was typed. step is
// what each adds.
type counter struct{ n, step int }

func (c *counter) Start(session.Size, uint64) error { return nil }
func (c *counter) Resize(session.Size) error        { return nil }
func (c *counter) Advance(time.Duration) error      { return nil }

func (c *counter) Handle(ev session.Event) error {
	switch k, _ := ev.(session.Key); k.Name {
	case "+":
		c.n += c.step
	case "q":
		return &session.ExitError{}
	}
	return nil
}

func (c *counter) Draw(f *session.Frame) error {
	for i, r := range fmt.Sprintf("count %d", c.n) {
		f.Set(i, 0, session.Cell{Text: string(r)})
	}
	return nil
}

// recordCounter types on a counter, a frame after each key.
func recordCounter(c *counter, keys string) (*session.Trace, error) {
	r := session.NewRecorder(c, session.Size{Columns: 10, Rows: 1}, 0, session.Options{Cells: true})
	if err := r.Init(); err != nil {
		return nil, err
	}
	for i, key := range keys {
		if err := r.Push(time.Duration(i)*100*time.Millisecond, session.Key{Name: string(key)}); err != nil {
			return nil, err
		}
		if _, err := r.Step(); err != nil {
			return nil, err
		}
	}
	return r.Finish()
}

// A session is recorded, replays, and shows what another build draws otherwise.
func Example() {
	trace, err := recordCounter(&counter{step: 1}, "++q")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	result, err := session.Replay(ctx, &counter{step: 1}, trace)
	fmt.Println(result.Frames, result.Mismatch == nil, err)
	report, err := session.Gate(ctx, &counter{step: 2}, trace, session.GateOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	session.WriteText(os.Stdout, session.TextOptions{}, session.GateCase{Name: "counter", Report: report})
	// Output:
	// 3 true <nil>
	// counter: differs at frame 0 of 3
	// the frame differs, 0s after the start
	//   checksum  de9b92fa01c386d7, want c48b9f8b18d1358e
	//   chain     f8ff6415d857ff77, want d037f1cf2066a97a
	// given since the frame before:
	//   0  0s  key +
	//
	// expected, 10x1, cursor hidden
	//     +----------+
	//    0|count 1   |
	//     |      ^   |
	//     +----------+
	// actual, 10x1, cursor hidden
	//     +----------+
	//    0|count 2   |
	//     |      ^   |
	//     +----------+
	// column 6, row 0: "2", want "1"
}
