package federation

import (
	"slices"
	"strings"

	"lethe/dane"
	"lethe/federation/dial"
	"lethe/relay/jid"
)

// A Mode says what proof a peer owes. The zero value accepts none.
type Mode uint8

// The modes, in the order of lethe.toml's words "off", "dane" and "dane-only".
const (
	Off      Mode = iota // no federation
	DANE                 // DANE where it is published, else certificate authorities
	DANEOnly             // nothing without DANE
)

// A Policy says who may federate. It is not changed once in use: a new one
// takes its place. The zero value refuses everybody.
//
// Allow and Deny hold domains in normal form ([jid.Domain]), each alone
// (partner.example) or as all that lie below it (*.partner.example), itself not
// included. Deny goes before Allow; an empty Allow admits whoever is not denied.
type Policy struct {
	Mode        Mode
	Allow, Deny []string
}

// A Status is how far an answer of the DNS is to be believed (RFC 4033 §5). The
// zero value refuses.
type Status uint8

// The statuses, up to Secure in the order of those of dane/resolve.
const (
	Failed   Status = iota // no answer in time, or one that cannot be judged
	Bogus                  // an answer whose proof is wrong
	Insecure               // proved to be unsigned
	Secure                 // proved
	Unneeded               // not asked, as nothing rests on it: see Facts
)

// Facts are what is known of a peer. What is left out speaks against it.
type Facts struct {
	Domain string // that it claims to be

	SRV     Status // of the SRV records, or of there being none
	Address Status // of the target's addresses; Unneeded if the peer called us
	TLSA    Status // of the TLSA records; Unneeded if one before is Insecure

	DANE dane.Outcome // by dane.Judge, with the records that TLSA is about
	PKIX dane.Outcome // by dane.PKIX

	// Onion is set if the peer was reached through Tor at the address that is
	// its domain, or called back there (RFC 7686 §2).
	Onion bool
}

// A Verdict says whether a peer is accepted, and by what proof. The zero value
// is no.
type Verdict uint8

// The verdicts.
const (
	Refused Verdict = iota
	ByDANE
	ByPKIX
	ByOnion // by the domain being the key, for peers under .onion
)

// String returns the verdict's word.
func (v Verdict) String() string { return [...]string{"refused", "dane", "pkix", "onion"}[v] }

// A Decision is what becomes of a peer, and why. It holds nothing that a peer
// sent. The zero value refuses.
type Decision struct {
	Verdict Verdict
	Reason  string // in a few words
	Section string // the clause behind it, e.g. "RFC 7673 §3.1"
	Cure    string // what to do about it, empty if nothing is wrong
}

// Accept reports whether the peer is accepted.
func (d Decision) Accept() bool { return d.Verdict != Refused }

// Admit reports whether the domain may federate if it is proved. If not, the
// decision says why, and nothing need be asked about it.
func (p *Policy) Admit(domain string) (Decision, bool) {
	// RFC 6120 §4.9.3.14: whom to refuse is a matter of local policy.
	const section = "RFC 6120 §4.9.3.14"
	domain, err := jid.Domain(domain) // or another spelling would slip by Deny
	switch {
	case p.Mode != DANE && p.Mode != DANEOnly:
		return refuse("federation is switched off", section, `set [federation] policy = "dane"`), false
	case err != nil:
		return refuse("this is no domain", "RFC 7622 §3.2", "compare its spelling"), false
	case listed(p.Deny, domain):
		return refuse("the domain is denied", section, "remove it from [federation] deny"), false
	case len(p.Allow) > 0 && !listed(p.Allow, domain):
		return refuse("the domain is not among those allowed", section, "add it to [federation] allow"), false
	}
	return Decision{}, true
}

// listed reports whether a list names the domain or what it lies below.
func listed(list []string, domain string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		if parent, ok := strings.CutPrefix(entry, "*"); ok {
			return strings.HasPrefix(parent, ".") && strings.HasSuffix(domain, parent)
		}
		return entry == domain
	})
}

// Decide says whether a peer of whom these are the facts is accepted.
func (p *Policy) Decide(f Facts) Decision {
	if d, ok := p.Admit(f.Domain); !ok {
		return d
	}
	if underOnion(f.Domain) {
		return p.onion(f)
	}
	if d, ok := believable(f); !ok {
		return d
	}
	// RFC 7673 §3.1 to §3.3: TLSA records count where all that led to them is
	// proved. Whoever could forge an SRV record could name a server of their
	// own.
	called := f.Address == Unneeded
	if f.SRV == Secure && (f.Address == Secure || called) && f.TLSA == Secure {
		return p.proved(f)
	}
	return p.unsigned(f)
}

// underOnion reports whether a domain is an onion service's, in any spelling.
func underOnion(domain string) bool { return dial.UnderOnion(normal(domain)) }

// believable refuses what rests on an answer of the DNS that is forged or
// missing: an attacker who can make a lookup fail must gain nothing by it.
func believable(f Facts) (Decision, bool) {
	unsigned := f.SRV == Insecure || f.Address == Insecure
	for _, answer := range []struct {
		status        Status
		unneeded      bool // may it be
		what, section string
	}{
		{f.SRV, false, "the SRV lookup", "RFC 7673 §3.1"},
		{f.Address, true, "the address lookup", "RFC 7673 §3.2"},
		{f.TLSA, unsigned, "the TLSA lookup", "RFC 7673 §3.3"},
	} {
		switch {
		case answer.status == Secure, answer.status == Insecure:
		case answer.status == Unneeded && answer.unneeded:
		case answer.status == Bogus:
			return refuse(answer.what+" is bogus: its DNSSEC proof is wrong", answer.section,
				"repair the zone's signatures; if they are sound, somebody forges answers"), false
		default:
			return refuse(answer.what+" failed", answer.section,
				"try again; if it stays, ask the zone's servers and the resolver"), false
		}
	}
	return Decision{}, true
}

// proved decides where TLSA records, or that there are none, are proved.
func (p *Policy) proved(f Facts) Decision {
	switch f.DANE.Verdict {
	case dane.DANE:
		return Decision{Verdict: ByDANE, Reason: "TLSA " + f.DANE.Record.Numbers() + " matched", Section: f.DANE.Reason.Section()}
	case dane.Authorities:
		// RFC 6698 §4.1: without a usable record, as without TLSA.
		if p.Mode == DANEOnly {
			return because(f.DANE.Reason)
		}
		return byAuthorities(f, f.DANE.Reason.String())
	}
	// RFC 6698 §4.1: a peer that its TLSA records do not know is refused,
	// whatever certificate authorities say.
	return because(f.DANE.Reason)
}

// unsigned decides where the DNS proves nothing of the peer.
func (p *Policy) unsigned(f Facts) Decision {
	what, section := "the TLSA lookup", "RFC 7673 §3.3"
	switch {
	case f.SRV == Insecure:
		what, section = "the SRV lookup", "RFC 7673 §3.1"
	case f.Address == Insecure:
		what, section = "the address lookup", "RFC 7673 §3.2"
	}
	why := what + " is not signed"
	if p.Mode == DANEOnly {
		return refuse(why, section, "sign the zone with DNSSEC and publish TLSA records")
	}
	return byAuthorities(f, why)
}

// byAuthorities decides by certificates alone, where DANE cannot.
func byAuthorities(f Facts, why string) Decision {
	if f.PKIX.Verdict != dane.ByPKIX {
		return because(f.PKIX.Reason)
	}
	return Decision{Verdict: ByPKIX, Reason: f.PKIX.Reason.String() + "; " + why, Section: f.PKIX.Reason.Section()}
}

// onion decides on a peer whose domain is the key of its onion service: whom
// Tor reached there is the peer, and nobody else can be. The DNS is not asked
// (RFC 7686 §2).
func (p *Policy) onion(f Facts) Decision {
	const section = "RFC 7686 §2"
	switch {
	case !f.Onion:
		return refuse("the peer was not reached through Tor", section, "set [onion] socks")
	case p.Mode == DANEOnly:
		return refuse("an onion service has no DANE", section, `set [federation] policy = "dane"`)
	}
	return Decision{Verdict: ByOnion, Reason: "reached through Tor at the address that is its key", Section: section}
}

func refuse(reason, section, cure string) Decision {
	return Decision{Reason: reason, Section: section, Cure: cure}
}

func because(r dane.Reason) Decision { return refuse(r.String(), r.Section(), r.Cure()) }
