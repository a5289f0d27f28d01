package resolve

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// BenchmarkCold validates a TLSA record from the root down: four zones, eight
// labels, seven signatures. The network is none.
func BenchmarkCold(b *testing.B) {
	r := lab(b, testTree(b), nil)
	r.answers.limit, r.places.limit = 0, 0
	benchmark(b, r)
}

// BenchmarkChainKnown validates it with the keys of its zone proved before.
func BenchmarkChainKnown(b *testing.B) {
	r := lab(b, testTree(b), nil)
	r.answers.limit = 0
	benchmark(b, r)
}

// BenchmarkWarm answers from the cache.
func BenchmarkWarm(b *testing.B) {
	benchmark(b, lab(b, testTree(b), nil))
}

// BenchmarkColdSockets is BenchmarkCold over loopback.
func BenchmarkColdSockets(b *testing.B) {
	r := asking(b, time.Second, serve(b, nil))
	r.answers.limit, r.places.limit = 0, 0
	benchmark(b, r)
}

func benchmark(b *testing.B, r *Resolver) {
	b.ReportAllocs()
	for b.Loop() {
		a := r.Lookup(context.Background(), "_5269._tcp.host.child.nsec.test.", dns.TypeTLSA)
		if a.Status != Secure {
			b.Fatal(a.Status, a.Why)
		}
	}
}

// TestWork holds what the worst answers cost to what work.go says.
func TestWork(t *testing.T) {
	tree := testTree(t)
	junkEverywhere := []move{}
	for _, qtype := range []string{"A", "DS", "DNSKEY", "NSEC", "NSEC3"} {
		junkEverywhere = append(junkEverywhere, move{"*", "*", "junk", []string{qtype, "7"}})
	}
	long := "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.fifty.test."
	for _, q := range []question{
		{"x.wild.fifty.test.", dns.TypeA}, {long, dns.TypeA}, {"chain.nsec.test.", dns.TypeA}, {"host.twins.test.", dns.TypeA},
	} {
		for _, moves := range [][]move{nil, junkEverywhere} {
			r := lab(t, tree, play(tree, moves))
			begun := time.Now()
			a, used := once(r, q)
			took := time.Since(begun)
			if used.checks > maxChecks || used.hashes > maxHashes || used.questions > maxQuestions {
				t.Errorf("%s: %+v", q.name, used)
			}
			t.Logf("%-40.40s %-13s %+v in %v", q.name, a.Status, used, took)
		}
	}
}

// TestNothingIsLeftRunning counts goroutines after lookups that went wrong.
func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	r := asking(t, 50*time.Millisecond, freePort(t))
	for range 5 {
		r.Lookup(context.Background(), tlsaName, dns.TypeTLSA)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}
