package resolve

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestCache(t *testing.T) {
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	c := cache[string, int]{limit: 100}
	c.put("a", 1, 40, at(10))
	c.put("b", 2, 40, at(20))
	if v, left, ok := c.get("a", at(4)); !ok || v != 1 || left != 6*time.Second {
		t.Errorf("a: %d, %v, %v", v, left, ok)
	}
	c.put("c", 3, 40, at(20)) // b was used least recently
	for key, want := range map[string]bool{"a": true, "b": false, "c": true} {
		if _, _, ok := c.get(key, at(5)); ok != want {
			t.Errorf("%s: %v, want %v", key, ok, want)
		}
	}
	if _, _, ok := c.get("a", at(10)); ok {
		t.Error("a has expired")
	}
	c.put("d", 4, 101, at(20))
	if _, _, ok := c.get("d", at(5)); ok {
		t.Error("d is larger than the cache")
	}
	c.put("c", 5, 50, at(20))
	if c.used != 50 || len(c.entries) != 1 || c.order.Len() != 1 {
		t.Errorf("%d bytes of %d entries", c.used, len(c.entries))
	}
	var none cache[string, int]
	none.put("a", 1, 1, at(10))
	if _, _, ok := none.get("a", at(0)); ok {
		t.Error("the zero value keeps something")
	}
}

// clocked is a lab whose clock the test moves, and the number of questions
// that went out.
func clocked(t *testing.T, change meddler) (r *Resolver, now *atomic.Int64, asked *atomic.Int32) {
	now, asked = new(atomic.Int64), new(atomic.Int32)
	r = lab(t, testTree(t), func(q question, m *dns.Msg) *dns.Msg {
		asked.Add(1)
		if change != nil {
			return change(q, m)
		}
		return m
	})
	r.now = func() time.Time { return noon.Add(time.Duration(now.Load()) * time.Second) }
	return r, now, asked
}

func TestAnswersAreKept(t *testing.T) {
	tree := testTree(t)
	tests := []struct {
		name   string
		ask    question
		moves  []move
		status Status
		good   int // seconds
	}{
		{"as long as the TTL", question{"host.nsec.test.", dns.TypeA}, nil, Secure, 3600},
		{"a forged TTL counts only down", question{"host.nsec.test.", dns.TypeA},
			[]move{{"host.nsec.test.", "A", "ttl", []string{"A", "86400"}}}, Secure, 3600},
		{"a shorter TTL counts", question{"host.nsec.test.", dns.TypeA},
			[]move{{"host.nsec.test.", "A", "ttl", []string{"A", "60"}}}, Secure, 60},
		{"not longer than the signature", question{"host.nsec.test.", dns.TypeA},
			[]move{{"host.nsec.test.", "A", "resign", []string{"A", "nsec.test.", "from=-1h", "until=90s"}}}, Secure, 90},
		{"absence, as long as its proof", question{"nobody.nsec.test.", dns.TypeA}, nil, Secure, 300},
		{"absence by NSEC3", question{"nobody.nsec3.test.", dns.TypeA}, nil, Secure, 300},
		{"a wildcard, as its proof", question{"x.wild.nsec.test.", dns.TypeA}, nil, Secure, 300},
		{"absence, unproved", question{"nobody.plain.test.", dns.TypeA}, nil, Insecure, 300},
		{"bogus, not for long", question{"host.expired.test.", dns.TypeA}, nil, Bogus, 5},
		{"nothing, not for long", question{"host.nsec.test.", dns.TypeA},
			[]move{{"*", "*", "drop", nil}}, Indeterminate, 5},
		{"aliases, as long as each", question{"alias.nsec.test.", dns.TypeA},
			[]move{{"host.nsec.test.", "A", "ttl", []string{"A", "60"}}}, Secure, 60},
		{"an unreasonable TTL means none", question{"host.plain.test.", dns.TypeA},
			[]move{{"host.plain.test.", "A", "ttl", []string{"A", "4000000000"}}}, Insecure, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, now, asked := clocked(t, play(tree, tt.moves))
			a := r.Lookup(context.Background(), tt.ask.name, tt.ask.qtype)
			if good := time.Duration(tt.good) * time.Second; a.Status != tt.status || a.TTL != good {
				t.Fatalf("%s (%s) for %v, want %s for %v", a.Status, a.Why, a.TTL, tt.status, good)
			}
			if n := r.Lookups(tt.status); n != 1 {
				t.Errorf("%d lookups are counted as %s", n, tt.status)
			}
			first := asked.Load()
			if now.Store(int64(tt.good) - 1); tt.good > 0 {
				a = r.Lookup(context.Background(), tt.ask.name, tt.ask.qtype)
				if asked.Load() != first || a.TTL != time.Second {
					t.Errorf("asked again before it expired; %v left", a.TTL)
				}
				if n := r.Lookups(tt.status); n != 1 {
					t.Errorf("what the cache has is counted: %d", n)
				}
			}
			now.Store(int64(tt.good))
			r.Lookup(context.Background(), tt.ask.name, tt.ask.qtype)
			if asked.Load() == first {
				t.Error("not asked again when it had expired")
			}
		})
	}
}

// TestChainIsKept counts the questions for a second name of the same zone.
func TestChainIsKept(t *testing.T) {
	r, now, asked := clocked(t, nil)
	r.Lookup(context.Background(), "host.child.nsec.test.", dns.TypeA)
	first := asked.Load()
	r.Lookup(context.Background(), "host.child.nsec.test.", dns.TypeTXT)
	if n := asked.Load() - first; n != 1 {
		t.Errorf("%d questions for another type", n)
	}
	now.Store(4000) // the TTLs of the chain are an hour
	r.Lookup(context.Background(), "host.child.nsec.test.", dns.TypeA)
	if n := asked.Load() - first - 1; n != first {
		t.Errorf("%d questions after the chain has expired, %d at first", n, first)
	}
}

// TestKeysReplaced has keys in the cache that the zone no longer has.
func TestKeysReplaced(t *testing.T) {
	r := lab(t, testTree(t), nil)
	wantStatus(t, r.Lookup(context.Background(), "host.child.nsec.test.", dns.TypeA), Secure)
	p, left, ok := r.places.get("child.nsec.test.", noon)
	if !ok {
		t.Fatal("the zone's keys are not kept")
	}
	old, _, _ := r.places.get("nsec.test.", noon)
	p.zone = &zone{name: p.zone.name, keys: old.zone.keys}
	r.places.put("child.nsec.test.", p, p.cost(), noon.Add(left))
	wantStatus(t, r.Lookup(context.Background(), "host.child.nsec.test.", dns.TypeTXT), Secure)
}

func TestSingleFlight(t *testing.T) {
	gate := make(chan struct{})
	var asked atomic.Int32
	r := lab(t, testTree(t), nil)
	honest := r.exchange
	r.exchange = func(ctx context.Context, s netip.AddrPort, q question) (*dns.Msg, Reason) {
		if q.qtype == dns.TypeTLSA {
			asked.Add(1)
		}
		<-gate
		return honest(ctx, s, q)
	}
	gone, leave := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			ctx := context.Background()
			if i%2 == 0 {
				ctx = gone
			}
			a := r.Lookup(ctx, tlsaName, dns.TypeTLSA)
			if i%2 == 0 && a.Why != Canceled || i%2 == 1 && a.Status != Secure {
				t.Errorf("%d: %s: %s", i, a.Status, a.Why)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	leave() // who gives up takes nothing from the others
	time.Sleep(20 * time.Millisecond)
	close(gate)
	all.Wait()
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	if len(r.flights) != 0 {
		t.Errorf("%d lookups left", len(r.flights))
	}
}

// TestCacheIsBounded asks for more names than the cache can hold.
func TestCacheIsBounded(t *testing.T) {
	r := lab(t, testTree(t), nil)
	r.answers.limit, r.places.limit = 64<<10, 64<<10
	for i := range 300 {
		wantStatus(t, r.Lookup(context.Background(), fmt.Sprintf("x%d.wild.nsec.test.", i), dns.TypeA), Secure)
	}
	if r.answers.used > r.answers.limit || r.places.used > r.places.limit {
		t.Errorf("%d and %d bytes", r.answers.used, r.places.used)
	}
	if n := len(r.answers.entries); n < 10 || n > 200 {
		t.Errorf("%d answers kept", n)
	}
}
