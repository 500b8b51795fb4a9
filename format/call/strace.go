package call

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/tracetool/tracetool/format"
)

// Options says how Format prints.
type Options struct {
	// MaxText is how many bytes of a text are printed. 0 stands for 64, -1
	// prints all.
	MaxText int
}

func (o Options) printer() printer {
	if o.MaxText == 0 {
		o.MaxText = 64
	}
	return printer{maxText: o.MaxText}
}

// Format appends one line about an event to dst, without a newline, in the
// form of strace:
//
//	fd_write(1, "Hello\n") = 6 <12us>
//	path_open(3, "missing.txt", O_RDONLY) = -1 ENOENT <8us>
//	+++ exited with 3 +++
//
// Addresses are not printed, buffers that the host filled are. Whatever the
// guest had a hand in is escaped. The header may be nil.
func Format(dst []byte, h *format.Header, module, function string, ev *format.Event, opts Options) []byte {
	p := opts.printer()
	switch ev.Kind {
	case format.KindCall:
		return formatCall(dst, Find(h, module, function), h, function, ev, p)
	case format.KindExit:
		return append(strconv.AppendInt(append(dst, "+++ exited with "...), ev.Value, 10), " +++"...)
	case format.KindTrap:
		message, _, _ := bytes.Cut(ev.Input, []byte{'\n'})
		dst = appendEscaped(append(dst, "+++ trapped: "...), string(message))
		return append(dst, " +++"...)
	case format.KindWrite:
		return formatWrite(dst, ev, p)
	case format.KindDrop:
		if module != "" {
			dst = appendEscaped(append(dst, "--- drop "...), function)
			return append(strconv.AppendInt(append(dst, '#'), ev.P[0], 10), " ---"...)
		}
	case format.KindStart, format.KindExport:
		if fn := Find(h, module, function); fn != nil && fn.Signature != "" {
			return formatExport(dst, fn, h, ev, p)
		}
	}
	return formatOther(dst, function, ev, p)
}

// formatExport prints the beginning or the end of a call of a component's
// export.
func formatExport(dst []byte, fn *format.Function, h *format.Header, ev *format.Event, p printer) []byte {
	items := itemsOf(fn, h, ev)
	dst = append(append(append(dst, "--- "...), ev.Kind.String()...), ' ')
	dst = appendEscaped(appendInterface(dst, fn.Module), fn.Name)
	if ev.Kind == format.KindStart {
		dst = append(appendArguments(append(dst, '('), fn, items, p), ')')
	} else {
		dst = appendResult(dst, fn, items, ev, p)
	}
	return append(appendNote(dst, items, p), " ---"...)
}

// appendNote appends what the host added to an event of a component.
func appendNote(dst []byte, items []item, p printer) []byte {
	if n := len(items) - 1; n >= 0 && items[n].place == noted {
		dst = append(items[n].value.appendText(append(dst, " /* "...), p), " */"...)
	}
	return dst
}

func formatCall(dst []byte, fn *format.Function, h *format.Header, name string, ev *format.Event, p printer) []byte {
	items := itemsOf(fn, h, ev)
	if fn != nil && fn.Signature != "" {
		dst = appendInterface(dst, fn.Module)
	}
	dst = append(appendEscaped(dst, name), '(')
	dst = appendArguments(dst, fn, items, p)
	dst = append(dst, ')')
	dst = appendResult(dst, fn, items, ev, p)
	dst = appendNote(dst, items, p)
	if ev.Has&format.HasDuration != 0 {
		dst = append(appendDuration(append(dst, " <"...), ev.Duration), '>')
	}
	return dst
}

// appendInterface appends the interface of a component's function, without its
// version.
func appendInterface(dst []byte, module string) []byte {
	if module == "" {
		return dst
	}
	iface, _, _ := strings.Cut(module, "@")
	return append(appendEscaped(dst, iface), '#')
}

func appendArguments(dst []byte, fn *format.Function, items []item, p printer) []byte {
	first := true
	for len(items) > 0 {
		it := items[0]
		items = items[1:]
		shown := it.value
		switch {
		case it.place >= returned || it.role == "precision":
			continue
		case it.role == "lookupflags" && it.raw == 1:
			continue // what open and stat do unless told otherwise
		case it.role == "lookupflags" && it.raw == 0:
			shown = symbol("NOFOLLOW")
		case it.role == "oflags":
			shown, items = openFlags(it, items)
		}
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
		if fn != nil && it.role == "" && it.name != "" {
			dst = append(appendEscaped(dst, it.name), '=')
		}
		dst = shown.appendText(dst, p)
	}
	return dst
}

// openFlags joins oflags with the rights and fdflags that follow, as the flags
// of open. It returns the items after those.
func openFlags(oflags item, items []item) (flagSet, []item) {
	rights := int64(0)
	var rest flagSet
	rest, _ = oflags.value.(flagSet)
	for i := 0; len(items) > 0; i++ {
		next := items[0]
		if next.role == "fdflags" {
			more, _ := next.value.(flagSet)
			rest = append(rest, more...)
		} else if next.role != "rights" {
			break
		} else if i == 0 {
			rights = next.raw
		}
		items = items[1:]
	}
	return append(flagSet{accessMode(rights)}, rest...), items
}

func accessMode(rights int64) string {
	switch {
	case rights&rightWrite == 0:
		return "O_RDONLY"
	case rights&rightRead == 0:
		return "O_WRONLY"
	}
	return "O_RDWR"
}

func appendResult(dst []byte, fn *format.Function, items []item, ev *format.Event, p printer) []byte {
	component := fn != nil && fn.Signature != ""
	hasErrno := ev.Has&format.HasErrno != 0 && !component
	if hasErrno && ev.Errno != 0 {
		return append(append(dst, " = -1 "...), errnoText(fn, ev.Errno)...)
	}
	for _, it := range items {
		if it.place == returned {
			return it.value.appendText(append(dst, " = "...), p)
		}
	}
	switch {
	case hasErrno:
		return append(dst, " = 0"...)
	case fn != nil && len(fn.Result) > 0, component && hasResult(fn):
		return append(dst, " = ?"...) // it did not return
	}
	return dst
}

// hasResult: a component's function has a result.
func hasResult(fn *format.Function) bool {
	s, _ := SignatureOf(fn)
	return s != nil && s.Result != nil
}

// errnoText names an error number if the function's are those of WASI.
func errnoText(fn *format.Function, errno int32) string {
	if fn != nil && len(fn.Result) > 0 && fn.Result[0].Role == roleErrno {
		return ErrnoName(errno)
	}
	return "errno " + strconv.Itoa(int(errno))
}

// appendDuration prints a duration with two or three digits, as 812ns, 12us,
// 3.4ms and 1.2s.
func appendDuration(dst []byte, ns int64) []byte {
	switch {
	case ns < 1000:
		return append(strconv.AppendInt(dst, ns, 10), "ns"...)
	case ns < 1e6:
		return append(strconv.AppendInt(dst, ns/1000, 10), "us"...)
	case ns < 1e9:
		return append(strconv.AppendFloat(dst, float64(ns/1e5)/10, 'f', -1, 64), "ms"...)
	}
	return append(strconv.AppendFloat(dst, float64(ns/int64(100*time.Millisecond))/10, 'f', -1, 64), 's')
}

// formatWrite prints what the host wrote into memory on its own account.
func formatWrite(dst []byte, ev *format.Event, p printer) []byte {
	dst = strconv.AppendInt(append(dst, "--- write 0x"...), ev.P[0], 16)
	return append(text{data: ev.Output}.appendText(append(dst, ' '), p), " ---"...)
}

// formatOther prints the columns of all other kinds of event.
func formatOther(dst []byte, function string, ev *format.Event, p printer) []byte {
	dst = append(append(dst, "--- "...), ev.Kind.String()...)
	if function != "" {
		dst = appendEscaped(append(dst, ' '), function)
	}
	items := plainItems(ev)
	params := items[:len(ev.Params())]
	if ev.Kind == format.KindStart || len(params) > 0 {
		dst = append(appendArguments(append(dst, '('), nil, params, p), ')')
	}
	for _, it := range items[len(params):] {
		sep := " "
		if it.place == returned {
			sep = " = "
		}
		dst = it.value.appendText(append(dst, sep...), p)
	}
	return append(dst, " ---"...)
}
