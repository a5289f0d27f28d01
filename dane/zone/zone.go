package zone

import (
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A zone is one zone with what signing made of it.
type zone struct {
	Spec
	keys     []key
	sets     map[string]map[uint16][]dns.RR // by owner and type
	sigs     map[string]map[uint16][]dns.RR
	names    []string // of sets, in canonical order
	apart    []string // delegated names
	chain    []link   // the proofs of absence, in order
	from, to time.Time
}

// newZone reads a zone's text and makes its keys.
func newZone(s Spec) (*zone, error) {
	z := &zone{Spec: s, sets: map[string]map[uint16][]dns.RR{}, sigs: map[string]map[uint16][]dns.RR{}}
	p := dns.NewZoneParser(strings.NewReader(s.Text), s.Name, "")
	p.SetDefaultTTL(3600)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if !dns.IsSubDomain(s.Name, rr.Header().Name) {
			return nil, errRecord
		}
		z.add(rr)
	}
	if p.Err() != nil {
		return nil, p.Err()
	}
	if err := z.complete(); err != nil {
		return nil, err
	}
	if s.Unsigned {
		return z, nil
	}
	return z, z.generate()
}

// complete adds the SOA and the name server that every zone has.
func (z *zone) complete() error {
	server := "ns." + strings.TrimPrefix(z.Name, ".")
	lines := map[uint16]string{
		dns.TypeSOA: z.Name + " 3600 IN SOA " + server + " hostmaster." + server + " 1 3600 600 86400 300",
		dns.TypeNS:  z.Name + " 3600 IN NS " + server,
	}
	for qtype, line := range lines {
		if z.sets[z.Name][qtype] != nil {
			continue
		}
		rr, err := dns.NewRR(line)
		if err != nil {
			return err
		}
		z.add(rr)
		if qtype == dns.TypeNS && z.sets[server][dns.TypeA] == nil {
			a, _ := dns.NewRR(server + " 3600 IN A 127.0.0.1")
			z.add(a)
		}
	}
	return nil
}

func (z *zone) add(rr dns.RR) {
	h := rr.Header()
	h.Name = dns.CanonicalName(h.Name)
	if z.sets[h.Name] == nil {
		z.sets[h.Name] = map[uint16][]dns.RR{}
	}
	z.sets[h.Name][h.Rrtype] = append(z.sets[h.Name][h.Rrtype], rr)
}

// delegate publishes a zone below this one.
func (z *zone) delegate(child *zone) error {
	for _, rr := range child.sets[child.Name][dns.TypeNS] {
		z.add(dns.Copy(rr))
		server := dns.CanonicalName(rr.(*dns.NS).Ns)
		for _, a := range child.sets[server][dns.TypeA] {
			if dns.IsSubDomain(child.Name, server) {
				z.add(dns.Copy(a)) // glue, RFC 1034 §4.2.1
			}
		}
	}
	if child.Unsigned || child.NoDS {
		return nil
	}
	for _, ds := range child.ds() {
		if child.WrongDS {
			ds.Digest = strings.Repeat("00", len(ds.Digest)/2)
		}
		z.add(ds)
	}
	return nil
}

// finish orders, links and signs what the zone now holds.
func (z *zone) finish(now time.Time) error {
	z.from, z.to = now.Add(-time.Hour), now.Add(30*24*time.Hour)
	if z.From != 0 {
		z.from = now.Add(z.From)
	}
	if z.Until != 0 {
		z.to = now.Add(z.Until)
	}
	for _, k := range z.keys {
		z.add(k.record)
	}
	if z.NSEC3 && !z.Unsigned {
		salt := uint8(len(z.Salt) / 2)
		z.add(&dns.NSEC3PARAM{
			Hdr:  dns.RR_Header{Name: z.Name, Rrtype: dns.TypeNSEC3PARAM, Class: dns.ClassINET},
			Hash: dns.SHA1, Iterations: z.Iterations, SaltLength: salt, Salt: z.Salt,
		})
	}
	for name, sets := range z.sets {
		z.names = append(z.names, name)
		if sets[dns.TypeNS] != nil && name != z.Name {
			z.apart = append(z.apart, name)
		}
	}
	slices.SortFunc(z.names, compare)
	if z.Unsigned {
		return nil
	}
	z.link()
	return z.signAll()
}

// delegated says whether the name is at or below a delegation.
func (z *zone) delegated(name string) bool {
	return slices.ContainsFunc(z.apart, func(cut string) bool { return dns.IsSubDomain(cut, name) })
}

// exists says whether the zone has the name, if only for those below it.
func (z *zone) exists(name string) bool {
	return slices.ContainsFunc(z.names, func(have string) bool { return dns.IsSubDomain(name, have) })
}

// all has every record of the zone: SOA first, then in order.
func (z *zone) all() []dns.RR {
	out := slices.Clone(z.sets[z.Name][dns.TypeSOA])
	for _, name := range z.names {
		for _, t := range sortedTypes(z.sets[name]) {
			if t != dns.TypeSOA {
				out = append(out, z.sets[name][t]...)
			}
			out = append(out, z.sigs[name][t]...)
		}
	}
	for _, l := range z.chain {
		out = append(out, l.records...)
	}
	return out
}
