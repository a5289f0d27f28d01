package resolve

import (
	"context"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// A judge validates the answer to one question. It belongs to one goroutine;
// those it starts only fetch.
type judge struct {
	*Resolver
	ctx    context.Context
	other  int  // how many servers have been caught lying and are passed over
	fresh  bool // what was proved before is not relied on
	now    time.Time
	budget budget
	calls  map[question]*call
	seen   map[string]place // where names lie, as found on the way
}

// A ruling is what a message proves of one name and type.
type ruling struct {
	why     Reason
	zone    string
	records []dns.RR
	next    string // the name is an alias for this one
	renamed bool   // by a DNAME above it
	gap     gap    // neither records nor next: what is proved instead
	ttl     time.Duration
}

// answer follows the aliases from the name asked for to the records, or to
// the proof that there are none. It is as secure as the worst step.
func (j *judge) answer(q question) Answer {
	out := Answer{Why: Proved, Names: []string{q.name}, TTL: maxTTL}
	for range maxAliases + 1 {
		r := j.hop(q)
		out.TTL = min(out.TTL, r.ttl)
		if r.why.Status() < out.Why.Status() || out.Why == Proved {
			out.Why, out.Zone = r.why, r.zone
		}
		if !r.why.Status().Usable() || r.next == "" {
			out.Records, out.NoName = r.records, r.gap == noName
			return out.sealed()
		}
		if slices.Contains(out.Names, r.next) {
			break
		}
		q.name = r.next
		out.Names = append(out.Names, q.name)
	}
	out.Why, out.Zone = TooManyAliases, q.name
	return out.sealed()
}

// sealed sets what follows from the reason.
func (a Answer) sealed() Answer {
	a.Status = a.Why.Status()
	if !a.Status.Usable() {
		a.Records, a.NoName, a.TTL = nil, false, failureTTL
	}
	return a
}

// hop answers for one name, aliases not followed.
func (j *judge) hop(q question) ruling {
	owner := q.name
	if q.qtype == dns.TypeDS {
		owner = parent(q.name) // RFC 4035 §2.4: it lies on the parent's side
	}
	j.prefetch(owner)
	j.start(q)
	p := j.locate(owner)
	if !p.why.Status().Usable() {
		return ruling{why: p.why, zone: p.at}
	}
	m, why := j.ask(q)
	if why != Proved {
		return ruling{why: why, zone: p.at}
	}
	if p.why == Proved {
		return j.rule(m, p.zone, q)
	}
	if p.why == TooManyIterations {
		// It could not be proved that no unsigned zone begins at or above the
		// name. A signature of the zone above proves that just as well.
		if r := j.rule(m, p.zone, q); r.why == Proved {
			return r
		}
	}
	return unproved(m, q, p)
}

// rule says what a message proves of a name that lies in a zone.
func (j *judge) rule(m *message, z *zone, q question) ruling {
	alias := m.find(q.name, dns.TypeCNAME)
	set := m.find(q.name, q.qtype)
	if set == nil {
		set = alias
	}
	if set != nil && (set != alias || len(set.sigs) > 0) {
		return j.present(m, z, set, q)
	}
	if dname := m.dname(q.name, z.name); dname != nil {
		return j.rename(z, dname, alias, q.name)
	}
	if alias != nil {
		return ruling{why: NoSignature, zone: z.name}
	}
	return j.proofs(m, z).deny(q.name, q.qtype)
}

// present rules on records of the type asked for, or on an alias.
func (j *judge) present(m *message, z *zone, set *rrset, q question) ruling {
	s, why := j.verify(set, z)
	out := ruling{why: why, zone: z.name, ttl: s.ttl}
	if why != Proved {
		return out
	}
	if s.labels < signedLabels(set.name) {
		p := j.proofs(m, z)
		out.why, out.ttl = p.expanded(set.name, s.labels), min(out.ttl, p.ttl)
		if out.why == WildcardNotProved && p.why != NotDenied {
			out.why = p.why // the proof is there and does not hold
		}
	}
	if set.qtype == q.qtype {
		out.records = set.records
		return out
	}
	return out.to(target(set))
}

// to makes the ruling one on an alias.
func (r ruling) to(next string, ok bool) ruling {
	if !ok {
		return ruling{why: BadAlias, zone: r.zone}
	}
	r.next = next
	return r
}

// target is where a CNAME leads. RFC 2181 §10.1: there is one.
func target(set *rrset) (string, bool) {
	c, ok := set.records[0].(*dns.CNAME)
	if !ok || len(set.records) > 1 {
		return "", false
	}
	return canonical(c.Target)
}

// dname finds a DNAME above the name, in the zone.
func (m *message) dname(name, zone string) *rrset {
	for below(name, zone) {
		name = parent(name)
		if set := m.find(name, dns.TypeDNAME); set != nil {
			return set
		}
	}
	return nil
}

// rename rules on a name below a DNAME. The CNAME that comes with it is not
// signed, it must follow from the DNAME: RFC 6672 §5.3.1.
func (j *judge) rename(z *zone, dname, alias *rrset, name string) ruling {
	s, why := j.verify(dname, z)
	out := ruling{why: why, zone: z.name, renamed: true, ttl: s.ttl}
	if why != Proved {
		return out
	}
	d, ok := dname.records[0].(*dns.DNAME)
	if !ok || len(dname.records) > 1 { // RFC 6672 §2.4
		return out.to("", false)
	}
	next, ok := substitute(name, dname.name, dns.CanonicalName(d.Target))
	if alias != nil && ok {
		var told string
		told, ok = target(alias)
		ok = ok && told == next
	}
	return out.to(next, ok)
}

// unproved takes a message at its word, for a name that provably lies where
// nothing can be proved.
func unproved(m *message, q question, p place) ruling {
	out := ruling{why: p.why, zone: p.at, ttl: m.ttl}
	if set := m.find(q.name, q.qtype); set != nil {
		out.records, out.ttl = set.records, lowest(set.records)
		return out
	}
	if set := m.find(q.name, dns.TypeCNAME); set != nil {
		out.ttl = lowest(set.records)
		return out.to(target(set))
	}
	out.gap = noType
	if m.noName {
		out.gap = noName
	}
	return out
}
