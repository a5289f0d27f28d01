package federation

import (
	"strings"
	"testing"

	"lethe/dane"
)

// Outcomes of the two judgements, as they come.
func byTLSA() dane.Outcome {
	return dane.Outcome{Verdict: dane.DANE, Reason: dane.Matched, Record: dane.Record{Usage: 3, Selector: 1, Matching: 1}}
}
func noTLSA() dane.Outcome   { return dane.Outcome{Verdict: dane.Authorities, Reason: dane.NoRecords} }
func badTLSA() dane.Outcome  { return dane.Outcome{Verdict: dane.Authorities, Reason: dane.NoneUsable} }
func mismatch() dane.Outcome { return dane.Outcome{Reason: dane.Mismatch} }
func byPKIX() dane.Outcome   { return dane.Outcome{Verdict: dane.ByPKIX, Reason: dane.Validated} }
func expired() dane.Outcome  { return dane.Outcome{Reason: dane.Expired} }

const (
	peer  = "partner.example"
	onion = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion"
)

func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		name    string
		mode    Mode
		facts   Facts
		verdict string
		section string
		reason  string // part of it
	}{
		{"proved by DANE", DANE, Facts{peer, Secure, Secure, Secure, byTLSA(), expired(), false}, "dane", "RFC 6698 §2.1", "TLSA 3 1 1 matched"},
		{"dane-only, proved by DANE", DANEOnly, Facts{peer, Secure, Secure, Secure, byTLSA(), expired(), false}, "dane", "RFC 6698 §2.1", "TLSA 3 1 1 matched"},
		{"proved by DANE, the peer called", DANEOnly, Facts{peer, Secure, Unneeded, Secure, byTLSA(), expired(), false}, "dane", "RFC 6698 §2.1", "TLSA 3 1 1 matched"},
		{"TLSA mismatch, trusted certificate", DANE, Facts{peer, Secure, Secure, Secure, mismatch(), byPKIX(), false}, "refused", "RFC 6698 §2.1", "no TLSA record fits"},
		{"none published, trusted certificate", DANE, Facts{peer, Secure, Secure, Secure, noTLSA(), byPKIX(), false}, "pkix", "RFC 6120 §13.7.2", "no TLSA record is published"},
		{"none usable, trusted certificate", DANE, Facts{peer, Secure, Secure, Secure, badTLSA(), byPKIX(), false}, "pkix", "RFC 6120 §13.7.2", "no TLSA record is usable"},
		{"none published, expired certificate", DANE, Facts{peer, Secure, Secure, Secure, noTLSA(), expired(), false}, "refused", "RFC 5280 §4.1.2.5", "expired"},
		{"none usable, expired certificate", DANE, Facts{peer, Secure, Secure, Secure, badTLSA(), expired(), false}, "refused", "RFC 5280 §4.1.2.5", "expired"},
		{"dane-only, none published", DANEOnly, Facts{peer, Secure, Secure, Secure, noTLSA(), byPKIX(), false}, "refused", "RFC 7673 §4.1", "no TLSA record is published"},
		{"dane-only, none usable", DANEOnly, Facts{peer, Secure, Secure, Secure, badTLSA(), byPKIX(), false}, "refused", "RFC 6698 §4.1", "no TLSA record is usable"},

		{"unsigned domain", DANE, Facts{peer, Insecure, Insecure, Unneeded, noTLSA(), byPKIX(), false}, "pkix", "RFC 6120 §13.7.2", "the SRV lookup is not signed"},
		{"unsigned domain, no certificate to trust", DANE, Facts{peer, Insecure, Secure, Unneeded, noTLSA(), expired(), false}, "refused", "RFC 5280 §4.1.2.5", "expired"},
		{"unsigned domain, records of its signed server", DANE, Facts{peer, Insecure, Secure, Secure, byTLSA(), expired(), false}, "refused", "RFC 5280 §4.1.2.5", "expired"},
		{"dane-only, unsigned domain", DANEOnly, Facts{peer, Insecure, Secure, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 7673 §3.1", "the SRV lookup is not signed"},
		{"unsigned server", DANE, Facts{peer, Secure, Insecure, Unneeded, dane.Outcome{}, byPKIX(), false}, "pkix", "RFC 6120 §13.7.2", "the address lookup is not signed"},
		{"dane-only, unsigned server", DANEOnly, Facts{peer, Secure, Insecure, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 7673 §3.2", "the address lookup is not signed"},
		{"unsigned records", DANE, Facts{peer, Secure, Secure, Insecure, byTLSA(), byPKIX(), false}, "pkix", "RFC 6120 §13.7.2", "the TLSA lookup is not signed"},
		{"dane-only, unsigned records", DANEOnly, Facts{peer, Secure, Secure, Insecure, byTLSA(), byPKIX(), false}, "refused", "RFC 7673 §3.3", "the TLSA lookup is not signed"},

		{"bogus SRV", DANE, Facts{peer, Bogus, Secure, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 7673 §3.1", "the SRV lookup is bogus"},
		{"bogus address", DANE, Facts{peer, Secure, Bogus, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 7673 §3.2", "the address lookup is bogus"},
		{"bogus TLSA", DANE, Facts{peer, Secure, Secure, Bogus, noTLSA(), byPKIX(), false}, "refused", "RFC 7673 §3.3", "the TLSA lookup is bogus"},
		{"no answer for SRV", DANE, Facts{peer, Failed, Secure, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 7673 §3.1", "the SRV lookup failed"},
		{"no answer for the address", DANE, Facts{peer, Secure, Failed, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 7673 §3.2", "the address lookup failed"},
		{"no answer for TLSA", DANE, Facts{peer, Secure, Secure, Failed, noTLSA(), byPKIX(), false}, "refused", "RFC 7673 §3.3", "the TLSA lookup failed"},
		{"TLSA not asked for", DANE, Facts{peer, Secure, Secure, Unneeded, noTLSA(), byPKIX(), false}, "refused", "RFC 7673 §3.3", "the TLSA lookup failed"},
		{"SRV not asked for", DANE, Facts{peer, Unneeded, Secure, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 7673 §3.1", "the SRV lookup failed"},
		{"judgements mixed up", DANE, Facts{peer, Secure, Secure, Secure, byPKIX(), byTLSA(), false}, "refused", "RFC 6120 §13.7.2", ""},

		{"onion through Tor", DANE, Facts{Domain: onion, Onion: true}, "onion", "RFC 7686 §2", "through Tor"},
		{"onion otherwise", DANE, Facts{onion, Secure, Secure, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 7686 §2", "not reached through Tor"},
		{"onion in capitals", DANE, Facts{strings.ToUpper(onion), Secure, Secure, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 7686 §2", "not reached through Tor"},
		{"onion with a final dot", DANE, Facts{onion + ".", Secure, Secure, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 7686 §2", "not reached through Tor"},
		{"dane-only, onion", DANEOnly, Facts{onion, Secure, Secure, Secure, byTLSA(), byPKIX(), true}, "refused", "RFC 7686 §2", "no DANE"},
		{"another through Tor", DANE, Facts{Domain: peer, Onion: true}, "refused", "RFC 7673 §3.1", "the SRV lookup failed"},

		{"off", Off, Facts{peer, Secure, Secure, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 6120 §4.9.3.14", "switched off"},
		{"off, onion", Off, Facts{Domain: onion, Onion: true}, "refused", "RFC 6120 §4.9.3.14", "switched off"},
		{"no such mode", 3, Facts{peer, Secure, Secure, Secure, byTLSA(), byPKIX(), false}, "refused", "RFC 6120 §4.9.3.14", "switched off"},
		{"nothing known", DANE, Facts{}, "refused", "RFC 7622 §3.2", "no domain"},
	} {
		d := (&Policy{Mode: tt.mode}).Decide(tt.facts)
		if d.Verdict.String() != tt.verdict || d.Section != tt.section || !strings.Contains(d.Reason, tt.reason) {
			t.Errorf("%s: %+v", tt.name, d)
		}
		if refused := tt.verdict == "refused"; d.Accept() == refused || tt.reason != "" && refused != (d.Cure != "") {
			t.Errorf("%s: accepted %v, cure %q", tt.name, d.Accept(), d.Cure)
		}
	}
}

func TestZero(t *testing.T) {
	best := Facts{peer, Secure, Secure, Secure, byTLSA(), byPKIX(), true}
	if d := (&Policy{}).Decide(best); d.Accept() {
		t.Errorf("the zero Policy decides %+v", d)
	}
	if d := (&Policy{Mode: DANE}).Decide(Facts{Domain: peer}); d.Accept() {
		t.Errorf("the zero Facts are accepted: %+v", d)
	}
	if (Decision{}).Accept() {
		t.Error("the zero Decision accepts")
	}
}

// TestEveryFact tries every combination of facts and holds what must be true
// of whoever is accepted.
func TestEveryFact(t *testing.T) {
	statuses := []Status{Failed, Bogus, Insecure, Secure, Unneeded}
	outcomes := []dane.Outcome{{}, byTLSA(), noTLSA(), badTLSA(), mismatch(), byPKIX(), expired()}
	accepted := map[Verdict]int{}
	try := func(p *Policy, f Facts) {
		d := p.Decide(f)
		if !d.Accept() {
			return
		}
		accepted[d.Verdict]++
		believed := f.SRV >= Insecure && f.SRV <= Secure && f.Address >= Insecure && f.TLSA >= Insecure
		proved := f.SRV == Secure && f.Address >= Secure && f.TLSA == Secure
		holds := false
		switch d.Verdict {
		case ByDANE:
			holds = believed && proved && f.DANE.Verdict == dane.DANE
		case ByPKIX:
			holds = believed && p.Mode == DANE && f.PKIX.Verdict == dane.ByPKIX &&
				(!proved || f.DANE.Verdict == dane.Authorities) &&
				(f.TLSA != Unneeded || f.SRV == Insecure || f.Address == Insecure)
		case ByOnion:
			holds = p.Mode == DANE && f.Onion && f.Domain == onion
		}
		if !holds || p.Mode == Off || f.Domain == onion && d.Verdict != ByOnion {
			t.Errorf("mode %d: %+v gives %+v", p.Mode, f, d)
		}
	}
	for mode := Off; mode <= DANEOnly+1; mode++ {
		for _, domain := range []string{"", peer, onion} {
			for _, srv := range statuses {
				for _, address := range statuses {
					for _, tlsa := range statuses {
						for _, d := range outcomes {
							for _, p := range outcomes {
								try(&Policy{Mode: mode}, Facts{domain, srv, address, tlsa, d, p, false})
								try(&Policy{Mode: mode}, Facts{domain, srv, address, tlsa, d, p, true})
							}
						}
					}
				}
			}
		}
	}
	if accepted[ByDANE] == 0 || accepted[ByPKIX] == 0 || accepted[ByOnion] == 0 {
		t.Errorf("accepted %v", accepted)
	}
}

func TestAdmit(t *testing.T) {
	for _, tt := range []struct {
		allow, deny string
		domain      string
		want        string // part of the reason, empty if admitted
	}{
		{"", "", "partner.example", ""},
		{"partner.example", "", "partner.example", ""},
		{"partner.example", "", "other.example", "not among those allowed"},
		{"partner.example", "", "chat.partner.example", "not among those allowed"},
		{"partner.example", "", "evilpartner.example", "not among those allowed"},
		{"*.partner.example", "", "chat.partner.example", ""},
		{"*.partner.example", "", "a.b.partner.example", ""},
		{"*.partner.example", "", "partner.example", "not among those allowed"},
		{"*.partner.example", "", "evilpartner.example", "not among those allowed"},
		{"*.partner.example", "", "partner.example.evil.example", "not among those allowed"},
		{"*.bücher.example", "", "chat.bücher.example", ""},
		{"other.example partner.example", "", "partner.example", ""},
		{"*.onion", "", onion, ""},
		{"*.onion", "", peer, "not among those allowed"},
		{"*", "", "partner.example", "not among those allowed"},
		{"*artner.example", "", "partner.example", "not among those allowed"},
		{"", "partner.example", "partner.example", "denied"},
		{"", "partner.example", "chat.partner.example", ""},
		{"", "*.partner.example", "chat.partner.example", "denied"},
		{"", "*.partner.example", "partner.example", ""},
		{"*.partner.example", "chat.partner.example", "chat.partner.example", "denied"},
		{"chat.partner.example", "*.partner.example", "chat.partner.example", "denied"},
		{"", "partner.example", "Partner.example", "denied"},
		{"", "partner.example", "partner.example.", "denied"},
		{"", "bücher.example", "xn--bcher-kva.example", "denied"},
		{"bücher.example", "", "xn--bcher-kva.example", ""},
		{"*.bücher.example", "", "chat.xn--bcher-kva.example", ""},
		{"partner.example", "", ".partner.example", "no domain"},
		{"", "", "", "no domain"},
		{"", "", "a..b", "no domain"},
	} {
		p := &Policy{Mode: DANE, Allow: strings.Fields(tt.allow), Deny: strings.Fields(tt.deny)}
		d, ok := p.Admit(tt.domain)
		if ok != (tt.want == "") || !strings.Contains(d.Reason, tt.want) || d.Accept() {
			t.Errorf("allow %q, deny %q, %s: %v, %+v", tt.allow, tt.deny, tt.domain, ok, d)
		}
	}
}
