package jid

// Limits of the domain name system (RFC 1035 §2.3.4), in bytes: of a label,
// and of a name in text without its final dot.
const (
	maxLabel = 63
	maxName  = 253
)

// scan recognises an address of ASCII characters that is in normal form
// already and returns its lengths. It says no to all others, which may well be
// addresses.
func scan[T string | []byte](s T) (local, bare uint16, ok bool) {
	at, slash := -1, len(s)
	for i := 0; i < len(s); i++ {
		if s[i] == '/' {
			slash = i
			break
		}
		if s[i] == '@' && at < 0 {
			at = i
		}
	}
	switch {
	case at == 0 || at > MaxPart || slash-at-1 > maxName:
		return 0, 0, false
	case slash < len(s) && (slash == len(s)-1 || len(s)-slash-1 > MaxPart):
		return 0, 0, false
	}
	for i := 0; i < at; i++ {
		if !plainLocal(s[i]) {
			return 0, 0, false
		}
	}
	for i := slash + 1; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return 0, 0, false
		}
	}
	if !plainDomain(s, at+1, slash) {
		return 0, 0, false
	}
	return uint16(max(at, 0)), uint16(slash), true
}

// plainLocal reports whether c may stand in a localpart as it is.
func plainLocal(c byte) bool {
	return c > ' ' && c <= '~' && (c < 'A' || c > 'Z') && !reserved(c)
}

// reserved reports whether c is kept out of localparts by XMPP itself.
func reserved(c byte) bool {
	switch c {
	case '"', '&', '\'', '/', ':', '<', '>', '@': // RFC 7622 §3.3.1
		return true
	}
	return false
}

// plainDomain reports whether s[from:to] is a name of letters, digits and
// hyphens in lower case whose labels need no look at IDNA.
func plainDomain[T string | []byte](s T, from, to int) bool {
	label := from
	for i := from; i <= to; i++ {
		if i == to || s[i] == '.' {
			if i == label || i-label > maxLabel || s[label] == '-' || s[i-1] == '-' {
				return false
			}
			// RFC 5891 §4.2.3.1: such a label may be Punycode.
			if i-label >= 4 && s[label+2] == '-' && s[label+3] == '-' {
				return false
			}
			label = i + 1
			continue
		}
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
