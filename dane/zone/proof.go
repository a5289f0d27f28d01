package zone

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// A link is an NSEC or NSEC3 record and its signature.
type link struct {
	at      string // the name, or its hash
	records []dns.RR
}

// link makes the proofs of absence: one for each name, or each hash, that
// says what is there and which is the next.
func (z *zone) link() {
	owners := z.owners()
	if z.NSEC3 {
		byHash := map[string]string{}
		for i, name := range owners {
			owners[i] = z.hash(name)
			byHash[owners[i]] = name
		}
		slices.Sort(owners)
		for i, h := range owners {
			z.chain = append(z.chain, link{h, []dns.RR{z.nsec3(h, owners[(i+1)%len(owners)], byHash[h])}})
		}
		return
	}
	for i, name := range owners {
		z.chain = append(z.chain, link{name, []dns.RR{&dns.NSEC{
			Hdr:        dns.RR_Header{Name: name, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 300},
			NextDomain: owners[(i+1)%len(owners)],
			TypeBitMap: z.types(name, dns.TypeNSEC),
		}}})
	}
}

// owners are the names that have a proof: those with records of the zone, at
// delegations too. NSEC3 has them also for the names in between (RFC 5155
// §7.1), and leaves unsigned delegations out if told to opt out.
func (z *zone) owners() []string {
	seen := map[string]bool{}
	for _, name := range z.names {
		cut := slices.Contains(z.apart, name)
		if z.delegated(name) && !cut || z.OptOut && cut && z.sets[name][dns.TypeDS] == nil {
			continue
		}
		seen[name] = true
		for n := name; z.NSEC3 && n != z.Name; n = parent(n) {
			seen[n] = true
		}
	}
	var owners []string
	for name := range seen {
		owners = append(owners, name)
	}
	slices.SortFunc(owners, compare)
	return owners
}

func (z *zone) nsec3(hash, next, name string) dns.RR {
	flags := uint8(0)
	if z.OptOut {
		flags = 1
	}
	return &dns.NSEC3{
		Hdr:  dns.RR_Header{Name: strings.ToLower(hash) + "." + strings.TrimPrefix(z.Name, "."), Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: 300},
		Hash: dns.SHA1, Flags: flags, Iterations: z.Iterations,
		SaltLength: uint8(len(z.Salt) / 2), Salt: z.Salt,
		HashLength: 20, NextDomain: next,
		TypeBitMap: z.types(name, 0),
	}
}

// types are those at a name, RFC 4034 §4.1.2: with the signatures, if any, and
// with the type of the proof itself, if it stands there too.
func (z *zone) types(name string, proof uint16) []uint16 {
	var types []uint16
	signed := proof != 0
	for t := range z.sets[name] {
		if !z.delegated(name) || t == dns.TypeNS || t == dns.TypeDS {
			types = append(types, t)
			signed = signed || !z.delegated(name) || t == dns.TypeDS
		}
	}
	if proof != 0 {
		types = append(types, proof)
	}
	if signed {
		types = append(types, dns.TypeRRSIG)
	}
	slices.Sort(types)
	return types
}

func (z *zone) hash(name string) string {
	return dns.HashName(name, dns.SHA1, z.Iterations, z.Salt)
}

// match is the proof of what is at a name; empty if there is none of its own.
func (z *zone) match(name string) []dns.RR {
	if z.NSEC3 {
		name = z.hash(name)
	}
	for _, l := range z.chain {
		if l.at == name {
			return l.records
		}
	}
	return nil
}

// cover is the proof that a name is not there.
func (z *zone) cover(name string) []dns.RR {
	order := compare
	if z.NSEC3 {
		name, order = z.hash(name), strings.Compare
	}
	for i := len(z.chain) - 1; i >= 0; i-- {
		if order(z.chain[i].at, name) < 0 {
			return z.chain[i].records
		}
	}
	return z.chain[len(z.chain)-1].records
}

// absent proves that the name has no records of the type asked for.
func (z *zone) absent(name string) []dns.RR {
	if rrs := z.match(name); rrs != nil {
		return rrs
	}
	if !z.NSEC3 {
		return z.cover(name) // an empty non-terminal
	}
	top, next := z.encloser(name) // an unsigned delegation, opted out
	return join(z.match(top), z.cover(next))
}

// missing proves that the name does not exist, though a wildcard may match:
// join it with what is proved of the wildcard.
func (z *zone) missing(name string) []dns.RR {
	if !z.NSEC3 {
		return z.cover(name)
	}
	top, next := z.encloser(name)
	return join(z.match(top), z.cover(next))
}

// encloser is the closest name above that has a proof, and the next one down.
func (z *zone) encloser(name string) (top, next string) {
	for top = name; top != z.Name; {
		next, top = top, parent(top)
		if z.match(top) != nil || !z.NSEC3 && z.exists(top) {
			break
		}
	}
	return top, next
}

// join puts proofs together, each record once.
func join(proofs ...[]dns.RR) []dns.RR {
	var out []dns.RR
	for _, p := range proofs {
		for _, rr := range p {
			if !slices.Contains(out, rr) {
				out = append(out, rr)
			}
		}
	}
	return out
}
