package federation

import (
	"context"
	"crypto/x509"
	"errors"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"lethe/dane/resolve"
	"lethe/federation/dial"
	"lethe/tls"
)

// A Step is one thing that a check did. Nothing in it is what a peer sent, but
// for names and TLSA records that its DNS proved or did not.
type Step struct {
	Name    string // policy, SRV, address, TLSA, TCP, STARTTLS, TLS, stream, login
	OK      bool
	Found   string // what came of it
	Section string // the clause behind it, if it is not OK
	Cure    string // what to do about it, likewise
}

// A Finding is what a check comes to. The zero value refuses.
type Finding struct {
	Decision
	Unreachable bool // there was nobody to decide on
}

// String returns the word for it: that of the verdict, or "unreachable".
func (f Finding) String() string {
	if f.Unreachable {
		return "unreachable"
	}
	return f.Verdict.String()
}

// A Probe is one server of a domain and how far a link to it would come.
type Probe struct {
	Target  *dial.Target
	Finding Finding
	Steps   []Step
}

// A Check says what links with a domain rest on. Its finding is that of the
// first server, in the order of trying, that is accepted, as a link would stop
// there. If none is, it is that of the first one refused, which says more than
// a silence, and only then that of the first one unreachable.
type Check struct {
	Domain  string
	Finding Finding
	Steps   []Step // before there was a server to try
	Probes  []Probe
}

// Check does all that a link from one of our domains to another does before it
// carries stanzas, and takes the connections down again. Every server is tried,
// all at once, each within the time that a link has. The domain is in normal
// form.
//
// The finding is about the peer's proof. What the peer makes of ours is in the
// last step of each server, and in the reason.
func (s *Server) Check(ctx context.Context, local, domain string) Check {
	ctx, cancel := context.WithTimeout(ctx, patience(domain))
	defer cancel()
	c := Check{Domain: domain}
	if refusal := s.admits(domain); refusal != nil {
		c.end("policy", Finding{Decision: refusal.Decision})
		return c
	}
	c.Steps = append(c.Steps, Step{Name: "policy", OK: true, Found: "the domain may federate once it is proved"})
	c.walk(ctx, s.cfg.Resolver, s.policy.Load(), func(p *Probe) { s.probe(ctx, local, domain, p) })
	return c
}

// Examine says how one of our own domains looks to a server elsewhere, under
// the policy "dane": what it makes of chain by what the DNS answers. It
// connects to nobody.
func (s *Server) Examine(ctx context.Context, domain string, chain []*x509.Certificate) Check {
	c, elsewhere := Check{Domain: domain}, &Policy{Mode: DANE}
	if dial.UnderOnion(domain) {
		c.end("Tor", Finding{Decision: elsewhere.Decide(Facts{Domain: domain, Onion: true})})
		return c
	}
	c.walk(ctx, s.cfg.Resolver, elsewhere, func(p *Probe) {
		p.Target.Judge(chain, s.cfg.Roots, s.cfg.Now())
		p.judged(elsewhere)
	})
	return c
}

// end is the last of the steps before a server.
func (c *Check) end(step string, f Finding) {
	c.Finding = f
	c.Steps = append(c.Steps, failed(step, f.Decision))
}

func failed(step string, d Decision) Step {
	return Step{Name: step, Found: d.Reason, Section: d.Section, Cure: d.Cure}
}

func unreachable(reason, section, cure string) Finding {
	return Finding{Decision: refuse(reason, section, cure), Unreachable: true}
}

// walk finds the domain's servers and has probe go on with each that may be
// connected to.
func (c *Check) walk(ctx context.Context, r dial.Resolver, policy *Policy, probe func(*Probe)) {
	plan := dial.Find(ctx, r, c.Domain)
	switch {
	case !plan.Status.Usable():
		d := policy.Decide(Facts{Domain: c.Domain, SRV: statusOf(plan.Status)})
		c.end("SRV", unusable("SRV", plan.Status, plan.Why, d))
		return
	case plan.Declined:
		c.end("SRV", unreachable("the domain offers no federation", "RFC 2782", "none, if that is meant"))
		return
	}
	if plan.Targets[0].Onion {
		c.Steps = append(c.Steps, Step{Name: "Tor", OK: true, Found: "an onion service: its name is its proof, and its address"})
	} else {
		c.Steps = append(c.Steps, Step{Name: "SRV", OK: true, Found: believed(plan.Status, plan.Why) + ", " + count(len(plan.Targets), "server")})
	}
	c.Probes = make([]Probe, len(plan.Targets))
	var all sync.WaitGroup
	for i, t := range plan.Targets {
		p := &c.Probes[i]
		p.Target = t
		all.Go(func() {
			if p.prepare(ctx, r, policy) {
				probe(p)
			}
		})
	}
	all.Wait()
	c.conclude()
}

// conclude finds what the servers come to.
func (c *Check) conclude() {
	rank := func(f Finding) int {
		switch {
		case f.Accept():
			return 2
		case !f.Unreachable:
			return 1
		}
		return 0
	}
	c.Finding = c.Probes[0].Finding // there is always one
	for _, p := range c.Probes[1:] {
		if rank(p.Finding) > rank(c.Finding) {
			c.Finding = p.Finding
		}
	}
}

// prepare asks for all that the DNS has on the server.
func (p *Probe) prepare(ctx context.Context, r dial.Resolver, policy *Policy) bool {
	t := p.Target
	ready := t.Prepare(ctx, r)
	if t.Onion {
		return ready
	}
	if !t.Address.Usable() {
		p.end("address", unusable("address", t.Address, t.Why, policy.Decide(factsOf(t))))
		return false
	}
	found := believed(t.Address, t.Why) + ", " + count(len(t.Addresses), "address")
	if len(t.Addresses) == 0 {
		p.end("address", unreachable("the server has no address", "RFC 6120 §3.2.1", "publish its A and AAAA records"))
		return false
	}
	p.done("address", found)
	switch {
	case !t.Asked:
		p.done("TLSA", "not asked for: it would prove nothing, as what leads there is not signed")
	case !t.TLSA.Usable():
		p.end("TLSA", unusable("TLSA", t.TLSA, t.Why, policy.Decide(factsOf(t))))
	default:
		p.done("TLSA", believed(t.TLSA, t.Why)+", "+count(len(t.Records), "record"))
	}
	return ready
}

func (p *Probe) done(step, found string) {
	p.Steps = append(p.Steps, Step{Name: step, OK: true, Found: found})
}

func (p *Probe) end(step string, f Finding) {
	p.Finding = f
	p.Steps = append(p.Steps, failed(step, f.Decision))
}

// judged is the step in which the policy decides.
func (p *Probe) judged(policy *Policy) {
	p.Finding.Decision = policy.Decide(factsOf(p.Target))
	if !p.Finding.Accept() {
		p.end("TLS", p.Finding)
		return
	}
	p.done("TLS", p.Finding.Reason)
}

// probe connects to a server as a link would.
func (s *Server) probe(ctx context.Context, local, remote string, p *Probe) {
	stream, err := p.Target.Connect(ctx, s.dialing(local, remote))
	p.reached(err)
	if err != nil {
		return
	}
	p.judged(s.policy.Load())
	v := &session{Stream: stream, srv: s, local: local, remote: remote}
	defer v.discard()
	if s.local(remote) {
		return // to oneself one says nothing
	}
	deadline, _ := ctx.Deadline()
	v.Deadline(deadline)
	last := v.offered()
	p.Steps = append(p.Steps, last)
	if !last.OK {
		p.Finding.Reason += "; but " + last.Found
	}
}

// reached tells the stages of a connection, up to that of the error if there is
// one. A certificate that was accepted is told of in judged.
func (p *Probe) reached(err error) {
	stop, step := dial.Securing, (*dial.Error)(nil)
	if errors.As(err, &step) {
		stop = step.Stage
	}
	for stage := dial.Connecting; stage < stop; stage++ {
		if stage == dial.Connecting || !p.Target.Direct {
			p.done(stage.String(), "goes through")
		}
	}
	if step != nil {
		p.end(stop.String(), stopped(step, p.Target.Onion))
	}
}

// stopped is why a connection did not come about.
func stopped(err *dial.Error, onion bool) Finding {
	var refused *Refusal
	var handshake *tls.HandshakeError
	switch {
	case errors.As(err, &refused):
		return Finding{Decision: refused.Decision}
	case errors.Is(err, dial.ErrNoTLS):
		return Finding{Decision: refuse("the peer does not offer STARTTLS", "RFC 7590 §3.1", "switch STARTTLS on for links between servers")}
	case err.Stage == dial.Securing && errors.As(err, &handshake):
		return Finding{Decision: refuse(handshake.Error(), "RFC 6120 §5.4.3.2", "offer TLS 1.3, and the ALPN protocol xmpp-server if any")}
	case err.Stage == dial.Securing:
		return Finding{Decision: refuse("the TLS handshake failed", "RFC 6120 §5.4.3.2", "look into the peer's log")}
	case err.Stage == dial.Upgrading:
		return unreachable("what answers there opens no stream for the domain", "RFC 6120 §4.2", "see what listens on that port, and whether it serves the domain")
	}
	why := "no address answers"
	switch {
	case onion:
		return unreachable("Tor does not reach the service", "RFC 7686 §2", "see whether Tor runs and the service is up; a new one takes some minutes")
	case errors.Is(err, syscall.ECONNREFUSED):
		why += ": connection refused"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		why += " in time"
	}
	return unreachable(why, "RFC 6120 §3.2.1", "see whether the server runs, and what its firewall lets through")
}

// offered is what the peer makes of our proof. Dialback is not tried: the
// answer would be asked of the relay that serves, which knows nothing of this
// connection.
func (s *session) offered() Step {
	const cure = "publish what lethe dns prints, or use a certificate of a known authority; the peer's log says more"
	no := func(step, found, section string) Step {
		return failed(step, refuse(found, section, cure))
	}
	if _, err := dial.Open(s.Stream, s.local, s.remote); err != nil {
		return no("stream", "the peer opens no stream in TLS", "RFC 6120 §5.4.3.3")
	}
	features, err := s.features()
	switch {
	case err != nil:
		return no("stream", "the peer ends the stream", "RFC 6120 §4.3.2")
	case offers(features, "EXTERNAL"):
		if _, err := s.external(); err != nil {
			return no("login", "the peer does not accept our certificate", "RFC 6120 §13.7.2")
		}
		return Step{Name: "login", OK: true, Found: "the peer accepts our certificate"}
	case features.Child(nsFeature, "dialback") != nil:
		return Step{Name: "login", OK: true, Found: "the peer takes no certificate for a login and would call back (dialback), which is not tried here"}
	}
	return no("login", errNoMechanism.Error(), "RFC 6120 §6.3.3")
}

// unusable is a lookup on which nothing may rest. The policy has the cure, the
// resolver knows best why.
func unusable(what string, status resolve.Status, why resolve.Reason, d Decision) Finding {
	d.Reason = "the " + what + " lookup is " + status.String() + ": " + why.String()
	d.Section = why.Section()
	return Finding{Decision: d}
}

// believed says how far an answer goes.
func believed(s resolve.Status, why resolve.Reason) string {
	if s == resolve.Secure {
		return s.String()
	}
	return s.String() + " (" + why.String() + ")"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "s") {
		what += "e"
	}
	return strconv.Itoa(n) + " " + what + "s"
}
