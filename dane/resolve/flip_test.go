package resolve

import (
	"context"
	"flag"
	"slices"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

var howMany = flag.Int("bits", 0, "how many bits of each record to flip; 0 means few")

// TestFlippedBits changes one bit in one record of one of the answers that a
// secure answer rests on. Then it is not secure any more, but for the case of
// a letter in a name. A record without which the answer is secure all the same
// (a SOA, the far end of an alias) may be changed, and changes nothing.
func TestFlippedBits(t *testing.T) {
	tree := testTree(t)
	done := map[question]bool{}
	needed, flips := 0, 0
	for _, ask := range everything(tree.Questions()) {
		q := question{ask.Name, ask.Qtype}
		var mu sync.Mutex // as in flipAll
		var asked []question
		r := lab(t, tree, func(q question, m *dns.Msg) *dns.Msg {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, q)
			return m
		})
		want := r.Lookup(context.Background(), q.name, q.qtype)
		if want.Status != Secure {
			continue
		}
		mu.Lock()
		used := slices.Clone(asked)
		mu.Unlock()
		for _, u := range used {
			if !done[u] {
				done[u] = true
				n, f := flipAll(t, q, u, want)
				needed, flips = needed+n, flips+f
			}
		}
	}
	t.Logf("%d answers, %d records needed, %d bits flipped", len(done), needed, flips)
	if len(done) < 300 || needed < 2*len(done) || flips < 2*needed {
		t.Error("too few to mean anything")
	}
}

// flipAll changes the answer to the question used, record by record, and looks
// up q, which rests on it. It counts the records that were needed.
func flipAll(t *testing.T, q, used question, want Answer) (needed, flips int) {
	tree := testTree(t)
	whole := tree.Respond(request(1, used))
	// Questions sent ahead may be on their way still when a lookup has ended.
	var mu sync.Mutex
	change := func(*[]dns.RR, int) {}
	at := 0
	set := func(i int, f func(*[]dns.RR, int)) {
		mu.Lock()
		defer mu.Unlock()
		at, change = i, f
	}
	r := lab(t, tree, func(got question, m *dns.Msg) *dns.Msg {
		mu.Lock()
		defer mu.Unlock()
		if got == used && at < len(m.Answer) {
			change(&m.Answer, at)
		} else if got == used {
			change(&m.Ns, at-len(m.Answer))
		}
		return m
	})
	r.answers.limit, r.places.limit = 0, 0
	if used == q {
		r.places.limit = 1 << 20 // the chain is as it was: prove it once
	}
	holds := func() bool {
		got, _ := once(r, q)
		if got.Status == Secure && !same(got, want) {
			t.Errorf("%v: secure, and not what it was, when the answer to %v is changed", q, used)
		}
		return got.Status == Secure
	}
	for i, rr := range slices.Concat(whole.Answer, whole.Ns) {
		set(i, func(section *[]dns.RR, i int) { *section = slices.Delete(*section, i, i+1) })
		spare := holds()
		if !spare {
			needed++
		}
		for _, bit := range bits(bitsOf(rr), spare, i+flips) {
			other, ok := flipped(rr, bit)
			if !ok {
				continue // no record any more: the message is not one
			}
			flips++
			set(i, func(section *[]dns.RR, i int) { (*section)[i] = dns.Copy(other) })
			if holds() && !spare && !caseBit(rr, bit) {
				t.Errorf("%v: secure with bit %d of this changed in the answer to %v: %s", q, bit, used, rr)
			}
		}
	}
	return needed, flips
}

// bits are the positions to flip: a few of each record, others each time.
func bits(n int, spare bool, salt int) []int {
	few := 4
	switch {
	case *howMany > 0:
		few = min(*howMany, n)
	case spare:
		few = 1
	case testing.Short():
		few = 2
	}
	var at []int
	for i := range min(few, n) {
		at = append(at, (i*n/few+salt*7)%n)
	}
	return at
}

// caseBit says whether the bit is the case of a letter: names are compared,
// and most are signed, without it (RFC 4034 §6.2).
func caseBit(rr dns.RR, bit int) bool {
	wire := make([]byte, dns.Len(rr)+64)
	dns.PackRR(rr, wire, 0, nil, false)
	c := wire[len(octets(rr.Header().Name))+10+bit/8] | 0x20
	return bit%8 == 5 && 'a' <= c && c <= 'z'
}

func same(a, b Answer) bool {
	if a.NoName != b.NoName || !slices.Equal(a.Names, b.Names) || len(a.Records) != len(b.Records) {
		return false
	}
	for _, x := range a.Records {
		if !slices.ContainsFunc(b.Records, func(y dns.RR) bool { return dns.IsDuplicate(x, y) }) {
			return false
		}
	}
	return true
}
