// Package jid holds XMPP addresses as RFC 7622 defines them.
//
// An address is localpart@domainpart/resourcepart. Only the domainpart is
// always there: example.org is a server, alice@example.org an account,
// alice@example.org/phone one connection of it. The first slash begins the
// resourcepart, whatever follows it; the first at sign before that ends the
// localpart.
//
// Two addresses are the same when their normal forms are the same bytes, so
// every JID holds its normal form and == compares:
//
//   - localpart: PRECIS UsernameCaseMapped (RFC 8265), so Alice is alice, less
//     the eight characters XMPP keeps for itself
//   - domainpart: U-labels of IDNA 2008 in lower case, without a final dot, or
//     an IP address literal
//   - resourcepart: PRECIS OpaqueString (RFC 8265), case kept
//
// Nearly all addresses on a wire are ASCII in normal form already. A single
// pass over the bytes recognises those; all others take the long way through
// the Unicode tables, and a fuzz test holds that both ways agree.
package jid

import "strings"

// MaxPart is the greatest length of each part in bytes (RFC 7622 §3.2 to
// §3.4), which makes 3071 bytes the longest address.
const MaxPart = 1023

// An Error says which part of an address is wrong. It never contains the
// address: errors end up in logs, addresses must not.
type Error string

// What may be wrong with an address.
const (
	ErrLocal    Error = "localpart is empty, too long or has a character that RFC 7622 §3.3 forbids"
	ErrDomain   Error = "domainpart is not a domain name or IP address literal (RFC 7622 §3.2)"
	ErrResource Error = "resourcepart is empty, too long or has a character that RFC 7622 §3.4 forbids"
)

// Error returns the sentence.
func (e Error) Error() string { return string(e) }

// A JID is one address in normal form. It is immutable and comparable. The
// zero value is no address.
type JID struct {
	s     string
	local uint16 // length of the localpart; 0: none
	bare  uint16 // length of what stands before the resourcepart's slash
}

// Parse reads an address. Input in normal form is kept, not copied. The error
// is an [Error].
func Parse(s string) (JID, error) {
	if local, bare, ok := scan(s); ok {
		return JID{s, local, bare}, nil
	}
	return parseSlow(s)
}

// ParseBytes is [Parse] for bytes, of which it keeps a copy.
func ParseBytes(b []byte) (JID, error) {
	if local, bare, ok := scan(b); ok {
		return JID{string(b), local, bare}, nil
	}
	return parseSlow(string(b))
}

// New makes an address of its parts; an empty localpart or resourcepart means
// that there is none. The error is an [Error].
func New(local, domain, resource string) (JID, error) {
	var err error
	if local != "" {
		if local, err = enforceLocal(local); err != nil {
			return JID{}, err
		}
	}
	if domain, err = Domain(domain); err != nil {
		return JID{}, err
	}
	j := JID{s: domain, local: uint16(len(local))}
	if local != "" {
		j.s = local + "@" + domain
	}
	j.bare = uint16(len(j.s))
	if resource == "" {
		return j, nil
	}
	return j.WithResource(resource)
}

// Local returns the localpart, "" when there is none.
func (j JID) Local() string { return j.s[:j.local] }

// Domain returns the domainpart.
func (j JID) Domain() string {
	if j.local == 0 {
		return j.s[:j.bare]
	}
	return j.s[j.local+1 : j.bare]
}

// Resource returns the resourcepart, "" when there is none.
func (j JID) Resource() string {
	if j.IsBare() {
		return ""
	}
	return j.s[j.bare+1:]
}

// Bare returns the address without its resourcepart. It does not allocate.
func (j JID) Bare() JID { return JID{j.s[:j.bare], j.local, j.bare} }

// String returns the address in normal form.
func (j JID) String() string { return j.s }

// IsZero reports whether j is no address.
func (j JID) IsZero() bool { return j.s == "" }

// IsBare reports whether j has no resourcepart.
func (j JID) IsBare() bool { return len(j.s) == int(j.bare) }

// WithResource returns j with another resourcepart, which must not be empty.
// The error is [ErrResource], or [ErrDomain] when j is no address.
func (j JID) WithResource(resource string) (JID, error) {
	if j.IsZero() {
		return JID{}, ErrDomain
	}
	resource, err := enforceResource(resource)
	if err != nil {
		return JID{}, err
	}
	return JID{j.s[:j.bare] + "/" + resource, j.local, j.bare}, nil
}

// parseSlow splits an address and brings its parts into normal form.
func parseSlow(s string) (JID, error) {
	// RFC 7622 §3.1: the resourcepart is cut off first, because it may
	// contain every separator.
	s, resource, full := strings.Cut(s, "/")
	if full && resource == "" {
		return JID{}, ErrResource
	}
	local, domain, account := strings.Cut(s, "@")
	if !account {
		return New("", s, resource)
	}
	if local == "" {
		return JID{}, ErrLocal
	}
	return New(local, domain, resource)
}
