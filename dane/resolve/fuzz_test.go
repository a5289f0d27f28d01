package resolve

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/miekg/dns"
)

// seeds fails when a fuzz target has none to begin with.
func seeds(f *testing.F, name string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "fuzz", name, "*"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds in testdata/fuzz/%s", name)
	}
}

// FuzzResponse puts made-up bytes, or edits of the true ones, in the place of
// one of the answers a lookup rests on. It must not panic, and say secure only
// of what is true.
//
// How: the lowest bit chooses whether data is the message, or edits of the
// true one: three bytes each, where (two) and what. The rest chooses which
// question is answered so: 0 the one asked, 1 and more those on the way to it.
func FuzzResponse(f *testing.F) {
	seeds(f, "FuzzResponse")
	tree := testTree(f)
	asks := []question{
		{"_5269._tcp.host.nsec.test.", dns.TypeTLSA},
		{"_5269._tcp.host.nsec3.test.", dns.TypeTLSA},
		{"_5270._tcp.host.nsec.test.", dns.TypeTLSA},
		{"_5270._tcp.host.nsec3.test.", dns.TypeTLSA},
		{"host.plain.nsec.test.", dns.TypeA},
		{"host.plain.optout.test.", dns.TypeA},
		{"x.wild.nsec3.test.", dns.TypeA},
		{"host.moved.nsec.test.", dns.TypeA},
		{"chain.nsec.test.", dns.TypeAAAA},
	}
	truth := make([]Answer, len(asks))
	for i, q := range asks {
		truth[i] = lab(f, tree, nil).Lookup(context.Background(), q.name, q.qtype)
	}
	f.Fuzz(func(t *testing.T, which, how uint8, data []byte) {
		i := int(which) % len(asks)
		q := asks[i]
		path := []question{q}
		for name := q.name; name != "."; name = parent(name) {
			path = append(path, question{name, dns.TypeDS}, question{name, dns.TypeDNSKEY})
		}
		target := path[int(how>>1)%len(path)]
		r := lab(t, tree, nil)
		honest := r.exchange
		r.exchange = func(ctx context.Context, s netip.AddrPort, q question) (*dns.Msg, Reason) {
			m, why := honest(ctx, s, q)
			if q != target || why != Proved {
				return m, why
			}
			wire, err := m.Pack()
			if err != nil {
				return nil, NoAnswer
			}
			if how&1 == 0 {
				wire = data
			} else {
				for e := data; len(e) >= 3; e = e[3:] {
					wire[(int(e[0])<<8|int(e[1]))%len(wire)] = e[2]
				}
			}
			got := new(dns.Msg)
			if got.Unpack(wire) != nil || !answers(got, 1, q) {
				return nil, NoAnswer
			}
			return got, Proved
		}
		got := r.Lookup(context.Background(), q.name, q.qtype)
		if got.Status == Secure && (truth[i].Status != Secure || !same(got, truth[i])) {
			t.Fatalf("%v: secure, and not true: %v", q, got)
		}
		if got.Status == Insecure && truth[i].Status == Secure {
			t.Fatalf("%v: talked down to insecure: %s", q, got.Why)
		}
	})
}

func FuzzParseAnchors(f *testing.F) {
	seeds(f, "FuzzParseAnchors")
	f.Fuzz(func(t *testing.T, text []byte) {
		anchors, err := ParseAnchors(text)
		if (err == nil) != (len(anchors) > 0) {
			t.Fatalf("%d anchors, %v", len(anchors), err)
		}
		if zones, err := trusted(anchors); err == nil && len(zones) == 0 {
			t.Fatal("trust in nothing")
		}
	})
}

// FuzzName holds that names have one canonical form, and one order.
func FuzzName(f *testing.F) {
	seeds(f, "FuzzName")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, ok := canonical(a)
		y, also := canonical(b)
		if !ok || !also {
			return
		}
		if again, ok := canonical(x); !ok || again != x {
			t.Fatalf("%q, then %q", x, again)
		}
		if compare(x, y) != -compare(y, x) && compare(x, y)*compare(y, x) >= 0 {
			t.Fatalf("%q and %q have no order", x, y)
		}
		if (compare(x, y) == 0) != (x == y) {
			t.Fatalf("%q and %q: equal or not", x, y)
		}
		if below(x, y) && compare(x, y) <= 0 {
			t.Fatalf("%q is below %q and before it", x, y)
		}
		if top := common(x, y); !within(x, top) || !within(y, top) {
			t.Fatalf("%q is not above %q and %q", top, x, y)
		}
		if next, ok := substitute(x, parent(x), y); ok && parent(next) != y {
			t.Fatalf("%q moved from %q to %q is %q", x, parent(x), y, next)
		}
	})
}

func FuzzSystemServers(f *testing.F) {
	seeds(f, "FuzzSystemServers")
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, s := range SystemServers(text) {
			if !s.IsValid() || s.Port() != 53 {
				t.Error(s)
			}
		}
	})
}
