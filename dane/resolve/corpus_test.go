package resolve

import (
	"context"
	"os"
	"testing"

	"github.com/miekg/dns"
)

// corpus is every case there is.
func corpus(t testing.TB) []trial {
	t.Helper()
	text, err := os.ReadFile("../../testdata/dnssec/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, err := parseTrials(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCorpus(t *testing.T) {
	tree := testTree(t)
	all := corpus(t)
	if len(all) < 100 {
		t.Fatalf("%d cases", len(all))
	}
	names := map[string]bool{}
	for _, c := range all {
		if names[c.name] {
			t.Errorf("line %d: a second %s", c.line, c.name)
		}
		names[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			r := lab(t, tree, play(tree, c.moves))
			a := r.Lookup(context.Background(), c.ask.name, c.ask.qtype)
			if a.Status.String() != c.status || a.Why.Section() != c.section {
				t.Fatalf("line %d: %s (%s) at %s: %s; want %s (%s)",
					c.line, a.Status, a.Why.Section(), a.Zone, a.Why, c.status, c.section)
			}
			if !a.Status.Usable() && (len(a.Records) > 0 || a.NoName) {
				t.Errorf("line %d: %d records, no name %v", c.line, len(a.Records), a.NoName)
			}
			if c.records >= 0 && len(a.Records) != c.records {
				t.Errorf("line %d: %d records, want %d", c.line, len(a.Records), c.records)
			}
			if a.NoName != c.noName {
				t.Errorf("line %d: no name %v, want %v", c.line, a.NoName, c.noName)
			}
			if c.last != "" && a.Name() != c.last {
				t.Errorf("line %d: the records are at %s, want %s", c.line, a.Name(), c.last)
			}
		})
	}
}

// TestAllOfTree asks for everything there is in the tree, and some that is
// not, and asks again: from the cache the answer is the same.
func TestAllOfTree(t *testing.T) {
	tree := testTree(t)
	r := lab(t, tree, nil)
	for _, q := range everything(tree.Questions()) {
		first := r.Lookup(context.Background(), q.Name, q.Qtype)
		if first.Status == Indeterminate {
			t.Errorf("%s %s: %s", q.Name, dns.TypeToString[q.Qtype], first.Why)
		}
		again := r.Lookup(context.Background(), q.Name, q.Qtype)
		if first.Why != again.Why || len(first.Records) != len(again.Records) || first.NoName != again.NoName {
			t.Errorf("%s %s: %s, then %s", q.Name, dns.TypeToString[q.Qtype], first.Why, again.Why)
		}
	}
}

// everything is the questions, and for each name two types it may lack and a
// name below it.
func everything(questions []dns.Question) []dns.Question {
	seen := map[dns.Question]bool{}
	var all []dns.Question
	put := func(name string, qtype uint16) {
		q := dns.Question{Name: name, Qtype: qtype, Qclass: dns.ClassINET}
		if !seen[q] {
			seen[q] = true
			all = append(all, q)
		}
	}
	for _, q := range questions {
		put(q.Name, q.Qtype)
		put(q.Name, dns.TypeTLSA)
		if q.Name != "." {
			put(q.Name, dns.TypeDS)
			put("nobody."+q.Name, dns.TypeAAAA)
		}
	}
	return all
}
