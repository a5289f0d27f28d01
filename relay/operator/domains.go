package operator

import (
	"context"
	"fmt"
	"time"

	"lethe/dane"
	"lethe/federation"
	"lethe/relay/config"
	"lethe/relay/jid"
	"lethe/relay/web"
	"lethe/tls"
)

// An answer is what lethe check -json DOMAIN prints.
type answer struct {
	Domain  string         `json:"domain"`
	Verdict string         `json:"verdict"` // dane, pkix, onion, refused or unreachable
	Reason  string         `json:"reason"`
	Policy  string         `json:"policy"` // as in [federation]
	Targets []answerTarget `json:"targets"`
	// RunningRelay is what the relay that serves has to say; absent if it was
	// not asked, or does not.
	RunningRelay []web.Link `json:"running_relay,omitzero"`
}

// An answerTarget is one server of the domain, in the order of trying.
type answerTarget struct {
	Host    string   `json:"host"`
	Port    uint16   `json:"port"`
	TLS     string   `json:"tls"`  // starttls or direct
	SRV     string   `json:"srv"`  // secure, insecure, bogus or indeterminate; none of an onion service
	TLSA    []string `json:"tlsa"` // those that DNSSEC proves
	Verdict string   `json:"verdict"`
	Reason  string   `json:"reason"`
}

// checkDomains says what links with domains would rest on.
func (c *command) checkDomains(conf string, names []string, asJSON bool) error {
	domains := make([]string, len(names))
	for i, name := range names {
		domain, err := jid.Domain(name)
		if err != nil {
			return misuse(fmt.Sprintf("%q is no domain; write e.g. partner.example, and flags before it", name))
		}
		domains[i] = domain
	}
	cfg, err := readConfig(conf)
	if err != nil {
		return err
	}
	world, err := Outside(cfg)
	if err != nil {
		return err
	}
	certs, err := loadCertificates(cfg, time.Now())
	if err != nil {
		return err
	}
	world.TLS = tls.NewServer(certs, world.TLS12)
	peers := federation.NewServer(world)
	refused := 0
	for _, d := range domains {
		check := peers.Check(context.Background(), cfg.Domains[0], d)
		if !check.Finding.Accept() {
			refused++
		}
		if err := c.tell(check, cfg, asJSON); err != nil {
			return err
		}
	}
	if refused > 0 {
		return fmt.Errorf("no federation with %d of %d domains; see above", refused, len(domains))
	}
	return nil
}

func (c *command) tell(check federation.Check, cfg *config.Config, asJSON bool) error {
	policy := cfg.Federation.Policy
	running := askRunning(cfg, check.Domain)
	if asJSON {
		a := answerOf(check, policy)
		a.RunningRelay = running.links
		return c.encode(a)
	}
	c.say("%s, policy %s", check.Domain, policy)
	c.steps(check.Steps, nil)
	for _, p := range check.Probes {
		c.say("  %s, %s", target(p.Target.Host, p.Target.Port), kind(p.Target.Direct))
		c.steps(p.Steps, p.Target.Records)
		c.say("  = %s: %s", p.Finding, reason(p.Finding))
	}
	c.running(running)
	c.say("%s: %s: %s", check.Domain, check.Finding, reason(check.Finding))
	return nil
}

// steps prints steps, and the TLSA records below theirs.
func (c *command) steps(list []federation.Step, records []dane.Record) {
	for _, s := range list {
		if !s.OK {
			c.say("    FAIL  %-9s %s (%s)", s.Name, s.Found, s.Section)
			c.say("          %-9s cure: %s", "", s.Cure)
			continue
		}
		c.say("    ok    %-9s %s", s.Name, s.Found)
		if s.Name == "TLSA" {
			for _, r := range records {
				c.say("          %-9s %s", "", r)
			}
		}
	}
}

func answerOf(check federation.Check, policy config.Policy) answer {
	a := answer{check.Domain, check.Finding.String(), reason(check.Finding), policy.String(), []answerTarget{}, nil}
	for _, p := range check.Probes {
		t := answerTarget{
			Host: p.Target.Host, Port: p.Target.Port, TLS: kind(p.Target.Direct), SRV: p.Target.SRV.String(),
			TLSA: []string{}, Verdict: p.Finding.String(), Reason: reason(p.Finding),
		}
		if p.Target.Onion {
			t.SRV = "none"
		}
		for _, r := range p.Target.Records {
			t.TLSA = append(t.TLSA, r.String())
		}
		a.Targets = append(a.Targets, t)
	}
	return a
}

// reason has the clause with it, where something is wrong.
func reason(f federation.Finding) string {
	if f.Accept() {
		return f.Reason
	}
	return f.Reason + " (" + f.Section + ")"
}

func kind(direct bool) string {
	if direct {
		return "direct"
	}
	return "starttls"
}
