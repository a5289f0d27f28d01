package wire

// AppendText appends s as character data. It also serves between quotes.
func AppendText(dst []byte, s string) []byte { return appendEscaped(dst, s) }

// AppendAttr appends a blank and the attribute name with the value, escaped,
// between single quotes.
func AppendAttr(dst []byte, name, value string) []byte {
	dst = append(dst, ' ')
	dst = append(dst, name...)
	dst = append(dst, "='"...)
	dst = appendEscaped(dst, value)
	return append(dst, '\'')
}

func appendEscaped[T string | []byte](dst []byte, s T) []byte { panic("skeleton") }
