package resolve

import (
	"encoding/hex"
	"errors"
	"strings"

	"github.com/miekg/dns"
)

// An Anchor is where trust begins: the digest of a zone's key, as in a DS
// record (RFC 4034 §5.1).
type Anchor struct {
	Zone      string // "." for the root
	KeyTag    uint16
	Algorithm uint8 // of the key
	Digest    uint8 // the digest's type
	Hash      []byte
}

var (
	errAnchor     = errors.New("resolve: not a DS or DNSKEY record; write one a line, as a zone file would")
	errNoAnchor   = errors.New("resolve: no trust anchor; name a DS or DNSKEY record")
	errAnchorKind = errors.New("resolve: trust anchor with an algorithm or digest that is not relied on; use SHA-256 and algorithm 8, 10, 13, 14 or 15")
)

// RootAnchors are the two keys of the root zone, of 2017 and 2024, as IANA
// publishes them (RFC 9718, https://data.iana.org/root-anchors).
func RootAnchors() []Anchor {
	anchors, _ := ParseAnchors([]byte( // a test holds that it parses
		`. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16
`))
	return anchors
}

// ParseAnchors reads a file of DS or DNSKEY records in the form of a zone
// file, one anchor each.
func ParseAnchors(text []byte) ([]Anchor, error) {
	var anchors []Anchor
	p := dns.NewZoneParser(strings.NewReader(string(text)), ".", "")
	p.SetDefaultTTL(0)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		ds, _ := rr.(*dns.DS)
		if key, ok := rr.(*dns.DNSKEY); ok {
			// RFC 5011 §2.1: a revoked key is no anchor.
			if key.Flags&dns.ZONE == 0 || key.Flags&dns.REVOKE != 0 {
				return nil, errAnchor
			}
			ds = key.ToDS(dns.SHA256)
		}
		if ds == nil {
			return nil, errAnchor
		}
		hash, err := hex.DecodeString(ds.Digest)
		if err != nil {
			return nil, errAnchor
		}
		anchors = append(anchors, Anchor{dns.CanonicalName(ds.Hdr.Name), ds.KeyTag, ds.Algorithm, ds.DigestType, hash})
	}
	if p.Err() != nil {
		return nil, errAnchor
	}
	if len(anchors) == 0 {
		return nil, errNoAnchor
	}
	return anchors, nil
}

// trusted turns anchors into DS records by zone. At least one of each zone
// must be usable: a zone behind anchors that are not would count as unsigned.
func trusted(anchors []Anchor) (map[string][]*dns.DS, error) {
	zones := map[string][]*dns.DS{}
	for _, a := range anchors {
		ds := &dns.DS{
			Hdr:    dns.RR_Header{Name: dns.CanonicalName(a.Zone), Rrtype: dns.TypeDS, Class: dns.ClassINET},
			KeyTag: a.KeyTag, Algorithm: a.Algorithm, DigestType: a.Digest, Digest: hex.EncodeToString(a.Hash),
		}
		zones[ds.Hdr.Name] = append(zones[ds.Hdr.Name], ds)
	}
	if len(zones) == 0 {
		return nil, errNoAnchor
	}
	for name, set := range zones {
		if zones[name] = supported(set); len(zones[name]) == 0 {
			return nil, errAnchorKind
		}
	}
	return zones, nil
}
