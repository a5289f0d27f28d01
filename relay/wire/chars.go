package wire

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Eight bytes are looked at at once: adding 0x7f to a byte that is not zero
// sets its high bit. A byte beyond ASCII carries into the one behind it, but is
// itself a hit, and only the first hit counts.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
	low7s = 0x7f * ones
)

// word returns the eight bytes of b from p on.
func word(b []byte, p int) uint64 { return binary.LittleEndian.Uint64(b[p:]) }

// plain has the high bit of each byte of x set that is plainByte, or not ASCII.
func plain(x uint64) uint64 {
	angle := (x | '\x02'*ones) ^ '>'*ones + low7s // '<'|2 is '>'
	amp := x ^ '&'*ones + low7s
	return angle & amp & (x + 0x60*ones) // the last: 0x20 and above
}

// skipPlain returns the index of the first byte from p on that is <, > or &, a
// control character, or not ASCII; len(b) if there is none. Text between tags is
// mostly short or very long.
func skipPlain(b []byte, p int) int {
	if p+8 <= len(b) {
		x := word(b, p)
		if hit := (^plain(x) | x) & highs; hit != 0 {
			return p + bits.TrailingZeros64(hit)>>3
		}
		p = skipLong(b, p+8)
	}
	for ; p+8 <= len(b); p += 8 {
		x := word(b, p)
		if hit := (^plain(x) | x) & highs; hit != 0 {
			return p + bits.TrailingZeros64(hit)>>3
		}
	}
	for p < len(b) && classes[b[p]]&plainByte != 0 {
		p++
	}
	return p
}

// skipLong skips 32 bytes at a time, as long as skipPlain would skip them all.
func skipLong(b []byte, p int) int {
	for ; p+32 <= len(b); p += 32 {
		w := b[p : p+32]
		x0, x1, x2, x3 := word(w, 0), word(w, 8), word(w, 16), word(w, 24)
		ok := plain(x0) & plain(x1) & plain(x2) & plain(x3)
		if (^ok|x0|x1|x2|x3)&highs != 0 {
			break
		}
	}
	return p
}

// skipValue is skipPlain between quotes: it stops at the quote, not at >.
func skipValue(b []byte, p int, quote byte) int {
	// Each quote differs from & in one bit, so one comparison finds both.
	bit := uint64(quote^'&') * ones
	for ; p+8 <= len(b); p += 8 {
		x := word(b, p)
		ok := (x | bit) ^ ('&'*ones | bit) + low7s
		ok &= x ^ '<'*ones + low7s
		ok &= x + 0x60*ones
		if hit := (^ok | x) & highs; hit != 0 {
			return p + bits.TrailingZeros64(hit)>>3
		}
	}
	for p < len(b) && b[p] != quote && (classes[b[p]]&plainByte != 0 || b[p] == '>') {
		p++
	}
	return p
}

// skipSpace returns the index of the first byte from p on that is not white
// space.
func skipSpace(b []byte, p int) int {
	for p < len(b) && isSpace(b[p]) {
		p++
	}
	return p
}

// Results of charLen that are no length.
const (
	charCut = 0  // the bytes end within the character
	charBad = -1 // not UTF-8, or not a character of XML
)

// charLen returns the length of the character beyond ASCII that b begins with.
func charLen(b []byte) int {
	r, n := utf8.DecodeRune(b)
	switch {
	case n > 1 && isChar(r):
		return n
	case n == 1 && !utf8.FullRune(b):
		return charCut
	}
	return charBad
}

// isChar is production [2] of XML 1.0.
func isChar(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0xD800:
		return true
	default:
		return 0xE000 <= r && r <= 0xFFFD || 0x10000 <= r && r <= 0x10FFFF
	}
}

// resolve returns the character a reference stands for, given what is between
// & and ;.
func resolve(name []byte) (rune, error) {
	switch string(name) {
	case "lt":
		return '<', nil
	case "gt":
		return '>', nil
	case "amp":
		return '&', nil
	case "quot":
		return '"', nil
	case "apos":
		return '\'', nil
	}
	if len(name) > 0 && name[0] == '#' {
		return resolveNumber(name[1:])
	}
	if len(name) > 0 && classes[name[0]]&nameStart != 0 {
		return 0, RestrictedXML // RFC 6120 §11.1: entities but the five
	}
	return 0, NotWellFormed
}

// resolveNumber reads the digits of a character reference, XML 1.0 §4.1.
func resolveNumber(digits []byte) (rune, error) {
	base := rune(10)
	if len(digits) > 0 && digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	r := rune(-1)
	for _, c := range digits {
		var d rune
		switch {
		case '0' <= c && c <= '9':
			d = rune(c - '0')
		case base == 16 && 'a' <= c|0x20 && c|0x20 <= 'f':
			d = rune(c|0x20-'a') + 10
		default:
			return 0, NotWellFormed
		}
		r = min(max(r, 0)*base+d, utf8.MaxRune+1) // stays too large once it is
	}
	if !isChar(r) {
		return 0, NotWellFormed // XML 1.0 §4.1, WFC: Legal Character
	}
	return r, nil
}

// appendDecoded appends what raw, already known to be well-formed, means:
// references resolved, line ends made one '\n' (XML 1.0 §2.11), and between
// quotes all white space blanks (§3.3.3).
func appendDecoded(dst, raw []byte, quoted bool) []byte {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '&':
			end := i + 1
			for raw[end] != ';' {
				end++
			}
			r, _ := resolve(raw[i+1 : end])
			dst = utf8.AppendRune(dst, r)
			i = end
			continue
		case c == '\r' && i+1 < len(raw) && raw[i+1] == '\n':
			continue
		case c == '\r':
			c = '\n'
		}
		if quoted && isSpace(c) {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}
