package zone_test

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"lethe/dane/zone"
)

// Each attacker changes what he is after and nothing else.
func TestAttackers(t *testing.T) {
	const owner, own = "_1._tcp.a.", "_1._tcp.a. 3600 IN TLSA 3 1 1 bb"
	tree, err := zone.Plant(time.Now(), zone.Spec{Name: "."}, zone.Spec{Name: "a.", Text: "_1._tcp TLSA 3 1 1 aa\n"})
	if err != nil {
		t.Fatal(err)
	}
	forge, err := zone.Forge(own)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		hook    zone.Hook
		records int    // of the answer about TLSA records
		first   string // of them
	}{
		{"strip", zone.Strip("TLSA"), 0, ""},
		{"forge", forge, 2, own},
	} {
		honest, met := ask(tree, owner, dns.TypeTLSA), tt.hook(ask(tree, owner, dns.TypeTLSA), false)
		if len(met.Answer) != tt.records {
			t.Fatalf("%s: %d records: %v", tt.name, len(met.Answer), met.Answer)
		}
		if tt.records > 0 {
			if got := strings.ReplaceAll(met.Answer[0].String(), "\t", " "); got != tt.first {
				t.Errorf("%s: %s", tt.name, got)
			}
			if met.Answer[1].String() == honest.Answer[1].String() {
				t.Errorf("%s: the signature is the true one", tt.name)
			}
		}
		if soa := ask(tree, "a.", dns.TypeSOA); tt.hook(soa.Copy(), false).String() != soa.String() {
			t.Errorf("%s changes other answers", tt.name)
		}
	}
	for _, record := range []string{"", "no record", "a. TLSA 3"} {
		if _, err := zone.Forge(record); err == nil {
			t.Errorf("%q can be forged", record)
		}
	}
}

func ask(tree *zone.Tree, name string, qtype uint16) *dns.Msg {
	q := new(dns.Msg)
	q.SetQuestion(name, qtype)
	q.SetEdns0(1232, true)
	return tree.Respond(q)
}
