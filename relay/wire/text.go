package wire

import (
	"bytes"
	"iter"
	"unicode/utf8"
)

// Runes are the characters of an element's text, up to its first child, given
// what is in the element of a stanza: what is written as a reference or in a
// CDATA section is as good as written plainly.
func Runes(inner []byte) iter.Seq[rune] {
	return func(yield func(rune) bool) {
		const cdataStart, cdataEnd = "<![CDATA[", "]]>"
		section := false
		for b := inner; len(b) > 0; {
			r, n := utf8.DecodeRune(b)
			switch {
			case section && bytes.HasPrefix(b, []byte(cdataEnd)):
				section, b = false, b[len(cdataEnd):]
				continue
			case section:
			case r == '<' && bytes.HasPrefix(b, []byte(cdataStart)):
				section, b = true, b[len(cdataStart):]
				continue
			case r == '<':
				return
			case r == '&':
				end := bytes.IndexByte(b, ';')
				r, _ = resolve(b[1:end]) // the scanner found it good
				n = end + 1
			}
			if !yield(r) {
				return
			}
			b = b[n:]
		}
	}
}
