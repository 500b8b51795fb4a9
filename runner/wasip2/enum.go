package wasip2

import (
	"strings"

	"github.com/tracetool/tracetool/runner/host"
)

// cases numbers the cases of an enum or variant of types by their names.
func cases(name string) map[string]int {
	m := map[string]int{}
	_, list, _ := strings.Cut(types[name], "{")
	depth, from := 0, 0
	for i, r := range list {
		switch {
		case r == '(', r == '<', r == '{':
			depth++
		case r == ')', r == '>', r == '}' && depth > 0:
			depth--
		case r == ',' && depth == 0, r == '}':
			label, _, _ := strings.Cut(list[from:i], "(")
			m[strings.TrimSpace(label)] = len(m)
			from = i + 1
		}
	}
	return m
}

// codes gives the number of the case that a condition of the host has in an
// enum, from the names of the cases.
func codes(enum string, names map[host.Errno]string) map[host.Errno]int {
	numbers, m := cases(enum), map[host.Errno]int{}
	for errno, name := range names {
		n, ok := numbers[name]
		if !ok {
			panic(enum + " has no case " + name)
		}
		m[errno] = n
	}
	return m
}
