package resolve

import (
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A place is where a name lies in the tree of zones.
type place struct {
	// why is Proved if the name lies in zone. Else it is why the name is out
	// of reach: insecure, bogus or unknown from the label at on.
	why  Reason
	zone *zone // the deepest signed zone at or above the name
	at   string
	// last: the zone has no zones below the name, there being no names.
	last bool
	ttl  time.Duration
}

// locate walks down from the trust anchor to the name and finds which zone it
// lies in. Every label is proved: that a zone begins there, or that none does.
func (j *judge) locate(name string) place {
	if p, ok := j.seen[name]; ok {
		return p
	}
	p := j.find(name)
	j.seen[name] = p
	return p
}

func (j *judge) find(name string) place {
	if p, left, ok := j.places.get(name, j.now); ok && !j.fresh {
		p.ttl = left
		return p
	}
	var p place
	if ds, ok := j.anchors[name]; ok {
		// The anchor closest to the name decides, RFC 6840 §C.1.
		p = j.enter(name, ds)
		p.ttl = min(p.ttl, maxTTL)
	} else if name == "." {
		return place{why: NoAnchor, at: name} // RFC 4033 §5
	} else if p = j.locate(parent(name)); p.why == Proved && !p.last {
		p = j.step(p.zone, name)
	} else {
		return p
	}
	if p.why.Status().Usable() {
		j.places.put(name, p, p.cost(), j.now.Add(p.ttl))
	}
	return p
}

// step asks whether a zone begins at a name in, or just below, the zone z.
func (j *judge) step(z *zone, name string) place {
	q := question{name, dns.TypeDS}
	m, why := j.ask(q)
	if why != Proved {
		return place{why: why, zone: z, at: name}
	}
	r := j.rule(m, z, q)
	p := place{why: r.why, zone: z, at: name, ttl: r.ttl}
	switch {
	case r.why != Proved:
	case r.records != nil:
		ds := supported(asDS(r.records))
		if len(ds) == 0 {
			// RFC 4035 §5.2: "the resolver has no supported authentication
			// path leading from the parent to the child" and "SHOULD treat
			// [...] as if [it] were unsigned".
			p.why = UnsupportedKeys
			return p
		}
		p = j.enter(name, ds)
		p.ttl = min(p.ttl, r.ttl)
	case r.gap == cut:
		p.why = Unsigned
	default:
		// Nothing begins at an alias. Below a DNAME, and below a name that
		// does not exist (RFC 8020 §2), there is nothing at all.
		p.last = r.renamed || r.gap == noName
	}
	return p
}

func asDS(records []dns.RR) []*dns.DS {
	var set []*dns.DS
	for _, rr := range records {
		if ds, ok := rr.(*dns.DS); ok {
			set = append(set, ds)
		}
	}
	return set
}

// enter proves a zone's keys: one of them is what its parent (or the anchor)
// vouches for, and has signed them all. RFC 4035 §5.2.
func (j *judge) enter(name string, ds []*dns.DS) place {
	out := place{why: NoTrustedKey, zone: &zone{name: name}, at: name}
	m, why := j.ask(question{name, dns.TypeDNSKEY})
	if why != Proved {
		out.why = why
		return out
	}
	set := m.find(name, dns.TypeDNSKEY)
	if set == nil {
		return out
	}
	for _, rr := range set.records {
		if k, ok := rr.(*dns.DNSKEY); ok && usable(k) {
			out.zone.keys = append(out.zone.keys, key{k, k.KeyTag()})
		}
	}
	for _, d := range ds {
		for _, k := range twins(out.zone.keys, d.KeyTag, d.Algorithm) {
			if !spend(&j.budget.checks, maxChecks) {
				out.why = TooMuchWork
				return out
			}
			if !vouched(k.DNSKEY, d) {
				continue
			}
			s, why := j.verify(set, &zone{name: name, keys: []key{k}})
			if why == Proved || why == TooMuchWork {
				out.why, out.ttl = why, s.ttl
				return out
			}
			out.why = why
		}
	}
	return out
}

// vouched says whether a DS record is for this key, RFC 4034 §5.1.4.
func vouched(key *dns.DNSKEY, ds *dns.DS) bool {
	d := key.ToDS(ds.DigestType)
	return d != nil && d.Digest != "" && strings.EqualFold(d.Digest, ds.Digest)
}

// cost is about what a place takes in memory.
func (p place) cost() int {
	n := 256 + 2*len(p.at)
	if p.zone != nil && p.zone.name == p.at { // its own: others are shared
		for _, key := range p.zone.keys {
			n += 256 + 2*len(key.PublicKey)
		}
	}
	return n
}
