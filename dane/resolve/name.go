package resolve

import (
	"bytes"
	"strings"

	"github.com/miekg/dns"
)

// Names are strings in presentation form, canonical: lower case, with the
// final dot, and everything unusual escaped as package dns does.

// canonical returns a name in canonical form, if it is one and has at most
// maxLabels.
func canonical(name string) (string, bool) {
	var wire [256]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), wire[:], 0, nil, false)
	if err != nil {
		return "", false
	}
	// Back from the wire there is only one spelling, "\065" being "a".
	name, _, err = dns.UnpackDomainName(wire[:n], 0)
	if err != nil || dns.CountLabel(name) > maxLabels {
		return "", false
	}
	return dns.CanonicalName(name), true
}

// parent is the name without its first label; "." has none.
func parent(name string) string {
	if i, end := dns.NextLabel(name, 0); !end {
		return name[i:]
	}
	return "."
}

// within says whether name is zone or lies below it.
func within(name, zone string) bool { return dns.IsSubDomain(zone, name) }

// below says whether name lies below top, and is not top itself.
func below(name, top string) bool { return name != top && within(name, top) }

// ancestor is the name's last n labels.
func ancestor(name string, n int) string {
	for i := dns.CountLabel(name); i > n; i-- {
		name = parent(name)
	}
	return name
}

// common is the deepest name at or above both.
func common(a, b string) string { return ancestor(a, dns.CompareDomainName(a, b)) }

// wildcard is the name that matches whatever else lies below top.
func wildcard(top string) string {
	if top == "." {
		return "*."
	}
	return "*." + top
}

// octets is the name on the wire, uncompressed.
func octets(name string) []byte {
	wire := make([]byte, 256)
	n, err := dns.PackDomainName(name, wire, 0, nil, false)
	if err != nil {
		return []byte{0} // cannot be: every name here came from the wire
	}
	return wire[:n]
}

// compare puts names in canonical order, RFC 4034 §6.1: by their labels as
// octets, the last label first; the absence of a label comes before any.
func compare(a, b string) int {
	x, y := splitOctets(a), splitOctets(b)
	for i := 1; i <= len(x) && i <= len(y); i++ {
		if c := bytes.Compare(x[len(x)-i], y[len(y)-i]); c != 0 {
			return c
		}
	}
	return len(x) - len(y)
}

func splitOctets(name string) [][]byte {
	wire := octets(name)
	labels := make([][]byte, 0, 8)
	for len(wire) > 0 && wire[0] > 0 && int(wire[0]) < len(wire) {
		labels = append(labels, wire[1:1+wire[0]])
		wire = wire[1+wire[0]:]
	}
	return labels
}

// substitute replaces the end of name, RFC 6672 §2.2; it fails when the
// result is too long for a name.
func substitute(name, from, to string) (string, bool) {
	if from == "." || !below(name, from) {
		return "", false
	}
	prefix := strings.TrimSuffix(name, from)
	if to == "." {
		return canonical(prefix)
	}
	return canonical(prefix + to)
}
