package session

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseSize reads a size as String writes it: "80x24".
func ParseSize(text string) (Size, error) {
	columns, rows, _ := strings.Cut(text, "x")
	c, err := strconv.ParseUint(columns, 10, 16)
	if err == nil {
		var r uint64
		if r, err = strconv.ParseUint(rows, 10, 16); err == nil {
			s := Size{int(c), int(r)}
			return s, s.check()
		}
	}
	return Size{}, fmt.Errorf("size %q, want COLUMNSxROWS", clip(text))
}
