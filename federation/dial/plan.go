// Package dial finds the servers of another domain and reaches one: SRV
// records, addresses and TLSA records, each with how far it can be believed,
// then TCP, STARTTLS or direct TLS, and the judgement of the certificate that
// is presented. It decides nothing: what it found out is in a [Target], and the
// caller's Accept says whether that is enough.
//
// A lookup that fails is never taken for a "no". Whoever is on the path can
// make a lookup fail; what would follow from a missing record, a weaker proof,
// is what he is after (RFC 7672 §2.1.2).
package dial

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/idna"

	"lethe/dane"
	"lethe/dane/resolve"
)

// Resolver is what is needed of a resolve.Resolver.
type Resolver interface {
	Service(ctx context.Context, service, proto, domain string) resolve.Service
	Addresses(ctx context.Context, host string) resolve.Addresses
	TLSA(ctx context.Context, port uint16, host string) resolve.Associations
}

// port is where a domain without SRV records is looked for (RFC 6120 §3.2.2).
const port = 5269

// maxTargets bounds how many servers of a domain are tried.
const maxTargets = 8

// Target is one server of a domain and what became known of it, step by step.
type Target struct {
	Domain string // in normal form, which has U-labels
	Host   string // in A-labels
	Port   uint16
	Direct bool // TLS from the first byte (XEP-0368)
	Onion  bool // an onion service: found by Tor, and by its name proved

	SRV       resolve.Status // of the answer that led here
	Address   resolve.Status
	TLSA      resolve.Status // Indeterminate also when it was not asked for
	Asked     bool           // for TLSA records
	Why       resolve.Reason // of the first lookup that was not Usable
	Zone      string         // where that was
	Addresses []netip.Addr
	Records   []dane.Record // proved by DNSSEC; else none

	// Reached is set once Tor has connected us to an onion service.
	Reached bool

	names dane.Names // what the certificate may name
	// What is to be said of the certificate, once there is one. PKIX is judged
	// only where DANE leaves the word to the certificate authorities.
	DANE, PKIX dane.Outcome
}

// Plan is where a domain can be reached.
type Plan struct {
	Status   resolve.Status // the worse of the SRV lookups
	Why      resolve.Reason
	Zone     string
	Declined bool      // the domain offers no federation (RFC 2782, target ".")
	Targets  []*Target // in the order to try
}

// UnderOnion reports whether a domain, in normal form, is an onion service's.
func UnderOnion(domain string) bool { return strings.HasSuffix(domain, ".onion") }

// ascii is a domain as the DNS and TLS have it, in A-labels. What is none stays as
// it is, and is found nowhere.
func ascii(domain string) string {
	if name, err := idna.Lookup.ToASCII(domain); err == nil {
		return name
	}
	return domain
}

// Find asks for the SRV records of both services (XEP-0368) and puts what they
// name in order. Without any, the domain itself is the target. An onion service
// is its own target: its name is nothing for the DNS (RFC 7686 §2).
func Find(ctx context.Context, r Resolver, domain string) Plan {
	if UnderOnion(domain) {
		return Plan{Status: resolve.Secure, Targets: []*Target{{Domain: domain, Host: domain, Port: port, Onion: true}}}
	}
	services := []struct {
		name   string
		direct bool
		answer resolve.Service
	}{{name: "xmpps-server", direct: true}, {name: "xmpp-server"}}
	var both sync.WaitGroup
	for i := range services {
		both.Go(func() { services[i].answer = r.Service(ctx, services[i].name, "tcp", ascii(domain)) })
	}
	both.Wait()

	p := Plan{Status: resolve.Secure}
	var found []weighted
	for _, s := range services {
		if s.answer.Status < p.Status {
			p.Status, p.Why, p.Zone = s.answer.Status, s.answer.Why, s.answer.Zone
		}
		p.Declined = p.Declined || s.answer.Declined
		for _, t := range s.answer.Targets {
			found = append(found, weighted{t, &Target{
				Domain: domain, Host: t.Host, Port: t.Port, Direct: s.direct, SRV: s.answer.Status,
			}})
		}
	}
	switch {
	case !p.Status.Usable():
		return p
	case len(found) > 0:
		p.Declined = false
		p.Targets = order(found)
	case !p.Declined:
		p.Targets = []*Target{{Domain: domain, Host: ascii(domain), Port: port, SRV: p.Status}}
	}
	return p
}

type weighted struct {
	resolve.Target
	target *Target
}

// order sorts by priority and, within one, draws by weight (RFC 2782). Targets
// of both services stand in one list (XEP-0368 §3).
func order(found []weighted) []*Target {
	slices.SortStableFunc(found, func(a, b weighted) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)))
	})
	var out []*Target
	for len(found) > 0 && len(out) < maxTargets {
		same := 1
		for same < len(found) && found[same].Priority == found[0].Priority {
			same++
		}
		i := draw(found[:same])
		out = append(out, found[i].target)
		found = slices.Delete(found, i, i+1)
	}
	return out
}

// draw picks one of equal priority: those of weight 0, which stand first, with
// the little chance that RFC 2782 gives them.
func draw(same []weighted) int {
	sum := 0
	for _, w := range same {
		sum += int(w.Weight)
	}
	n := rand.IntN(sum + 1)
	for i, w := range same {
		if n -= int(w.Weight); n <= 0 {
			return i
		}
	}
	return len(same) - 1
}

// Prepare asks for the addresses and, where DNSSEC reaches so far, for the TLSA
// records of a target. It reports whether the target may be connected to: every
// lookup was answered, and there are addresses.
func (t *Target) Prepare(ctx context.Context, r Resolver) bool {
	if t.Onion {
		return true
	}
	a := r.Addresses(ctx, t.Host)
	t.Address, t.Addresses = a.Status, a.IPs
	if !a.Status.Usable() {
		t.Why, t.Zone = a.Why, a.Zone
		return false
	}
	t.names = dane.Names{Domain: t.Domain}
	if t.SRV != resolve.Secure {
		// RFC 7673 §3.1: whoever led here might be anybody. The certificate
		// must name the domain, and TLSA records count for nothing.
		return len(t.Addresses) > 0
	}
	t.names.Hosts = []string{t.Host} // RFC 7673 §4.1
	if a.Status != resolve.Secure {
		return len(t.Addresses) > 0 // RFC 7671 §7, RFC 7672 §2.2.2
	}
	return t.associate(ctx, r, a.Names) && len(t.Addresses) > 0
}

// associate asks for TLSA records at the end of the host's aliases first, then
// at the host (RFC 7671 §7).
func (t *Target) associate(ctx context.Context, r Resolver, names []string) bool {
	base := t.Host
	if len(names) > 1 {
		base = strings.TrimSuffix(names[len(names)-1], ".")
		t.names.Hosts = append(t.names.Hosts, base)
	}
	for _, host := range slices.Compact([]string{base, t.Host}) {
		answer := r.TLSA(ctx, t.Port, host)
		t.Asked, t.TLSA = true, answer.Status
		if !answer.Status.Usable() {
			t.Why, t.Zone = answer.Why, answer.Zone
			return false
		}
		if answer.Status != resolve.Secure {
			continue // proved to lie where nothing is signed
		}
		for _, rec := range answer.Records {
			t.Records = append(t.Records, dane.Record(rec))
		}
		if len(t.Records) > 0 {
			return true
		}
	}
	return true
}
