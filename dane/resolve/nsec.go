package resolve

import (
	"slices"

	"github.com/miekg/dns"
)

// A gap is what a proof of absence says of a name and type.
type gap uint8

const (
	notProved gap = iota
	noType        // the name exists, the type does not (NODATA)
	cut           // the same, and an unsigned zone begins at the name
	noName        // the name does not exist (NXDOMAIN), nor does any below it
)

// bitmap reads the types that an NSEC or NSEC3 record says stand at a name.
// Wildcard: they are those of the wildcard that would match the name.
func bitmap(types []uint16, qtype uint16, wildcard bool) gap {
	has := func(t uint16) bool { return slices.Contains(types, t) }
	delegation := has(dns.TypeNS) && !has(dns.TypeSOA)
	switch {
	// RFC 6840 §4.3: a CNAME is an answer to every type.
	case has(qtype) || has(dns.TypeCNAME):
		return notProved
	// RFC 4035 §5.2, RFC 5155 §8.6: that there is no DS is for the parent to
	// say. The SOA bit gives the child away.
	case qtype == dns.TypeDS && has(dns.TypeSOA):
		return notProved
	// RFC 6840 §4.1: the parent's record at a delegation speaks of the DS
	// only. And no wildcard delegates, RFC 4592 §4.2.
	case delegation && (qtype != dns.TypeDS || wildcard):
		return notProved
	case delegation:
		return cut
	}
	return noType
}

// opaque says whether what lies below a name with these types is out of the
// zone's hands: it is delegated, or renamed. RFC 6840 §4.1.
func opaque(types []uint16) bool {
	has := func(t uint16) bool { return slices.Contains(types, t) }
	return has(dns.TypeNS) && !has(dns.TypeSOA) || has(dns.TypeDNAME)
}

// nsecs are verified NSEC records of one zone.
type nsecs struct {
	zone    string
	records []*dns.NSEC
}

// match is the record at the name.
func (n nsecs) match(name string) *dns.NSEC {
	for _, r := range n.records {
		if r.Hdr.Name == name {
			return r
		}
	}
	return nil
}

// cover is a record whose gap the name lies in, RFC 4034 §4.1.1: there is no
// record of that name. (There may be names below it.)
func (n nsecs) cover(name string) *dns.NSEC {
	for _, r := range n.records {
		owner, next := r.Hdr.Name, dns.CanonicalName(r.NextDomain)
		last := next == n.zone
		if !within(next, n.zone) || below(name, owner) && opaque(r.TypeBitMap) {
			continue
		}
		if compare(owner, name) < 0 && (last || compare(name, next) < 0) {
			return r
		}
	}
	return nil
}

// deny finds what the records prove of a name in their zone, RFC 4035 §5.4.
func (n nsecs) deny(name string, qtype uint16) gap {
	if r := n.match(name); r != nil {
		return bitmap(r.TypeBitMap, qtype, false)
	}
	r := n.cover(name)
	if r == nil {
		return notProved
	}
	next := dns.CanonicalName(r.NextDomain)
	if below(next, name) {
		return noType // an empty non-terminal, RFC 4592 §2.2.2
	}
	// The names at both sides of the gap exist, and so do those above them:
	// the deepest above the name is its closest encloser, RFC 4592 §3.3.1.
	encloser := common(name, r.Hdr.Name)
	if other := common(name, next); below(other, encloser) {
		encloser = other
	}
	star := wildcard(encloser)
	if r := n.match(star); r != nil {
		return bitmap(r.TypeBitMap, qtype, true)
	}
	switch r := n.cover(star); {
	case r == nil:
		return notProved
	case below(dns.CanonicalName(r.NextDomain), star):
		return noType // the wildcard is an empty non-terminal
	}
	return noName
}

// absent says whether neither the name nor any below it exists. It is asked
// of the name one label below a wildcard's parent: covering a longer name
// would not do, RFC 4035 §5.3.4.
func (n nsecs) absent(name string) bool {
	r := n.cover(name)
	return r != nil && !below(dns.CanonicalName(r.NextDomain), name)
}
