package jid

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/secure/precis"
)

// Domain brings a domainpart into normal form. The error is [ErrDomain].
func Domain(s string) (string, error) {
	if len(s) <= maxName && plainDomain(s, 0, len(s)) {
		return s, nil
	}
	if len(s) > MaxPart || !utf8.ValidString(s) {
		return "", ErrDomain
	}
	if strings.HasPrefix(s, "[") {
		return ipv6(s)
	}
	// RFC 7622 §3.2: a final dot is removed before anything else.
	name, err := idna.Lookup.ToUnicode(strings.TrimSuffix(s, "."))
	if err != nil || !ofRegistrable(name) || !fitsDNS(name) {
		return "", ErrDomain
	}
	return name, nil
}

// ipv6 reads an IP literal (RFC 3986 §3.2.2, which RFC 7622 §3.2 takes up).
func ipv6(s string) (string, error) {
	addr, err := netip.ParseAddr(strings.TrimSuffix(s[1:], "]"))
	if err != nil || !strings.HasSuffix(s, "]") || !addr.Is6() || addr.Zone() != "" {
		return "", ErrDomain
	}
	return "[" + addr.String() + "]", nil
}

// ofRegistrable reports whether every label consists of code points that
// IDNA 2008 allows. Package idna maps after UTS 46, which lets symbols such as
// U+2603 pass; the identifier class of PRECIS draws the line where RFC 5892
// does.
func ofRegistrable(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if got, err := precis.UsernameCaseMapped.String(label); err != nil || got != label {
			return false
		}
	}
	return true
}

// fitsDNS reports whether name's encoded form keeps the limits of the domain
// name system, which RFC 7622 §3.2 upholds.
func fitsDNS(name string) bool {
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil || len(ascii) > maxName {
		return false
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > maxLabel {
			return false
		}
	}
	return true
}

// enforceLocal brings a localpart into normal form (RFC 7622 §3.3).
func enforceLocal(s string) (string, error) {
	s, ok := enforce(precis.UsernameCaseMapped, s)
	if !ok {
		return "", ErrLocal
	}
	for i := range len(s) {
		if reserved(s[i]) {
			return "", ErrLocal
		}
	}
	return s, nil
}

// enforceResource brings a resourcepart into normal form (RFC 7622 §3.4).
func enforceResource(s string) (string, error) {
	s, ok := enforce(precis.OpaqueString, s)
	if !ok {
		return "", ErrResource
	}
	return s, nil
}

// enforce applies a PRECIS profile. The length counts after mapping, which may
// make four bytes one (RFC 7622 §3.3, §3.4). A few strings
// change again when the profile is applied again; having no normal form, they
// are refused.
func enforce(p *precis.Profile, s string) (string, bool) {
	if len(s) > 4*MaxPart || !utf8.ValidString(s) {
		return "", false
	}
	once, err := p.String(s)
	if err != nil || once == "" || len(once) > MaxPart {
		return "", false
	}
	twice, err := p.String(once)
	return once, err == nil && once == twice
}
