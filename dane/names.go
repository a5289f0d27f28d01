package dane

import (
	"crypto/x509"
	"crypto/x509/pkix"
	encoding "encoding/asn1"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/net/idna"
)

// Names are what a certificate may name to be the peer's: one of them is
// enough. Both are domain names in Unicode or ASCII; what is none, or an IP
// address, is never matched.
type Names struct {
	Domain string   // the XMPP domain: by dNSName, SRVName or xmppAddr
	Hosts  []string // the SRV target, and what its CNAME leads to: by dNSName
}

// presented are the names that a certificate holds. Its common name is none of
// them (RFC 9525 §2).
type presented struct {
	dns, srv, xmpp []string
}

var errNames = errors.New("dane: malformed subjectAltName")

// readNames reads the subjectAltName (RFC 5280 §4.2.1.6).
func readNames(cert *x509.Certificate) (presented, error) {
	for _, e := range cert.Extensions {
		if isAltName(e.Id) {
			return parseNames(e.Value)
		}
	}
	return presented{}, nil
}

func parseNames(der []byte) (presented, error) {
	var p presented
	s := cryptobyte.String(der)
	var list cryptobyte.String
	if !s.ReadASN1(&list, asn1.SEQUENCE) || !s.Empty() {
		return presented{}, errNames
	}
	for !list.Empty() {
		var name cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1(&name, &tag) {
			return presented{}, errNames
		}
		switch tag {
		case asn1.Tag(0).Constructed().ContextSpecific():
			if !p.other(name) {
				return presented{}, errNames
			}
		case asn1.Tag(2).ContextSpecific():
			p.dns = append(p.dns, string(name))
		}
	}
	return p, nil
}

// other reads an otherName. Of a type that is not XMPP's it is passed over.
func (p *presented) other(name cryptobyte.String) bool {
	var id encoding.ObjectIdentifier
	var value, text cryptobyte.String
	if !name.ReadASN1ObjectIdentifier(&id) ||
		!name.ReadASN1(&value, asn1.Tag(0).Constructed().ContextSpecific()) || !name.Empty() {
		return false
	}
	switch id.String() {
	case "1.3.6.1.5.5.7.8.5": // id-on-xmppAddr, RFC 6120 §13.7.1.4
		if !value.ReadASN1(&text, asn1.UTF8String) || !value.Empty() || !utf8.Valid(text) {
			return false
		}
		p.xmpp = append(p.xmpp, string(text))
	case "1.3.6.1.5.5.7.8.7": // id-on-dnsSRV, RFC 4985 §2
		if !value.ReadASN1(&text, asn1.IA5String) || !value.Empty() {
			return false
		}
		p.srv = append(p.srv, string(text))
	}
	return true
}

// nameHost reports whether a dNSName is one of the names wanted.
func (p presented) nameHost(names Names) bool {
	for _, name := range append([]string{names.Domain}, names.Hosts...) {
		if want, ok := hostname(name); ok && slices.ContainsFunc(p.dns, func(s string) bool { return covers(s, want) }) {
			return true
		}
	}
	return false
}

// nameDomain reports whether a SRVName or an xmppAddr is the domain wanted.
func (p presented) nameDomain(names Names) bool {
	want, ok := hostname(names.Domain)
	if !ok {
		return false
	}
	return slices.ContainsFunc(p.srv, func(s string) bool { return isService(s, want) }) ||
		slices.ContainsFunc(p.xmpp, func(s string) bool { got, ok := hostname(s); return ok && got == want })
}

// maxName bounds the work on a name that a peer sent, in bytes (RFC 7622 §3.2).
const maxName = 1023

// hostname brings a domain name into lower case ASCII, as a dNSName has it
// (RFC 9525 §6.3).
func hostname(s string) (string, bool) {
	if len(s) > maxName {
		return "", false
	}
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(s, "."))
	if err != nil || name == "" {
		return "", false
	}
	_, err = netip.ParseAddr(name)
	return name, err != nil
}

// covers reports whether a dNSName is host or a wildcard for it.
func covers(name, host string) bool {
	// RFC 9525 §6.3: a wildcard is the whole left-most label and stands for
	// one label.
	if parent, ok := strings.CutPrefix(name, "*."); ok {
		_, rest, ok := strings.Cut(host, ".")
		return ok && equalFold(parent, rest)
	}
	return equalFold(name, host)
}

// isService reports whether a SRVName is domain's for federation, over STARTTLS
// or direct TLS (RFC 4985 §2, XEP-0368 §3). It knows no wildcards.
func isService(name, domain string) bool {
	service, host, _ := strings.Cut(name, ".")
	return (equalFold(service, "_xmpp-server") || equalFold(service, "_xmpps-server")) && equalFold(host, domain)
}

// equalFold compares a name that a peer sent with one in lower case ASCII.
func equalFold(name, lower string) bool {
	return len(name) == len(lower) && strings.EqualFold(name, lower)
}

// withNamesRead returns cert without the mark that x509 leaves where a critical
// subjectAltName holds only what x509 cannot read: [parseNames] can.
func withNamesRead(cert *x509.Certificate) *x509.Certificate {
	if !slices.ContainsFunc(cert.UnhandledCriticalExtensions, isAltName) {
		return cert
	}
	read := *cert
	read.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(cert.UnhandledCriticalExtensions), isAltName)
	return &read
}

// constrained reports whether an authority of the path may speak for some names
// only. x509 holds it to that in dNSNames and not in otherNames, which
// therefore must not count (RFC 5280 §4.2.1.10).
func constrained(path []*x509.Certificate) bool {
	return slices.ContainsFunc(path[1:], func(c *x509.Certificate) bool {
		return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.String() == "2.5.29.30" })
	})
}

func isAltName(id encoding.ObjectIdentifier) bool { return id.String() == "2.5.29.17" }
