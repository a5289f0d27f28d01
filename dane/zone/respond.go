package zone

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxHops is how many aliases one answer follows.
const maxHops = 12

// Respond answers a question as a recursive resolver would that has asked the
// servers of the zones: aliases followed across them, with signatures and
// proofs if the question wants them (DO). The answer is the caller's.
func (t *Tree) Respond(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	if len(q.Question) != 1 || q.Question[0].Qclass != dns.ClassINET {
		m.Rcode = dns.RcodeRefused
		return m
	}
	opt := q.IsEdns0()
	signed := opt != nil && opt.Do()
	name, qtype := dns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype
	seen := map[string]bool{}
	for range maxHops {
		seen[name] = true
		a := t.zoneFor(name, qtype).answer(name, qtype)
		m.Answer = append(m.Answer, a.records...)
		m.Ns = join(m.Ns, a.proofs)
		m.Rcode = a.rcode
		if name = a.next; name == "" || seen[name] {
			break
		}
	}
	if opt != nil {
		m.SetEdns0(1232, signed)
	}
	if !signed {
		m.Answer, m.Ns = plain(m.Answer, qtype), plain(m.Ns, qtype)
	}
	return m.Copy()
}

// zoneFor is the zone a question is for: that of a DS is the one above.
func (t *Tree) zoneFor(name string, qtype uint16) *zone {
	if qtype == dns.TypeDS {
		name = parent(name)
	}
	return t.at(name)
}

// plain leaves out what only those who validate want to see.
func plain(records []dns.RR, qtype uint16) []dns.RR {
	return slices.DeleteFunc(slices.Clone(records), func(rr dns.RR) bool {
		switch t := rr.Header().Rrtype; t {
		case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3:
			return t != qtype
		}
		return false
	})
}

// A response is what one zone has to say.
type response struct {
	rcode   int
	records []dns.RR
	proofs  []dns.RR
	next    string // an alias leads here
}

// answer finds what the zone says of a name, RFC 1034 §4.3.2.
func (z *zone) answer(name string, qtype uint16) response {
	if z.delegated(name) && !(qtype == dns.TypeDS && slices.Contains(z.apart, name)) {
		return response{rcode: dns.RcodeServerFailure} // to a zone outside the tree
	}
	for top := name; top != z.Name; {
		top = parent(top)
		if z.sets[top][dns.TypeDNAME] != nil {
			return z.rename(top, name)
		}
	}
	if z.exists(name) {
		r := z.at(name, name, qtype)
		if r.records == nil {
			r.proofs = z.none(z.absent, name)
		}
		return r
	}
	top := parent(name)
	for !z.exists(top) {
		top = parent(top)
	}
	star := "*." + strings.TrimPrefix(top, ".")
	if z.exists(star) {
		r := z.at(star, name, qtype)
		if r.records != nil {
			r.proofs = z.proof(z.missing, name)
		} else {
			r.proofs = join(z.none(z.missing, name), z.proof(z.absent, star))
		}
		return r
	}
	return response{
		rcode:  dns.RcodeNameError,
		proofs: join(z.none(z.missing, name), z.proof(z.cover, star)),
	}
}

// at answers with the records of owner, under the name asked for.
func (z *zone) at(owner, name string, qtype uint16) response {
	var r response
	found := qtype
	if z.sets[owner][found] == nil && z.sets[owner][dns.TypeCNAME] != nil {
		found = dns.TypeCNAME
		r.next = dns.CanonicalName(z.sets[owner][found][0].(*dns.CNAME).Target)
	}
	for _, rr := range slices.Concat(z.sets[owner][found], z.sigs[owner][found]) {
		rr = dns.Copy(rr)
		rr.Header().Name = name
		r.records = append(r.records, rr)
	}
	return r
}

// rename answers for a name below a DNAME, RFC 6672 §3.1.
func (z *zone) rename(top, name string) response {
	set := z.sets[top][dns.TypeDNAME]
	target := dns.CanonicalName(set[0].(*dns.DNAME).Target)
	next := strings.TrimSuffix(name, top) + strings.TrimPrefix(target, ".")
	return response{
		next: next,
		records: slices.Concat(set, z.sigs[top][dns.TypeDNAME], []dns.RR{&dns.CNAME{
			Hdr:    dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: set[0].Header().Ttl},
			Target: next,
		}}),
	}
}

// none is the authority section of an answer without records.
func (z *zone) none(prove func(string) []dns.RR, name string) []dns.RR {
	return slices.Concat(z.sets[z.Name][dns.TypeSOA], z.sigs[z.Name][dns.TypeSOA], z.proof(prove, name))
}

func (z *zone) proof(prove func(string) []dns.RR, name string) []dns.RR {
	if z.Unsigned {
		return nil
	}
	return prove(name)
}
