package resolve

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// proofsOf builds proofs from lines of a zone file, taken as verified.
func proofsOf(t *testing.T, zone, text string) *proofs {
	t.Helper()
	p := &proofs{
		nsecs:  nsecs{zone: zone},
		nsec3s: nsec3s{zone: zone, known: map[string]hash{}, spend: func() bool { return true }},
	}
	parser := dns.NewZoneParser(strings.NewReader(text), "t.", "")
	parser.SetDefaultTTL(300)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		switch r := rr.(type) {
		case *dns.NSEC:
			p.nsecs.records = append(p.nsecs.records, r)
		case *dns.NSEC3:
			p.nsec3s.add(r)
		}
	}
	if parser.Err() != nil {
		t.Fatal(parser.Err())
	}
	return p
}

func TestNSEC(t *testing.T) {
	tests := []struct {
		about string
		text  string
		name  string
		qtype uint16
		want  gap
	}{
		{"RFC 4035 §5.4: the type is not there", "h NSEC i A RRSIG NSEC", "h.t.", dns.TypeTLSA, noType},
		{"the type is there", "h NSEC i A TLSA RRSIG NSEC", "h.t.", dns.TypeTLSA, notProved},
		{"RFC 6840 §4.3: an alias is there", "h NSEC i CNAME RRSIG NSEC", "h.t.", dns.TypeTLSA, notProved},
		{"RFC 6840 §4.1: the parent's side says nothing of other types", "h NSEC i NS RRSIG NSEC", "h.t.", dns.TypeTLSA, notProved},
		{"but of the DS", "h NSEC i NS RRSIG NSEC", "h.t.", dns.TypeDS, cut},
		{"a DS is there", "h NSEC i NS DS RRSIG NSEC", "h.t.", dns.TypeDS, notProved},
		{"the child's side says nothing of the DS", "h NSEC i NS SOA RRSIG NSEC", "h.t.", dns.TypeDS, notProved},
		{"but of other types", "h NSEC i NS SOA RRSIG NSEC", "h.t.", dns.TypeTLSA, noType},
		{"no zone begins where there is no NS", "h NSEC i A RRSIG NSEC", "h.t.", dns.TypeDS, noType},
		{"another name", "h NSEC j A RRSIG NSEC", "i.t.", dns.TypeA, notProved},
		{"RFC 4035 §5.4: neither name nor wildcard", "h NSEC j A\n@ NSEC a NS SOA", "i.t.", dns.TypeA, noName},
		{"the wildcard is not denied", "h NSEC j A", "i.t.", dns.TypeA, notProved},
		{"the wildcard is there", "h NSEC j A\n* NSEC a A", "i.t.", dns.TypeA, notProved},
		{"the wildcard lacks the type", "h NSEC j A\n* NSEC a A", "i.t.", dns.TypeTLSA, noType},
		{"the wildcard is an alias", "h NSEC j A\n* NSEC a CNAME", "i.t.", dns.TypeTLSA, notProved},
		{"RFC 4592 §4.2: the wildcard delegates", "h NSEC j A\n* NSEC a NS", "i.t.", dns.TypeDS, notProved},
		{"a wildcard further up is none of it", "h.b NSEC j.b A\n* NSEC a A", "i.b.t.", dns.TypeTLSA, notProved},
		{"the encloser's wildcard is denied", "a NSEC x.b.c A", "i.b.c.t.", dns.TypeA, noName},
		{"RFC 4592 §2.2.2: an empty non-terminal", "a NSEC x.b.c A", "b.c.t.", dns.TypeA, noType},
		{"the wildcard is an empty non-terminal", "h NSEC j A\n@ NSEC x.* NS SOA", "i.t.", dns.TypeA, noType},
		{"RFC 6840 §4.1: below a delegation", "h NSEC j NS\n@ NSEC a NS SOA", "i.h.t.", dns.TypeA, notProved},
		{"below a DNAME", "h NSEC j DNAME\n@ NSEC a NS SOA", "i.h.t.", dns.TypeA, notProved},
		{"below the apex is in the zone", "@ NSEC j NS SOA", "i.t.", dns.TypeA, noName},
		{"the last gap", "x NSEC @ A\n@ NSEC a NS SOA", "z.t.", dns.TypeA, noName},
		{"the last gap covers nothing before", "x NSEC @ A\n@ NSEC a NS SOA", "b.t.", dns.TypeA, notProved},
		{"a gap that ends in another zone", "x NSEC y.u. A\n@ NSEC a NS SOA", "z.t.", dns.TypeA, notProved},
		{"the end of a gap is there", "h NSEC i A\n@ NSEC a NS SOA", "i.t.", dns.TypeA, notProved},
		{"capitals", "h NSEC J A\n@ NSEC a NS SOA", "i.t.", dns.TypeA, noName},
	}
	for _, tt := range tests {
		p := proofsOf(t, "t.", tt.text+"\n")
		if got := p.nsecs.deny(tt.name, tt.qtype); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.about, got, tt.want)
		}
	}
}

func TestNSECAbsent(t *testing.T) {
	tests := []struct {
		about, text, name string
		want              bool
	}{
		{"in the gap", "h NSEC j A", "i.t.", true},
		{"at its begin", "h NSEC j A", "h.t.", false},
		{"the name is an empty non-terminal", "h NSEC x.i A", "i.t.", false},
		{"below a delegation", "h NSEC j NS", "i.h.t.", false},
	}
	for _, tt := range tests {
		if got := proofsOf(t, "t.", tt.text+"\n").nsecs.absent(tt.name); got != tt.want {
			t.Errorf("%s: %v", tt.about, got)
		}
	}
}

// at is an NSEC3 record of a name; around and over are gaps that begin just
// before its hash and end just after, over one with opt-out.
func at(name, types string) string { return nsec3Line(name, 0, 100, "1 0 0 -", types) }
func around(name string) string    { return nsec3Line(name, -1, 1, "1 0 0 -", "A RRSIG") }
func over(name string) string      { return nsec3Line(name, -1, 1, "1 1 0 -", "A RRSIG") }

func nsec3Line(name string, from, to int, params, types string) string {
	h := strings.ToLower(dns.HashName(name, dns.SHA1, 0, ""))
	return shifted(h, from) + " NSEC3 " + params + " " + shifted(h, to) + " " + types + "\n"
}

// shifted is a hash a little before or after.
func shifted(h string, by int) string {
	const digits = "0123456789abcdefghijklmnopqrstuv"
	last := strings.IndexByte(digits, h[31]) + by
	next := strings.IndexByte(digits, h[30])
	if last < 0 {
		last, next = last+32, next-1
	}
	if last > 31 {
		last, next = last%32, (next+1)%32
	}
	return h[:30] + string(digits[(next+32)%32]) + string(digits[last])
}

func TestNSEC3(t *testing.T) {
	top := at("t.", "NS SOA RRSIG")
	tests := []struct {
		about  string
		text   string
		name   string
		qtype  uint16
		want   gap
		optOut bool
	}{
		{"RFC 5155 §8.5: the type is not there", at("h.t.", "A RRSIG"), "h.t.", dns.TypeTLSA, noType, false},
		{"the type is there", at("h.t.", "A TLSA RRSIG"), "h.t.", dns.TypeTLSA, notProved, false},
		{"an alias is there", at("h.t.", "CNAME RRSIG"), "h.t.", dns.TypeTLSA, notProved, false},
		{"RFC 6840 §4.1: the parent's side", at("h.t.", "NS"), "h.t.", dns.TypeTLSA, notProved, false},
		{"RFC 5155 §8.6: no DS", at("h.t.", "NS"), "h.t.", dns.TypeDS, cut, false},
		{"the child's side", at("h.t.", "NS SOA RRSIG"), "h.t.", dns.TypeDS, notProved, false},
		{"RFC 5155 §8.4: neither name nor wildcard", top + around("h.t.") + around("*.t."), "h.t.", dns.TypeA, noName, false},
		{"the wildcard is not denied", top + around("h.t."), "h.t.", dns.TypeA, notProved, false},
		{"no closest encloser", around("h.t.") + around("*.t."), "h.t.", dns.TypeA, notProved, false},
		{"the next name down is not denied", top + around("*.t.") + around("x.h.t."), "x.h.t.", dns.TypeA, notProved, false},
		{"the next name down is denied", top + around("*.t.") + around("h.t."), "x.h.t.", dns.TypeA, noName, false},
		{"RFC 5155 §8.3: the encloser is a delegation", at("h.t.", "NS") + around("x.h.t.") + around("*.h.t."), "x.h.t.", dns.TypeA, notProved, false},
		{"the encloser is renamed", at("h.t.", "DNAME RRSIG") + around("x.h.t.") + around("*.h.t."), "x.h.t.", dns.TypeA, notProved, false},
		{"RFC 5155 §8.7: the wildcard lacks the type", top + around("h.t.") + at("*.t.", "A RRSIG"), "h.t.", dns.TypeTLSA, noType, false},
		{"the wildcard has it", top + around("h.t.") + at("*.t.", "A RRSIG"), "h.t.", dns.TypeA, notProved, false},
		{"the wildcard delegates", top + around("h.t.") + at("*.t.", "NS"), "h.t.", dns.TypeDS, notProved, false},
		{"RFC 5155 §8.6: opted out", top + over("h.t."), "h.t.", dns.TypeDS, cut, true},
		{"not opted out", top + around("h.t."), "h.t.", dns.TypeDS, notProved, false},
		{"RFC 5155 §9.2: opted out, other types", top + over("h.t.") + around("*.t."), "h.t.", dns.TypeA, noName, true},
		{"opted out, but the name is there", top + over("i.t.") + at("h.t.", "A RRSIG"), "h.t.", dns.TypeDS, noType, false},
		{"RFC 5155 §8.1: an unknown hash", nsec3Line("h.t.", 0, 9, "2 0 0 -", "A"), "h.t.", dns.TypeTLSA, notProved, false},
		{"RFC 5155 §8.2: unknown flags", nsec3Line("h.t.", 0, 9, "1 2 0 -", "A"), "h.t.", dns.TypeTLSA, notProved, false},
		{"other iterations than the first", top + nsec3Line("h.t.", 0, 9, "1 0 1 -", "A"), "h.t.", dns.TypeTLSA, notProved, false},
		{"another salt than the first", top + nsec3Line("h.t.", 0, 9, "1 0 0 ab", "A"), "h.t.", dns.TypeTLSA, notProved, false},
		{"not one label below the zone", strings.Replace(at("h.t.", "A"), " NSEC3", ".u NSEC3", 1), "h.t.", dns.TypeTLSA, notProved, false},
		{"a hash of another length", strings.Replace(at("h.t.", "A"), " NSEC3", "00 NSEC3", 1), "h.t.", dns.TypeTLSA, notProved, false},
	}
	for _, tt := range tests {
		n := &proofsOf(t, "t.", tt.text).nsec3s
		got, optOut := n.deny(tt.name, tt.qtype)
		if got != tt.want || optOut != tt.optOut {
			t.Errorf("%s: %d, opt-out %v, want %d, %v", tt.about, got, optOut, tt.want, tt.optOut)
		}
	}
}

// TestNSEC3Budget holds that no proof holds once the budget is spent: not of
// the hash that was not computed, nor of any other.
func TestNSEC3Budget(t *testing.T) {
	n := &proofsOf(t, "t.", at("t.", "NS SOA")+around("h.t.")+around("*.t.")).nsec3s
	for left := range 3 { // it takes three: the name, its parent, the wildcard
		n.known, n.exhausted = map[string]hash{}, false
		n.spend = func() bool { left--; return left >= 0 }
		if g, _ := n.deny("h.t.", dns.TypeA); g != notProved || !n.exhausted {
			t.Errorf("proved: %d", g)
		}
	}
	n.known, n.exhausted, n.spend = map[string]hash{}, false, func() bool { return true }
	if g, _ := n.deny("h.t.", dns.TypeA); g != noName || n.exhausted {
		t.Errorf("not proved: %d", g)
	}
}
