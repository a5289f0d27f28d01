package federation

import (
	"context"
	"crypto/x509"

	"lethe/dane/resolve"
	"lethe/federation/dial"
	"lethe/relay/wire"
)

// A Refusal is a Decision against a peer, as an error.
type Refusal struct{ Decision }

// Error says why, with the clause.
func (r *Refusal) Error() string { return r.Reason + " (" + r.Section + ")" }

// Condition answers a stanza for a domain that is refused.
func (r *Refusal) Condition() wire.Condition { return wire.CondRemoteServerNotFound }

// admits is nil if a domain may federate once it is proved.
func (s *Server) admits(domain string) *Refusal {
	policy := s.policy.Load()
	d, ok := policy.Admit(domain)
	if ok && underOnion(domain) {
		// RFC 7686 §2: its name is nothing for the DNS, and there is no way to
		// it through Tor yet.
		d, ok = policy.Decide(Facts{Domain: domain}), false
	}
	if !ok {
		return &Refusal{d}
	}
	return nil
}

// accept decides on a server by what is known of it and the certificate it
// showed. For those we connect to it is called within the TLS handshake.
func (s *Server) accept(t *dial.Target) error {
	if d := s.decide(t); !d.Accept() {
		return &Refusal{d}
	}
	return nil
}

func (s *Server) decide(t *dial.Target) Decision { return s.policy.Load().Decide(factsOf(t)) }

// factsOf is what a target says to the policy.
func factsOf(t *dial.Target) Facts {
	f := Facts{
		Domain: t.Domain, SRV: statusOf(t.SRV), Address: statusOf(t.Address), TLSA: Unneeded,
		DANE: t.DANE, PKIX: t.PKIX,
	}
	if t.Asked {
		f.TLSA = statusOf(t.TLSA)
	}
	return f
}

func statusOf(s resolve.Status) Status {
	switch s {
	case resolve.Secure:
		return Secure
	case resolve.Insecure:
		return Insecure
	case resolve.Bogus:
		return Bogus
	}
	return Failed
}

// examine decides on a peer that connected to us and says it is domain: the
// certificate that it showed must be one that a server of the domain has.
// Without one there is dialback.
func (s *Server) examine(ctx context.Context, domain string, chain []*x509.Certificate) (Verdict, error) {
	if refusal := s.admits(domain); refusal != nil {
		return Refused, refusal
	}
	if len(chain) == 0 {
		return Refused, errNoMechanism
	}
	plan := dial.Find(ctx, s.cfg.Resolver, domain)
	if err := planned(plan); err != nil {
		return Refused, err
	}
	var last error = errUnreachable
	for _, t := range plan.Targets {
		// A target whose lookups fail proves nothing for the peer; another
		// may.
		if !t.Prepare(ctx, s.cfg.Resolver) {
			last = unprepared(t)
			continue
		}
		t.Judge(chain, s.cfg.Roots, s.cfg.Now())
		d := s.decide(t)
		if d.Accept() {
			return d.Verdict, nil
		}
		last = &Refusal{d}
	}
	return Refused, last
}
