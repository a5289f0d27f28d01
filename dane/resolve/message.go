package resolve

import (
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A question is a name in canonical form and a type; the class is IN.
type question struct {
	name  string
	qtype uint16
}

// A message is a response in the order it is judged in: record sets with the
// signatures that claim to cover them. None of it is believed yet.
type message struct {
	noName bool // the response code says NXDOMAIN
	answer map[question]*rrset
	proofs []*rrset // NSEC and NSEC3, from the authority section
	ttl    time.Duration
}

// An rrset has all records of one name, type and class, RFC 2181 §5.
type rrset struct {
	question
	records []dns.RR
	sigs    []*dns.RRSIG
}

// answers says whether m is the response to q with this id.
func answers(m *dns.Msg, id uint16, q question) bool {
	// RFC 5452 §9.1: what does not match the question in all of this is not
	// its answer. (The addresses and ports are the kernel's to check.)
	return m.Response && m.Id == id && m.Opcode == dns.OpcodeQuery &&
		len(m.Question) == 1 &&
		m.Question[0].Qtype == q.qtype &&
		m.Question[0].Qclass == dns.ClassINET &&
		strings.EqualFold(m.Question[0].Name, q.name)
}

// sorted puts a response in order, what may serve as an answer and what as a
// proof of absence; the rest is left out.
func sorted(m *dns.Msg) *message {
	out := &message{
		noName: m.Rcode == dns.RcodeNameError,
		answer: map[question]*rrset{},
		ttl:    maxNegativeTTL,
	}
	group(out.answer, m.Answer)
	authority := map[question]*rrset{}
	for _, set := range group(authority, m.Ns) {
		if set.qtype == dns.TypeNSEC || set.qtype == dns.TypeNSEC3 {
			out.proofs = append(out.proofs, set)
		}
	}
	for _, rr := range m.Ns {
		out.ttl = min(out.ttl, seconds(rr.Header().Ttl))
		if soa, ok := rr.(*dns.SOA); ok {
			out.ttl = min(out.ttl, seconds(soa.Minttl)) // RFC 2308 §5
		}
	}
	return out
}

// group fills sets with the records and returns those it made, in order.
func group(sets map[question]*rrset, records []dns.RR) []*rrset {
	var order []*rrset
	at := func(q question) *rrset {
		if sets[q] == nil {
			sets[q] = &rrset{question: q}
			order = append(order, sets[q])
		}
		return sets[q]
	}
	for _, rr := range records {
		h := rr.Header()
		if h.Class != dns.ClassINET {
			continue
		}
		h.Name = dns.CanonicalName(h.Name)
		if sig, ok := rr.(*dns.RRSIG); ok {
			set := at(question{h.Name, sig.TypeCovered})
			set.sigs = append(set.sigs, sig)
			continue
		}
		set := at(question{h.Name, h.Rrtype})
		set.records = append(set.records, rr)
	}
	return order
}

// find returns the answer's record set, nil if there is none.
func (m *message) find(name string, qtype uint16) *rrset {
	if set := m.answer[question{name, qtype}]; set != nil && len(set.records) > 0 {
		return set
	}
	return nil
}

// lowest is the shortest TTL among the records.
func lowest(records []dns.RR) time.Duration {
	ttl := maxTTL
	for _, rr := range records {
		ttl = min(ttl, seconds(rr.Header().Ttl))
	}
	return ttl
}

// seconds is a TTL; RFC 2181 §8: with the highest bit set it means 0.
func seconds(ttl uint32) time.Duration {
	if int32(ttl) < 0 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}
