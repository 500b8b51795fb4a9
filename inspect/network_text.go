package inspect

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/inspect/network"
)

// AppendActivity appends what a call did on the network as one line, without a
// newline:
//
//	13 receive fd 4, 127.0.0.1:8080 < 127.0.0.1:49152, 78 B <12us>
//
// With o.MaxText other than 0 the bytes that were moved follow.
func AppendActivity(dst []byte, h *format.Header, a *network.Activity, o LineOptions) []byte {
	dst = append(strconv.AppendInt(dst, a.Event, 10), ' ')
	dst = appendStamp(dst, h, a.TimeNS, o)
	if o.Task {
		dst = fmt.Appendf(dst, "[%d] ", a.Task)
	}
	dst = append(dst, a.Op...)
	if a.FD >= 0 {
		dst = fmt.Appendf(dst, " fd %d", a.FD)
	}
	if ends := endsText(a); ends != "" {
		dst = append(append(dst, ", "...), ends...)
	}
	if a.How != "" {
		dst = append(append(dst, ", "...), a.How...)
	}
	if a.Errno != "" {
		dst = append(append(dst, ", "...), a.Errno...)
	} else if a.Op == network.Send || a.Op == network.Receive {
		dst = append(append(dst, ", "...), movedText(a)...)
	}
	dst = append(append(append(dst, " <"...), durationText(a.DurationNS)...), '>')
	if o.MaxText != 0 && len(a.Data) > 0 {
		dst = appendText(append(dst, ' '), a.Data, o.MaxText, a.LostBytes > 0)
	}
	return dst
}

// endsText is the two ends of a socket: "127.0.0.1:8080 < 10.0.0.1:49152" for
// what came from the other end, > for what went there.
func endsText(a *network.Activity) string {
	local, remote := escape(a.Local), escape(a.Remote)
	switch {
	case local == "" && remote == "":
		return ""
	case remote == "":
		return local
	case a.Op == network.Accept || a.Op == network.Receive:
		return strings.TrimLeft(local+" < "+remote, " ")
	case a.Op == network.Lookup:
		return remote
	}
	return strings.TrimLeft(local+" > "+remote, " ")
}

func movedText(a *network.Activity) string {
	s := bytesText(a.Bytes)
	if a.Peek {
		s += " peeked at"
	}
	if a.LostBytes > 0 {
		s += fmt.Sprintf(" (%d not in the trace)", a.LostBytes)
	}
	return s
}

// appendText quotes up to limit bytes, or all if it is negative.
func appendText(dst, data []byte, limit int, more bool) []byte {
	if limit >= 0 && len(data) > limit {
		data, more = data[:limit], true
	}
	dst = strconv.AppendQuote(dst, string(data))
	if more {
		dst = append(dst, "..."...)
	}
	return dst
}

// AppendExchange appends a request and its response as one line, without a
// newline:
//
//	8 server GET http://127.0.0.1:8080/hello = 200 12 B <1.2ms>
func AppendExchange(dst []byte, h *format.Header, e *network.Exchange, o LineOptions) []byte {
	dst = append(strconv.AppendInt(dst, e.Event, 10), ' ')
	dst = appendStamp(dst, h, e.TimeNS, o)
	if o.Task {
		dst = fmt.Appendf(dst, "[%d] ", e.Task)
	}
	dst = append(append(dst, e.Role...), ' ')
	if e.Request.Method == "" {
		dst = append(dst, '?')
	} else {
		dst = append(append(append(dst, escape(e.Request.Method)...), ' '), escape(e.Request.URL)...)
	}
	if e.Request.BodyBytes > 0 {
		dst = append(append(dst, ' '), bytesText(e.Request.BodyBytes)...)
	}
	dst = append(dst, " = "...)
	if e.Response.Status == 0 {
		dst = append(dst, '?')
	} else {
		dst = fmt.Appendf(dst, "%d %s", e.Response.Status, bytesText(e.Response.BodyBytes))
	}
	if e.Error != "" {
		dst = append(append(dst, ", "...), escape(e.Error)...)
	}
	return append(append(append(dst, " <"...), durationText(e.DurationNS)...), '>')
}

// AppendMessages appends the heads and bodies of an exchange as lines, each
// after a newline: those of the request begin with ">", those of the response
// with "<".
func AppendMessages(dst []byte, e *network.Exchange) []byte {
	if r := &e.Request; r.Method != "" {
		dst = appendMessage(dst, '>', r.Method+" "+r.Target+" "+r.Protocol, &r.Message)
	}
	if r := &e.Response; r.Status != 0 {
		first := strings.TrimSpace(fmt.Sprintf("%s %d %s", r.Protocol, r.Status, r.Reason))
		dst = appendMessage(dst, '<', first, &r.Message)
	}
	return dst
}

func appendMessage(dst []byte, mark byte, first string, m *network.Message) []byte {
	line := func(text string) {
		dst = append(append(dst, "\n  "...), mark)
		if text != "" {
			dst = append(append(dst, ' '), text...)
		}
	}
	line(escape(first))
	for _, h := range m.Headers {
		line(escape(h.Name) + ": " + escape(h.Value))
	}
	if m.BodyBytes > 0 {
		line("")
		for _, text := range bodyLines(m.Body) {
			line(text)
		}
	}
	if rest := m.BodyBytes - int64(len(m.Body)); rest > 0 {
		more := fmt.Sprintf("... %s more", bytesText(rest))
		if m.LostBytes > 0 {
			more += fmt.Sprintf(", %s of it not in the trace", bytesText(m.LostBytes))
		}
		line(more)
	}
	for _, h := range m.Trailers {
		line(escape(h.Name) + ": " + escape(h.Value))
	}
	return dst
}

// bodyLines shows a body: text line by line, anything else quoted.
func bodyLines(body []byte) []string {
	if len(body) == 0 {
		return nil
	}
	if !utf8.Valid(body) {
		return []string{strconv.Quote(string(body))}
	}
	var lines []string
	for l := range strings.Lines(string(body)) {
		lines = append(lines, escape(strings.TrimRight(l, "\r\n")))
	}
	return lines
}
