package resolve

import (
	"context"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Addresses of a host.
type Addresses struct {
	Status Status // the worse of the A and the AAAA answer's
	Why    Reason
	Zone   string
	// Names lead from the host asked for over its aliases to the one with the
	// addresses; RFC 7671 §7 looks for TLSA records at the last, then the first.
	Names []string
	IPs   []netip.Addr // IPv6 first; none if the host has none
	TTL   time.Duration
}

// A Target is one server of a service, RFC 2782.
type Target struct {
	Host     string // without the final dot
	Port     uint16
	Priority uint16 // the lowest is tried first
	Weight   uint16 // share among those of the same priority
}

// Service is where a domain offers a service.
type Service struct {
	Status Status
	Why    Reason
	Zone   string
	// Targets in no order. Empty and not Declined: the domain has no such
	// record.
	Targets []Target
	// Declined: the domain says that it does not offer the service (RFC 2782,
	// a target of ".").
	Declined bool
	TTL      time.Duration
}

// TLSA is one TLSA record, RFC 6698 §2.1, as it was published.
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// Associations are the TLSA records for one port of a host.
type Associations struct {
	Status  Status
	Why     Reason
	Zone    string
	Records []TLSA
	TTL     time.Duration
}

// Addresses asks for a host's IPv6 and IPv4 addresses at once. The host is a
// name in ASCII: A-labels for an international one.
func (r *Resolver) Addresses(ctx context.Context, host string) Addresses {
	if !isHost(host) {
		return Addresses{Why: BadName}
	}
	var answers [2]Answer
	var both sync.WaitGroup
	for i, t := range []uint16{dns.TypeAAAA, dns.TypeA} {
		both.Go(func() { answers[i] = r.Lookup(ctx, host, t) })
	}
	both.Wait()
	worse := answers[0]
	if answers[1].Status < worse.Status {
		worse = answers[1]
	}
	out := Addresses{
		Status: worse.Status, Why: worse.Why, Zone: worse.Zone,
		TTL: min(answers[0].TTL, answers[1].TTL),
	}
	if !out.Status.Usable() {
		return out
	}
	out.Names = answers[0].Names
	if len(answers[0].Records) == 0 {
		out.Names = answers[1].Names
	}
	for _, a := range answers {
		for _, rr := range a.Records {
			if ip, ok := address(rr); ok {
				out.IPs = append(out.IPs, ip)
			}
		}
	}
	return out
}

func address(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.AAAA:
		return netip.AddrFromSlice(rr.AAAA.To16())
	case *dns.A:
		return netip.AddrFromSlice(rr.A.To4())
	}
	return netip.Addr{}, false
}

// Service asks for the SRV records of a domain, as in
// Service(ctx, "xmpp-server", "tcp", "example.org").
func (r *Resolver) Service(ctx context.Context, service, proto, domain string) Service {
	if !isHost(domain) {
		return Service{Why: BadName}
	}
	// RFC 2782: _Service._Proto.Name.
	a := r.Lookup(ctx, "_"+service+"._"+proto+"."+domain, dns.TypeSRV)
	out := Service{Status: a.Status, Why: a.Why, Zone: a.Zone, TTL: a.TTL}
	for _, rr := range a.Records {
		srv, ok := rr.(*dns.SRV)
		if !ok {
			continue
		}
		out.Targets = append(out.Targets, Target{
			Host:     strings.TrimSuffix(dns.CanonicalName(srv.Target), "."),
			Port:     srv.Port,
			Priority: srv.Priority,
			Weight:   srv.Weight,
		})
	}
	// RFC 2782, Target: "." means that the service is decidedly not available
	// at this domain; beside other records it says nothing.
	if len(out.Targets) == 1 && out.Targets[0].Host == "" {
		out.Targets, out.Declined = nil, true
	}
	return out
}

// TLSA asks for the TLSA records of a TCP port of a host, RFC 6698 §3.
func (r *Resolver) TLSA(ctx context.Context, port uint16, host string) Associations {
	if !isHost(host) {
		return Associations{Why: BadName}
	}
	a := r.Lookup(ctx, "_"+strconv.Itoa(int(port))+"._tcp."+host, dns.TypeTLSA)
	out := Associations{Status: a.Status, Why: a.Why, Zone: a.Zone, TTL: a.TTL}
	for _, rr := range a.Records {
		t, ok := rr.(*dns.TLSA)
		if !ok {
			continue
		}
		data, err := hex.DecodeString(t.Certificate)
		if err != nil {
			continue // cannot be: the message was parsed to this text
		}
		out.Records = append(out.Records, TLSA{t.Usage, t.Selector, t.MatchingType, data})
	}
	return out
}

// isHost says whether s is a host name in ASCII (RFC 1123 §2.1), with or
// without the final dot. Underscores are let through: peers use them.
func isHost(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
			if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
