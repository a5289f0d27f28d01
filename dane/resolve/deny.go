package resolve

import (
	"time"

	"github.com/miekg/dns"
)

// proofs are the verified proofs of absence of a message, of one zone.
type proofs struct {
	nsecs
	nsec3s
	why Reason // why some that are there do not count, else NotDenied
	ttl time.Duration
}

// proofs verifies the NSEC and NSEC3 records that the zone could have made.
// Those of other zones prove nothing here, true as they may be.
func (j *judge) proofs(m *message, z *zone) *proofs {
	p := &proofs{
		nsecs: nsecs{zone: z.name},
		nsec3s: nsec3s{zone: z.name, known: map[string]hash{}, spend: func() bool {
			return spend(&j.budget.hashes, maxHashes)
		}},
		why: NotDenied,
		ttl: maxNegativeTTL,
	}
	seen := 0
	for _, set := range m.proofs {
		// RFC 4034 §4, RFC 5155 §3: one record each.
		if len(set.records) != 1 || !signedBy(set, z) {
			continue
		}
		if seen++; seen > maxProofs {
			break
		}
		s, why := j.verify(set, z)
		if why != Proved {
			p.why = why
			continue
		}
		p.ttl = min(p.ttl, s.ttl)
		switch r := set.records[0].(type) {
		case *dns.NSEC:
			p.nsecs.records = append(p.nsecs.records, r)
		case *dns.NSEC3:
			p.nsec3s.add(r)
		}
	}
	return p
}

// signedBy says whether a signature claims to be the zone's.
func signedBy(set *rrset, z *zone) bool {
	for _, sig := range set.sigs {
		if dns.CanonicalName(sig.SignerName) == z.name {
			return true
		}
	}
	return false
}

// excessive says whether the hashes of this zone take too long. The records
// have been verified: nobody but the zone's owner can have said so.
// RFC 9276 §3.2, RFC 5155 §10.3.
func (p *proofs) excessive() bool {
	return len(p.nsec3s.records) > 0 && p.iterations > maxIterations
}

// deny rules on a name and type that the message has no records for.
func (p *proofs) deny(name string, qtype uint16) ruling {
	out := ruling{why: Proved, zone: p.nsecs.zone, ttl: p.ttl}
	if out.gap = p.nsecs.deny(name, qtype); out.gap != notProved {
		return out
	}
	if p.excessive() {
		out.why = TooManyIterations
		return out
	}
	var optOut bool
	out.gap, optOut = p.nsec3s.deny(name, qtype)
	switch {
	case p.exhausted:
		out.why = TooMuchWork
	case out.gap == notProved:
		out.why = p.why
	case optOut:
		out.why = OptOut // RFC 5155 §9.2
	}
	return out
}

// expanded says whether records whose signature has fewer labels than their
// name may be believed: neither the name nor a closer wildcard exists.
// RFC 4035 §5.3.4, RFC 5155 §8.8.
func (p *proofs) expanded(name string, labels int) Reason {
	next := ancestor(name, labels+1)
	if p.nsecs.absent(next) {
		return Proved
	}
	if p.excessive() {
		return TooManyIterations
	}
	ok, optOut := p.nsec3s.absent(next)
	switch {
	case p.exhausted:
		return TooMuchWork
	case !ok:
		return WildcardNotProved
	case optOut:
		return OptOut
	}
	return Proved
}
