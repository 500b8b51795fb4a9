// Command screens draws what programs write on our terminal and says what is in
// every cell, for comparison with another one.
//
//	screens generate SEED COUNT   prints cases, one a line, that mix all we know
//	screens characters            prints cases with every character of Unicode that has a width
//	screens show                  reads cases from stdin, prints them with their screens
//
// A case is a JSON object with name, cols, rows and steps; each step has base64
// bytes to write, or a size to change to. The screen is added as "screen", a line
// of text for each cell that is not blank, and the cursor.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/screen"
)

// testCase is a session with a terminal.
type testCase struct {
	Name   string   `json:"name"`
	Cols   int      `json:"cols"`
	Rows   int      `json:"rows"`
	Steps  []step   `json:"steps"`
	Screen []string `json:"screen,omitempty"`
}

type step struct {
	Write []byte `json:"write,omitempty"`
	Cols  int    `json:"cols,omitempty"`
	Rows  int    `json:"rows,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "screens:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	switch {
	case len(args) == 1 && args[0] == "show":
		return show(os.Stdin, out)
	case len(args) == 1 && args[0] == "characters":
		return characters(out)
	case len(args) == 3 && args[0] == "generate":
		seed, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil {
			return err
		}
		count, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return generate(out, seed, count)
	}
	return fmt.Errorf("usage: screens generate SEED COUNT | screens characters | screens show")
}

func show(in io.Reader, out io.Writer) error {
	d, e := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var c testCase
		if err := d.Decode(&c); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		c.Screen = c.draw()
		if err := e.Encode(c); err != nil {
			return err
		}
	}
}

func (c *testCase) draw() []string {
	t := screen.New(c.Cols, c.Rows)
	for _, s := range c.Steps {
		t.Write(s.Write)
		if s.Cols > 0 {
			t.Resize(s.Cols, s.Rows)
		}
	}
	cursor := t.Cursor()
	lines := []string{fmt.Sprintf("cursor %d,%d %t", cursor.Column, cursor.Row, cursor.Visible)}
	_, rows := t.Size()
	for y := range rows {
		row := t.Row(y)
		for x := range row {
			if text := describe(row, x); text != blank {
				lines = append(lines, fmt.Sprintf("%d,%d %s", x, y, text))
			}
		}
	}
	return lines
}

// blank is how a cell is described that has never been written to.
var blank = describe([]session.Cell{session.Blank}, 0)

// describe says what is in a cell: width, text, colors, underline, attributes.
func describe(row []session.Cell, x int) string {
	c, width := row[x], 1
	switch {
	case c.Text == "":
		width = 0
	case x+1 < len(row) && row[x+1].Text == "":
		width = 2
	}
	s := c.Style
	line := "default"
	if s.Underline != session.NoUnderline {
		line = colorName(s.UnderlineColor)
	}
	return fmt.Sprintf("%d %q %s %s %d %s %d", width, c.Text, colorName(s.Foreground), colorName(s.Background), s.Underline, line, s.Attributes)
}

func colorName(c session.Color) string {
	if i, ok := c.Index(); ok {
		return fmt.Sprint(i)
	}
	if r, g, b, ok := c.RGB(); ok {
		return fmt.Sprintf("#%02x%02x%02x", r, g, b)
	}
	return "default"
}
