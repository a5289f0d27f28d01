package wire

import "unicode/utf8"

// AppendText appends s as character data. Characters XML cannot hold, and bytes
// that are not UTF-8, become U+FFFD.
func AppendText(dst []byte, s string) []byte { return appendEscaped(dst, s) }

// AppendAttr appends a blank and the attribute name with the value, escaped,
// between single quotes. The name is written as it is.
func AppendAttr(dst []byte, name, value string) []byte {
	dst = append(dst, ' ')
	dst = append(dst, name...)
	return appendQuoted(dst, value)
}

// appendQuoted appends the value of an attribute whose name is there.
func appendQuoted[T string | []byte](dst []byte, value T) []byte {
	dst = append(dst, "='"...)
	dst = appendEscaped(dst, value)
	return append(dst, '\'')
}

// appendEscaped escapes for text and for values between either quote. A reader
// would make white space in a value blanks, so all but blanks is escaped too.
func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if classes[c]&plainByte != 0 && c != '\'' && c != '"' {
			i++
			continue
		}
		n, instead := escape(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if instead != "" {
			dst = append(dst, s[done:i]...)
			dst = append(dst, instead...)
			done = i + n
		}
		i += n
	}
	return append(dst, s[done:]...)
}

// escape returns the length of the first character of s and what to write
// instead of it, "" if it may stay: no more than maxEscaped bytes for each.
func escape(s string) (n int, instead string) {
	r, n := utf8.DecodeRuneInString(s)
	switch r {
	case '<':
		return n, "&lt;"
	case '>':
		return n, "&gt;"
	case '&':
		return n, "&amp;"
	case '\'':
		return n, "&apos;"
	case '"':
		return n, "&quot;"
	case '\t':
		return n, "&#9;"
	case '\n':
		return n, "&#10;"
	case '\r':
		return n, "&#13;"
	}
	if !isChar(r) || r == utf8.RuneError && n == 1 {
		return n, "\uFFFD"
	}
	return n, ""
}
