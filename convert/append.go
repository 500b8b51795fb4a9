package convert

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString appends text, which must be valid UTF-8, as a JSON string.
func appendString[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if plainByte[c] {
			continue
		}
		dst = append(dst, text[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	dst = append(dst, text[start:]...)
	return append(dst, '"')
}

// appendBytes appends bytes as a JSON string, or as {"base64": ...} where they
// are not UTF-8 or hold a zero byte, which text does not.
func appendBytes(dst, data []byte) []byte {
	if utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 {
		return appendString(dst, data)
	}
	return appendBase64(dst, data)
}

// appendText is appendBytes for what is text by its type: zero bytes and all.
func appendText(dst []byte, text string) []byte {
	if utf8.ValidString(text) {
		return appendString(dst, text)
	}
	return appendBase64(dst, []byte(text))
}

func appendBase64(dst, data []byte) []byte {
	dst = append(dst, `{"base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, data)
	return append(dst, `"}`...)
}

// maxExact is the largest integer up to which float64, and so JavaScript,
// tells all integers apart.
const maxExact = 1 << 53

// appendInt appends an integer, as a string where it is beyond 2^53.
func appendInt(dst []byte, v int64) []byte {
	if v >= -maxExact && v <= maxExact {
		return strconv.AppendInt(dst, v, 10)
	}
	dst = append(dst, '"')
	dst = strconv.AppendInt(dst, v, 10)
	return append(dst, '"')
}

// appendPlainInt appends an integer as a number.
func appendPlainInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

// appendUint is appendInt for unsigned integers.
func appendUint(dst []byte, v uint64) []byte {
	if v <= maxExact {
		return strconv.AppendUint(dst, v, 10)
	}
	dst = append(dst, '"')
	dst = strconv.AppendUint(dst, v, 10)
	return append(dst, '"')
}

// appendHash appends a hash as a string of 16 hex digits.
func appendHash(dst []byte, h uint64) []byte {
	return append(appendHex(append(dst, '"'), h), '"')
}

func appendHex(dst []byte, h uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[h>>shift&15])
	}
	return dst
}

// maxPlain is where numbers begin to be written with an exponent.
const maxPlain = 1e21

// appendFloat appends a finite number in as few digits as tell it apart, in
// the notation of JavaScript.
func appendFloat(dst []byte, v float64, bits int) []byte {
	abs := math.Abs(v)
	if abs != 0 && (abs < 1e-6 || abs >= maxPlain) {
		return strconv.AppendFloat(dst, v, 'e', -1, bits)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, bits)
}

// quietNaN is the NaN that processors make. Others keep their bits in text.
const quietNaN = 0x7FF8_0000_0000_0000

// appendSpecial appends the string that stands for a NaN or an infinity.
func appendSpecial(dst []byte, v float64) []byte {
	switch bits := math.Float64bits(v); {
	case math.IsInf(v, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-Infinity"`...)
	case bits == quietNaN:
		return append(dst, `"NaN"`...)
	default:
		return append(appendHex(append(dst, `"NaN:`...), bits), '"')
	}
}

// special is the inverse of appendSpecial, for the text without quotes.
func special(text string) (float64, bool) {
	switch text {
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	case "NaN":
		return math.Float64frombits(quietNaN), true
	}
	if len(text) != 20 || text[:4] != "NaN:" {
		return 0, false
	}
	bits, err := strconv.ParseUint(text[4:], 16, 64)
	v := math.Float64frombits(bits)
	return v, err == nil && math.IsNaN(v)
}

const (
	second = int64(time.Second)
	day    = 24 * 60 * 60
)

func floorDiv(a, b int64) (q, r int64) {
	q, r = a/b, a%b
	if r < 0 {
		q, r = q-1, r+b
	}
	return q, r
}

// appendTime appends ns since the Unix epoch as a string of RFC 3339 in UTC
// with nine decimals: "2025-11-23T20:45:39.000000001Z".
func appendTime(dst []byte, ns int64) []byte {
	secs, frac := floorDiv(ns, second)
	days, clock := floorDiv(secs, day)
	year, month, dom := civil(days)
	dst = append(dst, '"')
	dst = appendDigits(dst, year, 4)
	dst = appendDigits(append(dst, '-'), month, 2)
	dst = appendDigits(append(dst, '-'), dom, 2)
	dst = appendDigits(append(dst, 'T'), clock/3600, 2)
	dst = appendDigits(append(dst, ':'), clock/60%60, 2)
	dst = appendDigits(append(dst, ':'), clock%60, 2)
	dst = appendDigits(append(dst, '.'), frac, 9)
	return append(dst, 'Z', '"')
}

func appendDigits(dst []byte, v int64, n int) []byte {
	dst = append(dst, "000000000"[:n]...)
	for i := len(dst) - 1; v > 0; i-- {
		dst[i] = '0' + byte(v%10)
		v /= 10
	}
	return dst
}

// The calendar is computed in years that begin in March, so that the leap day
// comes last, and in eras of 400 years, which have 146,097 days each.
const (
	eraDays   = 146097
	epochDays = 719468 // from 0000-03-01 to 1970-01-01
)

// civil returns the date of a day since the Unix epoch.
func civil(days int64) (year, month, dom int64) {
	era, doe := floorDiv(days+epochDays, eraDays)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	m := (5*doy + 2) / 153
	dom = doy - (153*m+2)/5 + 1
	year, month = yoe+era*400, m+3
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, dom
}

// daysFromCivil is the inverse of civil.
func daysFromCivil(year, month, dom int64) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	era, yoe := floorDiv(year, 400)
	doy := (153*(month-3)+2)/5 + dom - 1
	return era*eraDays + yoe*365 + yoe/4 - yoe/100 + doy - epochDays
}

// parseTime reads a time of RFC 3339 with up to nine decimals that an int64
// of nanoseconds can hold. The form that appendTime writes takes a fast path.
func parseTime(b []byte) (ns int64, ok bool) {
	if ns, ok = parseUTC(b); ok {
		return ns, true
	}
	t, err := time.Parse(time.RFC3339, string(b))
	dot := bytes.IndexAny(b, ".,")
	if err != nil || dot >= 0 && countDigits(b[dot+1:]) > 9 {
		return 0, false
	}
	return joinTime(t.Unix(), int64(t.Nanosecond()))
}

func countDigits(b []byte) (n int) {
	for n < len(b) && b[n]-'0' < 10 {
		n++
	}
	return n
}

// joinTime multiplies with wrap-around, since the smallest time's seconds
// alone overflow, and checks the result the other way round.
func joinTime(secs, frac int64) (int64, bool) {
	ns := secs*second + frac
	s, f := floorDiv(ns, second)
	return ns, s == secs && f == frac
}

const timeForm = "0000-00-00T00:00:00.000000000Z"

func parseUTC(b []byte) (int64, bool) {
	if len(b) != len(timeForm) {
		return 0, false
	}
	for i, want := range []byte(timeForm) {
		if want == '0' && b[i]-'0' > 9 || want != '0' && b[i] != want {
			return 0, false
		}
	}
	year, month, dom := digitsAt(b, 0, 4), digitsAt(b, 5, 2), digitsAt(b, 8, 2)
	hour, minute, sec := digitsAt(b, 11, 2), digitsAt(b, 14, 2), digitsAt(b, 17, 2)
	// Days 29 to 31 that some months lack are left to time.Parse.
	if month < 1 || month > 12 || dom < 1 || dom > 28 || hour > 23 || minute > 59 || sec > 59 {
		return 0, false
	}
	days := daysFromCivil(year, month, dom)
	return joinTime(days*day+hour*3600+minute*60+sec, digitsAt(b, 20, 9))
}

func digitsAt(b []byte, at, n int) (v int64) {
	for _, c := range b[at : at+n] {
		v = v*10 + int64(c-'0')
	}
	return v
}
