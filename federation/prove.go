package federation

import (
	"context"
	"crypto/x509"
	"errors"

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
	switch {
	case !ok:
	case dial.UnderOnion(domain):
		// Whoever is reached is proved: is there a way?
		d = policy.Decide(Facts{Domain: domain, Onion: s.cfg.Tor != nil})
		ok = d.Accept()
	case s.hidden:
		// RFC 7686 §3: what is asked elsewhere tells who asks.
		d = refuse("this relay is an onion service and speaks with onion services only", "RFC 7686 §3", "write to an address under .onion")
		ok = false
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
		DANE: t.DANE, PKIX: t.PKIX, Onion: t.Reached,
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
		return Refused, errNoCertificate
	}
	if dial.UnderOnion(domain) {
		return Refused, errNoCertificate // its certificate proves nothing; dialback does
	}
	var verdict Verdict
	err := s.each(ctx, domain, func(t *dial.Target) error {
		t.Judge(chain, s.cfg.Roots, s.cfg.Now())
		d := s.decide(t)
		if !d.Accept() {
			return &Refusal{d}
		}
		verdict = d.Verdict
		return nil
	})
	return verdict, err
}

// each has try work on the servers of a domain, one after the other, until it
// succeeds. One whose lookups fail is passed over: it proves nothing, another
// may. A refusal tells more than a silence.
func (s *Server) each(ctx context.Context, domain string, try func(*dial.Target) error) error {
	plan := dial.Find(ctx, s.cfg.Resolver, domain)
	switch {
	case !plan.Status.Usable():
		return &lookupError{"SRV", plan.Status, plan.Why}
	case plan.Declined:
		return errDeclined
	}
	var last error
	for _, t := range plan.Targets {
		err := error(nil)
		if t.Prepare(ctx, s.cfg.Resolver) {
			err = try(t)
		} else {
			err = unprepared(t)
		}
		if err == nil {
			return nil
		}
		if last == nil || !errors.Is(err, errUnreachable) {
			last = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return last
}

// unprepared is why a target may not be connected to.
func unprepared(t *dial.Target) error {
	switch {
	case !t.Address.Usable():
		return &lookupError{"address", t.Address, t.Why}
	case t.Asked && !t.TLSA.Usable():
		return &lookupError{"TLSA", t.TLSA, t.Why}
	}
	return errUnreachable
}
