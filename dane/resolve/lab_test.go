package resolve

import (
	"context"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	signed "lethe/dane/zone"
)

// noon is when the tests take place.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// plantTree makes the tree of testdata/dnssec. Keys take their time: once.
var plantTree = sync.OnceValues(func() (*signed.Tree, error) {
	return plant(noon)
})

func plant(now time.Time) (*signed.Tree, error) {
	text, err := os.ReadFile("../../testdata/dnssec/tree.zone")
	if err != nil {
		return nil, err
	}
	specs, err := signed.Parse(string(text))
	if err != nil {
		return nil, err
	}
	return signed.Plant(now, specs...)
}

func testTree(t testing.TB) *signed.Tree {
	t.Helper()
	tree, err := plantTree()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// A meddler changes the answer to a question, or returns nil to drop it.
type meddler func(q question, m *dns.Msg) *dns.Msg

// lab is a resolver that asks the tree directly, with somebody in between.
func lab(t testing.TB, tree *signed.Tree, change meddler) *Resolver {
	t.Helper()
	anchors, err := ParseAnchors([]byte(tree.Anchors()))
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Config{
		Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53")},
		Anchors: anchors,
		Now:     func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.exchange = func(_ context.Context, _ netip.AddrPort, q question) (*dns.Msg, Reason) {
		m := tree.Respond(request(1, q))
		if change != nil {
			m = change(q, m)
		}
		return carried(m)
	}
	return r
}

// carried sends a message over the wire, in thought.
func carried(m *dns.Msg) (*dns.Msg, Reason) {
	if m == nil {
		return nil, NoAnswer
	}
	wire, err := m.Pack()
	if err != nil {
		return nil, NoAnswer
	}
	got := new(dns.Msg)
	if got.Unpack(wire) != nil {
		return nil, NoAnswer
	}
	if got.Rcode != dns.RcodeSuccess && got.Rcode != dns.RcodeNameError {
		return nil, ServerFailed
	}
	return got, Proved
}

// once judges a question without second thoughts, and says what it took.
func once(r *Resolver, q question) (Answer, budget) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	j := &judge{Resolver: r, ctx: ctx, now: noon, calls: map[question]*call{}, seen: map[string]place{}}
	return j.answer(q), j.budget
}
